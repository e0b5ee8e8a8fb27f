"""What every reader must do: one suite for all, on the same three rows."""

import pickle
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from workoutlab import readers
from workoutlab.errors import InputError, ReaderError
from workoutlab.readers import Reader
from workoutlab.recording import LabelledSet, Recording

SAMPLES = [[0.0, -0.5, 1.0], [0.25, 0.125, -1.5], [1e-3, 2.0, 4.0]]
MAPPING = {
    "columns": {
        **{axis: axis for axis in "xyz"},
        **{role: role for role in ("exercise", "intensity", "weight", "repetitions")},
    },
    "rate_hz": 50,
    "user": "ann",
    "session": "monday",
}


@dataclass(frozen=True)
class Case:
    """A reader, the name of a file for it, and the lines before its rows (text only)."""

    reader: Reader
    file: str
    top: bytes = b""

    def write(self, folder: Path, rows: list[bytes]) -> Path:
        path = folder / self.file
        path.write_bytes(self.top + b"".join(row + b"\n" for row in rows))
        return path


TEXT = {
    "muvr": Case(readers.get("muvr", user="ann", session="monday"), "recording.csv"),
    "tabular": Case(
        readers.get("tabular", **MAPPING),
        "recording.csv",
        b"x,y,z,exercise,intensity,weight,repetitions\n",
    ),
}
ROWS = [",".join([*map(str, row), "biceps-curl", "0.5", "12.5", "10"]).encode() for row in SAMPLES]


def write_parquet(folder: Path) -> Path:
    table = {axis: [row[place] for row in SAMPLES] for place, axis in enumerate("xyz")}
    table |= {"exercise": ["biceps-curl"] * 3, "intensity": [0.5] * 3}
    table |= {"weight": [12.5] * 3, "repetitions": [10] * 3}
    path = folder / "recording.parquet"
    pa.parquet.write_table(pa.table(table), path)
    return path


def writer(case: Case) -> Callable[[Path], Path]:
    return lambda folder: case.write(folder, ROWS)


FILES = {
    "muvr": (TEXT["muvr"].reader, writer(TEXT["muvr"])),
    "tabular csv": (TEXT["tabular"].reader, writer(TEXT["tabular"])),
    "tabular parquet": (TEXT["tabular"].reader, write_parquet),
}

every_format = pytest.mark.parametrize(("reader", "write"), FILES.values(), ids=FILES)
every_text = pytest.mark.parametrize("case", TEXT.values(), ids=TEXT)


def read(reader: Reader, path: Path) -> Recording:
    (recording,) = reader.read(path)
    return recording


@every_format
def test_read__gives_samples_ids_sets_and_source(reader, write, tmp_path):
    path = write(tmp_path)
    recording = read(reader, path)
    assert recording.acceleration.tolist() == np.float32(SAMPLES).tolist()
    assert (recording.user, recording.session) == ("ann", "monday")
    assert recording.rate_hz == 50
    assert recording.source == path.as_posix()
    assert recording.sets == (
        LabelledSet(
            start=0, stop=3, exercise="biceps-curl", repetitions=10, weight_kg=12.5, intensity=0.5
        ),
    )


@every_format
def test_read__of_all_formats_gives_one_digest(reader, write, tmp_path):
    expected = read(TEXT["muvr"].reader, TEXT["muvr"].write(tmp_path, ROWS)).digest
    assert read(reader, write(tmp_path)).digest == expected


@every_format
def test_reader__is_of_the_protocol_and_pickles(reader, write, tmp_path):
    assert isinstance(reader, Reader)
    assert reader.name in readers.names()
    assert all(suffix == suffix.lower() and suffix.startswith(".") for suffix in reader.suffixes)
    copy = pickle.loads(pickle.dumps(reader))
    path = write(tmp_path)
    assert read(copy, path).digest == read(reader, path).digest


@every_format
def test_detect__knows_its_own_files_and_no_others(reader, write, tmp_path):
    path = write(tmp_path)
    assert reader.detect(path, readers.read_head(path))
    assert not reader.detect(tmp_path / "README.md", b"# Recordings\n")
    assert not reader.detect(tmp_path / "people.csv", b"subject,age,height\ns01,54,190\n")


@every_format
def test_read__refuses_a_file_that_is_not_there(reader, write, tmp_path):
    path = write(tmp_path)
    path.unlink()
    with pytest.raises(ReaderError, match="No such file"):
        read(reader, path)


