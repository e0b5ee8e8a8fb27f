"""Any table: mapping, units, times, ids, several recordings in a file, Parquet."""

import tomllib
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from workoutlab import readers
from workoutlab.errors import InputError, ReaderError, UnitError
from workoutlab.readers.templates import match_template
from workoutlab.recording import LabelledSet

XYZ = {"x": "x", "y": "y", "z": "z"}

GEOTEC = r"""
path = '{user:s\d+}/{session}_{device:sw|sp}.csv'
acceleration_unit = "m/s2"
angular_velocity_unit = "rad/s"
time_unit = "ms"

[columns]
x = "x_acc"
y = "y_acc"
z = "z_acc"
gx = "x_gyro"
gy = "y_gyro"
gz = "z_gyro"
time = "timestamp"
exercise = "label"

[rename.device]
sw = "watch"
sp = "phone"
"""


def tabular(columns=None, **options):
    options = {"rate_hz": 100} | options
    if "time" in (columns or {}):
        del options["rate_hz"]
    return readers.get("tabular", columns=XYZ | (columns or {}), **options)


def write(folder, text, name="recording.csv"):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def read(folder, text, columns=None, *, name="recording.csv", **options):
    (recording,) = tabular(columns, **options).read(write(folder, text, name))
    return recording


@pytest.mark.parametrize(
    ("unit", "written", "g"),
    [
        ("g", "0.5,-1,2", [0.5, -1, 2]),
        ("mg", "500,-1000,1.5", [0.5, -1, 0.0015]),
        ("m/s2", "9.80665,-19.6133,4.903325", [1, -2, 0.5]),
    ],
)
def test_read__converts_acceleration_to_g(unit, written, g, tmp_path):
    recording = read(tmp_path, f"x,y,z\n{written}\n", acceleration_unit=unit)
    assert recording.acceleration[0] == pytest.approx(g, rel=1e-7)


@pytest.mark.parametrize(
    ("unit", "written", "deg_s"),
    [
        ("deg/s", "90,-45,0.5", [90, -45, 0.5]),
        ("rad/s", "3.141592653589793,-1,0", [180, -57.29577951308232, 0]),
    ],
)
def test_read__converts_angular_velocity_to_degrees(unit, written, deg_s, tmp_path):
    gyro = {"gx": "a", "gy": "b", "gz": "c"}
    text = f"x,y,z,a,b,c\n0,0,1,{written}\n"
    recording = read(tmp_path, text, gyro, angular_velocity_unit=unit)
    assert recording.angular_velocity[0] == pytest.approx(deg_s, rel=1e-7)


@pytest.mark.parametrize(
    ("unit", "written", "time_ns"),
    [
        (
            "s",
            ["1657533977.810123456", "1657533977.82"],
            [1657533977810123456, 1657533977820000000],
        ),
        ("s", ["0", "0.060000000000000005"], [0, 60_000_000]),
        ("s", ["-1.5", "1e3"], [-1_500_000_000, 1_000_000_000_000]),
        ("ms", ["1657533977810", "1657533977819.25"], [1657533977810000000, 1657533977819250000]),
        ("us", ["1657533977810123", "0.001"], [1657533977810123000, 1]),
        ("ns", ["1657533977810123456", "-1"], [1657533977810123456, -1]),
        ("iso", ["1970-01-01T00:00:01.5", "1970-01-01 00:01"], [1_500_000_000, 60_000_000_000]),
        (
            "iso",
            ["1970-01-01T00:00:00.000000001Z", "1970-01-01T02:00:01+02:00"],
            [1, 1_000_000_000],
        ),
    ],
)
def test_read__converts_times_to_ns_exactly(unit, written, time_ns, tmp_path):
    text = "t,x,y,z\n" + "".join(f"{time},0,0,1\n" for time in written)
    recording = read(tmp_path, text, {"time": "t"}, time_unit=unit)
    assert recording.time_ns.tolist() == time_ns
    assert recording.start_ns == time_ns[0]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(times=st.lists(st.integers(1 - 2**63, 2**63 - 1), min_size=1, max_size=9))
