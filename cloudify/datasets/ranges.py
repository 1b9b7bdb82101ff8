"""Which places along an axis are asked for by label: both ends of a range belong to it.

Single values, dates and positions mean what they mean everywhere (`datasets.pick`); ranges, the last times, and texts
are looked up here. Places come as positions, ascending, of which there is always one.
"""

from typing import Any

import numpy as np
import xarray as xr

from cloudify.datasets.pick import Axis, choose, days_of, nothing, period, time_text
from cloudify.errors import BadSelectionError
from cloudify.model.selection import Bound, Pick
from cloudify.model.subset import FIRST, LATEST, Asked, Named, Recent

Array = np.ndarray[Any, np.dtype[Any]]

_DAY_S = 86400.0
_HALF_A_SECOND = 0.5 / _DAY_S
"""In days: times are counted in floats."""
_SLACK = 1e-6
"""Of a step: how far beyond the end of a range a value may be that is taken to be that end."""
_NO_BOUND = Bound("")


def places_along(ds: xr.Dataset, axis: Axis, asked: Asked) -> Array:
    """Return positions along an axis. Blocks: its coordinate is read.

    Raises
    ------
    BadSelectionError
        If there are none, or it is not what such an axis has; it says what there is.
    """
    if isinstance(asked, Recent):
        return _recent(ds, axis, asked)
    if isinstance(asked, Named) or _is_text(ds, axis):
        return _named(ds, axis, asked)
    ends = [bound.text for bound in (asked.low, asked.high) if bound is not None]
    if not {FIRST, LATEST}.isdisjoint(ends):
        return _from_an_end(ds, axis, asked, ends)
    is_position = not axis.coordinate or (
        axis.is_time and all(bound is None or bound.position is not None for bound in (asked.low, asked.high))
    )
    if asked.high is None or is_position:
        index = choose(ds, axis, asked).index
        return np.arange(axis.size)[index] if isinstance(index, slice) else np.array([index])
    return _dates(ds, axis, asked) if axis.is_time else _values(ds, axis, asked)


def slack_of(values: Array) -> float:
    """Return how far beyond the end of a range a value may be: floats are not what people write.

    >>> slack_of(np.array([0.0, 0.5, 1.0])), bool(slack_of(np.array([359.8, 359.9], np.float32)) > 3e-5)
    (5e-07, True)
    """
    numbers = values[np.isfinite(values)] if values.dtype.kind == "f" else values
    steps = np.abs(np.diff(np.unique(numbers).astype(np.float64)))
    step = float(steps.min(initial=np.inf))
    rounding = float(np.spacing(np.abs(numbers).max(initial=0))) if numbers.dtype.kind == "f" else 0.0
    return min(max(_SLACK * step, rounding), step / 4) if np.isfinite(step) else rounding


def _values(ds: xr.Dataset, axis: Axis, pick: Pick) -> Array:
    values = ds[axis.coordinate].to_numpy()
    low, high = pick.low.number, pick.high.number if pick.high is not None else None
    if values.dtype.kind not in "iuf":
        raise nothing(axis, pick, "its coordinate holds no numbers")
    if low is None or high is None:
        raise nothing(axis, pick, "it is no time axis")
    if low > high:
        raise nothing(axis, pick, "its end is before its start: write the smaller number first")
    slack = slack_of(values)
    found = np.flatnonzero((values >= low - slack) & (values <= high + slack))
    if not found.size:
        raise nothing(axis, pick, f"nothing lies there; {span_of(values)}")
    return found


def span_of(values: Array) -> str:
    """Say from where to where values are."""
    present = values[np.isfinite(values)]
    return f"its values are {present.min():g} to {present.max():g}" if present.size else "its values are missing"


def _dates(ds: xr.Dataset, axis: Axis, pick: Pick) -> Array:
    days = _days(ds, axis, pick)
    first = -np.inf if pick.low.text == FIRST else period(axis, pick, pick.low)[0]
    last = np.inf if pick.high is None or pick.high.text == LATEST else period(axis, pick, pick.high)[1]
    if first > last:
        raise nothing(axis, pick, "its end is before its start")
    found = np.flatnonzero((days >= first - _HALF_A_SECOND / 100) & (days <= last))
    if not found.size:
        raise nothing(axis, pick, f"nothing lies there; {_times(ds, axis)}")
    return found


def _from_an_end(ds: xr.Dataset, axis: Axis, pick: Pick, ends: list[str]) -> Array:
    if len(ends) == 1:
        order = _order(ds, axis, pick)
        return order[:1] if ends[0] == FIRST else order[-1:]
    if ends[0] == LATEST or ends[1] == FIRST or not axis.is_time:
        raise nothing(axis, pick, "first begins, and latest ends, a range of times")
    return _dates(ds, axis, pick)


def _recent(ds: xr.Dataset, axis: Axis, recent: Recent) -> Array:
    pick = _as_pick(recent)
    if not recent.unit_s:
        return np.sort(_order(ds, axis, pick)[-recent.count :])
    if not axis.is_time:
        raise nothing(axis, pick, "it is no time axis")
    days = _days(ds, axis, pick)
    since = np.nanmax(days) - recent.count * recent.unit_s / _DAY_S
    return np.flatnonzero(days >= since - _HALF_A_SECOND)


def _order(ds: xr.Dataset, axis: Axis, pick: Pick) -> Array:
    """Return the positions of an axis, of times in their order."""
    if not axis.is_time or not axis.calendar:
        return np.arange(axis.size)
    days = _days(ds, axis, pick)
    present = np.flatnonzero(np.isfinite(days))
    return present[np.argsort(days[present], kind="stable")]


def _days(ds: xr.Dataset, axis: Axis, pick: Pick) -> Array:
    if not axis.calendar:
        raise nothing(axis, pick, "its numbers are no times to anybody: name positions")
    days = days_of(ds[axis.coordinate].to_numpy(), axis.calendar)
    if not np.isfinite(days).any():
        raise nothing(axis, pick, "its times are missing")
    return days


def _times(ds: xr.Dataset, axis: Axis) -> str:
    order = _order(ds, axis, Pick(axis.coordinate, _NO_BOUND))
    ends = (ds[axis.coordinate].isel({axis.dim: int(order[place])}).to_numpy()[()] for place in (0, -1))
    return "its times are {} to {}".format(*map(time_text, ends))


def _named(ds: xr.Dataset, axis: Axis, asked: Asked) -> Array:
    name = asked.name if isinstance(asked, Named) else asked.written.partition("=")[2]
    if not _is_text(ds, axis):
        raise BadSelectionError(
            f"{asked.written} is no selection along {axis.dim!r}: expected a number, a date, lo,hi, first, latest, "
            "last-30d or last-12"
        )
    texts = [_text(item) for item in ds[axis.coordinate].to_numpy().tolist()]
    found = np.flatnonzero([text == name for text in texts])
    if not found.size:
        known = ", ".join(dict.fromkeys(text[:40] for text in texts[:20]))
        raise nothing(axis, _as_pick(asked), f"no such label; there are {known}")
    return found


def _is_text(ds: xr.Dataset, axis: Axis) -> bool:
    if not axis.coordinate or axis.is_time:
        return False
    return ds[axis.coordinate].dtype.kind in "SUOT"


def _text(item: object) -> str:
    return item.decode("utf-8", "replace") if isinstance(item, bytes) else str(item)


def _as_pick(asked: Asked) -> Pick:
    return Pick(asked.coord, _NO_BOUND, None, asked.written)
