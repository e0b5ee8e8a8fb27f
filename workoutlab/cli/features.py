"""The command that computes features into a lab, and lists those that there are."""

from enum import StrEnum
from typing import Annotated

import typer

from workoutlab.cli.console import JsonOption, Output, SchedulerOption, WorkersOption, running
from workoutlab.cli.models import (
    DeviceOption,
    ExerciseOption,
    GroupOption,
    LengthOption,
    RateOption,
    StepOption,
    UserOption,
    make_plan,
)

__all__ = ["features"]

_STANDARD = ("standard",)


class WithinChoice(StrEnum):
    """What windows lie in."""

    sets = "sets"
    recordings = "recordings"


def features(  # noqa: PLR0913  one parameter an option
    lab: Annotated[
        str | None,
        typer.Option(
            "--lab", envvar="WORKOUTLAB_LAB", help="The lab: a folder, or s3://bucket/prefix."
        ),
    ] = None,
    name: Annotated[str, typer.Option(help="Name of the features in the lab.")] = "standard",
    names: Annotated[
        list[str] | None,
        typer.Option(help="A feature or group of --list, or all; repeatable."),
    ] = None,
    channel: Annotated[
        list[str] | None,
        typer.Option("--channel", help="Only this one: x, magnitude, vertical say; repeatable."),
    ] = None,
    within: Annotated[
        WithinChoice, typer.Option(help="Windows lie in sets, or anywhere in recordings.")
    ] = WithinChoice.recordings,
    length: LengthOption = "8s",
    step: StepOption = "1s",
    trim: Annotated[
        float | None,
        typer.Option(help="Share of a set left out at either end, 0.1 if not given."),
    ] = None,
    rate: RateOption = None,
    user: UserOption = None,
    device: DeviceOption = None,
    muscle_group: GroupOption = None,
    exercise: ExerciseOption = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Make all features of this name anew.")
    ] = False,
    describe: Annotated[
        bool, typer.Option("--describe", help="Tell what computing takes, and stop.")
    ] = False,
    list_: Annotated[
        bool, typer.Option("--list", help="List the features that there are, and stop.")
    ] = False,
    scheduler: SchedulerOption = None,
    workers: WorkersOption = 0,
    json: JsonOption = False,
) -> None:
    """Compute features of all windows, in blocks, and keep them in the lab.

    A run that was cut off, or that is repeated after new recordings came, computes only the windows
    that are missing. The exit status is 1 if a recording failed; all others are kept nevertheless.
    """
    if list_:
        with running(json) as output:
            _list(names or ["all"], output)
        return
    if lab is None:
        raise typer.BadParameter("give the lab, or --list", param_hint="--lab")
    with running(json, scheduler=scheduler, workers=0 if describe else workers) as output:
        from workoutlab.signals import Statistics
        from workoutlab.signals.saving import save_features

        chosen = {"channels": tuple(channel)} if channel else {}
        inputs = Statistics(names or _STANDARD, **chosen)
        trimmed = {} if trim is None else {"trim": trim}
        windows = make_plan(
            lab,
            {"length": length, "step": step, "rate_hz": rate, "within": within.value, **trimmed},
            users=user,
            devices=device,
            muscle_groups=muscle_group,
            exercises=exercise,
        )
        flight = windows.describe(inputs)
        if describe:
            output.result(flight, {"lab": lab, **vars(flight)})
            return
        output.say(str(flight))
        result = save_features(windows, name, inputs, replace=replace, progress=not json)
        output.result(result, {"lab": lab, **result.as_dict()})
        if not result.ok:
            raise typer.Exit(1)


def _list(names: list[str], output: Output) -> None:
    from workoutlab.signals.catalogue import catalogue

    table = catalogue(names)
    output.result(table, {"features": table.reset_index().to_dict("records")})
