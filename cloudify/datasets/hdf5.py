"""Where the chunks of an HDF5 file are: a program of its own, so that a strange file costs a process, not the server.

``python -m cloudify.datasets.hdf5`` reads a request (JSON: ``hrefs``, ``options``, ``timeout_s``) from standard input
and writes a numpy archive to standard output: ``about``, JSON with the arrays of each file, and for each array whose
bytes zarr can express the offsets and sizes of its chunks in C order.

Filters: registered numbers of the HDF Group (1 deflate, 2 shuffle, 3 fletcher32, 32001 blosc, 32015 zstd).
"""

import io
import json
import sys
from collections.abc import Iterator
from math import prod
from typing import Any, BinaryIO

import h5py
import numpy as np

from cloudify.catalog.driver import is_url

MAX_CHUNKS = 50_000_000
"""Most chunks of one array; a table of as many is 800 MB."""
NON_COORDINATE = "_nc4_non_coord_"
"""How the netCDF library marks a variable that has a dimension's name and is not its coordinate."""
_BLOSC = ("blosclz", "lz4", "lz4hc", "snappy", "zlib", "zstd")


Table = np.ndarray[Any, np.dtype[np.int64]]


class _UnfitError(ValueError):
    """An array whose bytes zarr cannot express, and why."""


def scan(file: h5py.File, tables: dict[str, Table]) -> dict[str, Any]:
    """Return what is known of each array by its path, and add the places of its chunks to `tables`."""
    about: dict[str, Any] = {}
    for path, array in _arrays(file):
        try:
            about[path], offsets, sizes = _scan_array(array, file.userblock_size)
        except _UnfitError as error:
            about[path] = {"unfit": str(error)}
        else:
            number = len(tables) // 2
            about[path]["table"] = number
            tables |= {f"o{number}": offsets, f"s{number}": sizes}
    return about


def _arrays(group: h5py.Group, prefix: str = "") -> Iterator[tuple[str, h5py.Dataset]]:
    for name in group:
        if group.get(name, getclass=True, getlink=True) is not h5py.HardLink:
            continue  # another file's, or a second name
        item = group[name]
        if isinstance(item, h5py.Dataset):
            yield prefix + name.removeprefix(NON_COORDINATE), item
        elif isinstance(item, h5py.Group):
            yield from _arrays(item, f"{prefix}{name}/")


def _scan_array(array: h5py.Dataset, shift: int) -> tuple[dict[str, Any], Table, Table]:
    plist = array.id.get_create_plist()
    if shift:
        raise _UnfitError("its file begins with a user block")
    if array.dtype.kind not in "biufcS" or array.shape is None or h5py.check_enum_dtype(array.dtype):
        raise _UnfitError("its elements are no numbers")
    if plist.get_external_count() or plist.get_layout() not in {h5py.h5d.CHUNKED, h5py.h5d.CONTIGUOUS}:
        raise _UnfitError("its values are not in chunks of this file")
    about: dict[str, Any] = {
        "shape": list(array.shape),
        "dtype": array.dtype.str,
        "fill": np.asarray(array.fillvalue, array.dtype).tobytes().hex(),
    }
    if plist.get_layout() == h5py.h5d.CONTIGUOUS:
        offset = array.id.get_offset()
        if offset is None:
            raise _UnfitError("none of its values was ever written")
        return about | {"chunk": None, "filters": []}, np.array([offset]), np.array([array.id.get_storage_size()])
    about |= {"chunk": list(array.chunks), "filters": list(_filters(plist, array.dtype.itemsize))}
    return about, *_chunks(array)


def _chunks(array: h5py.Dataset) -> tuple[Table, Table]:
    counts = [-(-extent // size) for extent, size in zip(array.shape, array.chunks, strict=True)]
    if prod(counts) > MAX_CHUNKS:
        raise _UnfitError(f"it has more than {MAX_CHUNKS} chunks")
    offsets, sizes = np.full(counts, -1, np.int64), np.zeros(counts, np.int64)
    skipped = False

    def note(info: Any) -> None:  # noqa: ANN401  # h5py's StoreInfo
        nonlocal skipped
        index = tuple(start // size for start, size in zip(info.chunk_offset, array.chunks, strict=True))
        if info.byte_offset is not None and all(i < n for i, n in zip(index, counts, strict=True)):
            offsets[index], sizes[index] = info.byte_offset, info.size
            skipped |= bool(info.filter_mask)

    array.id.chunk_iter(note)
    if skipped:
        raise _UnfitError("some of its chunks were written without its filters")
    return offsets.ravel(), sizes.ravel()


def _filters(plist: Any, itemsize: int) -> Iterator[dict[str, Any]]:  # noqa: ANN401  # h5py's PropDCID
    for number in range(plist.get_nfilters()):
        code, _, values, name = plist.get_filter(number)
        if code == h5py.h5z.FILTER_DEFLATE:
            yield {"id": "zlib", "level": int(values[0])}
        elif code == h5py.h5z.FILTER_SHUFFLE:
            yield {"id": "shuffle", "elementsize": int(values[0]) if values else itemsize}
        elif code == h5py.h5z.FILTER_FLETCHER32:
            yield {"id": "fletcher32"}
        elif code == 32015:  # noqa: PLR2004  # zstd
            yield {"id": "zstd", "level": int(values[0]) if values else 3}
        elif code == 32001 and len(values) > 6 and values[6] < len(_BLOSC):  # noqa: PLR2004  # blosc
            yield {
                "id": "blosc", "cname": _BLOSC[values[6]], "clevel": int(values[4]), "shuffle": int(values[5]),
                "blocksize": 0,
            }  # fmt: skip
        else:
            raise _UnfitError(
                f"it is compressed by {name.decode('ascii', 'replace')[:40]!r}, which zarr has no name for"
            )


def main() -> None:
    """Answer one request."""
    request = json.load(sys.stdin)
    tables: dict[str, Table] = {}
    about = []
    for href in request["hrefs"]:
        with h5py.File(_open(href, request) if is_url(href) else href, "r") as file:
            about.append(scan(file, tables))
    out = io.BytesIO()
    np.savez(out, about=np.frombuffer(json.dumps(about).encode(), np.uint8), **tables)  # type: ignore[arg-type]  # numpy's stubs
    sys.stdout.buffer.write(out.getvalue())


def _open(href: str, request: dict[str, Any]) -> BinaryIO:
    from cloudify.datasets.files import open_elsewhere  # noqa: PLC0415  # most files are here
    from cloudify.model.entry import Entry  # noqa: PLC0415
    from cloudify.settings import Settings  # noqa: PLC0415

    entry = Entry("scanned", "netcdf", href, options=request["options"])
    return open_elsewhere(entry, timeout_s=request["timeout_s"], settings=Settings.load())


if __name__ == "__main__":
    main()