@pytest.mark.parametrize(("unit", "digits"), [("s", 9), ("ms", 6), ("us", 3), ("ns", 0)])
def test_read__gives_back_every_time_exactly(unit, digits, times, tmp_path):
    written = (f"{Decimal(time).scaleb(-digits):f}" for time in times)
    text = "t,x,y,z\n" + "".join(f"{time},0,0,1\n" for time in written)
    assert read(tmp_path, text, {"time": "t"}, time_unit=unit).time_ns.tolist() == times


@pytest.mark.parametrize(
    ("unit", "written", "problem"),
    [
        ("s", "", "expected a time in s, a finite number, got ''"),
        ("s", "12:30", "expected a time in s, a finite number, got '12:30'"),
        ("s", "inf", "expected a time in s, a finite number, got 'inf'"),
        ("s", "1657533977810", "expected a time between 1678 and 2261"),
        ("s", "1e30", "expected a time between 1678 and 2261"),
        ("ns", "1.5", "expected a time in ns, a whole number, got '1.5'"),
        ("iso", "12.3.2024 10:00", "expected an ISO 8601 time"),
        ("iso", "1500-01-01", "expected an ISO 8601 time"),
    ],
)
def test_read__names_the_line_of_a_time_that_is_none(unit, written, problem, tmp_path):
    with pytest.raises(ReaderError) as caught:
        read(tmp_path, f"t,x,y,z\n0,0,0,1\n{written},0,0,1\n", {"time": "t"}, time_unit=unit)
    if unit == "iso":  # the first row is none either
        assert caught.value.line == 2
    else:
        assert problem in str(caught.value)
        assert (caught.value.line, caught.value.column) == (3, "t")


def test_read__refuses_iso_times_with_and_without_zone_together(tmp_path):
    text = "t,x,y,z\n2024-01-01T10:00Z,0,0,1\n2024-01-01T10:01,0,0,1\n"
    with pytest.raises(ReaderError, match="zone offset"):
        read(tmp_path, text, {"time": "t"}, time_unit="iso")


UNSORTED = "t,x,y,z\n0,0,0,1\n10,0,0,1\n10,0,0,1\n5,0,0,1\n"


def test_read__keeps_duplicate_and_backward_times(tmp_path):
    recording = read(tmp_path, UNSORTED, {"time": "t"}, time_unit="ms")
    assert recording.time_ns.tolist() == [0, 10_000_000, 10_000_000, 5_000_000]


def test_read__rejects_duplicate_and_backward_times_if_asked(tmp_path):
    with pytest.raises(ReaderError, match="expected times that increase") as caught:
        read(tmp_path, UNSORTED, {"time": "t"}, time_unit="ms", times="reject")
    assert (caught.value.line, caught.value.column) == (4, "t")
    increasing = "".join(UNSORTED.splitlines(keepends=True)[:3])
    recording = read(tmp_path, increasing, {"time": "t"}, time_unit="ms", times="reject")
    assert len(recording) == 2


def test_read__makes_sets_of_all_label_columns(tmp_path):
    columns = {
        "exercise": "e",
        "muscle_group": "m",
        "weight": "w",
        "repetitions": "r",
        "intensity": "i",
        "body_weight": "b",
    }
    text = (
        "x,y,z,e,m,w,r,i,b\n0,0,1,,,,,,\n0,0,1,curl,arms,10,8,0.5,false\n"
        "0,0,1,curl,arms,10,8,0.5,no\n0,0,1,dips,arms,0,12,,Yes\n"
    )
    assert read(tmp_path, text, columns).sets == (
        LabelledSet(
            start=1,
            stop=3,
            exercise="curl",
            muscle_group="arms",
            weight_kg=10,
            repetitions=8,
            intensity=0.5,
        ),
        LabelledSet(
            start=3,
            stop=4,
            exercise="dips",
            muscle_group="arms",
            weight_kg=0,
            repetitions=12,
            body_weight=True,
        ),
    )


def test_read__refuses_body_weight_that_is_neither_true_nor_false(tmp_path):
    with pytest.raises(ReaderError, match=r"line 3, column 'b': expected true or false, got 'ja'"):
        read(tmp_path, "x,y,z,b\n0,0,1,1\n0,0,1,ja\n", {"body_weight": "b"})


