"""Kerchunk reference sets in parquet files, of which only those parts are read that are asked for.

Layout as fsspec's ``LazyReferenceMapper`` writes it: ``.zmetadata`` has the documents and ``record_size``;
``{array}/refs.{n}.parq`` has the references of the chunks ``n * record_size ...`` of an array, in C order, in the
columns ``path``, ``offset``, ``size`` and ``raw``. Offset and size 0 mean the
whole file, no path and no raw bytes no chunk.
"""

import io
import json
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from math import prod
from threading import Lock
from typing import Any

import fastparquet

from cloudify.datasets.documents import load
from cloudify.datasets.objects import Objects
from cloudify.datasets.references import METADATA, Reference, make_target
from cloudify.datasets.source import RefusedError
from cloudify.datasets.vetting import MAX_COUNT

MAX_RECORDS = 1_000_000
"""Most references in one file."""
MAX_FILE_NBYTES = 2**27
HELD_RECORDS = 1_000_000
"""References held in memory, at about 60 bytes each; the files least recently used go first."""

Columns = dict[str, Any]


class ParquetReferences:
    """A parquet reference set. Safe to use from many threads."""

    def __init__(self, objects: Objects, max_nbytes: int) -> None:
        self._objects, self._max_nbytes = objects, max_nbytes
        data = objects.read(".zmetadata", limit_nbytes=MAX_FILE_NBYTES)
        if data is None:
            raise RefusedError("its reference set has no .zmetadata")
        content = load(data, "the .zmetadata of its reference set")
        metadata, size = content.get("metadata"), content.get("record_size")
        if not isinstance(metadata, dict) or type(size) is not int or not 0 < size <= MAX_RECORDS:
            raise RefusedError("the .zmetadata of its reference set are not understood")
        self._metadata, self._record_size = metadata, size
        self._counts = {
            key.removesuffix("/.zarray"): _counts(value) for key, value in metadata.items() if key.endswith("/.zarray")
        }
        self._held: OrderedDict[str, Columns | None] = OrderedDict()
        self._lock = Lock()

    def documents(self) -> Mapping[str, Reference]:
        """Return all metadata documents by key."""
        return {
            key: json.dumps(value).encode()
            for key, value in self._metadata.items()
            if key.rpartition("/")[2] in METADATA
        }

    def urls(self) -> Iterator[str]:
        """Yield nothing: no target is known before it is asked for."""
        yield from ()

    def find(self, key: str) -> Reference | None:
        """Return what a chunk's key refers to."""
        array, number = self._number(key)
        if array is None:
            return None
        columns = self._columns(f"{array}/refs.{number // self._record_size}.parq")
        row = number % self._record_size
        if columns is None or row >= columns["rows"]:
            return None
        raw, path = columns["raw"], columns["path"]
        if raw is not None and isinstance(raw[row], bytes | str):
            return raw[row].encode() if isinstance(raw[row], str) else bytes(raw[row])
        if path is None or not isinstance(path[row], str):
            return None
        offset, length = int(columns["offset"][row]), int(columns["size"][row])
        if offset == 0 and length == 0:
            return make_target(path[row], 0, None, self._max_nbytes)
        return make_target(path[row], offset, length, self._max_nbytes)

    def _number(self, key: str) -> tuple[str | None, int]:
        """Return the array and the number of a chunk, in C order."""
        array, _, chunk = key.rpartition("/")
        while array and array not in self._counts:
            array, _, part = array.rpartition("/")
            chunk = f"{part}.{chunk}"
        counts = self._counts.get(array)
        index = chunk.split(".")
        if counts is None or len(index) != len(counts) or not all(n.isascii() and n.isdigit() for n in index):
            return None, 0
        number = 0
        for count, text in zip(counts, index, strict=True):
            if int(text) >= count:
                return None, 0
            number = number * count + int(text)
        return array, number

    def _columns(self, key: str) -> Columns | None:
        with self._lock:
            if key in self._held:
                self._held.move_to_end(key)
                return self._held[key]
        data = self._objects.read(key, limit_nbytes=MAX_FILE_NBYTES)
        columns = None if data is None else self._read(data)
        with self._lock:
            self._held[key] = columns
            while len(self._held) > max(1, HELD_RECORDS // self._record_size):
                self._held.popitem(last=False)
        return columns

    def _read(self, data: bytes) -> Columns:
        file = fastparquet.ParquetFile(io.BytesIO(data))
        inflated = sum(group.total_byte_size or 0 for group in file.row_groups)
        if file.count() > self._record_size or inflated > MAX_FILE_NBYTES:
            raise RefusedError("a file of its reference set is larger than its .zmetadata say")
        frame = file.to_pandas(columns=[name for name in ("path", "offset", "size", "raw") if name in file.columns])
        columns: Columns = {name: frame[name].to_numpy() if name in frame else None for name in ("path", "raw")}
        columns |= {name: frame[name].to_numpy() if name in frame else [0] * len(frame) for name in ("offset", "size")}
        return columns | {"rows": len(frame)}


def _counts(document: object) -> list[int]:
    """Return the number of chunks along each axis; a scalar has one chunk ``0``."""
    shape, chunks = (document.get(name) for name in ("shape", "chunks")) if isinstance(document, dict) else (None, None)
    if not isinstance(shape, list) or not isinstance(chunks, list) or len(shape) != len(chunks):
        raise RefusedError("its reference set has an array of no shape")
    if not all(type(n) is int and 0 <= n <= MAX_COUNT for n in shape) or not all(
        type(n) is int and n > 0 for n in chunks
    ):
        raise RefusedError("its reference set has an array of no shape")
    counts = [-(-n // m) for n, m in zip(shape, chunks, strict=True)] or [1]
    if prod(max(n, 1) for n in counts) > MAX_COUNT:
        raise RefusedError("its reference set has an array of more chunks than can be")
    return counts
