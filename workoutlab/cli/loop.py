"""Commands of the loop: ``recognise``, ``found``, ``correct``, ``adapt`` and ``loop``."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from workoutlab.cli.console import JsonOption, LabOption, SchedulerOption, WorkersOption, running
from workoutlab.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["adapt", "correct", "found", "loop", "recognise"]

_LISTED: Final = 50
_SHOWN: Final = (
    *("user", "session", "recording", "start_s", "stop_s", "exercise", "confidence"),
    *("repetitions", "corrected"),
)
"""Columns that a terminal has room for; JSON has them all."""

UsersOption = Annotated[
    list[str] | None, typer.Option("--user", help="Only of this person; repeatable.")
]


def recognise(  # noqa: PLR0913  one parameter an option
    lab: LabOption,
    name: Annotated[str, typer.Option(help="Name of the recogniser in the lab.")] = "sets",
    user: UsersOption = None,
    session: Annotated[
        list[str] | None, typer.Option("--session", help="Only this session; repeatable.")
    ] = None,
    again: Annotated[
        bool, typer.Option("--again", help="Go through all recordings, whatever is known of them.")
    ] = False,
    scheduler: SchedulerOption = None,
    workers: WorkersOption = 0,
    json: JsonOption = False,
) -> None:
    """Find the sets in a lab's recordings; those that were gone through before are left out.

    The exit status is 1 if any recording failed; what is found in the others is kept.
    """
    with running(json, scheduler=scheduler, workers=workers) as output:
        from workoutlab import Lab
        from workoutlab.recognition import recognise as recognise_sets

        result = recognise_sets(
            Lab(lab, create=False),
            name,
            again=again,
            users=user or None,
            sessions=session or None,
            progress=not json,
        )
        output.result(result, {"lab": lab, **result.as_dict()})
        if not result.ok:
            raise typer.Exit(1)


def found(
    lab: LabOption,
    name: Annotated[str | None, typer.Option(help="Only by this recogniser.")] = None,
    user: UsersOption = None,
    history: Annotated[
        bool, typer.Option("--history", help="With those that a later run took the place of.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """List the sets that were found: their row comes first, by which `correct` takes them."""
    with running(json) as output:
        from workoutlab import Lab

        frame = Lab(lab, create=False).found(name, user or None, history=history)
        output.result(_show(frame), {"lab": lab, "found": _list_records(frame)})


def correct(  # noqa: PLR0913  one parameter an option
    lab: LabOption,
    found: Annotated[int | None, typer.Option(help="Row of a found set, as `found` lists.")] = None,
    set_: Annotated[int | None, typer.Option("--set", help="Number of a labelled set.")] = None,
    recording: Annotated[
        int | None, typer.Option(help="Row of a recording; with --start and --stop.")
    ] = None,
    start: Annotated[float | None, typer.Option(help="Where it starts, in s.")] = None,
    stop: Annotated[float | None, typer.Option(help="Where it ends, in s.")] = None,
    exercise: Annotated[str | None, typer.Option(help="What was done.")] = None,
    muscle_group: Annotated[str | None, typer.Option(help="Of which muscle group.")] = None,
    repetitions: Annotated[int | None, typer.Option(help="How many.")] = None,
    weight: Annotated[float | None, typer.Option(help="In kg.")] = None,
    not_an_exercise: Annotated[
        bool, typer.Option("--not-an-exercise", help="It was none at all.")
    ] = False,
    file: Annotated[
        Path | None,
        typer.Option(
            "--file",
            help="Instead, a CSV file with some of the columns found, set, recording, start_s, "
            "stop_s, exercise, muscle_group, repetitions, weight_kg, body_weight, intensity, "
            "not_exercise.",
        ),
    ] = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Labelled sets that it overlaps count no longer.")
    ] = False,
    undo: Annotated[
        list[int] | None,
        typer.Option(
            "--undo",
            help="Instead, the number of a set that a correction made: it counts no longer, and "
            "what it replaced does again; repeatable.",
        ),
    ] = None,
    json: JsonOption = False,
) -> None:
    """Correct or confirm a found set, or a labelled one: the person's next training learns it."""
    with running(json) as output:
        from workoutlab import Lab
        from workoutlab.recognition import correct as keep_corrections
        from workoutlab.recognition import undo as undo_corrections

        said = {
            "found": found,
            "set": set_,
            "recording": recording,
            "start_s": start,
            "stop_s": stop,
            "exercise": exercise,
            "muscle_group": muscle_group,
            "repetitions": repetitions,
            "weight_kg": weight,
            "not_exercise": not_an_exercise or None,
        }
        known: dict[str, Any] = {name: each for name, each in said.items() if each is not None}
        home = Lab(lab, create=False)
        if undo:
            if known or file is not None or replace:
                raise InputError("--undo: expected it alone; correct in a call of its own")
            result = undo_corrections(home, undo)
        else:
            result = keep_corrections(home, file, replace=replace, **known)
        output.result(result, {"lab": lab, **result.as_dict()})


def adapt(
    lab: LabOption,
    name: Annotated[str, typer.Option(help="Name of the recogniser in the lab.")] = "sets",
    user: UsersOption = None,
    scheduler: SchedulerOption = None,
    workers: WorkersOption = 0,
    json: JsonOption = False,
) -> None:
    """Let the common recogniser learn people's corrected sets, however few: it becomes theirs.

    It is the one that was trained with the usual settings; in Python any. The exit status is 1 if
    anybody failed.
    """
    with running(json, scheduler=scheduler, workers=workers) as output:
        from workoutlab import Lab
        from workoutlab.recognition import adapt as adapt_recogniser

        opened = Lab(lab, create=False)
        result = adapt_recogniser(opened, name=name, users=user or None, progress=not json)
        output.result(result, {"lab": lab, **result.as_dict()})
        if not result.ok:
            raise typer.Exit(1)


def loop(
    lab: LabOption,
    name: Annotated[str | None, typer.Option(help="Only of this recogniser.")] = None,
    user: UsersOption = None,
    html: Annotated[Path | None, typer.Option(help="Write the report to this file.")] = None,
    json: JsonOption = False,
) -> None:
    """Tell how right recognition was before people corrected anything, and after."""
    with running(json) as output:
        from workoutlab import Lab
        from workoutlab.recognition import loop_report

        report = loop_report(Lab(lab, create=False), name, user or None)
        if html is not None:
            report.save_html(html)
        output.result(report, report.as_dict())


def _show(frame: "pd.DataFrame") -> str:
    if frame.empty:
        return "no found sets yet: recognise finds some"
    shown = frame[list(_SHOWN)].head(_LISTED)
    shown = shown.round({"start_s": 1, "stop_s": 1, "confidence": 2})
    shown["corrected"] = shown["corrected"].map({True: "yes", False: ""})
    more = [f"and {len(frame) - _LISTED:,} more"] if len(frame) > _LISTED else []
    return "\n".join([shown.to_string(na_rep=""), *more])


def _list_records(frame: "pd.DataFrame") -> list[dict[str, Any]]:
    from json import loads

    known = frame.astype(object).where(frame.notna(), None)
    listed = []
    for row, each in zip(frame.index.tolist(), known.to_dict("records"), strict=True):
        told = {str(name): value for name, value in each.items()}
        for name in ("quality", "scores", "models"):
            told[name] = loads(told[name] or "{}")
        listed.append({"row": row, **told})
    return listed