@every_format
def test_read__refuses_an_empty_file(reader, write, tmp_path):
    path = write(tmp_path)
    path.write_bytes(b"")
    with pytest.raises(ReaderError, match=r"empty|cannot be read as Parquet") as caught:
        read(reader, path)
    assert caught.value.file == path.as_posix()


@every_format
def test_read__refuses_a_file_cut_to_half(reader, write, tmp_path):
    path = write(tmp_path)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) - len(ROWS[0]) // 2])
    with pytest.raises(ReaderError, match="export or copy it again"):
        read(reader, path)


MALFORMED = {
    "extra field": (b"0,0,1,curl,,,,", None, "expected 7 fields, got 8"),
    "missing field": (b"0,0,1,curl,,", None, "expected 7 fields, got 6"),
    "empty line": (b"", None, "found an empty line"),
    "blank line": (b"  ", None, "expected 7 fields, got 1"),
    "not a number": (b"0,abc,1,curl,,,", "y", "expected a finite number, got 'abc'"),
    "hexadecimal": (b"0,0x1p3,1,curl,,,", "y", "expected a finite number, got '0x1p3'"),
    "decimal comma": (b'0,"0,5",1,curl,,,', "y", "expected a finite number, got '0,5'"),
    "infinity": (b"0,0,inf,curl,,,", "z", "expected a finite number, got 'inf'"),
    "NaN": (b"nan,0,1,curl,,,", "x", "expected a finite number, got 'nan'"),
    "too large": (b"0,0,1e39,curl,,,", "z", "expected a finite number, got '1e39'"),
    "empty number": (b"0,,1,curl,,,", "y", "expected a finite number, got ''"),
    "weight not a number": (b"0,0,1,curl,,heavy,", "weight", "or an empty field, got 'heavy'"),
    "weight NaN": (b"0,0,1,curl,,nan,", "weight", "or an empty field, got 'nan'"),
    "weight infinite": (b"0,0,1,curl,,inf,", "weight", "or an empty field, got 'inf'"),
    "weight negative": (b"0,0,1,curl,,-2,", "weight", "expected a weight in kg, 0 or more, got -2"),
    "half a repetition": (b"0,0,1,curl,,,9.5", "repetitions", "whole number of repetitions"),
    "intensity above 1": (b"0,0,1,curl,1.5,,", "intensity", "intensity from 0 to 1, got 1.5"),
    "Latin-1": ("0,0,1,kettleübung,,,".encode("latin-1"), "exercise", "printable UTF-8 text"),
    "control character": (b"0,0,1,cu\x07rl,,,", "exercise", "printable UTF-8 text"),
    "quote left open": (b'0,0,1,"curl,,,', None, "expected every quote to be closed"),
    "bare CR": (b"0,0,1,curl,,,\r0,0,1,curl,,,", None, "found a bare CR"),
    "NUL bytes": (b"\0" * 40, None, "expected 7 fields, got 1"),
}


@every_text
@pytest.mark.parametrize(("row", "column", "problem"), MALFORMED.values(), ids=MALFORMED)
@pytest.mark.parametrize("position", [0, 1, 3])
def test_read__names_line_and_column_at_fault(case, row, column, problem, position, tmp_path):
    rows = [*ROWS[:position], row, *ROWS[position:]]
    if row == b"" and position == 3:
        rows.append(ROWS[0])  # empty lines at the very end are no fault
    path = case.write(tmp_path, rows)
    with pytest.raises(ReaderError) as caught:
        read(case.reader, path)
    assert problem in str(caught.value)
    assert caught.value.file == path.as_posix()
    assert caught.value.line == position + 1 + case.top.count(b"\n")
    assert caught.value.column == column


WELL_FORMED = {
    "CRLF": lambda data: data.replace(b"\n", b"\r\n"),
    "byte order mark": lambda data: b"\xef\xbb\xbf" + data,
    "no line end at the end": lambda data: data.removesuffix(b"\n"),
    "empty lines at the end": lambda data: data + b"\n\r\n\n",
    "quoted label": lambda data: data.replace(b"biceps-curl", b'"biceps-curl"'),
    "blanks around fields": lambda data: data.replace(b"biceps-curl,0.5", b" biceps-curl , 0.5 "),
    "explicit plus": lambda data: data.replace(b"0.25,", b"+0.25,"),
}


