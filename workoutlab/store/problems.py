"""What verifying a lab found."""

from dataclasses import dataclass
from typing import Any

__all__ = ["Problem", "VerifyResult"]


@dataclass(frozen=True)
class Problem:
    """Something that is not as it was written.

    Parameters
    ----------
    place
        What it is in: ``"recording 3"``, ``"sets"``, ``"models/exercise/networks row 2"``.
    problem
        What is wrong.
    user
        Whose it is, where that is known.
    """

    place: str
    problem: str
    user: str = ""

    def __str__(self) -> str:
        return f"{self.place}{f' of {self.user}' if self.user else ''}: {self.problem}"


@dataclass(frozen=True)
class VerifyResult:
    """What :meth:`Lab.verify` found.

    Parameters
    ----------
    problems
        All that was found.
    recordings, sets, models, features, snapshots
        How many were checked; of features, the pieces that were stored together.
    """

    problems: tuple[Problem, ...] = ()
    recordings: int = 0
    sets: int = 0
    models: int = 0
    features: int = 0
    snapshots: int = 0

    @property
    def ok(self) -> bool:
        """Whether no problem was found."""
        return not self.problems

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain values, for JSON."""
        problems = [vars(problem) for problem in self.problems]
        names = ("recordings", "sets", "models", "features", "snapshots")
        counts = {name: getattr(self, name) for name in names}
        return {"ok": self.ok, **counts, "problems": problems}

    def __str__(self) -> str:
        checked = (
            f"{self.recordings} recordings, {self.sets} sets, {self.models} models, "
            f"{self.features} pieces of features, {self.snapshots} snapshots checked"
        )
        if self.ok:
            return f"{checked}: no problem"
        count = "1 problem" if len(self.problems) == 1 else f"{len(self.problems)} problems"
        return "\n".join([f"{checked}: {count}", *map(str, self.problems)])
