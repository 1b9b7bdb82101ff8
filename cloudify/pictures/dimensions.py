"""What a map service calls the dimensions of a variable besides its grid, and what their values are.

As OGC 06-042, annex C has it: `time`, `elevation`, and `dim_` with the name of any other coordinate. A map shows one
value of each: the nearest to the one that is named, within half a step of the axis.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import cftime
import numpy as np
import xarray as xr

from cloudify.datasets.grid import roles_of
from cloudify.datasets.instants import step
from cloudify.datasets.pick import Axis, choose
from cloudify.datasets.subject import Subject
from cloudify.errors import BadSelectionError
from cloudify.model.selection import Bound, Pick, is_date

MOST_LISTED = 2000
"""Values of a dimension that are listed; of more the ends are named, and their step."""
GREGORIAN = frozenset({"standard", "gregorian", "proleptic_gregorian"})
_YEAR = re.compile(r"-?[0-9]{4}")


@dataclass(frozen=True, slots=True)
class Dimension:
    """A dimension as a map service knows it."""

    name: str
    coordinate: str
    """What the dataset calls it."""
    units: str
    """`ISO8601` of times; of those of another calendar its name."""
    default: str
    extent: str
    """Values joined by commas, or `first/last/step`."""


def named_axes(subject: Subject) -> dict[str, Axis]:
    """Return the dimensions of a variable that are not of its grid, by the name that a map service gives them."""
    heights = {name for key in ("Z", "vertical") for name in _known(subject.ds, key)}
    found: dict[str, Axis] = {}
    for axis in subject.axes:
        if axis.dim in subject.horizontal:
            continue
        name = f"dim_{axis.coordinate or axis.dim}"
        if axis.is_time and axis.calendar and "time" not in found:
            name = "time"
        elif axis.coordinate in heights and not axis.is_time and "elevation" not in found:
            name = "elevation"
        found[name] = axis
    return found


def dimension_of(subject: Subject, name: str, axis: Axis) -> Dimension | None:
    """Return what there is to choose from along an axis; None where there is nothing. Blocks: coordinates are read."""
    if not axis.coordinate or (axis.is_time and not axis.calendar):
        last = str(axis.size - 1)
        return Dimension(name, axis.dim, "", last if axis.is_time else "0", f"0/{last}/1") if axis.size > 1 else None
    values = subject.ds[axis.coordinate].to_numpy()
    if axis.is_time:
        units = "ISO8601" if axis.calendar in GREGORIAN else axis.calendar
        texts, between = [_iso(value) for value in values if _is_time(value)], step(values)
    elif values.dtype.kind in "iuf":
        units, between = axis.units, None
        texts = [f"{float(value):.10g}" for value in values if np.isfinite(value)]
    else:
        return None
    if not texts:
        return None
    extent = f"{texts[0]}/{texts[-1]}/{between or 0}" if len(texts) > MOST_LISTED else ",".join(texts)
    return Dimension(name, axis.coordinate, units, texts[-1 if axis.is_time else 0], extent)


def picks_of(subject: Subject, given: Mapping[str, str], *, is_strict: bool) -> tuple[Pick, ...]:
    """Return what is chosen of a variable. Blocks: coordinates are read.

    Parameters
    ----------
    given
        Name, in any case, -> value: of a time `current`, an ISO 8601 date shortened at will, an interval
        `start/end` or `start/end/step`, or a list of these; of any other axis a number. Of several times the last is
        taken, which would lie upon the others. ``""`` is the default.
    is_strict
        Whether a name that the variable does not have is wrong, or passed over, as a map service does.

    Raises
    ------
    BadSelectionError
        If a value is none of this dimension.
    """
    wanted = {name.casefold(): value.strip() for name, value in given.items()}
    axes = named_axes(subject)
    known = {one.casefold() for name, axis in axes.items() for one in (name, axis.coordinate, axis.dim)}
    unknown = [name for name in wanted if name not in known]
    if unknown and is_strict:
        there = ", ".join(axes) or "nothing"
        raise BadSelectionError(f"{subject.name!r} has no {unknown[0][:60]!r} to choose from; it has {there}")
    return tuple(_picks(subject, axes, wanted))


def _picks(subject: Subject, axes: Mapping[str, Axis], wanted: Mapping[str, str]) -> Iterator[Pick]:
    for name, axis in axes.items():
        names = (one.casefold() for one in (name, axis.coordinate, axis.dim))
        text = next((wanted[one] for one in names if one in wanted), "")
        coord = axis.coordinate or axis.dim
        if not text or (axis.is_time and text == "current"):
            continue
        if axis.is_time and axis.calendar:
            yield Pick(coord, Bound(str(_place_of_time(subject.ds, axis, text))))
        else:
            yield Pick(coord, _number(coord, text))


def _known(ds: xr.Dataset, key: str) -> list[str]:
    return [str(name) for name in roles_of(ds).get(key, [])]


def _number(coord: str, text: str) -> Bound:
    try:
        value = float(text[:40])
    except ValueError:
        value = np.nan
    if not np.isfinite(value):
        raise BadSelectionError(f"{text[:40]!r} for {coord[:60]!r}: expected one number")
    return Bound(str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value))  # noqa: PLR2004  # exact


def _place_of_time(ds: xr.Dataset, axis: Axis, text: str) -> int:
    """Return the position of the time that is meant."""
    start, *more = text.rpartition(",")[2].strip().split("/")
    end = more[0] if more else start
    if len(more) > 2 or not all(is_date(part) or _YEAR.fullmatch(part) for part in (start, end)):  # noqa: PLR2004
        raise BadSelectionError(
            f"{text[:60]!r} is no time; expected an ISO 8601 date as 2005-01-16T12:00:00Z, or current"
        )
    low, high = (f"{start}-01" if _YEAR.fullmatch(start) else start), (f"{end}-12" if _YEAR.fullmatch(end) else end)
    if low == high:
        return _place(choose(ds, axis, Pick(axis.coordinate, Bound(low))).index)
    try:
        return _place(choose(ds, axis, Pick(axis.coordinate, Bound(low), Bound(high))).index)
    except BadSelectionError:  # nothing lies in it, but perhaps near
        return _place(choose(ds, axis, Pick(axis.coordinate, Bound(low))).index)


def _place(index: int | slice) -> int:
    return index if isinstance(index, int) else index.stop - 1


def _is_time(value: Any) -> bool:  # noqa: ANN401  # numpy's or cftime's, or what stands for a missing one
    return isinstance(value, cftime.datetime) or (isinstance(value, np.datetime64) and not np.isnat(value))


def _iso(time: Any) -> str:  # noqa: ANN401  # numpy's or cftime's
    """Write a time as its calendar has it.

    >>> _iso(np.datetime64("2005-01-16T12:00")), _iso(cftime.datetime(1999, 2, 30, calendar="360_day"))
    ('2005-01-16T12:00:00Z', '1999-02-30T00:00:00Z')
    """
    text = (
        str(np.datetime_as_string(time, "s")) if isinstance(time, np.datetime64) else time.isoformat(timespec="seconds")
    )
    return f"{text}Z"