def test_read__takes_constants_for_all_files(tmp_path):
    recording = read(
        tmp_path,
        "x,y,z\n0,0,1\n",
        user="ann",
        session="monday",
        device="watch",
        exercise="curl",
        muscle_group="arms",
        simulated=True,
    )
    assert (recording.user, recording.session, recording.device) == ("ann", "monday", "watch")
    assert recording.simulated
    assert recording.sets == (LabelledSet(start=0, stop=1, exercise="curl", muscle_group="arms"),)


def test_read__takes_ids_and_numbers_from_the_path(tmp_path):
    recording = read(
        tmp_path,
        "x,y,z\n0,0,1\n",
        name="gym/ann_monday/arms-curl_12x20kg.csv",
        path=r"{user}_{session}/{muscle_group}-{exercise}_{repetitions:\d+}x{weight:\d+}kg.csv",
    )
    assert (recording.user, recording.session) == ("ann", "monday")
    (labelled,) = recording.sets
    assert (labelled.exercise, labelled.muscle_group) == ("curl", "arms")
    assert (labelled.repetitions, labelled.weight_kg) == (12, 20)


def test_match_template__takes_a_name_that_comes_again_for_the_same_text():
    template = r"{user:s\d+}/{user}_{session}.csv"
    assert match_template(template, Path("in/s01/s01_02.csv")) == {"user": "s01", "session": "02"}
    assert match_template(template, Path("in/s01/s02_02.csv")) is None
    assert match_template(template, Path("s01_02.csv")) is None


@pytest.mark.parametrize(
    ("name", "path", "problem"),
    [
        ("a.csv", "{user}_{session}.csv", "expected a path like '{user}_{session}.csv'"),
        ("curl_many.csv", "{exercise}_{repetitions}.csv", "expected a number of repetitions"),
        ("ann smith.csv", "{user}.csv", "expected 1 to 64 letters"),
    ],
)
def test_read__refuses_a_path_that_does_not_fit(name, path, problem, tmp_path):
    with pytest.raises(ReaderError) as caught:
        read(tmp_path, "x,y,z\n0,0,1\n", name=name, path=path)
    assert problem in str(caught.value)


SHARED = """who,t,x,y,z,e
ann,0,0,0,1,curl
bob,0,0,0,2,
ann,10,0,0,3,curl
bob,10,0,0,4,dips
ann,5,0,0,5,
"""


def test_read__splits_a_file_by_user(tmp_path):
    columns = {"user": "who", "time": "t", "exercise": "e"}
    path = write(tmp_path, SHARED)
    ann, bob = tabular(columns, time_unit="ms").read(path)
    assert (ann.user, bob.user) == ("ann", "bob")
    assert ann.acceleration[:, 2].tolist() == [1, 3, 5]
    assert bob.acceleration[:, 2].tolist() == [2, 4]
    assert ann.time_ns.tolist() == [0, 10_000_000, 5_000_000]
    assert [(each.start, each.stop) for each in ann.sets] == [(0, 2)]
    assert [(each.exercise, each.start, each.stop) for each in bob.sets] == [("dips", 1, 2)]


def test_read__refuses_scattered_rows_at_a_regular_rate(tmp_path):
    with pytest.raises(ReaderError, match="expected the rows of each recording together") as caught:
        list(tabular({"user": "who"}).read(write(tmp_path, SHARED)))
    assert caught.value.line == 4


def test_read__names_the_line_of_an_id_that_is_none(tmp_path):
    with pytest.raises(ReaderError, match="user: expected 1 to 64 letters") as caught:
        list(tabular({"user": "who"}).read(write(tmp_path, "who,x,y,z\nann,0,0,1\nb b,0,0,1\n")))
    assert (caught.value.line, caught.value.column) == (3, "who")


def test_read__takes_other_delimiters_decimals_and_tops(tmp_path):
    text = "made by x\n\nt;x;y;z\n0,5;0,25;-1,5;1\n"
    recording = read(
        tmp_path,
        text,
        {"time": "t"},
        time_unit="s",
        delimiter=";",
        decimal=",",
        skip_lines=2,
    )
    assert recording.acceleration.tolist() == [[0.25, -1.5, 1]]
    assert recording.time_ns.tolist() == [500_000_000]


