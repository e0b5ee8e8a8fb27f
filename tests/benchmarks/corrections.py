"""What corrections are worth on real people: ``python -m tests.benchmarks.corrections``.

Recordings of 23 people's watches (geotec, see ``WORKOUTLAB_DATA``): five activities, windows of 1 s
every 0.2 s, statistics, MLP 100-50, 20 epochs. Per default five seeds; ``--people`` takes some
people alone: the settings of the rehearsal were chosen on s01 to s08, so that s09 to s23 are the
test. ``--out`` writes the report and the figures behind it.
"""

import argparse
import os
import tomllib
from collections.abc import Sequence
from pathlib import Path

from tests.test_readers_tabular import GEOTEC
from workoutlab import Lab, ingest, readers, windows
from workoutlab.learning import MLP
from workoutlab.recognition import Recipe
from workoutlab.recognition.corrections.measuring import correction_curve
from workoutlab.signals import Statistics, Windows

__all__ = ["RECIPE", "plan_geotec"]

RECIPE = Recipe(Statistics(), MLP(100, 50), epochs=20)
_DATA = os.environ.get("WORKOUTLAB_DATA", "../shared/data")


def plan_geotec(data: Path, lab: Lab, people: Sequence[str] = ()) -> Windows:
    """Read people's watches into a lab, all by default, and plan windows over them."""
    reader = readers.get("tabular", **tomllib.loads(GEOTEC))
    folders = [data / "geotec" / name for name in people] or [data / "geotec"]
    ingest(lab, folders, reader=reader, progress=False)
    return windows(lab, length="1s", step="200ms", trim=0, rate_hz=50, devices=["watch"])


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path(_DATA))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--first", choices=("wrong", "any"), default="wrong")
    parser.add_argument("--people", help="from-to, s09-s23 say")
    parser.add_argument("--out", type=Path)
    chosen = parser.parse_args()
    plan = plan_geotec(chosen.data, Lab("memory://corrections"))
    users = None
    if chosen.people:
        first, last = chosen.people.split("-")
        users = [each for each in plan.segments["user"].unique() if first <= each <= last]
    options = {} if users is None else {"users": users}
    found = correction_curve(plan, RECIPE, seeds=chosen.seeds, first=chosen.first, **options)
    print(found)  # noqa: T201
    if chosen.out:
        found.save_html(chosen.out.with_suffix(".html"))
        chosen.out.with_suffix(".json").write_text(found.to_json())


if __name__ == "__main__":
    main()
