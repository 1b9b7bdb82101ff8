"""What a selection chooses along one dimension: positions, values or dates, as an indexer and in words.

Integers along a time axis, and along a dimension without a coordinate, are positions. Ranges of positions and of dates
include both ends, ranges of values are ``low <= x < high``.
"""

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import cftime
import numpy as np
import xarray as xr

from cloudify.errors import BadSelectionError
from cloudify.model.selection import Bound, Pick

Array = np.ndarray[Any, np.dtype[Any]]
EPOCH = "1970-01-01"
_DAY = 86400.0
_NEAR = 0.5 + 1e-9
"""Of a step: how far beyond the first or last element a value or date may be that is taken for it."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What was chosen along one dimension."""

    dim: str
    index: int | slice
    text: str
    """In words, e.g. ``time 2005-01-16 12:00``; ``""`` where there was nothing to choose."""


@dataclass(frozen=True, eq=False)
class Axis:
    """A dimension of a variable, and the coordinate that runs along it."""

    dim: str
    size: int
    coordinate: str = ""
    """``""`` where none does."""
    is_time: bool = False
    calendar: str = ""
    """Of a time axis; ``""`` where its numbers are no times to anybody."""
    units: str = ""


def choose(ds: xr.Dataset, axis: Axis, pick: Pick) -> Choice:
    """Return what a pick means. Blocks: the coordinate is read.

    Raises
    ------
    BadSelectionError
        If it chooses nothing, or is not what such an axis has.
    """
    bounds = (pick.low,) if pick.high is None else (pick.low, pick.high)
    if axis.is_time and all(bound.position is not None for bound in bounds):
        index = _positions(axis, pick)
    elif axis.is_time:
        index = _dates(ds, axis, pick)
    elif not axis.coordinate:
        index = _positions(axis, pick)
    else:
        index = _values(ds, axis, pick)
    return Choice(axis.dim, index, describe(ds, axis, index))


def default(ds: xr.Dataset, axis: Axis) -> Choice:
    """Return what a map shows of a dimension that nobody named: the last time, the first of anything else."""
    index = axis.size - 1 if axis.is_time else 0
    return Choice(axis.dim, index, describe(ds, axis, index) if axis.size > 1 or axis.is_time else "")


def days_of(times: Array, calendar: str) -> Array:
    """Return decoded times as days since 1970-01-01 of their calendar; NaN for a time that is none."""
    if times.dtype.kind == "M":
        days = (times - np.datetime64(EPOCH)) / np.timedelta64(1, "us") / (_DAY * 1e6)
        return np.where(np.isnat(times), np.nan, days)
    flat = [
        cftime.date2num(time, f"days since {EPOCH}", calendar=calendar) if isinstance(time, cftime.datetime) else np.nan
        for time in times.ravel()
    ]
    return np.array(flat, np.float64).reshape(times.shape)


def time_text(time: Any) -> str:  # noqa: ANN401  # numpy's or cftime's
    """Write a time as short as it can be without loss to the second.

    >>> time_text(np.datetime64("2005-01-16T12:00")), time_text(cftime.datetime(1999, 2, 30, calendar="360_day"))
    ('2005-01-16 12:00', '1999-02-30')
    """
    text = str(np.datetime_as_string(time, "s")) if isinstance(time, np.datetime64) else time.isoformat()[:19]
    return text.replace("T", " ").removesuffix(":00").removesuffix(" 00:00")


def describe(ds: xr.Dataset, axis: Axis, index: int | slice) -> str:
    """Say what an indexer chooses."""
    places = (index,) if isinstance(index, int) else (index.start, index.stop - 1)
    texts = [_text_at(ds, axis, place) for place in places]
    name = axis.coordinate or axis.dim
    words = f"{name} {texts[0]}" if len(set(texts)) == 1 else f"mean of {name} {texts[0]} to {texts[-1]}"
    return f"{words} {axis.units}" if axis.units and not axis.is_time else words


def _text_at(ds: xr.Dataset, axis: Axis, place: int) -> str:
    if not axis.coordinate:
        return str(place)
    value: Any = ds[axis.coordinate].isel({axis.dim: place}).to_numpy()[()]
    if isinstance(value, np.datetime64 | cftime.datetime):
        return time_text(value)
    return f"{float(str(value)):.10g}" if isinstance(value, int | float | np.number) else str(value)[:60]


def _positions(axis: Axis, pick: Pick) -> int | slice:
    low = _position(axis, pick, pick.low)
    if pick.high is None:
        return low
    high = _position(axis, pick, pick.high)
    if high < low:
        raise nothing(axis, pick, "its end is before its start")
    return slice(low, high + 1)