def test_read__numbers_the_columns_of_a_file_without_header(tmp_path):
    reader = readers.get(
        "tabular", columns={"x": 2, "y": "3", "z": 4}, rate_hz=10, header=False, delimiter="\t"
    )
    path = write(tmp_path, "a\t0\t1\t2\nb\t3\t4\t5\n", "a.tsv")
    (recording,) = reader.read(path)
    assert recording.acceleration.tolist() == [[0, 1, 2], [3, 4, 5]]
    assert reader.detect(path, path.read_bytes())
    assert not reader.detect(path, b"a\t0\n")


@pytest.mark.parametrize(
    ("header", "problem"),
    [
        ("x,y", "expected one column 'z' for z, found none among 'x', 'y'"),
        ("x,y,z,z", "expected one column 'z' for z, found 2"),
        ("", "expected one column 'x' for x, found none"),
        ('"x,y,z', "expected every quote to be closed"),
    ],
)
def test_read__names_what_is_wrong_with_the_header(header, problem, tmp_path):
    with pytest.raises(ReaderError) as caught:
        read(tmp_path, f"{header}\n0,0,1\n")
    assert problem in str(caught.value)
    assert caught.value.line == 1


def test_read__does_not_look_at_columns_that_are_not_asked_for(tmp_path):
    recording = read(tmp_path, "x,y,z,n,n,\n0,0,1,inf,abc,\n")
    assert len(recording) == 1


def test_read__refuses_a_header_without_rows(tmp_path):
    with pytest.raises(ReaderError, match="no rows"):
        read(tmp_path, "x,y,z\n")


def test_read__refuses_samples_that_overflow_float32_in_g(tmp_path):
    gyro = {"gx": "a", "gy": "b", "gz": "c"}
    with pytest.raises(ReaderError, match=r"line 2, column 'a': expected at most"):
        read(tmp_path, "x,y,z,a,b,c\n0,0,1,3e38,0,0\n", gyro, angular_velocity_unit="rad/s")


def write_table(folder, name="recording.parquet", **columns):
    path = folder / name
    table = {"x": [0.0, 0.5], "y": [0, 1], "z": [1.0, 1.0]} | columns
    pa.parquet.write_table(pa.table(table), path)
    return path


@pytest.mark.parametrize(
    ("unit", "times"),
    [
        ("s", [0.5, 1.5]),
        ("ms", [500, 1500]),
        ("us", [Decimal("500000.0"), Decimal("1500000.0")]),
        ("ns", [500_000_000, 1_500_000_000]),
        ("iso", ["1970-01-01T00:00:00.5", "1970-01-01T00:00:01.5"]),
        ("iso", ["1970-01-01T01:00:00.5+01:00", "1970-01-01T00:00:01.5Z"]),
        ("iso", [datetime.fromtimestamp(each, UTC) for each in (0.5, 1.5)]),
        ("ms", [datetime.fromtimestamp(each, UTC) for each in (0.5, 1.5)]),
    ],
)
def test_read__takes_times_of_any_type_from_parquet(unit, times, tmp_path):
    path = write_table(tmp_path, t=times)
    (recording,) = tabular({"time": "t"}, time_unit=unit).read(path)
    assert recording.time_ns.tolist() == [500_000_000, 1_500_000_000]
    assert recording.acceleration.tolist() == [[0, 0, 1], [0.5, 1, 1]]


def test_read__takes_labels_of_any_type_from_parquet(tmp_path):
    path = write_table(
        tmp_path,
        user=[7, 7],
        e=pa.array(["curl", None]).dictionary_encode(),
        w=pa.array([None, 2.5]),
        b=[True, False],
    )
    columns = {"user": "user", "exercise": "e", "weight": "w", "body_weight": "b"}
    (recording,) = tabular(columns).read(path)
    assert recording.user == "7"
    assert recording.sets == (LabelledSet(start=0, stop=1, exercise="curl", body_weight=True),)