@every_text
@pytest.mark.parametrize("change", WELL_FORMED.values(), ids=WELL_FORMED)
def test_read__takes_the_usual_ways_of_writing(case, change, tmp_path):
    path = case.write(tmp_path, ROWS)
    expected = read(case.reader, path)
    path.write_bytes(change(path.read_bytes()))
    came = read(case.reader, path)
    assert (came.digest, came.facts) == (expected.digest, expected.facts)


@every_text
def test_read__refuses_utf16_and_says_how_to_convert(case, tmp_path):
    path = case.write(tmp_path, ROWS)
    path.write_text(path.read_text(), encoding="utf-16")
    with pytest.raises(ReaderError, match="iconv -f UTF-16 -t UTF-8"):
        read(case.reader, path)


@every_text
def test_read__refuses_a_last_line_cut_inside_its_last_field(case, tmp_path):
    path = case.write(tmp_path, ROWS)
    path.write_bytes(path.read_bytes()[:-2])
    with pytest.raises(ReaderError, match="cut short") as caught:
        read(case.reader, path)
    assert caught.value.line == 3 + case.top.count(b"\n")


@every_text
def test_read__takes_the_line_ends_within_quotes_for_an_error(case, tmp_path):
    path = case.write(tmp_path, [ROWS[0], b'0,0,1,"cu', b'rl",,,', ROWS[1]])
    with pytest.raises(ReaderError, match="expected every quote to be closed") as caught:
        read(case.reader, path)
    assert caught.value.line == 2 + case.top.count(b"\n")


numbers = st.floats(width=32, allow_nan=False, allow_infinity=False)


@every_text
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(samples=st.lists(st.tuples(numbers, numbers, numbers), min_size=1, max_size=20))
def test_read__gives_back_every_number_exactly(case, samples, tmp_path):
    rows = [",".join([*map(repr, row), "curl,,,"]).encode() for row in samples]
    came = read(case.reader, case.write(tmp_path, rows)).acceleration
    assert came.tobytes() == np.float32(samples).tobytes()


@st.composite
def corruptions(draw):
    """Draw a function that replaces, inserts or deletes up to three bytes."""
    byte = st.sampled_from(list(b'\n\r,"0-.e \x00\xff')) | st.integers(0, 255)
    edits = draw(
        st.lists(st.tuples(st.floats(0, 1), st.sampled_from("rid"), byte), min_size=1, max_size=3)
    )

    def corrupt(data: bytes) -> bytes:
        for where, how, value in edits:
            place = int(where * (len(data) - 1))
            kept = data[place + (how != "i") :]
            data = data[:place] + (b"" if how == "d" else bytes([value])) + kept
        return data

    return corrupt


@every_text
@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=300
)
@given(corrupt=corruptions())
def test_read__of_a_corrupt_file_fails_or_keeps_every_row(case, corrupt, tmp_path):
    path = case.write(tmp_path, ROWS * 4)
    path.write_bytes(corrupt(path.read_bytes()))
    try:
        rows = len(read(case.reader, path))
    except ReaderError:
        rows = 12
    assert rows == 12


@every_text
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(cut=st.floats(0, 1, exclude_max=True))
def test_read__of_a_file_cut_anywhere_fails_or_gives_whole_rows(case, cut, tmp_path):
    path = case.write(tmp_path, ROWS * 4)
    whole = read(case.reader, path)
    data = path.read_bytes()
    path.write_bytes(data[: int(cut * len(data))])
    try:
        came = read(case.reader, path)
    except ReaderError:
        return
    assert came.acceleration.tolist() == whole.acceleration[: len(came)].tolist()
    # In a file of one line nothing tells that the last field was longer.
    assert len(came) == 1 or {each.repetitions for each in came.sets} == {10}


def test_get__names_the_readers_there_are():
    with pytest.raises(InputError, match="no reader 'garmin'; there are muvr, tabular"):
        readers.get("garmin")


@pytest.mark.parametrize("name", readers.names())
def test_get__names_the_valid_options(name):
    with pytest.raises(InputError, match=r"has no option colour; valid are .*user, session"):
        readers.get(name, colour="red")


def test_detect__finds_muvr(tmp_path):
    path = TEXT["muvr"].write(tmp_path, ROWS)
    assert readers.detect(path).name == "muvr"


def test_detect__says_which_readers_there_are(tmp_path):
    path = TEXT["tabular"].write(tmp_path, [])
    path.write_bytes(b"time,ax,ay,az\n0,1,2,3\n")
    with pytest.raises(ReaderError, match="name one of muvr, tabular"):
        readers.detect(path)
