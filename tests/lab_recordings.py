"""Recordings for the tests of labs; each number gives its own samples."""

from typing import Any

import numpy as np

from workoutlab.recording import Recording


def make(
    number: int,
    length: int = 100,
    *,
    user: str = "ann",
    irregular: bool = False,
    angular_velocity: bool = False,
    **fields: Any,
) -> Recording:
    rng = np.random.default_rng(number)
    if irregular:
        fields["time_ns"] = 10**18 + rng.integers(-5, 10**8, size=length).cumsum()
        fields.pop("start_ns", None)
    return Recording(
        user=user,
        session=fields.pop("session", "monday"),
        acceleration=rng.normal(size=(length, 3)),
        rate_hz=None if irregular else 50,
        angular_velocity=rng.normal(size=(length, 3)) if angular_velocity else None,
        **fields,
    )


def same(one: Recording, other: Recording) -> bool:
    plain = ("user", "session", "device", "source", "simulated", "rate_hz", "start_ns", "sets")
    return (
        one.digest == other.digest
        and one.facts == other.facts
        and all(getattr(one, name) == getattr(other, name) for name in plain)
    )
