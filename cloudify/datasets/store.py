"""A zarr store for zarr-python to read sources through: vetted metadata, bounded reads, nothing else."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Never

import xarray as xr
from zarr.abc.store import ByteRequest, OffsetByteRequest, RangeByteRequest, Store, SuffixByteRequest
from zarr.core.buffer import Buffer, BufferPrototype
from zarr.core.metadata import ArrayV2Metadata, ArrayV3Metadata

from cloudify.datasets.documents import Documents
from cloudify.datasets.objects import Objects, Part
from cloudify.datasets.source import RAW

HARMLESS = {"drop_variables"}
"""Arguments of `xarray.open_groups` that change no values."""


class VettedStore(Store):
    """Documents from memory, chunks of vetted arrays from `objects`; read-only.

    A chunk that `objects` does not have is a chunk that was never written, which by zarr's rule holds the fill value.
    """

    supports_writes = False
    supports_deletes = False
    supports_listing = False  # the documents are consolidated

    def __init__(self, documents: Documents, objects: Objects) -> None:
        super().__init__(read_only=True)
        self._documents, self._objects = documents, objects
        self._is_open = True

    def __eq__(self, other: object) -> bool:
        return self is other

    def __hash__(self) -> int:
        return id(self)

    async def get(self, key: str, prototype: BufferPrototype, byte_range: ByteRequest | None = None) -> Buffer | None:
        """Return a document or a stored chunk."""
        document = self._documents.root.get(key)
        if document is not None:
            return prototype.buffer.from_bytes(document)
        limit = self._limit(key)
        if limit is None:
            return None
        part = None if byte_range is None else _part(byte_range)
        data = await asyncio.to_thread(self._objects.read, key, part, limit_nbytes=limit)
        return None if data is None else prototype.buffer.from_bytes(data)

    async def get_partial_values(
        self, prototype: BufferPrototype, key_ranges: Iterable[tuple[str, ByteRequest | None]]
    ) -> list[Buffer | None]:
        """Return several parts."""
        return [await self.get(key, prototype, part) for key, part in key_ranges]

    async def exists(self, key: str) -> bool:
        """Whether there is a document at `key`; nobody asks for chunks."""
        return key in self._documents.root

    async def set(self, key: str, value: Buffer) -> Never:
        """Refuse."""
        raise NotImplementedError("sources are read only")

    async def delete(self, key: str) -> Never:
        """Refuse."""
        raise NotImplementedError("sources are read only")

    async def list(self) -> AsyncIterator[str]:
        """Yield the keys of the root's documents: the rest is in them."""
        for key in self._documents.root:
            yield key

    async def list_prefix(self, prefix: str) -> AsyncIterator[str]:
        """Yield those that begin with `prefix`."""
        for key in self._documents.root:
            if key.startswith(prefix):
                yield key

    async def list_dir(self, prefix: str) -> AsyncIterator[str]:
        """Yield those of a folder."""
        for key in self._documents.root if not prefix else ():
            yield key

    def _limit(self, key: str) -> int | None:
        """Return the most bytes that may be stored at a key, None for one that is no array's."""
        path = key
        while path:
            path = path.rpartition("/")[0]
            if path in self._documents.arrays:
                is_document = key.endswith((".zarray", ".zattrs", ".zgroup", "zarr.json", ".zmetadata"))
                return None if is_document else self._documents.arrays[path].stored_nbytes
        return None


@dataclass(frozen=True, slots=True)
class StoredZarr:
    """A zarr hierarchy as it is stored."""

    documents: Documents
    objects: Objects
    """Where its chunks are."""
    is_raw: bool
    """Whether its groups were opened with the values that are stored, not with what options make of them."""

    def fill(self, path: str) -> Any:  # noqa: ANN401  # any element type
        """Return what the elements of chunks that were never written read as, by zarr-python."""
        document = self.documents.arrays[path].document
        of_v2 = self.documents.zarr_format == 2  # noqa: PLR2004
        metadata = ArrayV2Metadata.from_dict(document) if of_v2 else ArrayV3Metadata.from_dict(document)
        return metadata.dtype.default_scalar() if metadata.fill_value is None else metadata.fill_value


class ZarrGroups(dict[str, xr.Dataset]):
    """The groups of a zarr hierarchy, by path, with what is stored of them."""

    def __init__(self, groups: Mapping[str, xr.Dataset], stored: StoredZarr) -> None:
        super().__init__(groups)
        self.stored = stored


def open_documents(documents: Documents, objects: Objects, options: dict[str, Any]) -> ZarrGroups:
    """Open all groups of vetted documents with the values that are stored.

    Parameters
    ----------
    options
        More arguments for `xarray.open_groups`.
    """
    given = {**RAW, **options, "consolidated": True, "zarr_format": documents.zarr_format}
    groups = xr.open_groups(VettedStore(documents, objects), engine="zarr", **given)  # type: ignore[arg-type]
    return ZarrGroups(groups, StoredZarr(documents, objects, is_raw=options.keys() <= HARMLESS))


def _part(request: ByteRequest) -> Part:
    if isinstance(request, RangeByteRequest):
        return Part(request.start, request.end - request.start)
    if isinstance(request, OffsetByteRequest):
        return Part(request.offset)
    if isinstance(request, SuffixByteRequest):
        return Part(-request.suffix)
    raise TypeError(type(request).__name__)
