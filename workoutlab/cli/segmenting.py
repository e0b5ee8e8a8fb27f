"""The command that trains what finds sets: ``recogniser``."""

from pathlib import Path
from typing import Annotated, Any

import typer

from workoutlab.cli.console import JsonOption, LabOption, SchedulerOption, WorkersOption, running
from workoutlab.cli.models import GroupOption, PerChoice, PerOption, UserOption, check_report
from workoutlab.errors import InputError

__all__ = ["recogniser"]


def recogniser(  # noqa: PLR0913  one parameter an option
    lab: LabOption,
    name: Annotated[str, typer.Option(help="Name of the recogniser in the lab.")] = "sets",
    per: PerOption = PerChoice.all,
    grouped: Annotated[
        bool, typer.Option("--grouped", help="Name the muscle group first, then the exercise.")
    ] = False,
    activity_length: Annotated[
        str, typer.Option(help="Length of a window that tells activity from rest.")
    ] = "6s",
    exercise_length: Annotated[
        str, typer.Option(help="Length of a window that tells the exercise.")
    ] = "5s",
    lost: Annotated[
        float,
        typer.Option(help="Share of the sets named rightly that may be called unknown."),
    ] = 0.05,
    user: UserOption = None,
    muscle_group: GroupOption = None,
    report: Annotated[
        Path | None,
        typer.Option(help="Write how far the confidences can be believed to this HTML file."),
    ] = None,
    scheduler: SchedulerOption = None,
    workers: WorkersOption = 0,
    json: JsonOption = False,
) -> None:
    """Train what finds and names sets in recordings and live streams, and calibrate it.

    Its networks are models of the lab like others: NAME-activity and NAME-exercise. What is there
    already, of the same recordings and settings, is not made again. The exit status is 1 if
    anything failed; what succeeded is kept.
    """
    with running(json, scheduler=scheduler, workers=workers) as output:
        from workoutlab import Lab, SetRecipe, open_recogniser, train_recogniser

        check_report(report)
        if report is not None and per is PerChoice.user:
            raise InputError("--report: of the common recogniser; give --per all")
        home = Lab(lab, create=False)
        settings = SetRecipe(
            grouped=grouped,
            activity_length=activity_length,
            exercise_length=exercise_length,
            lost=lost,
        )
        filters: Any = {"users": user or None, "muscle_groups": muscle_group or None}
        result = train_recogniser(
            home, settings, name=name, per=per.value, progress=not json, **filters
        )
        told: dict[str, Any] = {"lab": lab, **result.as_dict(), "calibration": None}
        text = str(result)
        if per is PerChoice.all and result.ok:
            calibration = open_recogniser(home, name).calibration
            assert calibration is not None
            told["calibration"] = calibration.as_dict()
            text = f"{text}\n{calibration}"
            if report is not None:
                calibration.save_html(report)
                text = f"{text}\nreport: {report}"
        output.result(text, told)
        if not result.ok:
            raise typer.Exit(1)
