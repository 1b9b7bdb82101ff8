"""A subset as a netCDF-4 file: the values that the source stores, block by block.

The bytes follow from the version of the source, the query and our own version alone, so that two workers make the same
file and a download goes on where it stopped: its history tells no time.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import xarray as xr
from xarray.backends.netCDF4_ import NETCDF4_PYTHON_LOCK

import cloudify
from cloudify.diagnostics.netcdf_types import (
    OWN_ATTRIBUTES,
    attribute,
    attribute_name,
    default_fill,
    fill_of,
    type_of,
    values_of,
)
from cloudify.diagnostics.parts import block_shape, blocks, chunk_of
from cloudify.diagnostics.subset import Plan
from cloudify.errors import BadOptionError, NoRoomError

if TYPE_CHECKING:
    import netCDF4

Array = np.ndarray[Any, np.dtype[Any]]
Type = np.dtype[Any] | type[str]

CHUNK_NBYTES: Final = 2**22
"""Largest chunk of a compressed variable: readers over HTTP fetch whole ones."""
STALE: Final = frozenset({"actual_range"})
"""Attributes of all the values, wrong of some of them."""
_COMPRESSED: Final = ("zlib", "compression", "compressor", "compressors", "filters", "szip", "zstd")


def write_netcdf(plan: Plan, path: Path, origin: str) -> None:
    """Write a subset. Blocks: all of its values are read.

    Parameters
    ----------
    origin
        What the history says of it, in one line.

    Raises
    ------
    NoRoomError
        If the file cannot be written; what reading raises is the source's.
    BadOptionError
        If netCDF cannot hold a variable.
    """
    import netCDF4  # noqa: PLC0415  # a library to load, for those who write files

    types = {name: type_of(name, variable.dtype) for name, variable in plan.variables.items()}
    with _writing():
        file = netCDF4.Dataset(path, "w", clobber=True)
    try:
        with NETCDF4_PYTHON_LOCK:
            _define_all(file, plan, types, origin)
        for name in plan.variables:
            for where, values in read_blocks(plan, name, types[name]):
                with _writing():
                    file.variables[name][where or ...] = values
    finally:
        with _writing():
            file.close()


def read_blocks(plan: Plan, name: str, dtype: Type) -> Iterator[tuple[tuple[slice, ...], Array]]:
    """Read a variable of a subset: the values that are stored, what is not meant as missing."""
    variable, mask = plan.variables[name], plan.mask_of(name)
    fill = missing(plan, name, dtype)
    for where, values in blocks(variable, plan.along):
        made = values_of(name, values, dtype)
        if mask is not None:
            inside = tuple(span if size > 1 else slice(None) for span, size in zip(where, mask.shape, strict=True))
            made = np.where(mask[inside], made, fill).astype(made.dtype)
        yield where, made


def missing(plan: Plan, name: str, dtype: Type) -> Any:  # noqa: ANN401  # of that type
    """Return what stands for a missing value of a variable, None where nothing does."""
    fill = fill_of(dtype, plan.variables[name].attrs)
    return default_fill(dtype) if fill is None and plan.mask_of(name) is not None else fill


def _define_all(file: "netCDF4.Dataset", plan: Plan, types: Mapping[str, Type], origin: str) -> None:
    file.setncatts(_attrs({**plan.attrs, "history": _history(plan.attrs.get("history"), origin)}))
    for name in plan.variables:
        try:
            _define(file, plan, name, types[name])
        except (RuntimeError, ValueError, TypeError, AttributeError) as error:
            raise BadOptionError(f"netCDF cannot hold {name!r} ({str(error)[:100]}); it is at .../zarr") from error


def _define(file: "netCDF4.Dataset", plan: Plan, name: str, dtype: Type) -> None:
    variable, shape = plan.variables[name], plan.shape(name)
    for dim, size in zip(variable.dims, shape, strict=True):
        if dim not in file.dimensions:
            file.createDimension(str(dim), size)
    own = variable.attrs
    fill = missing(plan, name, dtype) if "_FillValue" in own or plan.mask_of(name) is not None else None
    if isinstance(dtype, type):
        fill = None  # the library has none for texts
    made = file.createVariable(
        name,
        dtype,
        [str(dim) for dim in variable.dims],
        fill_value=False if fill is None else fill,
        **_storage(variable, shape, dtype),
    )
    made.set_auto_maskandscale(False)
    made.set_auto_chartostring(False)
    is_narrowed = any(dim in plan.along for dim in variable.dims)
    attrs = {key: value for key, value in own.items() if not (is_narrowed and key in STALE)}
    if variable.dtype.kind == "b":
        attrs["dtype"] = "bool"  # by which xarray knows truth values
    made.setncatts(_attrs(attrs))


def _storage(variable: xr.Variable, shape: tuple[int, ...], dtype: Type) -> dict[str, Any]:
    """Return how a variable is laid out: compressed where the source is, in its chunks where these are not large."""
    encoding: Mapping[str, Any] = variable.encoding
    if not shape or isinstance(dtype, type) or not any(encoding.get(key) for key in _COMPRESSED):
        return {}
    chunk = tuple(min(size, piece) for size, piece in zip(shape, chunk_of(variable), strict=True))
    aim = CHUNK_NBYTES if prod(chunk) == 1 else 0  # of a source whose chunks we do not know
    level = encoding.get("complevel")
    return {
        "compression": "zlib",
        "complevel": level if isinstance(level, int) and 1 <= level <= 9 else 1,  # noqa: PLR2004
        "shuffle": True,
        "chunksizes": block_shape(shape, chunk, dtype.itemsize, aim, CHUNK_NBYTES),
    }


def _attrs(attrs: Mapping[str, Any]) -> dict[str, Any]:
    return {attribute_name(key): attribute(value) for key, value in attrs.items() if key not in OWN_ATTRIBUTES}


def _history(before: object, origin: str) -> str:
    line = f"cloudify {cloudify.__version__}: {origin}"
    return line if before is None else f"{str(before).rstrip()}\n{line}".lstrip()


@contextmanager
def _writing() -> Iterator[None]:
    """Hold the lock that xarray reads under, for the library knows no threads; a failure is one of the disk."""
    with NETCDF4_PYTHON_LOCK:
        try:
            yield
        except (OSError, RuntimeError) as error:
            reason = error.strerror if isinstance(error, OSError) else None
            raise NoRoomError(reason or "it cannot be written") from error
