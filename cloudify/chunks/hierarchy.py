"""A dataset as a zarr hierarchy: every key that exists, and what it is."""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b

import xarray as xr

from cloudify.chunks.array import ServedArray
from cloudify.chunks.attributes import json_attributes
from cloudify.chunks.codec import Codec
from cloudify.chunks.elsewhere import Elsewhere
from cloudify.chunks.keys import ChunkKeys, chunk_name, parse_chunk_key
from cloudify.chunks.metadata import (
    Documents,
    array_documents,
    dump,
    group_documents,
    join,
    plain_group_documents,
)
from cloudify.chunks.reductions import Reductions
from cloudify.chunks.stored_type import Json, UnstorableError
from cloudify.datasets.store import StoredZarr
from cloudify.errors import ChunkTooLargeError, UnknownKeyError
from cloudify.model.entry import Place


@dataclass(frozen=True, slots=True)
class Document:
    """A metadata document."""

    body: bytes
    etag: str

    @classmethod
    def of(cls, body: bytes) -> "Document":
        """Return a document with the tag of its bytes."""
        return cls(body, f'"{blake2b(body, digest_size=12).hexdigest()}"')


@dataclass(frozen=True, slots=True)
class Chunk:
    """A chunk that exists; nothing of it has been read."""

    array: ServedArray
    index: tuple[int, ...]

    @property
    def etag(self) -> str:
        """Strong: changes with the version token, the variable, the index and the codec."""
        return f'"{self.array.tag}-{chunk_name(self.index)}"'

    @property
    def is_computed(self) -> bool:
        """Whether it comes out of a dask graph, not out of a file or memory."""
        return self.array.blocks is not None

    @property
    def suits_cluster(self) -> bool:
        """Whether a cluster is to compute it, if there is one."""
        return self.array.suits_cluster

    def read(self, elsewhere: Elsewhere | None = None) -> bytes:
        """Read and encode it, or have that done by `elsewhere`. Blocks; raises what the source raises."""
        return self.array.chunk_bytes(self.index, elsewhere)

    def at_hand(self) -> bytes | None:
        """Return it if that takes no waiting: one that is passed on, was read before and is in memory. Never raises."""
        passed = self.array.passed
        return passed.at_hand(self.index, self.array.tag) if passed is not None else None


class Hierarchy:
    """The keys of one dataset. Immutable, so safe to use from many threads."""

    def __init__(
        self,
        arrays: Mapping[str, ServedArray],
        groups: dict[str, dict[str, Json]],
        omitted: Mapping[str, str],
        *,
        token: str,
        immutable: bool = False,
    ) -> None:
        self.arrays = arrays
        self.groups = _with_groups_between(groups)
        """Path of each group (``""`` is the root) -> its attributes."""
        self.documents = _documents(arrays, self.groups)
        self.omitted = omitted
        """Path of each variable that is not served -> why."""
        self.token = token
        """Version token of the dataset."""
        self.immutable = immutable
        """Whether its bytes never change."""

    @classmethod
    def build(
        cls, groups: Mapping[str, xr.Dataset], *,
        token: str, codec: Codec | None, stored: bool, chunk_nbytes: int, max_chunk_nbytes: int,
        omitted: Mapping[str, str] | None = None, immutable: bool = False, chunks: Mapping[str, int] | None = None,
        reductions: Reductions | None = None, compute: Place = "auto", zarr: StoredZarr | None = None,
    ) -> "Hierarchy":  # fmt: skip
        """Lay out the groups of a dataset.

        Parameters
        ----------
        groups
            By path; ``/`` is the root.
        codec
            How all chunks are compressed; None: those that are passed on as they are stored, the others by zstd.
        chunks
            The sizes that its catalog wants.
        reductions
            Keeps what many chunks of a lazy variable need; by default, that of this dataset alone.
        compute
            Where chunks of lazy variables are computed.
        zarr
            What the groups are read from, if it is a zarr hierarchy: its chunks are passed on where they can be.
        """
        kept = reductions or Reductions()
        arrays: dict[str, ServedArray] = {}
        left_out: dict[str, str] = dict(omitted or {})
        attrs: dict[str, dict[str, Json]] = {"": {}} | {
            group.strip("/"): json_attributes(ds.attrs) for group, ds in groups.items()
        }
        for group, ds in groups.items():
            for name, variable in ds.variables.items():
                path = join((group.strip("/"), key_name(str(name))))
                if path in arrays or path in attrs:
                    left_out[join((group.strip("/"), str(name)))] = f"its key {path!r} is taken by another name"
                    continue
                try:
                    arrays[path] = ServedArray.of(
                        path, variable,
                        token=token, codec=codec, stored=stored,
                        chunk_nbytes=chunk_nbytes, max_chunk_nbytes=max_chunk_nbytes, wanted=chunks or {},
                        reductions=kept, compute=compute, zarr=zarr,
                    )  # fmt: skip
                except (UnstorableError, ChunkTooLargeError) as error:
                    left_out[path] = str(error)
        return cls(arrays, attrs, left_out, token=token, immutable=immutable)

    def chunk_keys(self) -> ChunkKeys:
        """Return the keys of all chunks; nothing of the dataset is held by them."""
        return ChunkKeys({path: array.grid for path, array in self.arrays.items()})

    def find(self, key: str) -> Document | Chunk:
        """Return what a key names.

        Raises
        ------
        UnknownKeyError
            If it names nothing.
        """
        document = self.documents.get(key)
        if document is not None:
            return document
        for path, index, zarr_format in parse_chunk_key(key):
            array = self.arrays.get(path)
            if array is None:
                continue
            if zarr_format == 2 and not array.grid.shape:  # noqa: PLR2004  # a v2 scalar is chunk 0, not ()
                index = () if index == (0,) else (-1,)  # noqa: PLW2901
            if index in array.grid:
                return Chunk(array, index)
            raise UnknownKeyError(key, f"{path!r} has chunks {_describe(array)}")
        raise UnknownKeyError(key, "neither a metadata document nor a chunk of this dataset")


def key_name(name: str) -> str:
    """Return a variable's name as part of a key: a slash would make it a group."""
    return name.replace("/", "_")


def _with_groups_between(attrs: Mapping[str, dict[str, Json]]) -> dict[str, dict[str, Json]]:
    """Add the groups between, which a source may leave out."""
    found = dict(attrs)
    for path in attrs:
        parts = path.split("/")
        for depth in range(1, len(parts)):
            found.setdefault("/".join(parts[:depth]), {})
    return found


def _documents(arrays: Mapping[str, ServedArray], attrs: Mapping[str, dict[str, Json]]) -> dict[str, Document]:
    plain: dict[str, Documents] = {path: array_documents(array) for path, array in arrays.items()}
    plain |= {path: plain_group_documents(own) for path, own in attrs.items() if path}
    found: dict[str, Document] = {}
    for group, own in attrs.items():
        prefix = f"{group}/" if group else ""
        below = {path[len(prefix) :]: docs for path, docs in plain.items() if path.startswith(prefix) and path != group}
        for name, document in group_documents(own, below).items():
            found[prefix + name] = Document.of(dump(document))
    for path in arrays:
        for name, document in plain[path].items():
            found[f"{path}/{name}"] = Document.of(dump(document))
    return found


def _describe(array: ServedArray) -> str:
    counts = array.grid.counts
    if not len(array.grid):
        return "of which there are none: a dimension is empty"
    return "(0..{})".format(", 0..".join(str(n - 1) for n in counts)) if counts else "'c' (v3) and '0' (v2) only"
