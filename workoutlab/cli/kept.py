"""Commands on models that a lab keeps: ``models``, ``promote``, ``rollback`` and ``export``."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from workoutlab.cli.console import JsonOption, LabOption, running

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["export", "models", "promote", "rollback"]

_LISTED: Final = 50
_LEFT_OUT: Final = ("reason", "recordings", "snapshot", "digest")
"""Columns that a terminal has no room for; JSON has them."""


class FormatChoice(StrEnum):
    """What kind of file."""

    onnx = "onnx"
    safetensors = "safetensors"
    muvr = "muvr"


UsersOption = Annotated[
    list[str] | None,
    typer.Option("--user", help="Only of this one, '*' for that of all people; repeatable."),
]
NameOption = Annotated[str, typer.Option(help="Name of the models in the lab.")]


def models(
    lab: LabOption,
    name: Annotated[str | None, typer.Option(help="Only models of this name.")] = None,
    user: Annotated[
        str | None, typer.Option(help="All versions of this one's, oldest first.")
    ] = None,
    json: JsonOption = False,
) -> None:
    """List the models that a lab keeps: whose, of what kind, how good, on how much, since when."""
    with running(json) as output:
        from workoutlab import Lab, Models

        opened = Lab(lab, create=False)
        if user is None:
            frame = opened.models(name)
        else:
            frame = Models(opened, name or "exercise").versions(user)
        output.result(_show(frame), {"lab": lab, "models": _list_records(frame)})


def promote(
    lab: LabOption,
    source: Annotated[str, typer.Option("--from", help="Name of the models to take from.")],
    target: Annotated[
        str, typer.Option("--to", help="Name of the models in which they shall hold.")
    ] = "exercise",
    user: UsersOption = None,
    only_better: Annotated[
        bool, typer.Option("--only-better", help="Only where the score is better.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """Let models of another name hold, for everybody or some, in one commit."""
    with running(json) as output:
        from workoutlab import Lab
        from workoutlab.recognition import promote as promote_models

        opened = Lab(lab, create=False)
        result = promote_models(opened, source, target, users=user, only_better=only_better)
        output.result(result, {"lab": lab, **result.as_dict()})


def rollback(
    lab: LabOption,
    name: NameOption = "exercise",
    to: Annotated[
        str | None,
        typer.Option(help="Snapshot whose models shall hold; the version before if left out."),
    ] = None,
    user: UsersOption = None,
    json: JsonOption = False,
) -> None:
    """Let earlier models hold again, for everybody or some, in one commit."""
    with running(json) as output:
        from workoutlab import Lab
        from workoutlab.recognition import roll_back

        result = roll_back(Lab(lab, create=False), name, to=to, users=user)
        output.result(result, {"lab": lab, **result.as_dict()})


def export(
    lab: LabOption,
    to: Annotated[Path, typer.Option(help="The file.")],
    user: Annotated[str, typer.Option(help="Whose model; '*' for that of all people.")] = "*",
    name: NameOption = "exercise",
    format: Annotated[
        FormatChoice | None,
        typer.Option(help="By default what the file's name ends with."),
    ] = None,
    json: JsonOption = False,
) -> None:
    """Write one person's model to a file: ONNX, safetensors, or those of Muvr's devices."""
    with running(json) as output:
        from workoutlab import Lab, Models

        opened = Models(Lab(lab, create=False), name)
        files = [str(file) for file in opened.export(to, user, format=format and format.value)]
        data = {"lab": lab, "name": name, "user": user, "files": files}
        output.result(f"wrote {', '.join(files)}", data)


def _show(frame: "pd.DataFrame") -> str:
    if frame.empty:
        return "no models yet: train makes them"
    shown = frame.drop(columns=list(_LEFT_OUT), errors="ignore").head(_LISTED)
    shown["trained"] = shown["trained"].dt.strftime("%Y-%m-%d %H:%M")
    more = [f"and {len(frame) - _LISTED:,} more"] if len(frame) > _LISTED else []
    return "\n".join([shown.to_string(index=False, na_rep=""), *more])


def _list_records(frame: "pd.DataFrame") -> list[dict[str, Any]]:
    texts = frame.assign(trained=[time.isoformat() for time in frame["trained"]])
    known = texts.astype(object).where(texts.notna(), None)
    return [{str(name): value for name, value in row.items()} for row in known.to_dict("records")]
