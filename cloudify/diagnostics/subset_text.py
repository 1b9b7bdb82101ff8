"""A subset as text: CSV, a row for each place, and JSON, as xarray's dictionary. Values are decoded."""

from typing import Any, Final

import cftime
import numpy as np
import pandas as pd
import xarray as xr

from cloudify.datasets.decode import decode
from cloudify.datasets.opened import Opened
from cloudify.datasets.stored import unindexed
from cloudify.datasets.subject import subject_of
from cloudify.diagnostics.forms import to_json
from cloudify.diagnostics.netcdf_types import type_of
from cloudify.diagnostics.subset import Plan
from cloudify.diagnostics.subset_file import STALE, missing, read_blocks
from cloudify.errors import BadOptionError, ResultTooLargeError

Array = np.ndarray[Any, np.dtype[Any]]

MOST_VALUES: Final = 1_000_000
"""Most values that are written as text."""


def write_json(plan: Plan) -> bytes:
    """Return what is asked for and its coordinates. Blocks: all values are read.

    Raises
    ------
    ResultTooLargeError
        If there are too many.
    """
    _check(sum(_size(plan, name) for name in plan.variables))
    return to_json(in_memory(plan, list(plan.variables)))


def write_csv(opened: Opened, plan: Plan, *, has_units: bool) -> bytes:
    """Return a row for each place: its coordinates, and what was asked for. Blocks: all values are read.

    A dimension without a coordinate has its positions in the source. What lies outside a region is no row, what is
    missing is empty. With `has_units` a line that begins with ``#`` comes first.

    Raises
    ------
    ResultTooLargeError
        If there are too many values.
    BadOptionError
        If what is asked for does not lie along the dimensions of one of the variables.
    """
    widest = max(plan.asked, key=lambda name: plan.variables[name].ndim)
    dims = tuple(map(str, plan.variables[widest].dims))
    odd = [name for name in plan.asked if not set(plan.variables[name].dims) <= set(dims)]
    if odd:
        raise BadOptionError(
            f"a table has a row for each place: {odd[0]!r} lies along {_along(plan, odd[0])}, {widest!r} along"
            f" {_along(plan, widest)}; ask for them one at a time, or for subset.nc"
        )
    _check(_size(plan, widest) * len(plan.asked))
    grid = subject_of(opened, widest).grid
    beside = [name for name in (grid.lat, grid.lon) if name in plan.variables and name not in dims]
    beside = [name for name in beside if set(plan.variables[name].dims) <= set(dims)]
    needed = [name for name in plan.variables if name in {*dims, *beside, *plan.asked}]
    ds = in_memory(plan, needed)
    sizes = dict(zip(dims, plan.shape(widest), strict=True))
    columns = {dim: ds.variables[dim] if _is_axis(ds, dim) else _positions(plan, dim, sizes[dim]) for dim in dims}
    columns |= {name: ds.variables[name] for name in dict.fromkeys([*beside, *plan.asked])}
    mask = plan.mask_of(widest)
    kept = slice(None) if mask is None else np.broadcast_to(mask, tuple(sizes.values())).ravel()
    table = pd.DataFrame({name: _column(_spread(item, sizes), kept) for name, item in columns.items()})
    text = table.to_csv(index=False)
    if has_units:
        units = [f"{name} [{_unit(plan, name)}]" for name in columns if _unit(plan, name)]
        text = f"# {', '.join(units)}\n{text}"
    return text.encode("utf-8", "replace")


def in_memory(plan: Plan, names: list[str]) -> xr.Dataset:
    """Return variables of a subset, read and decoded."""
    made = {name: _read(plan, name) for name in names}
    attrs = {key: value for key, value in plan.attrs.items() if key != "coordinates"}
    return decode(unindexed(made, attrs))


def _read(plan: Plan, name: str) -> xr.Variable:
    source = plan.variables[name]
    dtype = type_of(name, source.dtype)
    attrs = {key: value for key, value in source.attrs.items() if key not in STALE}
    fill = missing(plan, name, dtype)
    if fill is not None and plan.mask_of(name) is not None:
        attrs["_FillValue"] = fill
    values = np.empty(plan.shape(name), object if isinstance(dtype, type) else dtype)
    for where, part in read_blocks(plan, name, dtype):
        values[where] = part
    return xr.Variable(source.dims, values, attrs, {})


def _size(plan: Plan, name: str) -> int:
    return int(np.prod(plan.shape(name), dtype=np.int64))


def _check(count: int) -> None:
    if count > MOST_VALUES:
        raise ResultTooLargeError(count, MOST_VALUES, "subset.nc, or select less")


def _along(plan: Plan, name: str) -> str:
    return ", ".join(map(str, plan.variables[name].dims)) or "nothing"


def _is_axis(ds: xr.Dataset, dim: str) -> bool:
    return dim in ds.variables and ds.variables[dim].dims == (dim,)


def _positions(plan: Plan, dim: str, size: int) -> xr.Variable:
    return xr.Variable((dim,), plan.along.get(dim, np.arange(size)))


def _spread(variable: xr.Variable, sizes: dict[str, int]) -> xr.Variable:
    """Repeat a variable along the dimensions that it lacks, and put all in one order."""
    ordered = variable.transpose(*(dim for dim in sizes if dim in variable.dims))
    places = tuple(slice(None) if dim in variable.dims else None for dim in sizes)
    return xr.Variable(tuple(sizes), np.broadcast_to(ordered.to_numpy()[places], tuple(sizes.values())))


def _column(variable: xr.Variable, kept: Any) -> Array:  # noqa: ANN401  # a slice or a mask
    values: Array = variable.to_numpy().ravel()[kept]
    if values.dtype.kind == "M":
        whole = not np.any((values - values.astype("datetime64[s]")).astype(np.int64)[~np.isnat(values)])
        texts = np.datetime_as_string(values, unit="s" if whole else "ns").astype(object)
        return np.where(np.isnat(values), "", texts)
    if values.dtype.kind == "O":
        return np.array([_text(item) for item in values], object)
    return values


def _text(item: object) -> object:
    if isinstance(item, cftime.datetime):
        return item.isoformat()
    return item.decode("utf-8", "replace") if isinstance(item, bytes) else item


def _unit(plan: Plan, name: str) -> str:
    unit = plan.variables[name].attrs.get("units", "") if name in plan.variables else ""
    return " ".join(unit.split())[:200] if isinstance(unit, str) and " since " not in unit else ""
