"""``workoutlab live``: a file replayed as a session, as lines, as JSON, and on a board."""

import io
import json
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from typer.testing import CliRunner

from tests.recognisers import recogniser, signal
from workoutlab import Recording
from workoutlab.cli import app, live
from workoutlab.cli.board import Board, describe
from workoutlab.live import (
    Event,
    ExerciseSoFar,
    Gap,
    PacketLate,
    RepetitionDone,
    ScaleDoubtful,
    SetEnded,
    SetStarted,
)
from workoutlab.live.replaying import cut_packets, open_session

SAMPLES = signal([(15, None, 0), (25, 0, 0.5), (20, None, 0), (20, 1, 0.7), (15, None, 0)])


@pytest.fixture
def known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Any lab holds the known recogniser."""
    monkeypatch.setattr(live, "_open", lambda *_: recogniser())
    monkeypatch.delenv("WORKOUTLAB_LAB", raising=False)
    return tmp_path


def run(*arguments: object, status: int = 0) -> Any:
    result = CliRunner().invoke(app, ["live", *(str(each) for each in arguments)])
    assert result.exit_code == status, result.output
    return result


def table(folder: Path) -> tuple[Path, Path]:
    path, mapping = folder / "table.csv", folder / "mapping.toml"
    rows = (f"{20 * k},{x:.9g},{y:.9g},{z:.9g}\n" for k, (x, y, z) in enumerate(SAMPLES))
    path.write_text("time,x,y,z\n" + "".join(rows))
    mapping.write_text(
        'acceleration_unit = "g"\ntime_unit = "ms"\nuser = "ann"\nsession = "mon"\n'
        '[columns]\ntime = "time"\nx = "x"\ny = "y"\nz = "z"\n'
    )
    return path, mapping


def test_live__json_is_a_line_an_event(known: Path) -> None:
    path, mapping = table(known)
    lines = run(
        *("--replay", path, "--mapping", mapping, "--lab", "lab", "--speed", 0, "--json")
    ).stdout.splitlines()
    events = [json.loads(line) for line in lines]
    ended = [event for event in events if event["event"] == "SetEnded"]
    recording = Recording(user="a", session="b", acceleration=SAMPLES, rate_hz=50)
    found = recogniser().find(recording).sets
    assert [(each["start"], each["stop"], each["exercise"]) for each in ended] == [
        (each.start, each.stop, each.exercise) for each in found
    ]
    assert ended[0]["scores"] == {name: round(score, 6) for name, score in found[0].scores.items()}


def test_live__text_lists_the_sets(known: Path) -> None:
    path, mapping = table(known)
    text = run(*("--replay", path, "--mapping", mapping, "--lab", "lab", "--speed", 2000)).stdout
    assert "looks like curl" in text
    assert "the set ended: press" in text
    assert "2 sets, 0 of them called unknown" in text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--replay", "a.csv"), "--lab: expected a lab that holds a recogniser"),
        (("--replay", "a.csv"), "`workoutlab recogniser --lab LAB`"),
        (("--lab", "lab"), "--replay: expected the file of a recorded session"),
        (("--lab", "lab", "--replay", "no.csv"), "cannot be opened"),
    ],
)
def test_live__says_what_is_missing(known: Path, arguments: tuple[str, ...], message: str) -> None:
    told = json.loads(run(*arguments, "--json", status=1).stdout)
    assert message in told["error"]["message"]


def test_live__refuses_a_recording_that_the_file_does_not_hold(known: Path) -> None:
    path, mapping = table(known)
    told = run(
        *("--replay", path, "--mapping", mapping, "--lab", "l", "--recording", 1, "--json"),
        status=1,
    )
    assert "expected 0 to 0, got 1" in told.stdout


def test_live__a_lab_without_a_recogniser_names_the_call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from workoutlab import Lab

    Lab(tmp_path / "lab")
    path, mapping = table(tmp_path)
    result = run(*("--replay", path, "--mapping", mapping, "--lab", tmp_path / "lab"), status=1)
    assert "train_recogniser" in result.stderr


def test_live__demo_trains_and_finds_sets_in_the_shipped_session(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(live, "_demonstrate", partial(live._demonstrate, 6, 5))
    result = run("--demo", "--speed", 0, "--json")
    ended = [json.loads(line) for line in result.stdout.splitlines() if "SetEnded" in line]
    done = [(one.start, one.stop) for one in live._sample().sets]
    assert any(
        each["start"] < stop and start < each["stop"] for each in ended for start, stop in done
    )


def test_board__shows_the_set_that_goes_on_and_those_that_are_done() -> None:
    recording = Recording(user="a", session="b", acceleration=SAMPLES, rate_hz=50)
    session, board = open_session(recogniser(threshold=0.9999), recording), Board("replay")
    shown: list[str] = []
    for packet in cut_packets(recording):
        board.now_s = packet.stop_s
        for event in session.push(packet.samples, packet.time):
            board.take(event)
            shown.append(draw(board))
    for event in session.finish():
        board.take(event)
    assert any("unknown (" in each and "repetition 3" in each for each in shown)
    assert "2 sets, 2 of them called unknown" in draw(board)
    assert "unknown (press?)" in draw(board)
    assert "rest" in draw(board)


def test_board__notes_what_became_of_packets() -> None:
    board = Board("replay")
    for event in (Gap(3.0, 0.5, True), ScaleDoubtful(5.0, 9.8, "it looks like m/s2")):
        board.take(event)
    text = draw(board)
    assert " 0:03.0  0.50 s are missing; bridged" in text
    assert "it looks like m/s2" in text


def draw(board: Board) -> str:
    console = Console(width=160, file=io.StringIO())
    with console.capture() as shown:
        console.print(board.render())
    return shown.get()


@pytest.mark.parametrize(
    ("event", "line"),
    [
        (SetStarted(70.04), " 1:00.0  a set started"),
        (ExerciseSoFar(75.0, "curl", 0.934), " 1:05.0  looks like curl (93 %)"),
        (RepetitionDone(3610.0, 12), "60:00.0  repetition 12"),
        (PacketLate(11.0, 10), " 0:01.0  PacketLate: 10 samples dropped"),
        (Gap(11.0, 7.0, False), " 0:01.0  7.00 s are missing; what follows is another part"),
    ],
)
def test_describe__counts_from_the_start(event: Event, line: str) -> None:
    assert describe(event, 10.0) == line


def test_cut_packets__of_a_recording_with_times() -> None:
    import numpy as np

    times = np.array([0, 20, 40, 60, 90], np.int64) * 1_000_000 + 10**18
    recording = Recording(user="a", session="b", acceleration=np.ones((5, 3)), time_ns=times)
    packets = list(cut_packets(recording, 0.04))
    assert [len(each.samples) for each in packets] == [2, 2, 1]
    assert packets[1].time.tolist() == times[2:4].tolist()
    assert packets[2].stop_s == pytest.approx(0.09)
    session = open_session(recogniser(), recording)
    for each in packets:
        session.push(each.samples, each.time)
    assert session.start_s == pytest.approx(1e9)
    assert not [each for each in session.finish() if isinstance(each, SetEnded)]
