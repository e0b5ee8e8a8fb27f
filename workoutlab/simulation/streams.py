"""Random numbers by key, so that what one person does never depends on anybody else."""

from typing import Final

import numpy as np

__all__ = ["MOTION", "NOISE", "PERSON", "PLAN", "STYLE", "WEAR", "generator"]

PERSON: Final = 0
STYLE: Final = 1
PLAN: Final = 2
MOTION: Final = 3
NOISE: Final = 4
WEAR: Final = 5


def generator(seed: int, stream: int, *key: int) -> np.random.Generator:
    """Return the generator of one stream of random numbers.

    Parameters
    ----------
    seed
        Seed of the whole simulation, 0 or more.
    stream
        What the numbers are for, one of this module's constants.
    *key
        Person, and session or exercise, each 0 or more.

    Examples
    --------
    >>> generator(0, PLAN, 7, 2).random() == generator(0, PLAN, 7, 2).random()
    True
    >>> generator(0, PLAN, 7, 2).random() == generator(0, PLAN, 7, 3).random()
    False
    """
    # A spawn key, not a list as entropy: [7] and [7, 0] would be the same entropy.
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(stream, *key)))
