"""Opener for series: files of one kind, one after the other along a dimension, as one dataset.

``href`` is a pattern such as ``nemo/*_grid-T.nc``, the files are taken in the order of their names, and the option
``dim`` names the dimension. Variables that lack it come from the first file.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from glob import iglob
from itertools import islice
from math import prod
from typing import Any

import xarray as xr

from cloudify.catalog.driver import is_url
from cloudify.datasets.netcdf import open_netcdf
from cloudify.datasets.objects import reader_options
from cloudify.datasets.scan import Scanned
from cloudify.datasets.source import RefusedError
from cloudify.datasets.stored_array import StoredArray, join
from cloudify.model.entry import Entry
from cloudify.settings import Settings

MAX_FILES = 10_000
SAME = ("units", "calendar", "scale_factor", "add_offset", "_FillValue", "missing_value", "dtype")
"""Attributes that say what stored values mean: files that differ in them cannot be put together as they are."""


def series_files(entry: Entry) -> list[str]:
    """Return the files of a series, in order.

    Raises
    ------
    RefusedError
        If the entry is not one of a series on disk, or there are too many files.
    FileNotFoundError
        If there is none.
    """
    if is_url(entry.href):
        raise RefusedError("a series is read from disk only")
    found = sorted(islice(iglob(entry.href), MAX_FILES + 1))  # noqa: PTH207  # hrefs are strings
    if len(found) > MAX_FILES:
        raise RefusedError(f"its pattern has more than {MAX_FILES} files")
    if not found:
        raise FileNotFoundError(2, "no file has a name of this pattern")
    return found


def open_series(entry: Entry, *, timeout_s: float, settings: Settings) -> Mapping[str, xr.Dataset]:
    """Open the files of a series as one dataset with the values they store.

    Raises
    ------
    RefusedError
        If the files do not fit together; it says why.
    OSError, ValueError, ...
        Whatever the libraries raise for a file they cannot read (`datasets.source.failures`).
    """
    dim = dim_of(entry)
    options = reader_options(entry.options, "dim")
    parts = [
        open_netcdf(
            replace(entry, driver="netcdf", href=href, options=options), timeout_s=timeout_s, settings=settings
        )["/"]
        for href in series_files(entry)
    ]
    first = parts[0]
    if dim not in first.dims:
        raise RefusedError(f"its files have no dimension {dim[:100]!r}; there are {', '.join(map(str, first.dims))}")
    if any(set(part.variables) != set(first.variables) for part in parts):
        raise RefusedError("its files do not have the same variables")
    variables = {
        name: _concatenate(str(name), [part.variables[name] for part in parts], dim, settings.chunk_nbytes)
        for name in first.variables
    }
    coords = xr.Coordinates({n: v for n, v in variables.items() if v.dims == (n,)}, indexes={})
    return {"/": xr.Dataset({n: v for n, v in variables.items() if n not in coords}, coords, first.attrs)}


def dim_of(entry: Entry) -> str:
    """Return the dimension along which the files follow each other."""
    dim = entry.options.get("dim")
    if not isinstance(dim, str) or not dim:
        raise RefusedError("its entry has no option `dim`, the dimension along which its files follow each other")
    return dim


def join_files(entry: Entry, scanned: Sequence[Scanned], dims: Mapping[str, tuple[str, ...]]) -> Scanned:
    """Return where the chunks of the whole series are.

    Parameters
    ----------
    dims
        Dimensions of each array by path.
    """
    dim = dim_of(entry)
    arrays: dict[str, StoredArray] = {}
    unfit: dict[str, str] = {}
    for path, own in dims.items():
        parts = [one.arrays.get(path) for one in scanned]
        known = [part for part in parts if part is not None]
        if len(known) < len(parts):
            unfit[path] = next(
                one.unfit.get(path, "") for one, part in zip(scanned, parts, strict=True) if part is None
            )
            continue
        joined = join(known, own.index(dim)) if dim in own else known[0]
        if joined is None:
            unfit[path] = "its chunks in the files of the series do not fit together"
        else:
            arrays[path] = joined
    return Scanned(arrays, unfit)


def _concatenate(name: str, parts: Sequence[xr.Variable], dim: str, aim_nbytes: int) -> xr.Variable:
    first = parts[0]
    for part in parts:
        sizes = {d: n for d, n in part.sizes.items() if d != dim}
        if part.dims != first.dims or part.dtype != first.dtype or sizes != {d: first.sizes[d] for d in sizes}:
            raise RefusedError(f"its files differ in the shape or type of {name[:100]!r}")
        if dim in first.dims and _meaning(part) != _meaning(first):
            raise RefusedError(f"its files differ in what values of {name[:100]!r} mean: units, calendar or packing")
    if dim not in first.dims:
        return first
    row = first.dtype.itemsize * prod(n for d, n in first.sizes.items() if d != dim)
    rows = max(1, aim_nbytes // max(row, 1))
    lazy = [part.chunk({d: rows if d == dim else n for d, n in part.sizes.items()}) for part in parts]
    whole = xr.Variable.concat(lazy, dim)  # type: ignore[no-untyped-call]
    return xr.Variable(first.dims, whole.data, first.attrs, fastpath=True)


def _meaning(variable: xr.Variable) -> dict[str, Any]:
    return {name: str(variable.attrs[name]) for name in SAME if name in variable.attrs}
