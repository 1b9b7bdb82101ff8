"""Opener for zarr stores, v2 and v3, on disk, over http or in an S3 store."""

from collections.abc import Mapping

import xarray as xr

from cloudify.datasets.documents import gather
from cloudify.datasets.objects import objects_at, reader_options
from cloudify.datasets.store import open_documents
from cloudify.model.entry import Entry
from cloudify.settings import Settings


def open_zarr(entry: Entry, *, timeout_s: float, settings: Settings) -> Mapping[str, xr.Dataset]:
    """Open all groups of a store with the values it stores.

    Raises
    ------
    RefusedError
        If its metadata are not to be believed, or are absent.
    OSError, ValueError, ...
        Whatever the libraries raise for a store they cannot read (`datasets.source.failures`).
    """
    objects = objects_at(entry.href, entry.options, settings, timeout_s=timeout_s)
    documents = gather(objects, settings.max_chunk_nbytes)
    return open_documents(documents, objects, reader_options(entry.options))