@pytest.mark.parametrize(
    ("columns", "problem", "line"),
    [
        ({"x": [0.0, None]}, "column 'x': expected a finite number, got null", 2),
        ({"x": [0.0, np.inf]}, "column 'x': expected a finite number, got inf", 2),
        ({"x": [0.0, np.nan]}, "column 'x': expected a finite number, got nan", 2),
        ({"x": ["0", "1"]}, "expected a finite number, got values of type string", None),
        ({"t": ["a", "b"]}, "expected a time in ms, a finite number, got values of type", None),
        ({"t": [0, None]}, "column 't': expected a time in ms, a finite number, got null", 2),
        ({"t": [0, 2**62]}, "column 't': expected a time between 1678 and 2261", 2),
        ({"w": [0.0, np.inf]}, "column 'w': expected a finite number or an empty field", 2),
        ({"e": ["", "cu\x07rl"]}, "column 'e': expected printable UTF-8 text", 2),
        ({"e": [1.5, 2.5]}, "expected printable UTF-8 text, got values of type double", None),
    ],
)
def test_read__names_the_row_at_fault_in_parquet(columns, problem, line, tmp_path):
    table = {"t": [0, 1], "w": [1.0, 2.0], "e": ["", ""]} | columns
    reader = tabular({"time": "t", "weight": "w", "exercise": "e"}, time_unit="ms")
    with pytest.raises(ReaderError) as caught:
        list(reader.read(write_table(tmp_path, **table)))
    assert problem in str(caught.value)
    assert caught.value.line == line


def test_read__refuses_parquet_without_the_column_or_without_rows(tmp_path):
    with pytest.raises(ReaderError, match="expected one column 't' for time, found none among"):
        list(tabular({"time": "t"}, time_unit="ms").read(write_table(tmp_path)))
    with pytest.raises(ReaderError, match="no rows"):
        list(tabular().read(write_table(tmp_path, **dict.fromkeys("xyz", pa.array([], "double")))))


@pytest.mark.parametrize("keep", [0, 3, 40, -9])
def test_read__refuses_parquet_that_was_cut(keep, tmp_path):
    path = write_table(tmp_path)
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(ReaderError, match="cannot be read as Parquet"):
        list(tabular().read(path))


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"columns": {"q": "a"}}, "unknown columns.q; valid are x, y, z, gx"),
        ({"columns": {"x": "x", "y": "y"}}, "columns.z: name the file's columns"),
        ({"columns": XYZ | {"gx": "gx"}}, "columns.gy, columns.gz"),
        ({"columns": XYZ | {"y": "x"}}, "columns.y and columns.x are both 'x'"),
        ({"columns": "x"}, "columns: expected a table of names"),
        ({"rate_hz": None}, "either rate_hz or columns.time"),
        ({"columns": XYZ | {"time": "t"}}, "either rate_hz or columns.time"),
        ({"rate_hz": 0}, "rate_hz: expected a positive number, got 0"),
        ({"rate_hz": "fast"}, "rate_hz: expected a number, got 'fast'"),
        ({"time_unit": "s"}, "time_unit without columns.time"),
        ({"simulated": "maybe"}, "simulated: expected true or false, got 'maybe'"),
        ({"delimiter": ", "}, "delimiter: expected one character"),
        ({"decimal": ","}, "decimal: expected '.' or ',', other than the delimiter"),
        ({"skip_lines": -1}, "skip_lines: expected 0 or more"),
        ({"skip_lines": "inf"}, "skip_lines: expected a whole number, got 'inf'"),
        ({"skip_lines": "1.5"}, "skip_lines: expected a whole number, got '1.5'"),
        ({"rename": "x"}, "rename: expected a table of names"),
        ({"rename": {"place": {"a": "b"}}}, "unknown rename.place; valid are user, session"),
        ({"path": "{user}_{place}.csv"}, "place in '{user}_{place}.csv'; a path can tell user"),
        ({"path": "{user.csv"}, "expected {name}, {name:regex} and * only"),
        ({"path": "{user:(}.csv"}, "bad regular expression"),
        ({"path": "{user}.csv", "user": "ann"}, "user is told twice, by {user} in path and user"),
        ({"user": "a b"}, "user: expected 1 to 64 letters"),
    ],
)
def test_tabular__refuses_a_mapping_that_cannot_work(options, problem):
    with pytest.raises(InputError) as caught:
        readers.get("tabular", **{"columns": XYZ, "rate_hz": 50} | options)
    assert problem in str(caught.value)


