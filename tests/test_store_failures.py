"""What goes wrong while a lab is read."""

import icechunk
import pytest

from workoutlab.errors import DamagedLabError, LabError, NotInLabError
from workoutlab.store.failures import reading


@pytest.mark.parametrize("error", [ValueError, OSError, KeyError, RuntimeError, TypeError])
def test_reading__tells_damage(error: type[Exception]) -> None:
    message = r"the head cannot be read: .*odd.*; run `verify`"
    with pytest.raises(DamagedLabError, match=message), reading("the head"):
        raise error("odd")


def test_reading__tells_a_panic() -> None:
    panic = type("PanicException", (BaseException,), {})
    with pytest.raises(DamagedLabError, match="PanicException"), reading("the head"):
        raise panic


def test_reading__a_store_that_does_not_answer_is_no_damage() -> None:
    message = r"cannot be reached: getting object.*; try again"
    with pytest.raises(LabError, match=message) as caught, reading("the head"):
        raise icechunk.IcechunkError("  x getting object: dispatch failure\n  | context")
    assert not isinstance(caught.value, DamagedLabError)


@pytest.mark.parametrize("error", [NotInLabError("x"), KeyboardInterrupt(), MemoryError()])
def test_reading__lets_others_pass(error: BaseException) -> None:
    with pytest.raises(type(error)), reading("the head"):
        raise error
