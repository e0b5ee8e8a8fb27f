"""Checkpoints: a training that was interrupted goes on where it was.

A member's checkpoint is one file of the safetensors format: its weights, what the optimizer
remembers, and, in the metadata, its epoch and history. A file appears whole or not at all. One
that was made from other windows or settings is not taken up, nor is a damaged one: it is replaced.
"""

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy.typing as npt
from torch import Tensor

from workoutlab.learning.callbacks import Callback
from workoutlab.learning.members import Prepared
from workoutlab.schema import check_number

__all__ = ["Checkpoints"]


class Checkpoints(Callback):
    """Saves each network in training, and takes it up again.

    Pass it to :func:`~workoutlab.learning.engines.train_members` among the callbacks. A training
    that finds a checkpoint of the same windows, settings and seed goes on behind it, to the same
    network as one that was never interrupted.

    Parameters
    ----------
    folder
        Where files go; made if it is missing.
    every
        Number of epochs (iterations of L-BFGS) between two of them.

    Raises
    ------
    InputError
        If `every` is no whole number above 0.

    Examples
    --------
    >>> Checkpoints("somewhere", every=5).is_due(10)
    True
    """

    def __init__(self, folder: str | os.PathLike[str], every: int = 1) -> None:
        check_number("every", every, whole=True, low=1)
        self.folder, self.every = Path(folder), every

    def is_due(self, epoch: int) -> bool:
        """Return whether to save after so many epochs."""
        return epoch % self.every == 0

    def save(self, path: Path, arrays: Mapping[str, Tensor], facts: str) -> None:
        """Write a member's file, in place of an older one."""
        from safetensors.torch import save_file

        self.folder.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(f".{os.getpid()}.partial")
        contiguous = {name: array.detach().cpu().contiguous() for name, array in arrays.items()}
        save_file(contiguous, partial, {"facts": facts})
        with partial.open("rb") as file:
            os.fsync(file.fileno())
        partial.replace(path)

    def load(self, path: Path) -> tuple[dict[str, Tensor], str] | None:
        """Return what a member's file holds; None if there is none, or it is damaged."""
        from safetensors import SafetensorError, safe_open

        if not path.is_file():
            return None
        try:
            with safe_open(path, framework="pt") as file:
                facts = (file.metadata() or {}).get("facts")
                arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        except SafetensorError:
            return None
        return None if facts is None else (arrays, facts)

    def find(self, member: Prepared) -> Path:
        """Return the file of a member: its name is a digest of all that decides the training."""
        digest = hashlib.sha256(member.training.digest().encode())
        digest.update(repr((member.key, member.seed, member.classes)).encode())
        arrays: list[npt.NDArray[Any]] = [*(member.initial or [])]
        arrays += [member.inputs, member.targets, member.held_inputs, member.held_targets]
        for array in arrays:
            digest.update(repr((array.shape, array.dtype.str)).encode())
            digest.update(array.tobytes())
        return self.folder / f"{digest.hexdigest()[:32]}.safetensors"
