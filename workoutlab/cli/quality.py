"""The command that says how well sets were done."""

import math
from typing import TYPE_CHECKING, Annotated, Any

import typer

from workoutlab.cli.console import JsonOption, LabOption, SchedulerOption, WorkersOption, running
from workoutlab.cli.models import DeviceOption, ExerciseOption, GroupOption, UserOption

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["quality"]


def quality(  # noqa: PLR0913  one parameter an option
    lab: LabOption,
    user: UserOption = None,
    device: DeviceOption = None,
    muscle_group: GroupOption = None,
    exercise: ExerciseOption = None,
    only_said: Annotated[
        bool, typer.Option("--only-said", help="Only sets of which a sentence tells something.")
    ] = False,
    scheduler: SchedulerOption = None,
    workers: WorkersOption = 0,
    json: JsonOption = False,
) -> None:
    """Say how well the labelled sets of a lab were done: tempo, quality, and what matters of it."""
    with running(json, scheduler=scheduler, workers=workers) as output:
        from workoutlab.lab import Lab
        from workoutlab.recognition.quality import assess_sets

        filters: dict[str, Any] = {
            "users": user,
            "devices": device,
            "muscle_groups": muscle_group,
            "exercises": exercise,
        }
        table = assess_sets(Lab(lab, create=False), progress=not json, **filters)
        shown = table[table["said"] != ""] if only_said else table
        data = {
            "lab": lab,
            "snapshot": table.attrs["snapshot"],
            "units": table.attrs["units"],
            "failed": {str(row): why for row, why in table.attrs["failed"].items()},
            "sets": [_plain(row) for row in shown.reset_index().to_dict("records")],
        }
        output.result(_write(shown, len(table)), data)


def _write(shown: "pd.DataFrame", total: int) -> str:
    lines = [_line(row) for row in shown.to_dict("records")]
    return "\n".join([*lines, f"{len(shown)} of {total} sets shown"])


def _line(row: Any) -> str:
    count = "? repetitions" if _missing(row["counted"]) else f"{row['counted']} repetitions"
    tempo = "" if _missing(row["tempo_s"]) else f" of {row['tempo_s']:.1f} s"
    alike = "" if _missing(row["consistency"]) else f", {row['consistency']:.2f} alike"
    who = f"{row['user']} {row['session']} {row['start_s']:.0f} s {row['exercise']}"
    return f"{who}: {count}{tempo}{alike}. {row['said']}".rstrip()


def _plain(row: Any) -> dict[str, Any]:
    return {str(name): None if _missing(value) else value for name, value in row.items()}


def _missing(value: Any) -> bool:
    import pandas as pd

    return value is None or value is pd.NA or (isinstance(value, float) and math.isnan(value))
