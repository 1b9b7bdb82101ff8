"""Opener for netCDF and HDF5 files, on disk or over http."""

import atexit
from collections.abc import Mapping
from os import stat
from weakref import WeakValueDictionary

import fsspec
import xarray as xr

from cloudify.catalog.driver import is_url
from cloudify.datasets.classic import is_classic, required_nbytes
from cloudify.datasets.source import RAW
from cloudify.model.entry import Entry

REMOTE_CLASSIC_NBYTES = 256 * 2**20
"""A netCDF classic file over http is read whole (the format has no index that readers use), up to this size."""


def open_netcdf(entry: Entry, *, timeout_s: float) -> Mapping[str, xr.Dataset]:
    """Open all groups of a file with the values it stores.

    Raises
    ------
    OSError, ValueError, ...
        Whatever the libraries raise for a file they cannot read (`datasets.source.failures`).
    """
    return _open_remote(entry, timeout_s) if is_url(entry.href) else _open_local(entry)


_open_remotely: WeakValueDictionary[int, xr.Dataset] = WeakValueDictionary()


def _close_at_exit(groups: Mapping[str, xr.Dataset]) -> Mapping[str, xr.Dataset]:
    """Close what is still open over http when Python ends.

    HDF5 closes its files after Python has gone, and h5py's driver for file objects then calls Python: a segmentation
    fault at the end of an otherwise good process (seen with h5py 3.16).
    """
    _open_remotely.update({id(ds): ds for ds in groups.values()})
    return groups


@atexit.register
def _close_remote() -> None:
    for ds in list(_open_remotely.values()):
        ds.close()


def _open_local(entry: Entry) -> Mapping[str, xr.Dataset]:
    with open(entry.href, "rb") as file:  # noqa: PTH123  # hrefs are strings, also of URLs
        if is_classic(file.read(4)):
            file.seek(0)
            required, present = required_nbytes(file), stat(entry.href).st_size  # noqa: PTH116
            if present < required:
                raise EOFError(f"truncated: {present} bytes of {required}")
    return xr.open_groups(entry.href, engine="netcdf4", **RAW, **entry.options)  # type: ignore[arg-type]


def _open_remote(entry: Entry, timeout_s: float) -> Mapping[str, xr.Dataset]:
    import aiohttp  # noqa: PLC0415  # only who reads http pays for it

    fs = fsspec.filesystem("http", client_kwargs={"timeout": aiohttp.ClientTimeout(total=timeout_s)})
    file = fs.open(entry.href, "rb")
    head = file.read(4)
    file.seek(0)
    if not is_classic(head):
        return _close_at_exit(xr.open_groups(file, engine="h5netcdf", **RAW, **entry.options))  # type: ignore[arg-type]
    if file.size is not None and file.size > REMOTE_CLASSIC_NBYTES:
        raise ValueError(f"a netCDF classic file of {file.size} bytes over http; the most is {REMOTE_CLASSIC_NBYTES}")
    return {"/": xr.open_dataset(file, engine="scipy", **RAW, **entry.options)}  # type: ignore[arg-type]
