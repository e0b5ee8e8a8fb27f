"""The exercises that simulated people know, as data.

The sensor's x axis runs along the forearm from the hand to the elbow, z out of the back of the
forearm, y across it. At rest an accelerometer reads 1 g along whatever points up, so a hanging
arm reads (1, 0, 0).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

__all__ = ["EXERCISES", "Exercise"]

Vector = tuple[float, float, float]


@dataclass(frozen=True, kw_only=True)
class Exercise:
    """How an exercise moves the forearm and the wrist.

    A repetition turns the forearm about a fixed axis, from the start by `range_deg` and back,
    and shifts the wrist along; both follow minimum-jerk curves.

    Parameters
    ----------
    name, muscle_group
        ``"biceps-curl"`` and ``"arms"`` say.
    start
        What points up at the start of a repetition, in the sensor's axes.
    towards
        Where up goes from there: what points up after a quarter turn.
    range_deg
        Angle of the turn.
    pronation_deg
        Turn of the forearm about itself meanwhile.
    radius_m
        From the axis of the turn to the wrist: a forearm, a whole arm, or arm and trunk.
    rise_m, reach_m
        Shift of the axis meanwhile: upward, and horizontally.
    period_s
        Usual time of a repetition.
    parts
        Shares of the period: out, hold, back, rest.
    weight_kg, step_kg
        What a person of strength 1 could lift once, and the steps that the gym offers.
    body_weight
        Whether it is done with body weight; `weight_kg` is 0 then.
    impact_g
        Jolt at the end of a repetition, of weights that meet.
    """

    name: str
    muscle_group: str
    start: Vector
    towards: Vector
    range_deg: float
    radius_m: float
    period_s: float
    weight_kg: float
    pronation_deg: float = 0
    rise_m: float = 0
    reach_m: float = 0
    parts: tuple[float, float, float, float] = (0.42, 0.06, 0.42, 0.1)
    step_kg: float = 2.5
    body_weight: bool = False
    impact_g: float = 0.05


_ALL: Final = (
    Exercise(
        name="biceps-curl",
        muscle_group="arms",
        start=(1, 0.2, 0.1),
        towards=(0, 0.8, 0.55),
        range_deg=130,
        radius_m=0.27,
        period_s=2.6,
        weight_kg=22,
        pronation_deg=20,
    ),
    Exercise(
        name="alt-dumbbell-biceps-curl",
        muscle_group="arms",
        start=(1, 0.25, 0.1),
        towards=(0, 0.55, 0.75),
        range_deg=135,
        radius_m=0.27,
        period_s=3.8,
        weight_kg=22,
        pronation_deg=45,
        parts=(0.29, 0.04, 0.29, 0.38),
    ),
    Exercise(
        name="triceps-extension",
        muscle_group="arms",
        start=(0.75, -0.55, 0.3),
        towards=(-0.6, -0.8, 0.1),
        range_deg=68,
        radius_m=0.27,
        period_s=2.5,
        weight_kg=20,
    ),
    Exercise(
        name="rope-triceps-extension",
        muscle_group="arms",
        start=(-0.45, 0.9, 0.1),
        towards=(0.9, 0.4, -0.1),
        range_deg=85,
        radius_m=0.27,
        period_s=2.3,
        weight_kg=60,
        step_kg=5,
        pronation_deg=-25,
        impact_g=0.15,
    ),
    Exercise(
        name="triceps-dips",
        muscle_group="arms",
        start=(1, 0.3, 0),
        towards=(0, 0.8, -0.6),
        range_deg=16,
        radius_m=0.27,
        period_s=1.8,
        weight_kg=0,
        body_weight=True,
        rise_m=-0.06,
    ),
    Exercise(
        name="dumbbell-row",
        muscle_group="back",
        start=(1, 0.25, 0.2),
        towards=(0, 0.8, -0.6),
        range_deg=28,
        radius_m=0.3,
        period_s=1.9,
        weight_kg=42,
        rise_m=0.32,
    ),
    Exercise(
        name="lat-pulldown-straight",
        muscle_group="back",
        start=(-0.9, 0.4, -0.1),
        towards=(0.1, 0.8, -0.5),
        range_deg=35,
        radius_m=0.35,
        period_s=2.3,
        weight_kg=85,
        step_kg=5,
        rise_m=-0.4,
        parts=(0.36, 0.06, 0.48, 0.1),
        impact_g=0.12,
    ),
    Exercise(
        name="dumbbell-chest-press",
        muscle_group="chest",
        start=(-0.9, 0.05, 0.3),
        towards=(0, 0.8, -0.5),
        range_deg=18,
        radius_m=0.3,
        period_s=3.3,
        weight_kg=38,
        rise_m=0.36,
    ),
    Exercise(
        name="dumbbell-chest-fly",
        muscle_group="chest",
        start=(-0.75, 0.25, 0.75),
        towards=(-0.6, -0.2, -0.6),
        range_deg=70,
        radius_m=0.55,
        period_s=4.0,
        weight_kg=22,
    ),
    Exercise(
        name="pulldown-crunch",
        muscle_group="core",
        start=(-0.75, -0.1, -0.6),
        towards=(0.1, 0.85, -0.45),
        range_deg=42,
        radius_m=0.6,
        period_s=3.2,
        weight_kg=60,
        step_kg=5,
        parts=(0.4, 0.1, 0.4, 0.1),
    ),
    Exercise(
        name="twist",
        muscle_group="core",
        start=(0.85, 0.45, 0.25),
        towards=(-0.4, 0.3, 0.85),
        range_deg=68,
        radius_m=0.5,
        period_s=3.0,
        weight_kg=50,
        step_kg=5,
        reach_m=0.2,
        impact_g=0.1,
    ),
    Exercise(
        name="lateral-raise",
        muscle_group="shoulders",
        start=(1, 0.05, -0.25),
        towards=(0, 0.2, -1),
        range_deg=82,
        radius_m=0.58,
        period_s=2.8,
        weight_kg=16,
        step_kg=1,
        parts=(0.4, 0.12, 0.38, 0.1),
    ),
    Exercise(
        name="dumbbell-front-rise",
        muscle_group="shoulders",
        start=(1, 0.2, -0.15),
        towards=(0, 0.6, -0.8),
        range_deg=82,
        radius_m=0.58,
        period_s=2.6,
        weight_kg=17,
        step_kg=1,
    ),
    Exercise(
        name="dumbbell-press",
        muscle_group="shoulders",
        start=(-0.95, -0.1, 0.15),
        towards=(0, -0.4, 0.9),
        range_deg=22,
        radius_m=0.3,
        period_s=2.9,
        weight_kg=30,
        rise_m=0.45,
    ),
)

EXERCISES: Final[Mapping[str, Exercise]] = {exercise.name: exercise for exercise in _ALL}
"""Every exercise by its name."""
