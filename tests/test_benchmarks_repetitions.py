"""What was seen in Muvr's sets holds together, and the figures on it are printed."""

import json
import math
from pathlib import Path

import pytest

from tests.benchmarks.repetitions import Seen, follow_learning, main, read_seen, read_sets
from workoutlab.recording import Recording

KINDS = {"lost", "late", "short", "count"}


@pytest.fixture(scope="module")
def seen() -> dict[str, Seen]:
    return read_seen()


def test_read_seen__every_set_once(seen: dict[str, Seen]) -> None:
    assert len(seen) == 284
    assert all(one.low <= one.seen <= one.high for one in seen.values())
    assert {one.verdict for one in seen.values()} == {"consistent", "unclear", "contradicted"}
    assert all(one.start_s < one.stop_s for one in seen.values() if not math.isnan(one.start_s))


def test_read_seen__what_is_contradicted_is_so_by_two_or_more(seen: dict[str, Seen]) -> None:
    for one in seen.values():
        off = max(one.low - one.label, one.label - one.high)
        assert one.contradicted == (off >= 2), one.file
        assert (one.kind in KINDS and bool(one.reason)) == one.contradicted, one.file


def test_main__lists_what_is_contradicted(
    seen: dict[str, Seen], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--contradicted"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == sum(one.contradicted for one in seen.values())
    assert "arms/labelled_arms_jan-2_35.csv: 7, seen 4: packets lost" in lines[0]


@pytest.fixture(scope="module")
def curls(real_data: Path, seen: dict[str, Seen]) -> list[Recording]:
    some = [name for name in seen if "arms_jan-2_5" in name]
    return read_sets(real_data / "muvr", {name: seen[name] for name in some})


@pytest.mark.data
def test_read_sets__labels_are_those_of_the_files(
    curls: list[Recording], seen: dict[str, Seen]
) -> None:
    labels = [recording.sets[0].repetitions for recording in curls]
    assert labels == [one.label for one in seen.values() if "arms_jan-2_5" in one.file]


@pytest.mark.data
def test_follow_learning__no_set_teaches_itself(curls: list[Recording]) -> None:
    curve = follow_learning(curls, taught=(0, 2), seeds=2)
    assert sorted(curve) == [0, 2]
    assert [len(runs) for runs in curve.values()] == [2, 2]
    assert all(0 <= run["within_1"] <= 1 for runs in curve.values() for run in runs)


@pytest.mark.data
def test_main__prints_figures(real_data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(real_data / "muvr")]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    figures = {name: value for line in lines for name, value in line.items()}
    assert figures["all"]["sets"] == 284
    assert figures["not_contradicted"]["within_1"] > figures["all"]["within_1"]
    assert figures["not_contradicted"]["within_1"] > figures["muvr"]["not_contradicted"]["within_1"]
