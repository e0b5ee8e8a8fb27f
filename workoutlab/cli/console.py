"""What every command shares: its options, its output, and how errors are told."""

import json
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Annotated, Any

import typer
from rich.console import Console

from workoutlab.errors import InputError, WorkoutlabError

__all__ = ["JsonOption", "LabOption", "Output", "SchedulerOption", "WorkersOption", "running"]

LabOption = Annotated[
    str,
    typer.Option(
        "--lab", envvar="WORKOUTLAB_LAB", help="The lab: a folder, or s3://bucket/prefix."
    ),
]
SchedulerOption = Annotated[
    str | None,
    typer.Option(
        "--scheduler",
        envvar="WORKOUTLAB_SCHEDULER",
        help="Run on this Dask cluster: tcp://host:8786 or tls://host:8786.",
    ),
]
WorkersOption = Annotated[
    int,
    typer.Option(
        "--workers",
        min=0,
        help="Run on this many worker processes of this machine; 0 runs on threads.",
    ),
]
JsonOption = Annotated[
    bool, typer.Option("--json", help="Print one JSON object on standard output, nothing else.")
]


_INTERRUPTED = (
    "interrupted; whatever was finished is kept, nothing is half-written, and the same command "
    "goes on from there"
)


class _Interrupted(Exception):
    """The user's wish."""


class Output:
    """Where a command's result goes: as text for people, or as one JSON object."""

    def __init__(self, as_json: bool) -> None:
        self.as_json = as_json
        self._console = Console(highlight=False, soft_wrap=True)
        self._result: Mapping[str, Any] | None = None

    def say(self, text: str) -> None:
        """Print a line for people; with JSON, nothing."""
        if not self.as_json:
            self._console.print(text, markup=False)

    def result(self, text: object, data: Mapping[str, Any]) -> None:
        """Print the result: `text` for people, or `data` as JSON when the command ends."""
        self._result = data
        self.say(str(text))

    def close(self) -> None:
        """Print the JSON object, where one was asked for."""
        if self.as_json and self._result is not None:
            typer.echo(json.dumps(self._result, allow_nan=False))


@contextmanager
def running(as_json: bool, *, scheduler: str | None = None, workers: int = 0) -> Iterator[Output]:
    """Run a command's body on the chosen cluster, and tell its errors in one line.

    The exit status is 0 for success, 1 where the body raises ``typer.Exit(1)`` or an error of
    workoutlab or of the operating system, 2 for arguments that the command line does not take, and
    130 where the user interrupted it.
    """
    output = Output(as_json)
    try:
        with _cluster(scheduler, workers):
            yield output
    except (WorkoutlabError, OSError) as error:  # a disk that is full, a folder read-only
        _tell(error, as_json)
        raise typer.Exit(1) from error
    except KeyboardInterrupt as error:
        _tell(_Interrupted(_INTERRUPTED), as_json)
        raise typer.Exit(128 + signal.SIGINT) from error  # as shells count it
    except typer.Exit:
        output.close()
        raise
    output.close()


def _tell(error: Exception, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps({"error": {"type": type(error).__name__, "message": str(error)}}))
    else:
        Console(stderr=True, highlight=False, soft_wrap=True).print(f"Error: {error}", markup=False)


@contextmanager
def _cluster(scheduler: str | None, workers: int) -> Iterator[None]:
    if scheduler is None and workers == 0:
        yield
        return
    if scheduler is not None and workers:
        raise InputError("--scheduler and --workers exclude each other: give one of them")
    from workoutlab.cluster import connect

    with connect(scheduler, workers=workers or None):
        yield
