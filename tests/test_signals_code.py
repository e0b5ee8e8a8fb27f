from functools import partial

import numpy as np
import pytest
from numba import njit

from workoutlab.errors import InputError
from workoutlab.signals.code import digest_function, digest_modules

LIMIT = 1.0


def uses_global(values, rate_hz):
    return (values > LIMIT).mean()


def calls_another(values, rate_hz):
    return uses_global(values, rate_hz) + 1


def recurses(values, rate_hz):
    return recurses(values[1:], rate_hz) if len(values) else 0


def make(constant, *, comment=False):
    lines = ["def feature(values, rate_hz):", f"    return values.max() * {constant}"]
    scope: dict = {"np": np}
    exec("\n".join(["# a comment"] * 3 * comment + lines), scope)
    return scope["feature"]


def close_over(value):
    return lambda values: (values, value)


def test_digest_function__changes_with_a_constant_and_not_with_a_comment():
    assert digest_function(make(2)) == digest_function(make(2, comment=True))
    assert digest_function(make(2)) != digest_function(make(3))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (1, 2),
        (1, 1.0),
        ("a", b"a"),
        ([1, 2], [2, 1]),
        ({"a": 1}, {"a": 2}),
        ({1, 2}, {1, 3}),
        (np.arange(3), np.arange(3.0)),
        (np.ones(2), np.zeros(2)),
        (np.mean, np.median),
        (make(2), make(3)),
        (partial(pow, 2), partial(pow, 3)),
        (None, ...),
    ],
)
def test_digest_function__changes_with_what_it_closes_over(one, other):
    assert digest_function(close_over(one)) == digest_function(close_over(one))
    assert digest_function(close_over(one)) != digest_function(close_over(other))


def test_digest_function__follows_globals_and_the_functions_it_calls(monkeypatch):
    before = [digest_function(each) for each in (uses_global, calls_another)]
    monkeypatch.setitem(globals(), "LIMIT", 2.0)
    after = [digest_function(each) for each in (uses_global, calls_another)]
    assert all(one != other for one, other in zip(before, after, strict=True))


def test_digest_function__of_a_compiled_function_is_that_of_its_source():
    assert digest_function(njit(uses_global)) == digest_function(uses_global)


def test_digest_function__ends_where_a_function_calls_itself():
    assert digest_function(recurses) == digest_function(recurses)


class Threshold:
    def __init__(self, limit):
        self.limit = limit

    def __call__(self, values):
        return (values > self.limit).mean()


def test_digest_function__covers_an_object_that_is_called():
    assert digest_function(Threshold(1)) == digest_function(Threshold(1))
    assert digest_function(Threshold(1)) != digest_function(Threshold(2))
    assert digest_function(Threshold(1).__call__) != digest_function(Threshold(2).__call__)


def test_digest_function__refuses_what_cannot_be_told_apart():
    with pytest.raises(InputError, match="cannot be told from others"):
        digest_function(close_over(iter([1])))


def test_digest_modules__covers_files_and_folders():
    assert digest_modules() == digest_modules()
    assert digest_modules() != digest_modules(("kernels",))
