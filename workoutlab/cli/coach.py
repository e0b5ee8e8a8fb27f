"""Commands of the coach: ``coach intensity``."""

from enum import StrEnum
from typing import Annotated

import typer

from workoutlab.cli.console import JsonOption, LabOption, SchedulerOption, WorkersOption, running

__all__ = ["app"]

app = typer.Typer(
    help="Suggestions to people who have just worked out.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
)


class ReadingChoice(StrEnum):
    """Who has just worked out."""

    ended = "ended"
    started = "started"


@app.callback()
def coach() -> None:
    """Suggestions to people who have just worked out."""


@app.command()
def intensity(  # noqa: PLR0913  one parameter an option
    lab: LabOption,
    now: Annotated[
        str, typer.Option(help="When it is asked for, 2026-01-05T18:30 say; UTC without a zone.")
    ],
    within: Annotated[str, typer.Option(help="How long ago a session may have been.")] = "35min",
    reading: Annotated[
        ReadingChoice, typer.Option(help="Whether sessions count that ended then, or started.")
    ] = ReadingChoice.ended,
    user: Annotated[
        list[str] | None, typer.Option("--user", help="Only this one; repeatable.")
    ] = None,
    scheduler: SchedulerOption = None,
    workers: WorkersOption = 0,
    json: JsonOption = False,
) -> None:
    """Suggest how intense the next three sessions should be, to all who are due.

    Suggestions go to the lab's table ``suggestions``; who got some already for that moment, from
    the same history, is left as it is. The exit status is 1 if anybody failed.
    """
    with running(json, scheduler=scheduler, workers=workers) as output:
        from workoutlab import Lab
        from workoutlab.coach import suggest_intensity

        result = suggest_intensity(
            Lab(lab, create=False),
            now=now,
            within=within,
            reading=reading.value,
            users=user or None,
            progress=not json,
        )
        output.result(result, {"lab": lab, **result.as_dict()})
        if not result.ok:
            raise typer.Exit(1)
