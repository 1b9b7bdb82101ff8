"""What a variable is grouped by: a closed grammar of coordinates and components of times, and the group of each place.

Text of a URL is compared with names of the dataset and with the keys of a table; it is never evaluated.
"""

from collections.abc import Callable
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, Final

import cftime
import numpy as np
import xarray as xr

from cloudify.datasets.grid import time_axes
from cloudify.datasets.subject import Subject
from cloudify.errors import UnknownGroupingError

Array = np.ndarray[Any, np.dtype[Any]]
SEASONS: Final = ("DJF", "MAM", "JJA", "SON")
COMPONENTS: Final[dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]]] = {
    "month": (attrgetter("dt.month"), attrgetter("month")),
    "season": (attrgetter("dt.month"), attrgetter("month")),
    "year": (attrgetter("dt.year"), attrgetter("year")),
    "dayofyear": (attrgetter("dt.dayofyear"), attrgetter("dayofyr")),
    "day": (attrgetter("dt.day"), attrgetter("day")),
    "hour": (attrgetter("dt.hour"), attrgetter("hour")),
}
"""Component -> how to get it of numpy's times, all at once, and of one time of cftime."""
NONE = -1
"""The group of a place that belongs to none: its coordinate is missing."""
MOST_NAMED = 20


@dataclass(frozen=True, eq=False)
class Groups:
    """The groups along one dimension."""

    dim: str
    name: str
    """Of the new coordinate: ``month``, ``season``, ..., or the coordinate's own."""
    labels: Array
    """One for each group, ascending; seasons in the order of the year."""
    codes: Array
    """For each place along the dimension which label is its, `NONE` for no group."""
    source: xr.DataArray
    """The coordinate that they are made of."""
    component: str = ""


def groups_of(subject: Subject, coord: str) -> Groups:
    """Return the groups that the text `coord` means. Blocks: the coordinate is read.

    Raises
    ------
    UnknownGroupingError
        If the variable cannot be grouped so; it names what can be.
    """
    along = coordinates_along(subject)
    if coord in along:
        return _of_values(along[coord], coord)
    times = times_along(subject)
    name, _, component = coord.rpartition(".")
    source = times.get(name) if name != "time" or name in times else _only(subject, times)
    if source is None or component not in COMPONENTS:
        raise UnknownGroupingError(subject.name, coord, [*along][:MOST_NAMED], [*times][:MOST_NAMED], COMPONENTS)
    return _of_component(source, component, {subject.name, *map(str, subject.variable.dims)})


def coordinates_along(subject: Subject) -> dict[str, xr.DataArray]:
    """Return the coordinates that a variable can be grouped by."""
    return {str(name): item for name, item in subject.ds.coords.items() if _is_along(subject, item)}


def times_along(subject: Subject) -> dict[str, xr.DataArray]:
    """Return those of them that hold times, whose components it can be grouped by."""
    along = coordinates_along(subject)
    return {name: along[name] for name, calendar in time_axes(subject.ds).items() if calendar and name in along}


def _is_along(subject: Subject, item: xr.DataArray) -> bool:
    return len(item.dims) == 1 and item.dims[0] in subject.variable.dims and item.name != subject.name


def _only(subject: Subject, times: dict[str, xr.DataArray]) -> xr.DataArray | None:
    """Return the time axis of a variable that has one, whatever it is called."""
    named = [axis.coordinate for axis in subject.axes if axis.is_time and axis.coordinate in times]
    return times[named[0]] if len(named) == 1 else None


def _of_values(source: xr.DataArray, name: str) -> Groups:
    values = source.to_numpy()
    present = np.array([item is not None and item == item for item in values], bool)  # noqa: PLR0124  # NaN and NaT
    labels, codes = _unique(values, present)
    return Groups(str(source.dims[0]), name, labels, codes, source)


def _of_component(source: xr.DataArray, component: str, taken: set[str]) -> Groups:
    numbers = component_of(source, component)
    if component == "season":
        numbers = numbers % 12 // 3
    labels, codes = _unique(numbers, np.isfinite(numbers))
    labels = labels.astype(np.int64)
    if component == "season":
        labels = np.array(SEASONS)[labels]
    name = f"{source.name}_{component}" if component in taken else component
    return Groups(str(source.dims[0]), name, labels, codes, source, component)


def component_of(source: xr.DataArray, component: str) -> Array:
    """Return a component of each time as float64, of a season the month; NaN for a time that is missing."""
    of_numpy, of_cftime = COMPONENTS[component]
    if source.dtype.kind == "M":
        return np.asarray(of_numpy(source), np.float64)
    times = source.to_numpy()
    return np.array([of_cftime(time) if isinstance(time, cftime.datetime) else np.nan for time in times], np.float64)


def _unique(values: Array, present: Array) -> tuple[Array, Array]:
    codes = np.full(values.shape, NONE, np.intp)
    labels, codes[present] = np.unique(values[present], return_inverse=True)
    return labels, codes
