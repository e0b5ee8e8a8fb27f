"""The dataset of features: windows × features with ids, computed or read when it is asked for."""

import json
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

import dask.array as da
import numpy as np
import numpy.typing as npt
import pandas as pd
import xarray as xr
from dask.highlevelgraph import HighLevelGraph

from workoutlab.schema import FEATURES, check_dataset

if TYPE_CHECKING:
    from dask.dataframe import DataFrame as DaskFrame

__all__ = ["Blocks", "Features", "lay_features"]

_REPEATED: Final = ("user", "session", "exercise", "muscle_group", "recording", "set")

Task = tuple[Any, ...]


class Features(xr.Dataset):  # type: ignore[no-untyped-call]  # xarray's own hook
    """What windows became: an ``xarray.Dataset`` whose frames have one row a window.

    ``features`` (window, feature) and the coordinates of :data:`workoutlab.schema.FEATURES`, all of
    them lazy. Whatever xarray makes of it by selecting is a :class:`Features` again.

    What xarray groups or filters by must be in memory: ``lazy.assign_coords(user=
    lazy["user"].compute()).groupby("user").mean()``. The frames need no such thing.

    Examples
    --------
    >>> import workoutlab as wl
    >>> lab = wl.Lab("memory://dataset-example")
    >>> still = np.tile(np.float32([0, 0, 1]), (1000, 1))
    >>> rest = wl.Recording(user="ann", session="monday", acceleration=still, rate_hz=50)
    >>> _ = lab.append([rest])
    >>> lazy = wl.features(wl.windows(lab, within="recordings"))
    >>> frame = lazy.sel(feature=["x_mean", "z_mean"]).to_dask_dataframe()
    >>> frame[["user", "start_s", "length_s", "z_mean"]].head(2)
           user  start_s  length_s  z_mean
    window
    0       ann      0.0       8.0     1.0
    1       ann      1.0       8.0     1.0
    """

    __slots__ = ()

    def to_dask_dataframe(
        self, dim_order: Sequence[Hashable] | None = None, set_index: bool = False
    ) -> "DaskFrame":
        """Return one row a window: its ids, then a column a feature. A partition is a block.

        Parameters
        ----------
        dim_order, set_index
            Those of xarray, for a dataset that is no longer (window, feature); without meaning
            here.

        Returns
        -------
        dask.dataframe.DataFrame
            Lazy; its index is the window's number, with known divisions.
        """
        if not self._is_wide():
            return super().to_dask_dataframe(dim_order, set_index)
        import dask.dataframe as dd
        from dask.base import tokenize

        values = self["features"].variable.chunk(feature=-1).data
        counts = values.chunks[0]
        ids = self._ids(self)
        columns = [each.chunk(window=counts).data for each in ids.values()]
        titles = [*ids], self["feature"].values.astype(str).tolist()
        arrays = [values, *columns]
        name = f"frame-{tokenize(*(each.name for each in arrays), titles)}"
        firsts = [0, *np.cumsum(counts).tolist()]
        layer = {
            (name, block): (
                *(_make_frame, first, titles, (values.name, block, 0)),
                *((each.name, block) for each in columns),
            )
            for block, first in enumerate(firsts[:-1])
        }
        known = (*firsts[:-1], max(firsts[-1] - 1, 0))
        return dd.from_graph(
            HighLevelGraph.from_collections(name, layer, dependencies=arrays),
            _make_frame(
                0, titles, *(np.empty((0, *each.shape[1:]), each.dtype) for each in arrays)
            ),
            known if all(counts) else (None,) * len(known),
            list(layer),
            "frame",
        )

    def to_dataframe(self, dim_order: Sequence[Hashable] | None = None) -> pd.DataFrame:
        """Compute, and return one row a window: its ids, then a column a feature.

        Parameters
        ----------
        dim_order
            That of xarray, for a dataset that is no longer (window, feature).
        """
        if not self._is_wide():
            return super().to_dataframe(dim_order)
        here = self.compute()
        ids = self._ids(here)
        titles = [*ids], here["feature"].values.astype(str).tolist()
        return _make_frame(
            0, titles, here["features"].values, *(each.values for each in ids.values())
        )

    @staticmethod
    def _ids(dataset: xr.Dataset) -> dict[str, xr.Variable]:
        return {
            str(name): each.variable
            for name, each in dataset.coords.items()
            if each.dims == ("window",)
        }

    def _is_wide(self) -> bool:
        return "features" in self and self["features"].dims == ("window", "feature")


def _make_frame(
    first: int, titles: tuple[list[str], list[str]], values: npt.NDArray[Any], *ids: Any
) -> pd.DataFrame:
    index = pd.RangeIndex(first, first + len(values), name="window")
    known = {name: pd.Series(column, index) for name, column in zip(titles[0], ids, strict=True)}
    numbers = pd.DataFrame(values, index=index, columns=titles[1])
    return pd.concat([pd.DataFrame(known, index=index), numbers], axis=1)


