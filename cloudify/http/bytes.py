"""The byte path: ``GET,HEAD /datasets/{dataset_id}/zarr/{key}`` and ``/kerchunk/{key}`` as plain ASGI applications.

No framework between a key and its bytes: under xpublish, FastAPI's dependency injection alone would cost several times
what the rest does. Mounted, so that it works under a plain ``xpublish.Rest({...})`` too.
"""

import logging
from collections.abc import Callable, Container
from dataclasses import dataclass
from typing import Protocol, TypeVar

from starlette.datastructures import Headers
from starlette.types import Receive, Scope, Send

from cloudify.chunks.cache import ByteCache
from cloudify.chunks.hierarchy import Chunk, Document
from cloudify.chunks.passthrough import StoredChunk
from cloudify.cluster.cluster import cluster_of
from cloudify.datasets.objects import Part
from cloudify.datasets.source import ChangedError, explain
from cloudify.errors import (
    CloudifyError,
    MangledKeyError,
    NotFoundError,
    SourceChangedError,
    UnknownKeyError,
    UnreadableChunkError,
)
from cloudify.http.answers import answer
from cloudify.http.bodies import InMemory, Lazy, send_body
from cloudify.http.coding import SMALLEST_NBYTES, Coding, choose_coding, compress, tag_of
from cloudify.http.conditional import match_fails, none_match
from cloudify.http.cors import READS
from cloudify.http.flights import Flights
from cloudify.http.former import Former
from cloudify.http.offload import Offload
from cloudify.http.problems import Problem, not_allowed
from cloudify.http.ranges import Span
from cloudify.model.stop import StoppedError
from cloudify.settings import Settings

LIVE = "no-cache"
"""Caches may keep it and must ask (If-None-Match) before they use it."""
IMMUTABLE = "public, max-age=31536000, immutable"

log = logging.getLogger(__name__)
T = TypeVar("T")


Found = Document | Chunk | StoredChunk


class Store(Protocol):
    """The keys of one dataset."""

    @property
    def token(self) -> str:
        """Version token of the dataset."""
        ...

    @property
    def immutable(self) -> bool:
        """Whether its bytes never change."""
        ...

    def chunk_keys(self) -> Container[str]:
        """Return the keys of all chunks; nothing of the dataset is held by them."""
        ...

    def find(self, key: str) -> Found:
        """Return what a key names."""
        ...


class Stores(Protocol):
    """The stores of all datasets. Safe to use from many threads."""

    def ready(self, dataset_id: str) -> Store | None:
        """Return a store if that takes no more than a system call or two, else None."""
        ...

    def find(self, dataset_id: str) -> Store:
        """Return a store as the source is now. Blocks."""
        ...

    def has_changed(self, dataset_id: str, store: Store) -> bool:
        """Whether the source is known to have been replaced since."""
        ...

    def let_go(self, dataset_id: str, seen_ns: int) -> None:
        """Have a dataset opened anew: a reader met a file that was written at `seen_ns`, after it was opened."""
        ...


@dataclass(frozen=True, slots=True)
class Ready:
    """A key of a store that is open."""

    dataset_id: str
    store: Store
    etag: bytes
    headers: tuple[tuple[bytes, bytes], ...]
    """Of an answer with its bytes, but for their number."""
    unsent_headers: tuple[tuple[bytes, bytes], ...]
    """Of an answer to whoever has them."""
    kept_as: str
    """What its bytes are kept under."""
    body: bytes | None = None
    """The bytes of a document that is sent as it is."""


