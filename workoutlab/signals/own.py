"""Features of the user's own: a NumPy function, or one compiled by Numba, over one window."""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from inspect import signature
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt

from workoutlab.errors import InputError
from workoutlab.signals.code import digest_function

__all__ = ["Own"]

Floats = npt.NDArray[np.float32]

_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,63}")


@dataclass(frozen=True, eq=False, repr=False, init=False)
class Own:
    """A feature that is not in the catalogue: a function over one window.

    Functions of Numba (``@numba.njit``) are called from one compiled loop without the interpreter
    and its lock, all others from a loop in Python. Either may change the values it is given, which
    are a copy. What an own feature is told by, when a run is resumed or features are saved, is its
    name, unit and a digest of the code: constants, defaults, closed-over values and the globals
    and functions that it names count, libraries by their name alone.

    Parameters
    ----------
    function
        Called as ``function(values, rate_hz)``. Returns one number, or as many as `names`.
    name
        Its name; the function's own by default, or the first of `names`. A feature of a channel is
        a column for each channel: ``"x_name"`` and so on.
    unit
        Its unit, ``"1"`` for a ratio; one for all numbers, or one each.
    of
        ``"channel"``: values are one channel's, float32 of shape (length,). ``"window"``: they are
        all described channels', float32 of shape (length, channel).
    names
        Names of the numbers where it returns several; they take the place of `name` in columns.

    Raises
    ------
    InputError
        If an argument cannot mean anything, or the function holds something whose change could not
        be noticed.

    Examples
    --------
    >>> from workoutlab.signals import Statistics
    >>> span = Own(lambda values, rate_hz: np.ptp(values), name="span", unit="g")
    >>> inputs = Statistics(["mean", span], channels=("x", "y"))
    >>> inputs.names(400)
    ('x_mean', 'y_mean', 'x_span', 'y_span')
    >>> planes = np.array([[1, 2, 6], [0, 0, 0]], np.float32)
    >>> inputs.compute(planes, np.array([0]), 3, 50.0).tolist()
    [[3.0, 0.0, 5.0, 0.0]]
    """

    function: Callable[..., Any]
    name: str
    names: tuple[str, ...]
    units: tuple[str, ...]
    of: Literal["channel", "window"]
    digest: str = field(metadata={"meaning": "SHA-256 of the code, in hex"})

    def __init__(
        self,
        function: Callable[..., Any],
        *,
        name: str | None = None,
        unit: str | Sequence[str] = "1",
        of: Literal["channel", "window"] = "channel",
        names: Sequence[str] = (),
    ) -> None:
        if not callable(function):
            raise InputError(f"function: expected a function of a window, got {function!r}")
        if of not in ("channel", "window"):
            raise InputError(f"of: expected 'channel' or 'window', got {of!r}")
        _check_call(function)
        if isinstance(names, str) or not isinstance(names, Iterable):
            raise InputError(f"names: expected several names, got {names!r}; one goes to name=")
        listed = tuple(names)
        called = getattr(function, "__name__", "") if name is None else name
        if listed and name is None and not _NAME.fullmatch(called):
            called = listed[0]
        listed = listed or (called,)
        for each in (called, *listed):
            if not isinstance(each, str) or not _NAME.fullmatch(each):
                raise InputError(
                    f"name: expected a letter, then up to 63 letters, digits, '_', '.' or '-', "
                    f"got {each!r}; give one, Own(function, name='span') say"
                )
        units = _list_units(unit, len(listed))
        held = {"function": function, "name": called, "names": listed, "units": units, "of": of}
        for attribute, value in {**held, "digest": digest_function(function)}.items():
            object.__setattr__(self, attribute, value)  # the dataclass is frozen

    def __repr__(self) -> str:
        return f"Own({self.name!r}, of={self.of!r}, code {self.digest[:8]})"

    def settings(self) -> dict[str, object]:
        """Return what tells this feature from others, as JSON takes it."""
        names, units = list(self.names), list(self.units)
        return {"names": names, "units": units, "of": self.of, "code": self.digest}

    def compute(
        self,
        planes: Floats,
        starts: npt.NDArray[np.int64],
        length: int,
        rate_hz: float,
        channels: Sequence[str],
    ) -> Floats:
        """Return what the function makes of each window.

        Parameters
        ----------
        planes
            Shape (channel, sample).
        starts
            Shape (window,), first sample of each.
        length
            Window length in samples.
        rate_hz
            Sampling rate.
        channels
            Names of the channels, for messages.

        Returns
        -------
        ndarray
            float32 of shape (window, channel x number), or (window, number) of whole windows.

        Raises
        ------
        InputError
            If the function fails, naming the window; or a window reaches beyond the samples.
        """
        from workoutlab.kernels.windows import check_windows  # Numba loads when it is needed

        check_windows(planes, starts, length)
        rows = len(planes) if self.of == "channel" else 1
        out = np.empty((len(starts), rows, len(self.names)), np.float32)
        at = np.zeros(2, np.int64)
        try:
            self._choose_loop()(self.function, planes, starts, length, float(rate_hz), out, at)
        except Exception as error:
            start = int(starts[at[0]]) if len(starts) else 0
            what = f"channel {channels[at[1]]} of " if self.of == "channel" else ""
            raise InputError(
                f"own feature {self.name!r} failed on {what}window {at[0]} of {len(starts)} "
                f"(samples {start} to {start + length} of those read): "
                f"{type(error).__name__}: {error}"
            ) from error
        return out.reshape(len(starts), rows * len(self.names))

    def _choose_loop(self) -> Callable[..., None]:
        if not hasattr(self.function, "py_func"):
            return _interpret if self.of == "channel" else _interpret_windows
        from workoutlab.kernels.driver import drive_channels, drive_windows

        loop: Callable[..., None] = drive_channels if self.of == "channel" else drive_windows
        return loop


def _check_call(function: Callable[..., Any]) -> None:
    """Refuse a function that cannot be called with the values of a window and the rate."""
    try:
        signature(getattr(function, "py_func", function)).bind(None, None)
    except TypeError:
        raise InputError(
            f"function: {function!r} does not take two arguments; it is called as "
            "function(values, rate_hz), with the values of one window"
        ) from None
    except ValueError:  # written in C, without a signature
        return


def _list_units(unit: object, count: int) -> tuple[str, ...]:
    units = (unit,) * count if isinstance(unit, str) else unit
    if not isinstance(units, Sequence) or not all(isinstance(each, str) for each in units):
        raise InputError(f"unit: expected a text such as 'g', or one for each number, got {unit!r}")
    if len(units) != count:
        raise InputError(f"unit: expected one for all, or {count}, got {tuple(units)}")
    return tuple(units)


def _interpret(  # noqa: PLR0913 - as the compiled loops are called
    function: Callable[..., Any],
    planes: Floats,
    starts: npt.NDArray[np.int64],
    length: int,
    rate_hz: float,
    out: Floats,
    at: npt.NDArray[np.int64],
) -> None:
    """Write ``function(values, rate_hz)`` of every window and channel; `planes` may be 3-D."""
    for channel, plane in enumerate(planes):
        for window, start in enumerate(starts):
            at[:] = window, channel
            row = np.atleast_1d(np.asarray(function(plane[start : start + length].copy(), rate_hz)))
            if row.shape != (out.shape[2],):
                raise ValueError(f"expected {out.shape[2]} numbers, as named, got {row.shape}")
            out[window, channel] = row


def _interpret_windows(function: Callable[..., Any], planes: Floats, *others: Any) -> None:
    _interpret(function, planes.T[None], *others)
