"""One value -> a result: what is left when the results of all slices were combined."""

import json
from itertools import product

import numpy as np
import xarray as xr

from cloudify.chunks.array import ServedArray
from cloudify.chunks.hierarchy import Hierarchy
from cloudify.chunks.stored_type import UnstorableError
from cloudify.compute.layout import CODEC
from cloudify.compute.results.index import IndexWriter
from cloudify.compute.results.large import Noted
from cloudify.compute.results.manifest import StoredArrays, Written, write_manifest
from cloudify.compute.results.source import Ranges
from cloudify.compute.results.table import scalars
from cloudify.compute.store.blobs import Blobs
from cloudify.datasets.stored import stored_form, without_slashes

CHUNK_NBYTES = 2**22
MAX_CHUNK_NBYTES = 2**28


def assemble_whole(name: str, value: object, blobs: Blobs, *, failed: Ranges = ()) -> Written:
    """Put together a result of one value.

    Parameters
    ----------
    name
        Of a value that has none.
    value
        A Dataset, DataArray, numpy array, or what JSON holds.
    failed
        Numbers of the slices that failed.

    Raises
    ------
    UnstorableError
        If it holds what zarr has no type for; it names the variable.
    StoreUnavailableError
        If it cannot be written; nobody refers to what was.
    """
    form, omitted = stored_form(_without_masks(as_dataset(name, value)))
    hierarchy = Hierarchy.build(
        {"/": form}, token="", codec=CODEC, stored=False, chunk_nbytes=CHUNK_NBYTES, max_chunk_nbytes=MAX_CHUNK_NBYTES,
        omitted=omitted,
    )  # fmt: skip
    for path, reason in hierarchy.omitted.items():
        raise UnstorableError(f"variable {path!r}: {reason}")
    noted = Noted(blobs)
    indices = {path: _store(array, noted) for path, array in hierarchy.arrays.items()}
    nodes = {path: json.loads(hierarchy.documents[f"{path}/zarr.json"].body) for path in hierarchy.arrays}
    return write_manifest(StoredArrays(nodes, indices, dict(hierarchy.groups[""])), noted, failed=failed)


def as_dataset(name: str, value: object) -> xr.Dataset:
    """Return a value as a dataset."""
    if isinstance(value, xr.Dataset):
        named = value
    elif isinstance(value, xr.DataArray | np.ndarray):
        array = value if isinstance(value, xr.DataArray) else xr.DataArray(value)
        named = array.to_dataset(name=array.name if array.name is not None else name)
    else:
        named = xr.Dataset({key: ((), item) for key, item in scalars(name, value).items()})
    return without_slashes(named)  # type: ignore[return-value]  # of a dataset it is one


def _without_masks(ds: xr.Dataset) -> xr.Dataset:
    """Drop what would have readers take a computed integer or text for missing."""
    plain = ds.copy()
    for variable in plain.variables.values():
        if variable.dtype.kind not in "fcmM":
            variable.attrs = {
                key: item for key, item in variable.attrs.items() if key not in {"_FillValue", "missing_value"}
            }
    return plain


def _store(array: ServedArray, noted: Noted) -> str:
    with IndexWriter(noted, array.grid) as index:
        for place in product(*map(range, array.grid.counts)):
            index.put(place, noted.put(array.chunk_bytes(place)))
        return index.seal()[0].sha256