@pytest.mark.parametrize(
    ("options", "valid"),
    [
        ({"acceleration_unit": "ft/s2"}, "g, mg, m/s2"),
        ({"angular_velocity_unit": "rpm"}, "deg/s, rad/s"),
        ({"columns": XYZ | {"time": "t"}, "rate_hz": None, "time_unit": "min"}, "s, ms, us, ns"),
        ({"times": "sort"}, "keep, reject"),
    ],
)
def test_tabular__names_the_valid_units(options, valid):
    with pytest.raises(UnitError, match=valid):
        readers.get("tabular", **{"columns": XYZ, "rate_hz": 50} | options)


def test_detect__goes_by_path_or_header(tmp_path):
    by_header = tabular({"exercise": "e"})
    assert by_header.detect(tmp_path / "a.csv", b"\xef\xbb\xbfx, y,z,e\n")
    assert not by_header.detect(tmp_path / "a.csv", b"x,y,z\n")
    assert not by_header.detect(tmp_path / "a.csv", b'"x,y,z,e\n')
    assert not by_header.detect(tmp_path / "a.md", b"x,y,z,e\n")
    assert by_header.detect(tmp_path / "a.parquet", b"PAR1")
    by_path = tabular(path="{user}_{session}.csv")
    assert by_path.detect(tmp_path / "ann_1.csv", b"damaged")
    assert not by_path.detect(tmp_path / "people.csv", b"x,y,z\n")


def test_read_options__merges_pairs_into_the_file(tmp_path):
    file = tmp_path / "mapping.toml"
    file.write_text("rate_hz = 50\n[columns]\nx = 'ax'\ny = 'ay'\n")
    options = readers.read_options(
        ["columns.z=az", "columns.x=bx", "rate_hz=25", "header=false", "rename.device.sw=watch"],
        file=file,
    )
    assert options == {
        "rate_hz": "25",
        "columns": {"x": "bx", "y": "ay", "z": "az"},
        "header": "false",
        "rename": {"device": {"sw": "watch"}},
    }
    reader = readers.get("tabular", **options | {"columns": {"x": "1", "y": "2", "z": "3"}})
    assert (reader.rate_hz, reader.header) == (25, False)


@pytest.mark.parametrize(
    ("pairs", "text", "problem"),
    [
        (["rate_hz"], "", "expected key=value, got 'rate_hz'"),
        (["=5"], "", "expected key=value, got '=5'"),
        (["rate_hz.x=5"], "rate_hz = 5", "rate_hz is a value, not a table"),
        ([], "rate_hz = ", "expected a TOML file"),
    ],
)
def test_read_options__refuses_what_is_no_mapping(pairs, text, problem, tmp_path):
    file = tmp_path / "mapping.toml"
    file.write_text(text)
    with pytest.raises(InputError) as caught:
        readers.read_options(pairs, file=file)
    assert problem in str(caught.value)


def test_read_options__refuses_a_file_that_is_not_there(tmp_path):
    with pytest.raises(InputError, match="expected a TOML file"):
        readers.read_options(file=tmp_path / "none.toml")


@pytest.mark.data
def test_read__of_one_real_watch_and_phone_recording(real_data):
    reader = readers.get("tabular", **tomllib.loads(GEOTEC))
    (watch,) = reader.read(real_data / "geotec" / "s01" / "s01_01_sw.csv")
    (phone,) = reader.read(real_data / "geotec" / "s01" / "s01_01_sp.csv")
    assert (watch.user, watch.session, watch.device) == ("s01", "s01_01", "watch")
    assert (phone.user, phone.session, phone.device) == ("s01", "s01_01", "phone")
    assert watch.start_ns == 1657533977810 * 10**6
    first = [0.3832031488418579, -3.5350489616394043, 9.110654830932617]
    assert watch.acceleration[0] == pytest.approx(np.divide(first, 9.80665), rel=1e-7)
    assert watch.angular_velocity[0, 0] == pytest.approx(np.degrees(-0.010995570570230484))
    assert {each.exercise for each in watch.sets} == {
        "SEATED",
        "STANDING_UP",
        "WALKING",
        "TURNING",
        "SITTING_DOWN",
    }
    assert 90 < watch.median_rate_hz < 110
