"""Errors say where and what, and survive the way back from a worker process."""

import pickle

import pytest

from workoutlab import errors


def test_errors__are_one_tree() -> None:
    for name in errors.__all__:
        assert issubclass(getattr(errors, name), errors.WorkoutlabError)
    assert issubclass(errors.UnitError, ValueError)
    assert issubclass(errors.NotInLabError, KeyError)
    assert issubclass(errors.MissingExtraError, ImportError)


def test_errors__tree_in_the_docstring_is_complete() -> None:
    assert errors.__doc__ is not None
    assert all(name in errors.__doc__ for name in errors.__all__)


@pytest.mark.parametrize(
    "error",
    [
        errors.ReaderError("expected a number, got 'x'", file="a.csv", line=3, column="weight"),
        errors.ReaderError("empty"),
        errors.MissingExtraError("holoviews", "plots"),
        errors.NotInLabError("no user 'ann'"),
    ],
)
def test_errors__pickle(error: Exception) -> None:
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is type(error)
    assert str(copy) == str(error)
    assert copy.__dict__ == error.__dict__


def test_reader_error__names_the_place() -> None:
    error = errors.ReaderError("expected a number, got 'x'", file="a.csv", line=3, column="weight")
    assert str(error) == "a.csv, line 3, column 'weight': expected a number, got 'x'"
    assert str(errors.ReaderError("empty", file="a.csv")) == "a.csv: empty"
    assert str(errors.ReaderError("empty")) == "empty"


def test_missing_extra_error__names_the_command() -> None:
    assert str(errors.MissingExtraError("holoviews", "plots")) == (
        "holoviews is not installed: pip install 'workoutlab[plots]'"
    )


def test_not_in_lab_error__shows_its_message_plainly() -> None:
    assert str(errors.NotInLabError("no user 'ann'")) == "no user 'ann'"
