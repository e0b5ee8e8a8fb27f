"""Tables as columns."""

import numpy as np
import pandas as pd
import pytest
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st
from zarr.codecs import Crc32cCodec

from workoutlab.errors import DamagedLabError, NotInLabError, SchemaError
from workoutlab.schema import Column, Table
from workoutlab.store import layout, tables

PEOPLE = Table(
    "people",
    {
        "user": Column("str"),
        "age": Column("int32", "years", "", -1),
        "height": Column("float64", "m", "", np.nan),
        "trained": Column("bool"),
    },
)


def _group() -> zarr.Group:
    group = zarr.group(zarr.storage.MemoryStore())
    tables.create(group, PEOPLE)
    return group


def _rows(*users: str) -> dict[str, object]:
    count = len(users)
    return {
        "user": list(users),
        "age": [None, *range(1, count)],
        "height": [None, *np.linspace(1, 2, count - 1)],
        "trained": [True] + [False] * (count - 1),
    }


@settings(max_examples=20, deadline=None)
@given(st.lists(st.lists(st.text(min_size=1), min_size=1, max_size=5), min_size=1, max_size=4))
def test_append__reads_back_in_order(batches: list[list[str]]) -> None:
    group = _group()
    firsts = [tables.append(group, PEOPLE, _rows(*users)) for users in batches]
    frame = tables.read(group, PEOPLE)
    assert frame["user"].tolist() == [user for users in batches for user in users]
    assert firsts == np.cumsum([0, *map(len, batches[:-1])]).tolist()


def test_read__shows_what_is_not_known_as_missing() -> None:
    group = _group()
    tables.append(group, PEOPLE, _rows("ann", "bob"))
    frame = tables.read(group, PEOPLE)
    assert frame.loc[0, ["age", "height"]].isna().all()
    assert frame["age"].dtype == "Int32"
    assert frame["user"].dtype == "str"
    assert frame["trained"].tolist() == [True, False]


def test_read__only_the_columns_asked_for() -> None:
    group = _group()
    tables.append(group, PEOPLE, _rows("ann", "bob"))
    frame = tables.read(group, PEOPLE, ["age", "user"], start=1, stop=2)
    assert frame.columns.tolist() == ["age", "user"]
    assert frame.index.tolist() == [1]


def test_read__names_a_column_that_is_not_there() -> None:
    with pytest.raises(NotInLabError, match="no column weight; it has user, age"):
        tables.read(_group(), PEOPLE, ["weight"])


def test_read__an_empty_table_keeps_its_columns() -> None:
    frame = tables.read(_group(), PEOPLE)
    assert frame.empty
    assert frame.columns.tolist() == list(PEOPLE.columns)


@pytest.mark.parametrize("wrong", [{"age": [1]}, {"hair": ["red", "red"]}])
def test_append__refuses_rows_of_another_form(wrong: dict[str, object]) -> None:
    group = _group()
    with pytest.raises(SchemaError, match="table people: expected"):
        tables.append(group, PEOPLE, {**_rows("ann", "bob"), **wrong})
    assert tables.length(group, PEOPLE) == 0


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"user": ["ann", "\ud800"]}, "column user: expected str"),
        ({"age": [1, 2**40]}, "column age: expected int32"),
        ({"age": [1, "old"]}, "column age: expected int32"),
        ({"height": [1.8, "tall"]}, "column height: expected float64"),
    ],
)
def test_append__names_the_column_that_cannot_hold_it(
    wrong: dict[str, object], message: str
) -> None:
    group = _group()
    with pytest.raises(SchemaError, match=message):
        tables.append(group, PEOPLE, {**_rows("ann", "bob"), **wrong})
    assert tables.length(group, PEOPLE) == 0


def test_blank__leaves_the_row_out_and_the_numbers_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layout, "ROWS_PER_CHUNK", 2)
    group = _group()
    tables.append(group, PEOPLE, _rows("ann", "bob", "cid", "dan", "eve"))
    tables.blank(tables.open_table(group, "people"), np.array([1, 2, 4]))
    assert tables.read(group, PEOPLE)["user"].to_dict() == {0: "ann", 3: "dan"}
    blanks = tables.read(group, PEOPLE, erased=True).loc[[1, 2, 4]]
    assert (blanks["user"] == "").all()
    assert blanks[["age", "height"]].isna().all().all()


def test_take__reads_rows_of_several_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layout, "ROWS_PER_CHUNK", 2)
    group = _group()
    tables.append(group, PEOPLE, _rows("ann", "bob", "cid", "dan", "eve"))
    home = tables.open_table(group, "people")
    user, age = tables.take(home, ["user", "age"], np.array([1, 2, 4]))
    assert user.tolist() == ["bob", "cid", "eve"]
    assert age.tolist() == [1, 2, 4]


@pytest.mark.parametrize("name", list(PEOPLE.columns))
def test_read__refuses_a_lost_chunk(name: str) -> None:
    group = _group()
    tables.append(group, PEOPLE, _rows("ann", "bob"))
    del group.store._store_dict[f"people/{name}/c/0"]  # type: ignore[attr-defined]
    with pytest.raises(DamagedLabError, match=f"people/{name}, .* chunk 0 is missing"):
        tables.read(group, PEOPLE, [name])


def test_read__refuses_columns_of_different_length() -> None:
    group = _group()
    tables.append(group, PEOPLE, _rows("ann", "bob"))
    group["people/age"].resize((1,))
    with pytest.raises(DamagedLabError, match="different length"):
        tables.read(group, PEOPLE, ["age"])


def test_create__every_column_has_a_checksum() -> None:
    for _, array in _group()["people"].arrays():
        assert isinstance(array.compressors[-1], Crc32cCodec)


def test_read__text_survives() -> None:
    group = _group()
    users = ["", "é", "日本", "a" * 1000, "tab\tnew\nline"]
    tables.append(group, PEOPLE, _rows(*users))
    frame = tables.read(group, PEOPLE, erased=True)
    pd.testing.assert_series_equal(
        frame["user"], pd.Series(users, dtype="str", name="user", index=range(5))
    )
