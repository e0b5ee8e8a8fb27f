"""A recogniser that finds sets by amplitude alone, with the interface of the real one."""

import hashlib
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import numpy as np

from workoutlab.recognition.segmentation.chain import Ended, Progress, Started

__all__ = ["BlindChain", "FakeChain", "FakeRecogniser"]


@dataclass(frozen=True)
class FakeSet:
    start: int
    stop: int
    exercise: str
    digest: str

    def row(self) -> dict[str, Any]:
        return {"start": self.start, "stop": self.stop, "exercise": self.exercise}


@dataclass
class FakeChain:
    """Sample by sample: a set is where x is above 0.5, a repetition each 50 samples of it."""

    taken: int = 0
    began: int | None = None
    seen: list[Any] = field(default_factory=list)
    parts: list[Any] = field(default_factory=list)

    def push(self, samples: Any) -> list[Any]:
        assert samples.dtype == np.float32
        self.seen.append(samples)
        told: list[Any] = []
        for sample in samples:
            told += self._step(sample)
            self.taken += 1
        return told

    def _step(self, sample: Any) -> list[Any]:
        if sample[0] > 0.5:
            if self.began is None:
                self.began = self.taken
                return [Started(self.taken, self.taken)]
            since = self.taken - self.began
            if since % 50 == 0:
                name = "curl" if since < 100 else "press"
                return [Progress(self.taken, name, 0.9, since // 50)]
            return []
        return self._end()

    def _end(self) -> list[Any]:
        if self.began is None:
            return []
        samples = np.concatenate(self.seen)[self.began : self.taken]
        digest = hashlib.sha256(samples.tobytes()).hexdigest()
        found = FakeSet(self.began, self.taken, "press", digest)
        self.began = None
        return [Ended(found, self.taken)]  # type: ignore[arg-type]

    def finish(self) -> list[Any]:
        self.parts.append(np.concatenate(self.seen))
        return self._end()

    def state(self) -> dict[str, Any]:
        return {"taken": self.taken, "began": self.began, "seen": np.concatenate(self.seen)}

    @classmethod
    def restore(cls, recogniser: Any, state: dict[str, Any]) -> "FakeChain":
        return cls(state["taken"], state["began"], [state["seen"]], recogniser.parts)


class BlindChain(FakeChain):
    """Keeps samples, and finds nothing."""

    def push(self, samples: Any) -> list[Any]:
        self.seen.append(samples)
        return []


class FakeRecogniser(SimpleNamespace):
    """Keeps all samples that its chains were given, part by part, in ``parts``."""

    def __init__(self, rate_hz: float = 50.0, chain: type[FakeChain] = FakeChain) -> None:
        super().__init__(rate_hz=rate_hz, digest="fake", parts=[], chain=chain)

    def warm_up(self) -> None:
        pass

    def start(self) -> FakeChain:
        return self.chain(parts=self.parts)  # type: ignore[no-any-return]
