"""The parts of a session as trees of arrays and numbers, and back."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from workoutlab.live.clock import Placed
from workoutlab.live.intake import Intake
from workoutlab.live.ordering import Buffer
from workoutlab.live.resampling import Stream
from workoutlab.live.scale import Scale
from workoutlab.live.telling import Teller

__all__ = ["restore_parts", "save_parts"]


def save_parts(
    intake: Intake, stream: Stream | None, scale: Scale, teller: Teller
) -> dict[str, Any]:
    """Return what the parts of a session know."""
    return {
        "intake": _save_intake(intake),
        "stream": None if stream is None else stream.state(),
        "scale": _pick(scale, _OF_SCALE),
        "teller": _pick(teller, _OF_TELLER),
    }


def restore_parts(
    tree: Mapping[str, Any], intake: Intake, stream: Stream | None, scale: Scale, teller: Teller
) -> None:
    """Give the parts of a session what they knew."""
    _restore_intake(intake, tree["intake"])
    if stream is not None:
        stream.restore(tree["stream"])
    _put(scale, tree["scale"])
    _put(teller, tree["teller"])


_OF_BUFFER = ("frontier", "newest", "ticks", "samples")
_OF_CLOCK = ("anchor", "phase", "timed")
_OF_SCALE = ("left", "count", "total")
_OF_TELLER = ("exercise", "repetitions")


def _pick(part: Any, names: tuple[str, ...]) -> dict[str, Any]:
    return {name: getattr(part, name) for name in names}


def _put(part: Any, values: Mapping[str, Any]) -> None:
    for name, value in values.items():
        setattr(part, name, value)


def _save_intake(intake: Intake) -> dict[str, Any]:
    held = intake.held
    return {
        **_pick(intake.clock, _OF_CLOCK),
        "origin": intake.origin,
        "buffer": None if intake.buffer is None else _pick(intake.buffer, _OF_BUFFER),
        "held": None if held is None else held._asdict(),
        "held_samples": intake.held_samples,
        "held_after": intake.held_after,
    }


def _restore_intake(intake: Intake, tree: Mapping[str, Any]) -> None:
    _put(intake.clock, {name: tree[name] for name in _OF_CLOCK})
    intake.origin = tree["origin"]
    intake.held_samples = np.asarray(tree["held_samples"], np.float32)
    intake.held_after = tree["held_after"]
    if tree["held"] is not None:
        intake.held = Placed(**tree["held"])
    if tree["buffer"] is not None:
        horizon = round(intake.horizon_s * intake.clock.ticks_hz)
        intake.buffer = Buffer(horizon, grid=not intake.clock.timed)
        _put(intake.buffer, tree["buffer"])
