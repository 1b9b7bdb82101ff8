"""A dataset handed over in Python -> the values that a store of it would hold.

The source is the object itself: its in-memory values and dtypes. Packing left in ``encoding`` by the file it was once
read from is dropped, and NaN is the fill value. Times become numbers in the units and calendar of their encoding where
these hold them exactly, else in a unit that does.
"""

from itertools import count
from typing import Any

import cftime
import numpy as np
import pandas as pd
import xarray as xr

from cloudify.datasets.source import explain, failures
from cloudify.datasets.times import Numbers, store_cftimes, store_times
from cloudify.settings.environment import start_token

_NUMBERS = (bool, int, float, complex, np.number, np.bool_)


ORIGINAL_NAME = "cloudify_original_name"
"""Encoding of a variable that is served under another name."""
OBJECT_VERSION = "cloudify_object_version"
"""Encoding of an object that is the same in all workers of a server."""
_objects = count(1)


def stored_form(ds: xr.Dataset) -> tuple[xr.Dataset, dict[str, str]]:
    """Return the stored form of one group, and why each variable without one has none."""
    variables, attrs = _with_coordinates(ds)
    kept: dict[str, xr.Variable] = {}
    omitted: dict[str, str] = {}
    for name, variable in variables.items():
        if _is_multi_index(ds, name):
            omitted[name] = "a MultiIndex has no stored form; its levels are served"
            continue
        try:
            kept[name] = _store(variable)
        except failures() as error:  # blocks of a graph are evaluated where nothing else tells what is in them
            reason = str(error) if isinstance(error, ValueError | TypeError) else explain(error)
            omitted[name] = f"no stored form: {reason}"
    return unindexed(kept, attrs), omitted


def as_object(data: xr.Dataset | xr.DataTree, dataset_id: str) -> xr.Dataset | xr.DataTree:
    """Return an object of Python to be served all the time: every worker of a server has it under the same token.

    Workers run the same script, so they count their objects alike; two servers in one process share no number.
    """
    marked = without_slashes(data).copy(deep=False)
    marked.encoding = {**marked.encoding, OBJECT_VERSION: f"{start_token()}-{next(_objects)}-{dataset_id}"}
    return marked


def without_slashes(data: xr.Dataset | xr.DataTree) -> xr.Dataset | xr.DataTree:
    """Return a dataset whose variables have ``_`` for a slash in their names: no tree and no key can hold those."""
    if isinstance(data, xr.DataTree):
        return data  # has none
    renamed: dict[str, str] = {}
    for name in map(str, data.variables):
        if "/" in name:
            free = name.replace("/", "_")
            while free in data.variables or free in data.dims or free in renamed.values():
                free += "_"
            renamed[name] = free
    served = data.rename(renamed) if renamed else data
    for name, free in renamed.items():
        variable = served.variables[free]
        variable.encoding = {**variable.encoding, ORIGINAL_NAME: name}
    return served


def _with_coordinates(ds: xr.Dataset) -> tuple[dict[str, xr.Variable], dict[Any, Any]]:
    """Name coordinates in the attribute ``coordinates``, as xarray does when it writes.

    What would only make xarray warn or refuse is taken away first: the attribute inherited twice, and names with a
    space, which that attribute cannot hold.
    """
    plain = ds.copy()
    for variable in plain.variables.values():
        if "coordinates" in variable.attrs:
            variable.encoding = {k: v for k, v in variable.encoding.items() if k != "coordinates"}
    spaced = [name for name in plain.coords if " " in str(name) and name not in plain.dims]
    if "coordinates" in plain.attrs:
        spaced = [name for name in plain.coords if name not in plain.dims]
    plain = plain.drop_indexes([n for n in spaced if n in plain.xindexes], errors="ignore").reset_coords(spaced)
    variables, attrs = xr.conventions.encode_dataset_coordinates(plain)
    return {str(name): variable for name, variable in variables.items()}, dict(attrs)


def _is_multi_index(ds: xr.Dataset, name: str) -> bool:
    return name in ds.dims and name in ds.xindexes and isinstance(ds.xindexes[name].to_pandas_index(), pd.MultiIndex)


def _store(variable: xr.Variable) -> xr.Variable:
    if not isinstance(variable.dtype, np.dtype):
        return _store(_without_extension(variable))
    if variable.dtype.kind in "mM":
        return store_times(variable)
    if variable.dtype.kind == "O":
        return _store_objects(variable)
    attrs = dict(variable.attrs)
    if variable.dtype.kind in "fc" and "_FillValue" not in attrs:
        attrs["_FillValue"] = variable.dtype.type(np.nan)
    return xr.Variable(variable.dims, variable._data, attrs, fastpath=True)  # noqa: SLF001  # stays lazy


def _store_objects(variable: xr.Variable) -> xr.Variable:
    """Give Python objects the type that all of them have; text keeps its own."""
    first = _first_object(variable)
    if isinstance(first, cftime.datetime):
        return store_cftimes(variable, first)
    plain = _plain(variable.to_numpy()) if variable.chunks is None else None
    if plain is not None:
        return _store(xr.Variable(variable.dims, plain, variable.attrs))
    return xr.Variable(variable.dims, variable._data, variable.attrs, fastpath=True)  # noqa: SLF001  # stays lazy


def _plain(values: Numbers) -> Numbers | None:
    """Return objects that are all numbers, or all bytes, as an array of these; None where they are something else."""
    kinds = {type(item) for item in values.ravel()}
    if not kinds or not (
        all(issubclass(kind, bytes) for kind in kinds) or all(issubclass(kind, _NUMBERS) for kind in kinds)
    ):
        return None
    plain = np.array(values.tolist()).reshape(values.shape)
    if plain.dtype == "S1":
        plain = plain.astype("S2")  # a reader would join the letters of S1 to words
    return plain if plain.dtype.kind in "biufcS" else None


def _without_extension(variable: xr.Variable) -> xr.Variable:
    """Turn an array of pandas' own types into numpy's: numbers that may be missing to floats, categories to objects."""
    series = pd.Series(variable.data)
    kind = getattr(series.dtype, "numpy_dtype", np.dtype(object))
    if kind.kind in "biuf" and bool(series.isna().any()):
        return xr.Variable(variable.dims, series.to_numpy(np.float64, na_value=np.nan), variable.attrs)
    return xr.Variable(variable.dims, series.to_numpy(kind), variable.attrs)


def _first_object(variable: xr.Variable) -> object:
    """Return the first element that is there, of a graph the first of its first block; None where there is none."""
    if not variable.size:
        return None
    array = variable.data if variable.chunks is not None else None
    filled = [next(i for i, n in enumerate(sizes) if n) for sizes in array.chunks] if array is not None else []
    values = variable.to_numpy() if array is None else array.blocks[tuple(filled)].compute(scheduler="sync")
    return next((item for item in np.asarray(values).ravel() if item is not None and item == item), None)  # noqa: PLR0124  # NaN


def unindexed(variables: dict[str, xr.Variable], attrs: dict[str, Any]) -> xr.Dataset:
    """Put variables together without an index, which would read coordinates and could refuse them."""
    coords = xr.Coordinates({n: v for n, v in variables.items() if v.dims == (n,)}, indexes={})
    return xr.Dataset({n: v for n, v in variables.items() if n not in coords}, coords=coords, attrs=attrs)
