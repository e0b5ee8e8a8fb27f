"""Commands on the lab itself: ``ingest``, ``info`` and ``verify``."""

from typing import Annotated

import typer

from workoutlab.cli.console import JsonOption, LabOption, SchedulerOption, WorkersOption, running

__all__ = ["info", "ingest", "verify"]


def ingest(  # noqa: PLR0913  one parameter an option
    paths: Annotated[list[str], typer.Argument(help="Files, folders or patterns.")],
    lab: LabOption,
    reader: Annotated[
        str | None, typer.Option(help="muvr or tabular; found by the files' content if left out.")
    ] = None,
    mapping: Annotated[
        str | None, typer.Option(help="TOML file with the reader's options (columns, units, ids).")
    ] = None,
    map_: Annotated[
        list[str] | None,
        typer.Option("--map", help="One option as key=value, columns.x=x_acc say; repeatable."),
    ] = None,
    simulated: Annotated[
        bool, typer.Option("--simulated", help="Mark the recordings as simulated.")
    ] = False,
    scheduler: SchedulerOption = None,
    workers: WorkersOption = 0,
    json: JsonOption = False,
) -> None:
    """Read files into a lab, in parallel, and list what was stored, known already or rejected.

    The exit status is 1 if any file was rejected; all others are stored nevertheless.
    """
    with running(json, scheduler=scheduler, workers=workers) as output:
        from workoutlab import Lab
        from workoutlab import ingest as ingest_files
        from workoutlab.readers import get, read_options

        options = read_options(map_ or (), file=mapping)
        chosen = get(reader or "tabular", **options) if reader or options else None
        result = ingest_files(
            Lab(lab), paths, reader=chosen, simulated=simulated, progress=not json
        )
        output.result(result, {"lab": lab, **result.as_dict()})
        if not result.ok:
            raise typer.Exit(1)


def info(
    lab: LabOption,
    at: Annotated[
        str | None, typer.Option(help="Tell of this snapshot, not of the newest.")
    ] = None,
    scheduler: SchedulerOption = None,
    json: JsonOption = False,
) -> None:
    """Tell what a lab holds: people, sessions, recordings, hours, size and newest snapshots."""
    with running(json, scheduler=scheduler) as output:
        from workoutlab import Lab

        opened = Lab(lab, create=False)
        found = (opened.at(at) if at else opened).info()
        output.result(found, found.as_dict())


def verify(lab: LabOption, scheduler: SchedulerOption = None, json: JsonOption = False) -> None:
    """Re-read everything in a lab against its checksums; the exit status is 1 if any fails."""
    with running(json, scheduler=scheduler) as output:
        from workoutlab import Lab

        result = Lab(lab, create=False).verify()
        output.result(result, result.as_dict())
        if not result.ok:
            raise typer.Exit(1)
