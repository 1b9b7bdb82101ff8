"""Times in memory -> the numbers of a CF unit that stand for them exactly.

Integers throughout, and no coder of xarray's: those warn when they change a unit, and switch the warning filters of the
whole process while they work.
"""

from functools import partial
from typing import Any

import cftime
import numpy as np
import xarray as xr

Numbers = np.ndarray[Any, np.dtype[Any]]

MISSING = int(np.iinfo(np.int64).min)
"""NaT as an integer."""
_UNIT_NS = {"s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}
"""numpy's unit of a time that xarray can hold -> nanoseconds."""
_WORD_NS = {
    "days": 86400 * 10**9, "hours": 3600 * 10**9, "minutes": 60 * 10**9, "seconds": 10**9,
    "milliseconds": 10**6, "microseconds": 10**3, "nanoseconds": 1,
}  # fmt: skip
"""Words of the CF conventions that xarray decodes to numpy's times, the longest first."""
_WORD_OF = {"s": "seconds", "ms": "milliseconds", "us": "microseconds", "ns": "nanoseconds"}
_EPOCH = "1970-01-01"
_GREGORIAN = np.datetime64("1582-10-15", "s")
"""From here on the calendars ``standard`` and ``proleptic_gregorian`` agree."""
_SAFE = 2**62
"""Bound of integers that may be multiplied and shifted; numpy overflows without a word."""


def store_times(variable: xr.Variable) -> xr.Variable:
    """Count ``datetime64`` or ``timedelta64`` in the unit of their encoding where that is exact, else in one that is.

    Raises
    ------
    ValueError
        If their unit is not one that xarray holds.
    """
    unit = _unit(variable)
    if variable.chunks is not None:
        return _stored(variable, variable.data.astype(np.int64), _WORD_OF[unit], _EPOCH, None)
    ticks = variable.to_numpy().astype(np.int64)
    word, reference, calendar = _wanted_unit(variable)
    if word and _agrees(ticks, unit, reference, calendar):
        dtype = np.dtype(variable.encoding.get("dtype") or np.int64)
        for kind in (dtype, np.dtype(np.int64)):
            counts = _count(ticks, _UNIT_NS[unit], _WORD_NS[word], _ticks_of(reference, unit), kind)
            if counts is not None:
                return _stored(variable, counts, word, reference, calendar)
    for word, word_ns in _WORD_NS.items():
        counts = _count(ticks, _UNIT_NS[unit], word_ns, 0, np.dtype(np.int64))
        if counts is not None:
            return _stored(variable, counts, word, _EPOCH, None)
    raise ValueError("no unit holds its times exactly")


def store_cftimes(variable: xr.Variable, first: cftime.datetime) -> xr.Variable:
    """Count times of any calendar. `first` is one of them, and says which calendar that is.

    Raises
    ------
    ValueError
        If no unit holds them exactly.
    """
    attrs = dict(variable.attrs) | {"calendar": first.calendar}
    if variable.chunks is not None:
        units = f"microseconds since {_EPOCH}"
        counted = variable.data.map_blocks(partial(count_cftimes, units=units, first=first), dtype=np.int64)
        return xr.Variable(variable.dims, counted, attrs | {"units": units, "_FillValue": np.int64(MISSING)})
    values = variable.to_numpy()
    present = np.array([isinstance(item, cftime.datetime) for item in values.ravel()]).reshape(values.shape)
    times = values[present]
    own = variable.encoding.get("units")
    candidates = [f"{word} since {_EPOCH}" for word in list(_WORD_NS)[:-1]]
    for units in [own, *candidates] if isinstance(own, str) else candidates:
        counts = _count_exactly(times, units, first)
        if counts is None:
            continue
        if present.all():
            return xr.Variable(variable.dims, counts.reshape(values.shape), attrs | {"units": units})
        stored = np.full(values.shape, np.nan)
        stored[present] = counts
        return xr.Variable(variable.dims, stored, attrs | {"units": units, "_FillValue": np.nan})
    raise ValueError("no unit holds its times exactly")


def _unit(variable: xr.Variable) -> str:
    unit = str(np.datetime_data(variable.dtype)[0])
    if unit not in _UNIT_NS:
        raise ValueError(f"times in the unit {unit!r}")
    return unit


def _wanted_unit(variable: xr.Variable) -> tuple[str, str, str]:
    """Return word, reference and calendar of the encoding, ``""`` for a word that is none of ours."""
    units = variable.encoding.get("units")
    word, _, reference = units.partition(" since ") if isinstance(units, str) else ("", "", "")
    word = word.strip().lower()
    word = word if word.endswith("s") else f"{word}s"
    calendar = str(variable.encoding.get("calendar", "proleptic_gregorian"))
    is_date = variable.dtype.kind == "M"
    if word not in _WORD_NS or bool(reference) != is_date or (is_date and _start_of(reference) is None):
        return "", "", ""
    return word, reference, calendar


def _start_of(reference: str) -> np.datetime64 | None:
    """Return the reference of a unit, None where it is no date of the Gregorian calendar."""
    try:
        start = cftime.num2date(0, f"seconds since {reference}", "proleptic_gregorian")
        return np.datetime64(start.isoformat(), "us")
    except (ValueError, TypeError, OverflowError):
        return None


def _ticks_of(reference: str, unit: str) -> int:
    """Return a reference in the unit of the times it is for; only called for one that `_agrees`."""
    start = _start_of(reference) if reference else None
    return 0 if start is None else int(start.astype(np.int64)) * 1000 // _UNIT_NS[unit]


def _agrees(ticks: Numbers, unit: str, reference: str, calendar: str) -> bool:
    """Whether numpy's arithmetic is that of the calendar, and the reference a whole number of ticks."""
    start = _start_of(reference) if reference else None
    if start is None:
        return True
    if int(start.astype(np.int64)) * 1000 % _UNIT_NS[unit]:
        return False
    if calendar == "proleptic_gregorian":
        return True
    present = ticks[ticks != MISSING]
    border = int(_GREGORIAN.astype(np.int64)) * 10**9 // _UNIT_NS[unit]
    return calendar in {"standard", "gregorian"} and bool(start >= _GREGORIAN) and present.min(initial=border) >= border


def _count(ticks: Numbers, unit_ns: int, word_ns: int, origin: int, dtype: np.dtype[Any]) -> Numbers | None:
    """Count ticks of `unit_ns` from `origin` in words of `word_ns`; None where `dtype` cannot say it exactly."""
    missing = ticks == MISSING
    present = ticks[~missing]
    steps = max(1, word_ns // unit_ns)
    if present.size and np.all(present % steps == origin % steps):  # whole words, however far the origin is
        ticks, origin, unit_ns = np.where(missing, MISSING, ticks // steps), origin // steps, unit_ns * steps
        present = ticks[~missing]
    low, high = (int(present.min()) - origin, int(present.max()) - origin) if present.size else (0, 0)
    if max(-low, high) * max(1, unit_ns // word_ns) >= _SAFE or abs(origin) >= _SAFE:
        return None
    since = np.where(missing, 0, ticks - origin)
    if unit_ns == word_ns:
        unit_ns = word_ns = 1
    if dtype.kind == "f" and max(-low, high) * unit_ns < _SAFE:
        return _as_floats(since, missing, unit_ns, word_ns, dtype)
    return _as_integers(since, missing, unit_ns, word_ns, dtype) if dtype.kind == "i" else None


def _as_floats(since: Numbers, missing: Numbers, unit_ns: int, word_ns: int, dtype: np.dtype[Any]) -> Numbers | None:
    counts: Numbers = (since * (unit_ns / word_ns)).astype(dtype)
    read = (counts.astype(np.float64) * word_ns).astype(np.int64)  # as xarray does: what is left over is cut off
    if np.any(read != since * unit_ns):
        return None
    return np.where(missing, dtype.type(np.nan), counts)


def _as_integers(since: Numbers, missing: Numbers, unit_ns: int, word_ns: int, dtype: np.dtype[Any]) -> Numbers | None:
    counts, rest = np.divmod(since * max(1, unit_ns // word_ns), max(1, word_ns // unit_ns))
    limits = np.iinfo(dtype)
    # the smallest number stands for what is missing
    if rest.any() or counts.min(initial=0) <= limits.min or counts.max(initial=0) > limits.max:
        return None
    return np.where(missing, limits.min, counts).astype(dtype)


def _stored(variable: xr.Variable, counts: Any, word: str, reference: str, calendar: str | None) -> xr.Variable:  # noqa: ANN401  # dask
    attrs = dict(variable.attrs) | {"units": word}
    if variable.dtype.kind == "M":
        attrs |= {"units": f"{word} since {reference}", "calendar": calendar or "proleptic_gregorian"}
    else:
        attrs["dtype"] = f"timedelta64[{_unit(variable)}]"  # by which xarray decodes it
    if counts.dtype.kind == "f":
        attrs["_FillValue"] = counts.dtype.type(np.nan)
    elif variable.chunks is not None or bool((counts == np.iinfo(counts.dtype).min).any()):
        attrs["_FillValue"] = counts.dtype.type(np.iinfo(counts.dtype).min)
    return xr.Variable(variable.dims, counts, attrs)


def _count_exactly(times: Numbers, units: str, first: cftime.datetime) -> Numbers | None:
    """Count times of one calendar; None where a reader would find others."""
    try:
        counts = np.asarray(cftime.date2num(times, units, first.calendar, has_year_zero=first.has_year_zero))
        if counts.dtype.kind not in "if":
            return None
        found = cftime.num2date(counts, units, first.calendar, only_use_cftime_datetimes=True)
    except (ValueError, TypeError, OverflowError):
        return None
    return counts if np.array_equal(np.asarray(found), times) else None


def count_cftimes(block: Numbers, *, units: str, first: cftime.datetime) -> Numbers:
    """Count times of the calendar of `first` in whole units; what is no time becomes `MISSING`."""
    present = np.array([isinstance(item, cftime.datetime) for item in block.ravel()], bool).reshape(block.shape)
    counts = np.full(block.shape, MISSING, np.int64)
    counts[present] = cftime.date2num(block[present], units, first.calendar, has_year_zero=first.has_year_zero)
    return counts
