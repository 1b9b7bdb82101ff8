"""A dataset handed over in Python -> the values that a store of it would hold.

The source is the object itself: its in-memory values and dtypes. Packing left in ``encoding`` by the file it was once
read from is dropped, and NaN is the fill value. Times become numbers in the units and calendar of their encoding where
these hold them exactly, else in a unit that does.
"""

from typing import Any

import cftime
import numpy as np
import xarray as xr

_TIME_ENCODING = ("units", "calendar", "dtype")
_UNIT_WORDS = {"s": "seconds", "ms": "milliseconds", "us": "microseconds", "ns": "nanoseconds"}
"""numpy's unit of a time that xarray can hold -> the word of the CF conventions."""


def stored_form(ds: xr.Dataset) -> tuple[xr.Dataset, dict[str, str]]:
    """Return the stored form of one group, and why each variable without one has none."""
    variables, attrs = xr.conventions.encode_dataset_coordinates(ds)
    kept: dict[str, xr.Variable] = {}
    omitted: dict[str, str] = {}
    for name, variable in variables.items():
        try:
            kept[str(name)] = _store(variable)
        except (ValueError, TypeError, NotImplementedError, OverflowError) as error:
            omitted[str(name)] = f"no stored form: {error}"
    return _dataset_of(kept, dict(attrs)), omitted


def _store(variable: xr.Variable) -> xr.Variable:
    attrs = dict(variable.attrs)
    if variable.dtype.kind in "mM" and variable.chunks is not None:
        return _store_lazy_time(variable)
    if variable.dtype.kind in "mM" or (variable.dtype.kind == "O" and _holds_times(variable)):
        return _store_time(variable)
    if variable.dtype.kind in "fc" and "_FillValue" not in attrs:
        attrs["_FillValue"] = variable.dtype.type(np.nan)
    return xr.Variable(variable.dims, variable._data, attrs, fastpath=True)  # noqa: SLF001  # stays lazy


def _store_time(variable: xr.Variable) -> xr.Variable:
    encoding = {name: variable.encoding[name] for name in _TIME_ENCODING if name in variable.encoding}
    plain = xr.Variable(variable.dims, variable.to_numpy(), variable.attrs)
    candidates = [encoding, {k: v for k, v in encoding.items() if k != "dtype"}, {}]
    for candidate in candidates:
        plain.encoding = candidate
        try:
            stored = xr.conventions.encode_cf_variable(plain)
        except (ValueError, OverflowError, UserWarning):
            continue
        if _times_equal(stored, plain):
            return xr.Variable(stored.dims, stored.to_numpy(), stored.attrs)
    if variable.dtype.kind in "mM":
        return _store_lazy_time(plain)
    raise ValueError("no unit holds its times exactly")


def _times_equal(stored: xr.Variable, original: xr.Variable) -> bool:
    decoded = xr.conventions.decode_cf_variable("time", stored, decode_timedelta=original.dtype.kind == "m")
    ours, theirs = decoded.to_numpy(), original.to_numpy()
    both_missing = (ours != ours) & (theirs != theirs)  # noqa: PLR0124  # NaT differs from itself
    return bool(np.all((ours == theirs) | both_missing))


def _store_lazy_time(variable: xr.Variable) -> xr.Variable:
    """Reinterpret times as the integers they are, counted in their own unit: exact, and nothing is read."""
    unit = np.datetime_data(variable.dtype)[0]
    if unit not in _UNIT_WORDS:
        raise ValueError(f"times in the unit {unit!r}")
    attrs = dict(variable.attrs) | {"_FillValue": np.int64(np.iinfo(np.int64).min)}
    attrs["units"] = _UNIT_WORDS[unit]
    if variable.dtype.kind == "M":
        attrs |= {"units": f"{_UNIT_WORDS[unit]} since 1970-01-01", "calendar": "proleptic_gregorian"}
    return xr.Variable(variable.dims, variable.data.view("int64"), attrs)


def _holds_times(variable: xr.Variable) -> bool:
    if variable.chunks is not None or not variable.size:
        return False
    return isinstance(variable.to_numpy().reshape(-1)[0], cftime.datetime)


def _dataset_of(variables: dict[str, xr.Variable], attrs: dict[str, Any]) -> xr.Dataset:
    """Put variables together without an index, which would read coordinates and could refuse them."""
    coords = xr.Coordinates({n: v for n, v in variables.items() if v.dims == (n,)}, indexes={})
    return xr.Dataset({n: v for n, v in variables.items() if n not in coords}, coords=coords, attrs=attrs)
