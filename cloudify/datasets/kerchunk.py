"""Opener for kerchunk reference sets, JSON and parquet: a zarr store whose chunks are parts of other files.

fsspec's ``ReferenceFileSystem`` is not used: it expands templates, follows any protocol, and answers a target that is
missing like a key that is absent, which zarr takes for fill values.
"""

from collections.abc import Mapping
from errno import EIO
from itertools import islice
from os.path import realpath
from threading import Lock
from urllib.parse import unquote, urlsplit

import xarray as xr

from cloudify.catalog.driver import is_parquet, is_url
from cloudify.datasets.documents import Documents, hierarchy_v2, hierarchy_v3
from cloudify.datasets.objects import LocalObjects, Objects, Part, cut, objects_at, reader_options, too_large
from cloudify.datasets.references import (
    MAX_JSON_NBYTES,
    JsonReferences,
    Reference,
    References,
    Target,
    parse_document,
)
from cloudify.datasets.roots import Roots
from cloudify.datasets.source import RefusedError
from cloudify.datasets.store import open_documents
from cloudify.model.entry import Entry
from cloudify.settings import Settings

CHECKED_TARGETS = 10_000
"""Targets looked at when a set is opened; all are, when they are read."""
MAX_METADATA_NBYTES = 2**24


def open_kerchunk(entry: Entry, *, timeout_s: float, settings: Settings) -> Mapping[str, xr.Dataset]:
    """Open all groups of a reference set with the values that its targets store.

    Raises
    ------
    RefusedError
        If the set or its metadata are not to be believed, or it has targets where it may have none.
    OSError, ValueError, ...
        Whatever the libraries raise for a set they cannot read (`datasets.source.failures`).
    """
    documents, objects = referenced(entry, timeout_s=timeout_s, settings=settings)
    return open_documents(documents, objects, reader_options(entry.options, "roots"))


def referenced(entry: Entry, *, timeout_s: float, settings: Settings) -> "tuple[Documents, ReferencedObjects]":
    """Return the metadata of a reference set, and what it refers to (`open_kerchunk`)."""
    references = read_references(entry, settings, timeout_s=timeout_s)
    more = entry.options.get("roots", [])
    if not isinstance(more, list) or not all(isinstance(root, str) for root in more):
        raise RefusedError("its option `roots` is not a list of folders and URLs")
    href = entry.href if is_url(entry.href) else realpath(entry.href)  # targets lie beside the set, not a link
    folder = href.rstrip("/") if is_parquet(entry.href) else href.rpartition("/")[0]
    objects = ReferencedObjects(references, Roots(_beside(folder, entry.href), more), entry, settings, timeout_s)
    for url in islice(references.urls(), CHECKED_TARGETS):
        objects.roots.resolve(url)
    return _documents(references, objects, settings.max_chunk_nbytes), objects


def read_references(entry: Entry, settings: Settings, *, timeout_s: float) -> References:
    """Read the table of a reference set; of a parquet set only what is needed to find the rest."""
    objects = objects_at(entry.href, entry.options, settings, timeout_s=timeout_s)
    if is_parquet(entry.href):
        from cloudify.datasets.parquet import ParquetReferences  # noqa: PLC0415  # imports pandas' and parquet's readers

        return ParquetReferences(objects, settings.max_chunk_nbytes)
    data = objects.read("", limit_nbytes=MAX_JSON_NBYTES)
    if data is None:
        raise FileNotFoundError(2, "no such reference set")
    return JsonReferences.parse(data, settings.max_chunk_nbytes)