class KeyBytes:
    """ASGI application for the keys of datasets. ``scope["path_params"]["dataset_id"]`` names the dataset."""

    def __init__(self, stores: Stores, settings: Settings) -> None:
        self._stores, self._settings = stores, settings
        self._cache = ByteCache(settings.chunk_cache_nbytes)
        self._flights: Flights[bytes] = Flights()
        self._read = Offload(settings.read_threads)
        self._compute = Offload(settings.dask_chunks)  # these wait for a cluster, and must not keep reads waiting
        self._open = Offload(settings.read_threads)
        self._former = Former()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        try:
            if scope["method"] not in {"GET", "HEAD"}:
                await not_allowed(scope["method"], READS).response(scope)(scope, receive, send)
                return
            await self._answer(scope, receive, send)
        except CloudifyError as error:
            await Problem.of(error).response(scope)(scope, receive, send)

    def ready(
        self, dataset_id: str, key: str, query: bytes, accept_encoding: bytes | None
    ) -> Ready | UnknownKeyError | None:
        """Return what a key names, or that it names nothing, if that can be said without waiting; else None."""
        try:
            store = self._stores.ready(dataset_id)
            if store is None:
                return None
            self._former.note(dataset_id, store)
            found = store.find(key)
        except UnknownKeyError as error:
            return None if self._former.had(dataset_id, key) or _is_rest_of_key(query) else error
        except CloudifyError:
            return None
        if isinstance(found, StoredChunk):
            return None
        accepted = accept_encoding.decode("latin-1") if accept_encoding is not None else None
        coding = _coding(found, accepted)
        etag = tag_of(found.etag, coding)
        headers = _headers(found, store, etag)
        full = headers | _content_headers(found, coding)
        body = found.body if isinstance(found, Document) and coding is None else None
        return Ready(dataset_id, store, etag.encode(), _raw(full), _raw(headers), etag, body)

    def is_now(self, ready: Ready) -> bool:
        """Whether its store is still that of the dataset."""
        try:
            return self._stores.ready(ready.dataset_id) is ready.store
        except CloudifyError:
            return False

    def body_of(self, ready: Ready) -> bytes | None:
        """Return the bytes of a key if they are at hand."""
        return ready.body if ready.body is not None else self._cache.get(ready.kept_as)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        dataset_id = scope["path_params"]["dataset_id"]
        key = scope["path"].removeprefix(scope["root_path"]).removeprefix("/")
        try:
            store = self._stores.ready(dataset_id)
            if store is None:
                store = await self._open(lambda: self._stores.find(dataset_id))
            self._former.note(dataset_id, store)
            found = await self._find(scope, store, key)
        except NotFoundError as error:
            if self._former.had(dataset_id, key):
                raise SourceChangedError(key) from None
            if isinstance(error, UnknownKeyError) and _is_rest_of_key(scope["query_string"]):
                raise MangledKeyError(key) from None
            raise
        asked = Headers(scope=scope)
        coding = (
            _coding(found, asked.get("accept-encoding")) if "range" not in asked else None
        )  # of the document itself
        etag = tag_of(found.etag, coding)
        headers = _headers(found, store, etag)
        if match_fails(asked.get("if-match"), etag):
            await Problem.of_status(412, f"{key!r} is another version by now; open the dataset again").response(scope)(
                scope, receive, send
            )
            return
        if none_match(asked.get("if-none-match"), etag):
            await answer(send, 304, headers, b"")
            return
        headers |= _content_headers(found, coding)
        if isinstance(found, StoredChunk):
            await send_body(scope, receive, send, headers, self._stored(dataset_id, store, found))
            return
        data = await (
            self._chunk(dataset_id, store, found, key) if isinstance(found, Chunk) else self._document(found, coding)
        )
        await send_body(scope, receive, send, headers, InMemory(data))

    async def _find(self, scope: Scope, store: Store, key: str) -> Found:  # noqa: ARG002  # for those who override it
        return store.find(key)

    async def _document(self, document: Document, coding: Coding | None) -> bytes:
        """Return a document's bytes, compressed once for each coding."""
        if coding is None:
            return document.body
        tag = tag_of(document.etag, coding)
        packed = self._cache.get(tag)
        if packed is None:
            packed = await self._read(lambda: compress(document.body, coding))
            self._cache.put(tag, packed)
        return packed

    async def _chunk(self, dataset_id: str, store: Store, chunk: Chunk, key: str) -> bytes:
        """Return a chunk's bytes; many who want the same one wait for one reading."""
        data = self._cache.get(chunk.etag)
        if data is None:
            data = await self._flights.join(chunk.etag, lambda: self._make(dataset_id, store, chunk, key))
        return data

    async def _make(self, dataset_id: str, store: Store, chunk: Chunk, key: str) -> bytes:
        cluster = cluster_of(self._settings) if chunk.is_computed else None
        if cluster is None:
            data = await self._source(dataset_id, store, key, chunk.read)
        else:
            data = await self._source(dataset_id, store, key, lambda: chunk.read(cluster.evaluate), self._compute)
        self._cache.put(chunk.etag, data)
        return data

    def _stored(self, dataset_id: str, store: Store, chunk: StoredChunk) -> Lazy:
        """Return a stored chunk as a body. Not kept in memory: the source's own cache has it."""

        async def read(span: Span | None) -> bytes:
            return await self._source(dataset_id, store, chunk.key, lambda: _read(chunk, span))

        return Lazy(lambda: self._source(dataset_id, store, chunk.key, chunk.size), read, in_pieces=chunk.in_pieces)

    async def _source(
        self, dataset_id: str, store: Store, key: str, read: Callable[[], T], offload: Offload | None = None
    ) -> T:
        """Read from a source; what it raises is a failure of it, and what it was replaced by is not mixed in."""
        try:
            data = await (offload or self._read)(read)
        except (MemoryError, CloudifyError, StoppedError):
            raise
        except ChangedError as error:
            self._stores.let_go(dataset_id, error.at_ns)
            raise SourceChangedError(key) from error
        except Exception as error:  # files and graphs raise what they like, and none of it may look like a fill value
            log.warning("chunk cannot be read", extra={"dataset": dataset_id, "key": key}, exc_info=error)
            raise UnreadableChunkError(key, explain(error)) from error
        if self._stores.has_changed(dataset_id, store):
            raise SourceChangedError(key)
        return data


def _media_type(found: Found) -> str:
    if isinstance(found, StoredChunk):
        return found.media_type
    return "application/json" if isinstance(found, Document) else "application/octet-stream"


def _read(chunk: StoredChunk, span: Span | None) -> bytes:
    if span is None:
        return chunk.read()
    data = chunk.read(Part(span.start, span.stop - span.start))
    if len(data) < span.stop - span.start:
        raise EOFError("a stored chunk became shorter")
    return data


def _is_rest_of_key(query: bytes) -> bool:
    """Whether a query is no query but what came after the '?' in a name: parameters have values, keys have slashes."""
    return b"/" in query and b"=" not in query


def _coding(found: Found, accept_encoding: str | None) -> Coding | None:
    """Return the coding for a document, None for a chunk, which has one already."""
    if not isinstance(found, Document) or len(found.body) < SMALLEST_NBYTES:
        return None
    return choose_coding(accept_encoding)


def _headers(found: Found, store: Store, etag: str) -> dict[str, str]:
    """Return the headers of every answer, with bytes or without."""
    headers = {"etag": etag, "cache-control": IMMUTABLE if store.immutable else LIVE}
    return headers | {"vary": "Accept-Encoding"} if isinstance(found, Document) else headers


def _content_headers(found: Found, coding: Coding | None) -> dict[str, str]:
    coded = {"content-encoding": coding} if coding is not None else {}
    return {"content-type": _media_type(found), **coded, "accept-ranges": "bytes"}


def _raw(headers: dict[str, str]) -> tuple[tuple[bytes, bytes], ...]:
    return tuple((name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items())
