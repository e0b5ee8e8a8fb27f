"""``workoutlab live``: a recorded session, replayed as if it were being worn."""

import json as json_
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.live import Live

from workoutlab.cli.console import JsonOption, running
from workoutlab.errors import InputError

if TYPE_CHECKING:
    from workoutlab.live import Event
    from workoutlab.recognition.segmentation import Recogniser
    from workoutlab.recording import Recording

__all__ = ["live"]

_NO_LAB = (
    "--lab: expected a lab that holds a recogniser. Make one by `workoutlab ingest --lab LAB FILES`"
    " and `workoutlab recogniser --lab LAB`; or see one at work with `workoutlab live --demo`, "
    "which trains on simulated people"
)


def live(  # noqa: PLR0913  one parameter an option
    replay: Annotated[
        str | None, typer.Option(help="File of a recorded session; --demo has one.")
    ] = None,
    speed: Annotated[
        float, typer.Option(min=0, help="How many times faster than it was; 0: as fast as can be.")
    ] = 10.0,
    lab: Annotated[
        str | None,
        typer.Option(
            "--lab", envvar="WORKOUTLAB_LAB", help="The lab: a folder, or s3://bucket/prefix."
        ),
    ] = None,
    name: Annotated[str, typer.Option(help="Name of the recogniser in the lab.")] = "sets",
    user: Annotated[str, typer.Option(help="Whose recogniser; * for the common one.")] = "*",
    reader: Annotated[
        str | None, typer.Option(help="muvr or tabular; found by the file's content if left out.")
    ] = None,
    mapping: Annotated[
        str | None, typer.Option(help="TOML file with the reader's options (columns, units, ids).")
    ] = None,
    number: Annotated[
        int, typer.Option("--recording", min=0, help="Which recording, if the file holds several.")
    ] = 0,
    packet: Annotated[float, typer.Option(help="Length of a packet in s.")] = 0.2,
    demo: Annotated[
        bool, typer.Option("--demo", help="Train on simulated people first, without a lab.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """Replay a recorded session packet by packet, and show the sets while they are done.

    With --json each event is a line of JSON.
    """
    with running(json) as output:
        if lab is None and not demo:
            raise InputError(_NO_LAB)
        recording = _read(replay, reader, mapping, number) if replay or not demo else _sample()
        if demo:
            output.say("Training a recogniser on simulated people; this takes half a minute or so.")
        recogniser = _demonstrate() if demo else _open(str(lab), name, user)
        title = f"{replay or 'the shipped session'}, {recording.duration_s / 60:.1f} min"
        if recording.simulated:
            title += ", SIMULATED DATA"
        with _screen(title, json) as screen:
            _play(recogniser, recording, (speed, packet), screen)


def _open(url: str, name: str, user: str) -> "Recogniser":
    from workoutlab import Lab
    from workoutlab.recognition.segmentation import open_recogniser

    return open_recogniser(Lab(url, create=False), name, user)


def _read(path: str | None, reader: str | None, mapping: str | None, number: int) -> "Recording":
    """Read one recording of a file."""
    from workoutlab.readers import detect, get, read_options

    if path is None:
        raise InputError("--replay: expected the file of a recorded session")
    options = read_options((), file=mapping)
    chosen = get(reader or "tabular", **options) if reader or options else detect(path)
    recordings = list(chosen.read(Path(path)))
    if number >= len(recordings):
        raise InputError(f"--recording: expected 0 to {len(recordings) - 1}, got {number}")
    return recordings[number]


def _sample() -> "Recording":
    from workoutlab.cli.tour import find_sample

    folder = find_sample() / "continuous"
    return _read(str(folder / "session.parquet"), "tabular", str(folder / "session.toml"), 0)


def _demonstrate(count: int = 30, minutes: float = 8) -> "Recogniser":
    """Train on simulated people, none of whom is in the sample.

    Each of them does a few exercises: so many do all that the sample holds.
    """
    from workoutlab import simulate
    from workoutlab.recognition.segmentation import SetRecipe, fit_recogniser

    people = simulate(count, sessions=1, minutes=minutes, seed=1)
    recordings = [people.session(person, 0).recording for person in range(count)]
    return fit_recogniser(recordings, SetRecipe(folds=2))


class _Lines:
    """Prints each event as a line: of JSON, or of text where there is no terminal."""

    def __init__(self, title: str, as_json: bool) -> None:
        from workoutlab.cli.board import Board  # it needs all of a recogniser's imports

        self.board = Board(title)
        self.as_json = as_json

    def show(self, events: "tuple[Event, ...]") -> None:
        from workoutlab.cli.board import describe

        for event in events:
            self.board.take(event)
            told = json_.dumps(event.as_dict(), allow_nan=False) if self.as_json else ""
            typer.echo(told or describe(event, self.board.start_s))

    def close(self) -> None:
        if not self.as_json:
            Console(highlight=False, width=140).print(self.board.render())


class _Terminal(_Lines):
    """Keeps a board up to date."""

    def __init__(self, title: str, shown: Live) -> None:
        super().__init__(title, False)
        self._shown = shown

    def show(self, events: "tuple[Event, ...]") -> None:
        for event in events:
            self.board.take(event)
        self._shown.update(self.board.render())

    def close(self) -> None:
        self._shown.update(self.board.render(), refresh=True)


@contextmanager
def _screen(title: str, as_json: bool) -> Iterator[_Lines]:
    console = Console(highlight=False)
    if as_json or not console.is_terminal:
        screen = _Lines(title, as_json)
        yield screen
        screen.close()
        return
    with Live(console=console, refresh_per_second=10) as shown:
        terminal = _Terminal(title, shown)
        yield terminal
        terminal.close()


def _play(
    recogniser: "Recogniser", recording: "Recording", pace: tuple[float, float], screen: _Lines
) -> None:
    """Push a recording's packets when they are due."""
    from workoutlab.live.replaying import cut_packets, open_session

    speed, packet_s = pace
    session: Any = open_session(recogniser, recording)
    began = time.monotonic()
    for packet in cut_packets(recording, packet_s):
        if speed:
            time.sleep(max(began + packet.stop_s / speed - time.monotonic(), 0))
        events = session.push(packet.samples, packet.time)
        screen.board.now_s, screen.board.start_s = packet.stop_s, session.start_s
        screen.show(events)
    screen.show(session.finish())