class ReferencedObjects:
    """The objects that a table refers to: a key that is absent has none, a target that is absent is a failure."""

    def __init__(
        self, references: References, roots: Roots, entry: Entry, settings: Settings, timeout_s: float
    ) -> None:
        self.roots = roots
        self.references = references
        self._entry, self._settings, self._timeout_s = entry, settings, timeout_s
        self._servers: dict[str, Objects] = {}
        self._lock = Lock()

    def read(self, key: str, part: Part | None = None, *, limit_nbytes: int) -> bytes | None:
        """Return the bytes that a key refers to, or a part of them (`Objects.read`)."""
        found = self.references.find(key)
        return None if found is None else self.resolve(found, part, limit_nbytes=limit_nbytes)

    def size(self, key: str) -> int | None:
        """Return how many bytes a key refers to (`Objects.size`)."""
        found = self.references.find(key)
        if found is None or isinstance(found, bytes):
            return None if found is None else len(found)
        return self._measure(found) if found.length is None else found.length

    def resolve(self, found: Reference, part: Part | None = None, *, limit_nbytes: int) -> bytes:
        """Return the bytes of a reference.

        Raises
        ------
        RefusedError
            If its target lies where it may not, or is larger than the limit.
        EOFError
            If its target is shorter than it says.
        OSError
            If its target is not there, or cannot be read.
        """
        if isinstance(found, bytes):
            return cut(found, part)
        if found.length is not None and found.length > limit_nbytes:
            raise too_large()
        whole = found.length is None
        wanted = part if whole else Part(found.offset, found.length)
        data = self._fetch(found, wanted, limit_nbytes)
        if data is None:
            raise OSError(EIO, "a target of the reference set is not there")
        if found.length is not None and len(data) < found.length:
            raise EOFError("a target of the reference set is shorter than the set says")
        return data if whole else cut(data, part)

    def _fetch(self, target: Target, part: Part | None, limit_nbytes: int) -> bytes | None:
        url = self.roots.resolve(target.url)
        if not is_url(url):
            return LocalObjects(url).read("", part, limit_nbytes=limit_nbytes)
        parts = urlsplit(url)
        server = self._server(parts.scheme, parts.netloc)
        if parts.scheme == "s3":
            return server.read(unquote(parts.path).strip("/"), part, limit_nbytes=limit_nbytes)
        return server.fetch(url, part, limit_nbytes=limit_nbytes)  # type: ignore[attr-defined,no-any-return]

    def _measure(self, target: Target) -> int:
        url = self.roots.resolve(target.url)
        parts = urlsplit(url)
        if not is_url(url):
            nbytes = LocalObjects(url).size("")
        elif parts.scheme == "s3":
            nbytes = self._server(parts.scheme, parts.netloc).size(unquote(parts.path).strip("/"))
        else:
            nbytes = self._server(parts.scheme, parts.netloc).measure(url)  # type: ignore[attr-defined]
        if nbytes is None:
            raise OSError(EIO, "a target of the reference set is not there")
        return nbytes

    def _server(self, scheme: str, host: str) -> Objects:
        origin = f"{scheme}://{host}"
        with self._lock:
            if origin not in self._servers:
                self._servers[origin] = objects_at(
                    origin, self._entry.options, self._settings, timeout_s=self._timeout_s, follow=False
                )
            return self._servers[origin]


def _documents(references: References, objects: ReferencedObjects, max_chunk_nbytes: int) -> Documents:
    found = {
        key: parse_document(objects.resolve(value, limit_nbytes=MAX_METADATA_NBYTES), key)
        for key, value in references.documents().items()
    }
    if "zarr.json" in found:
        below = {key.removesuffix("/zarr.json"): value for key, value in found.items() if key.endswith("/zarr.json")}
        root = found["zarr.json"]
        inline = root.pop("consolidated_metadata", None)
        if not below and isinstance(inline, dict) and isinstance(inline.get("metadata"), dict):
            below = inline["metadata"]
        return hierarchy_v3(root, below, max_chunk_nbytes)
    consolidated = found.pop(".zmetadata", {}).get("metadata", {})
    flat = (consolidated if isinstance(consolidated, dict) else {}) | found
    if not flat:
        raise RefusedError("its reference set has no zarr metadata")
    return hierarchy_v2(flat, max_chunk_nbytes)


def _beside(folder: str, href: str) -> str:
    """Return the folder of targets: the set's own; of a parquet set, itself a folder, the one it is in."""
    return folder.rpartition("/")[0] if is_parquet(href) else folder
