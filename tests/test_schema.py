"""The declarations are held to, and what does not fit is named."""

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from workoutlab import schema
from workoutlab.errors import SchemaError

RESERVED = (".", "..", "zarr.json", "Zarr.JSON")


@given(
    st.from_regex(r"[A-Za-z0-9_.-]{1,64}", fullmatch=True).filter(
        lambda value: value.lower() not in RESERVED
    )
)
def test_check_id__takes_what_is_declared(value: str) -> None:
    assert schema.check_id(value, "user") == value


@pytest.mark.parametrize("value", ["", "a b", "a/b", "ä", "a\n", "x" * 65, "../x", 7, None])
def test_check_id__refuses_the_rest(value: object) -> None:
    with pytest.raises(SchemaError, match=r"user: expected 1 to 64 letters.*rename the user"):
        schema.check_id(value, "user")


@pytest.mark.parametrize("value", RESERVED)
def test_check_id__refuses_what_a_folder_of_zarr_arrays_cannot_hold(value: str) -> None:
    with pytest.raises(SchemaError, match=r"name: .* has a meaning of its own.*rename the name"):
        schema.check_id(value, "name")


def features() -> xr.Dataset:
    return xr.Dataset(
        {"features": (("window", "feature"), np.zeros((2, 1), np.float32))},
        coords={
            "unit": ("feature", np.array(["g"])),
            "user": ("window", np.array(["ann", "ann"])),
            "session": ("window", np.array(["1", "1"])),
            "exercise": ("window", np.array(["", "row"])),
            "muscle_group": ("window", np.array(["", "back"])),
            "recording": ("window", np.array([0, 0])),
            "set": ("window", np.array([-1, 0])),
            "start_s": ("window", np.array([0.0, 1.0])),
            "length_s": ("window", np.array([8.0, 8.0])),
        },
    )


def test_check_dataset__takes_what_is_declared() -> None:
    dataset = features()
    assert schema.check_dataset(dataset, schema.FEATURES, "features") is dataset


def test_check_dataset__names_everything_that_does_not_fit() -> None:
    dataset = features().drop_vars("user").assign(set=("window", np.zeros(2)))
    dataset["start_s"] = dataset["start_s"].expand_dims("feature")
    with pytest.raises(SchemaError) as error:
        schema.check_dataset(dataset, schema.FEATURES, "features")
    assert "user ('window',) is missing" in str(error.value)
    assert "set is float64, expected int64" in str(error.value)
    assert "start_s has dims ('feature', 'window'), expected ('window',)" in str(error.value)


def test_tables__columns_declare_a_dtype() -> None:
    for name, table in schema.TABLES.items():
        assert table.name == name
        for column in table.columns.values():
            assert column.dtype == "str" or np.dtype(column.dtype)
            assert column.meaning
