"""Along which dimension a series of a variable runs, and which place it has along all others but its grid's."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import cftime
import numpy as np

from cloudify.datasets.pick import Axis, choose
from cloudify.datasets.subject import Subject
from cloudify.errors import BadSelectionError
from cloudify.model.selection import Pick

Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True, eq=False)
class Line:
    """A line through a variable."""

    axis: Axis
    span: slice
    """Of the axis, with both ends and without a step."""
    others: Mapping[str, int]
    """Dimension -> place along it, of all dimensions but the axis and those of the grid."""

    @property
    def size(self) -> int:
        """How many places the series has."""
        return int(self.span.stop) - int(self.span.start)


def line_of(subject: Subject, picks: Sequence[Pick]) -> Line:
    """Return the line that a series follows. Blocks: coordinates are read.

    It runs along the time, of which a range or all is taken. A dimension of which one value is picked is no longer
    there; where that is the time, or there is none, the series runs along the only other one. Of others the first
    place is taken.

    Raises
    ------
    BadSelectionError
        If that leaves no dimension or several, or a pick is none.
    """
    along, region = subject.split(picks)
    placed = [pick for pick in region if pick] + [pick for dim, pick in along.items() if dim in subject.horizontal]
    if placed:
        raise BadSelectionError(
            f"{placed[0].coord[:60]}={placed[0].text}: a place is lon= and lat=, a region bbox= or polygon="
        )
    free = [axis for axis in subject.axes if axis.dim not in subject.horizontal]
    chosen = {axis.dim: choose(subject.ds, axis, along[axis.dim]).index for axis in free if axis.dim in along}
    axis = _axis_of(subject, free, chosen)
    others: dict[str, int] = {}
    for other in free:
        index = chosen.get(other.dim, 0)
        if other.dim == axis.dim:
            continue
        if isinstance(index, slice):
            raise BadSelectionError(
                f"{along[other.dim].coord[:60]}={along[other.dim].text} would be several series along"
                f" {axis.dim!r}; give a single value"
            )
        others[other.dim] = index
    return Line(axis, _span(chosen.get(axis.dim), axis.size), others)


def coordinate_of(subject: Subject, line: Line) -> Array:
    """Return the coordinate along a line: times, numbers or texts; positions where there is none. Blocks."""
    if not line.axis.coordinate:
        return np.arange(line.span.start, line.span.stop)
    return subject.ds[line.axis.coordinate].isel({line.axis.dim: line.span}).to_numpy()


def places_of(subject: Subject, line: Line) -> dict[str, Any]:
    """Return the coordinate's value that a line has along each other dimension, under the coordinate's name. Blocks."""
    axes = {axis.dim: axis for axis in subject.axes}
    found = {}
    for dim, place in line.others.items():
        name = axes[dim].coordinate
        value = subject.ds[name].isel({dim: place}).to_numpy() if name else np.array(place)
        found[name or dim] = plain(value)[0]
    return found


def plain(values: Array) -> list[Any]:
    """Return values as JSON has them: times as ISO text, durations in seconds, what is no number and no time as None.

    >>> plain(np.array([1.5, np.nan])), plain(np.array(["2005-01-16T12:00", "NaT"], "M8[ns]"))
    ([1.5, None], ['2005-01-16T12:00:00', None])
    """
    flat = values.ravel()
    if flat.dtype.kind == "M":
        seconds = flat.astype("M8[s]")
        texts = np.datetime_as_string(seconds if (seconds == flat)[~np.isnat(flat)].all() else flat)
        return [None if text == "NaT" else str(text) for text in texts]
    if flat.dtype.kind == "m":
        flat = flat / np.timedelta64(1, "s")
    return [_plain(item) for item in flat.tolist()]


def _plain(item: object) -> object:
    if isinstance(item, cftime.datetime):
        return item.isoformat()
    if isinstance(item, float):
        return item if np.isfinite(item) else None
    if isinstance(item, bytes):
        return item.decode("utf-8", "replace")
    return item if item is None or isinstance(item, bool | int) else str(item)


def _axis_of(subject: Subject, free: Sequence[Axis], chosen: Mapping[str, int | slice]) -> Axis:
    left = [axis for axis in free if not isinstance(chosen.get(axis.dim), int)]
    times = sorted((axis for axis in left if axis.is_time), key=lambda axis: not axis.calendar)
    if times:
        return times[0]
    long = [axis for axis in left if axis.size > 1] or left
    if len(long) == 1:
        return long[0]
    if not free:
        raise BadSelectionError(
            f"{subject.name!r} has no dimension but those of its grid, so it has no series; a plot of it is a map"
        )
    if not left:  # a series of one
        return next((axis for axis in free if axis.is_time), free[0])
    named = ", ".join(axis.coordinate or axis.dim for axis in long)
    raise BadSelectionError(
        f"{subject.name!r} has no time and several dimensions: {named}; give a value of all but one"
    )


def _span(index: int | slice | None, size: int) -> slice:
    if index is None:
        return slice(0, size)
    return slice(index, index + 1) if isinstance(index, int) else index