def _position(axis: Axis, pick: Pick, bound: Bound) -> int:
    place = bound.position
    if place is None:
        raise nothing(axis, pick, f"{axis.dim!r} has no coordinate, so only positions can be named")
    if not -axis.size <= place < axis.size:
        raise nothing(axis, pick, f"its positions are 0 to {axis.size - 1}, or -{axis.size} to -1 from the end")
    return place % axis.size


def _values(ds: xr.Dataset, axis: Axis, pick: Pick) -> int | slice:
    values = ds[axis.coordinate].to_numpy()
    if values.dtype.kind not in "iuf":
        raise nothing(axis, pick, "its coordinate holds no numbers")
    numbers = [bound.number for bound in (pick.low, pick.high) if bound is not None]
    if any(number is None for number in numbers):
        raise nothing(axis, pick, "it is no time axis")
    if len(numbers) == 1:
        return _nearest(axis, pick, values.astype(np.float64), float(numbers[0] or 0.0))
    low, high = (float(number or 0.0) for number in numbers)
    found = np.flatnonzero((values >= low) & (values < high))
    span = f"its values are {np.nanmin(values):g} to {np.nanmax(values):g}"
    return _run_of(axis, pick, found, span)


def _dates(ds: xr.Dataset, axis: Axis, pick: Pick) -> int | slice:
    if not axis.calendar:
        raise nothing(axis, pick, "its numbers are no times to anybody: name positions")
    days = days_of(ds[axis.coordinate].to_numpy(), axis.calendar)
    spans = [period(axis, pick, bound) for bound in (pick.low, pick.high) if bound is not None]
    found = np.flatnonzero((days >= spans[0][0]) & (days <= spans[-1][1]))
    if pick.high is not None:
        first, last = (_text_at(ds, axis, place) for place in (0, -1))
        return _run_of(axis, pick, found, f"its times are {first} to {last}")
    return int(found[0]) if found.size else _nearest(axis, pick, days, spans[0][0])


def _run_of(axis: Axis, pick: Pick, found: Array, span: str) -> slice:
    if not found.size:
        raise nothing(axis, pick, f"nothing lies there; {span}")
    return slice(int(found[0]), int(found[-1]) + 1)


def _nearest(axis: Axis, pick: Pick, values: Array, wanted: float) -> int:
    present = np.flatnonzero(np.isfinite(values))
    if not present.size:
        raise nothing(axis, pick, "its coordinate is missing")
    place = int(present[np.abs(values[present] - wanted).argmin()])
    steps = np.abs(np.diff(np.sort(values[present])))
    reach = _NEAR * float(steps.max()) if steps.size else max(1e-6, 1e-6 * abs(values[place]))
    if not values[present].min() - reach <= wanted <= values[present].max() + reach:
        raise nothing(
            axis, pick, f"it lies outside the axis, from {_end(axis, values.min())} to {_end(axis, values.max())}"
        )
    return place


def _end(axis: Axis, value: float) -> str:
    if not axis.is_time:
        return f"{value:g}"
    return time_text(cftime.num2date(value, f"days since {EPOCH}", calendar=axis.calendar or "standard"))


def period(axis: Axis, pick: Pick, bound: Bound) -> tuple[float, float]:
    """Return first and last moment of what a date names, in days since 1970-01-01: of ``2005-06`` a month.

    Raises
    ------
    BadSelectionError
        If it is no date of the axis' calendar.
    """
    if bound.date is None:
        raise nothing(axis, pick, "a range of times has two dates or two positions")
    numbers = [int(part) for part in re.findall(r"\d+", bound.date.partition(".")[0].lstrip("-"))]
    year = -numbers[0] if bound.date.startswith("-") else numbers[0]
    month, day, *clock = [*numbers[1:], 1, 0, 0, 0][:5] if len(numbers) == 2 else [*numbers[1:], 0, 0, 0][:5]  # noqa: PLR2004
    try:
        start = cftime.datetime(year, month, day, *clock, calendar=axis.calendar)
        if len(numbers) == 2:  # noqa: PLR2004  # year and month
            after = cftime.datetime(year + month // 12, month % 12 + 1, 1, calendar=axis.calendar)
        else:
            after = start + timedelta(**{("days", "hours", "minutes", "seconds")[len(numbers) - 3]: 1})
    except (ValueError, OverflowError) as error:
        raise nothing(axis, pick, f"{bound.text} is no date of the calendar {axis.calendar}") from error
    low, high = (float(cftime.date2num(at, f"days since {EPOCH}", calendar=axis.calendar)) for at in (start, after))
    return low, high - 0.5 / _DAY


def nothing(axis: Axis, pick: Pick, why: str) -> BadSelectionError:
    """Return the failure of a pick that chooses nothing."""
    return BadSelectionError(
        f"{pick.written or f'{pick.coord[:60]}/{pick.text}'} selects nothing along {axis.dim!r}: {why}"
    )
