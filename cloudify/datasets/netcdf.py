"""Opener for netCDF and HDF5 files, on disk, over http or in an S3 store."""

import atexit
from collections.abc import Mapping
from os import SEEK_END, stat
from typing import BinaryIO
from weakref import WeakValueDictionary

import xarray as xr

from cloudify.catalog.driver import is_url
from cloudify.datasets.classic import is_classic, required_nbytes
from cloudify.datasets.files import open_elsewhere
from cloudify.datasets.objects import reader_options
from cloudify.datasets.source import RAW, RefusedError
from cloudify.model.entry import Entry
from cloudify.settings import Settings

REMOTE_CLASSIC_NBYTES = 256 * 2**20
"""A netCDF classic file over http is read whole (the format has no index that readers use), up to this size."""


def open_netcdf(entry: Entry, *, timeout_s: float, settings: Settings) -> Mapping[str, xr.Dataset]:
    """Open all groups of a file with the values it stores.

    Raises
    ------
    OSError, ValueError, ...
        Whatever the libraries raise for a file they cannot read (`datasets.source.failures`).
    """
    if is_url(entry.href):
        return _open_file(open_elsewhere(entry, timeout_s=timeout_s, settings=settings), entry)
    return _open_local(entry)


_open_remotely: WeakValueDictionary[int, xr.Dataset] = WeakValueDictionary()


def _close_at_exit(groups: Mapping[str, xr.Dataset]) -> Mapping[str, xr.Dataset]:
    """Close what is still open elsewhere when Python ends.

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


def _open_file(file: BinaryIO, entry: Entry) -> Mapping[str, xr.Dataset]:
    options = reader_options(entry.options)
    head = file.read(4)
    if not is_classic(head):
        file.seek(0)
        return _close_at_exit(xr.open_groups(file, engine="h5netcdf", **RAW, **options))
    size = file.seek(0, SEEK_END)
    if size > REMOTE_CLASSIC_NBYTES:
        raise RefusedError(f"a netCDF classic file of {size} bytes from elsewhere; the most is {REMOTE_CLASSIC_NBYTES}")
    file.seek(0)
    return {"/": xr.open_dataset(file, engine="scipy", **RAW, **options)}
