"""The result of a diagnostic as bytes: JSON, CSV, netCDF, and the rows of a table."""

import json
from typing import Any

import cftime
import numpy as np
import xarray as xr

from cloudify.diagnostics.groups import Array

ROWS = 200
"""Most rows of the table on a page."""


def to_json(ds: xr.Dataset) -> bytes:
    """Write xarray's dictionary: times as ISO text, what is no finite number as null."""
    parts = {
        kind: {str(name): _described(ds.variables[name]) for name in names}
        for kind, names in (("coords", ds.coords), ("data_vars", ds.data_vars))
    }
    document = {"dims": {str(dim): size for dim, size in ds.sizes.items()}, "attrs": _attrs(ds.attrs), **parts}
    return json.dumps(document, ensure_ascii=False, allow_nan=False).encode("utf-8", "replace")


def to_csv(ds: xr.Dataset, name: str) -> bytes:
    """Write a row for each value, with its coordinates; what is missing is empty."""
    text: str = ds[name].to_dataframe().to_csv()
    return text.encode("utf-8", "replace")


def to_netcdf(ds: xr.Dataset) -> bytes:
    """Write a netCDF-4 file."""
    return bytes(ds.to_netcdf(engine="h5netcdf"))


def to_table(ds: xr.Dataset, name: str) -> dict[str, Any]:
    """Return the first rows: ``columns``, ``rows`` of text, and of how many, ``size``."""
    variable = ds[name]
    places = np.unravel_index(np.arange(min(ROWS, variable.size)), variable.shape)
    labels = [
        _listed(ds[dim].to_numpy()[place]) if dim in ds.coords else place.tolist()
        for dim, place in zip(variable.dims, places, strict=True)
    ]
    values = _listed(variable.to_numpy()[places])
    rows = [[_text(item) for item in row] for row in zip(*labels, values, strict=True)]
    return {"columns": [*map(str, variable.dims), name], "rows": rows, "size": variable.size}


def _described(variable: xr.Variable) -> dict[str, Any]:
    return {
        "dims": [str(dim) for dim in variable.dims],
        "attrs": _attrs(variable.attrs),
        "data": _listed(variable.to_numpy()),
    }


def _listed(values: Array) -> Any:  # noqa: ANN401  # lists within lists
    if values.dtype.kind == "M":
        texts = np.array(np.datetime_as_string(values), object)
        texts[np.isnat(values)] = None
        return texts.tolist()
    if values.dtype.kind in "fmO":
        flat = [_plain(item) for item in values.ravel().tolist()]
        held = np.empty(len(flat), object)
        held[:] = flat
        return held.reshape(values.shape).tolist()
    return values.tolist() if values.dtype.kind in "biu" else np.asarray(values, str).tolist()


def _plain(item: object) -> object:
    """Return what JSON can say of a value."""
    if isinstance(item, cftime.datetime):
        return item.isoformat()
    if isinstance(item, float):
        return item if np.isfinite(item) else None
    return item if item is None or isinstance(item, bool | int) else str(item)


def _attrs(attrs: dict[Any, Any]) -> dict[str, Any]:
    return {str(key): _listed(np.asarray(value)) for key, value in attrs.items()}


def _text(item: object) -> str:
    if item is None:
        return "missing"
    return f"{item:.6g}" if isinstance(item, float) else str(item)