@dataclass(frozen=True, eq=False)
class Blocks:
    """How a dataset of features lies: its segments, and which of them a block holds.

    Parameters
    ----------
    segments
        One row a segment: ``recording``, ``set``, ``user``, ``session``, ``exercise``,
        ``muscle_group``, ``simulated``, ``start``, ``count``, ``length``, ``step``, ``rate_hz``.
    edges
        Position of the first segment of each block, and one past the last.
    names, units
        Of the features.
    """

    segments: pd.DataFrame
    edges: Sequence[int]
    names: Sequence[str]
    units: Sequence[str]


def lay_features(
    blocks: Blocks, tasks: Sequence[Task], token: str, attributes: Mapping[str, object]
) -> Features:
    """Return the lazy dataset whose blocks are the results of tasks.

    Parameters
    ----------
    blocks
        How it lies.
    tasks
        One a block: a function and its arguments, that return float32 (window, feature).
    token
        What tells these results from others: the same token names the same numbers.
    attributes
        Of the dataset; ``simulated`` is added: whether none, some or all of it is.
    """
    counts = blocks.segments["count"].to_numpy(np.int64)
    edges = np.asarray(blocks.edges)
    ends = np.append(0, np.cumsum(counts))[edges]
    chunks = tuple(np.diff(ends).tolist())
    values = _lay(f"compute-{token}", tasks, (chunks, (len(blocks.names),)), np.dtype("float32"))
    coordinates: dict[str, Any] = {
        "feature": np.array(blocks.names, dtype=str),
        "unit": ("feature", np.array(blocks.units, dtype=str)),
    }
    for name, (function, arguments) in _expansions(blocks.segments, counts).items():
        parts = [
            (function, *(each[first:last] for each in arguments)) for first, last in pairwise(edges)
        ]
        dtype = arguments[0].dtype if function is np.repeat else np.dtype("float64")
        array = _lay(f"expand-{name}-{token}", parts, (chunks,), dtype)
        coordinates[name] = ("window", array, _describe(name))
    told = {**_write(attributes), "simulated": _tell_simulated(blocks.segments)}
    units = {"units": _tell_units(blocks)}
    laid = Features({"features": (("window", "feature"), values, units)}, coordinates, told)
    check_dataset(laid, FEATURES, "features")
    return laid


def _tell_units(blocks: Blocks) -> str:
    """Return the unit that all features have, or those of each as JSON, for files and figures."""
    if len(set(blocks.units)) == 1:
        return blocks.units[0]
    return json.dumps(dict(zip(blocks.names, blocks.units, strict=True)), ensure_ascii=False)


def _describe(name: str) -> dict[str, str]:
    unit = FEATURES[name].unit
    return {"units": unit} if unit else {}


def _expansions(
    segments: pd.DataFrame, counts: npt.NDArray[np.int64]
) -> dict[str, tuple[Any, tuple[npt.NDArray[Any], ...]]]:
    """Return, for each coordinate, how columns of segments become one value a window."""
    rate_hz = segments["rate_hz"].to_numpy(np.float64)
    first_s = segments["start"].to_numpy(np.int64)
    step = segments["step"].to_numpy(np.int64)
    length_s = segments["length"].to_numpy(np.int64) / rate_hz
    columns = {name: _as_column(segments[name], FEATURES[name].dtype) for name in _REPEATED}
    return {
        **{name: (np.repeat, (column, counts)) for name, column in columns.items()},
        "start_s": (_count_up, (first_s, counts, step, rate_hz)),
        "length_s": (np.repeat, (length_s, counts)),
    }


def _as_column(values: pd.Series, dtype: str) -> npt.NDArray[Any]:
    if dtype != "str":
        return values.to_numpy(np.dtype(dtype))
    texts = np.asarray(values.to_numpy(object), dtype=str)
    return texts if len(texts) else texts.astype("U1")


def _count_up(
    start: npt.NDArray[np.int64],
    counts: npt.NDArray[np.int64],
    step: npt.NDArray[np.int64],
    rate_hz: npt.NDArray[np.float64],
) -> npt.NDArray[np.float64]:
    """Return the start in s of every window of some segments."""
    within = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    begin = np.repeat(start, counts) + within * np.repeat(step, counts)
    seconds: npt.NDArray[np.float64] = begin / np.repeat(rate_hz, counts)
    return seconds


def _lay(
    name: str, tasks: Sequence[Task], chunks: tuple[tuple[int, ...], ...], dtype: np.dtype[Any]
) -> "da.Array":
    """Lay the results of tasks one below the other, as a lazy array."""
    rest = (0,) * (len(chunks) - 1)
    layer = {(name, place, *rest): task for place, task in enumerate(tasks)}
    graph = HighLevelGraph.from_collections(name, layer, dependencies=[])
    return da.Array(graph, name, chunks, dtype)


def _tell_simulated(segments: pd.DataFrame) -> str:
    simulated = segments["simulated"].to_numpy(bool)
    return "all" if simulated.all() else "some" if simulated.any() else "none"


def _write(attributes: Mapping[str, object]) -> dict[str, str | float]:
    """Write attributes as files take them: texts and numbers as they are, all else as JSON."""
    return {
        name: value if isinstance(value, str | float | int) else json.dumps(value)
        for name, value in attributes.items()
    }
