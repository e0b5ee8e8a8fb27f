"""The command line: ``workoutlab demo|ingest|info|features|train|choose|...|verify``."""

import typer

from workoutlab.cli import (
    choice,
    coach,
    features,
    kept,
    labs,
    live,
    loop,
    models,
    quality,
    segmenting,
    tour,
)

__all__ = ["app"]

app = typer.Typer(
    name="workoutlab",
    help="Workout analytics on Dask: recordings in, personal networks and error figures out.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command()(tour.demo)
app.command()(labs.ingest)
app.command()(labs.info)
app.command()(features.features)
app.command()(models.train)
app.command()(models.evaluate)
app.command()(choice.choose)
app.command()(choice.crossover)
app.command()(kept.models)
app.command()(kept.promote)
app.command()(kept.rollback)
app.command()(kept.export)
app.command()(segmenting.recogniser)
app.command()(loop.recognise)
app.command()(loop.found)
app.command()(loop.correct)
app.command()(loop.adapt)
app.command()(loop.loop)
app.command()(quality.quality)
app.command()(live.live)
app.add_typer(coach.app, name="coach")
app.command()(labs.verify)


@app.callback(invoke_without_command=True)
def main(
    version: bool = typer.Option(False, "--version", help="Print the version and stop."),
) -> None:
    """Workout analytics on Dask: recordings in, personal networks and error figures out."""
    if version:
        from workoutlab import __version__

        typer.echo(__version__)
        raise typer.Exit
