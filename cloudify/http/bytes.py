"""The byte path: ``GET,HEAD /datasets/{dataset_id}/zarr/{key}`` and ``/kerchunk/{key}`` as plain ASGI applications.

No framework between a key and its bytes: under xpublish, FastAPI's dependency injection alone would cost several times
what the rest does. Mounted, so that it works under a plain ``xpublish.Rest({...})`` too.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from starlette.datastructures import Headers
from starlette.types import Receive, Scope, Send

from cloudify.chunks.hierarchy import Chunk, Document
from cloudify.chunks.passthrough import StoredChunk
from cloudify.cluster.cluster import cluster_of
from cloudify.datasets.objects import Part
from cloudify.datasets.source import ChangedError, explain
from cloudify.errors import (
    CloudifyError,
    DeadlineError,
    MangledKeyError,
    NotFoundError,
    SourceChangedError,
    UnknownKeyError,
    UnreadableChunkError,
)
from cloudify.http.access import seen_by_asker
from cloudify.http.answers import answer
from cloudify.http.bodies import InMemory, Lazy, send_body
from cloudify.http.coding import Coding, compress, tag_of
from cloudify.http.conditional import match_fails, none_match
from cloudify.http.cors import READS
from cloudify.http.flights import Flights
from cloudify.http.former import Former
from cloudify.http.key_headers import coding_of, content_headers, headers_of, raw
from cloudify.http.leaving import ClientLeftError, unless_left
from cloudify.http.offload import Offload
from cloudify.http.problems import Problem, not_allowed
from cloudify.http.ranges import Span
from cloudify.http.stores import Found, Store, Stores, chunk_cache
from cloudify.model.stop import StoppedError
from cloudify.settings import Settings

log = logging.getLogger(__name__)
T = TypeVar("T")


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
    found: Document | Chunk


@dataclass(frozen=True, slots=True)
class Absent:
    """A key that a store that is open does not have, nor had its dataset before."""

    dataset_id: str
    store: Store
    error: UnknownKeyError


class KeyBytes:
    """ASGI application for the keys of datasets. ``scope["path_params"]["dataset_id"]`` names the dataset."""

    def __init__(self, stores: Stores, settings: Settings) -> None:
        self._stores, self._settings = stores, settings
        self._cache = chunk_cache(settings)
        self._flights: Flights[bytes] = Flights(settings.chunk_timeout_s, DeadlineError)
        self._read = Offload(settings.read_threads, settings.queue, "read")
        # neither graphs nor a cluster may keep reads waiting: many of their chunks may wait for one reduction
        self._compute = Offload(settings.read_threads, settings.queue, "compute")
        self._wait = Offload(settings.dask_chunks, settings.queue, "cluster")
        self._open = Offload(settings.read_threads, settings.queue, "open")
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
        except ClientLeftError:
            return

    def ready(self, dataset_id: str, key: str, query: bytes, accept_encoding: bytes | None) -> Ready | Absent | None:
        """Return what a key names, or that it names nothing, if that can be said without waiting; else None.

        For the fast lane, where nobody in particular asks.
        """
        store: Store | None = None
        try:
            store = self._stores.ready(dataset_id)
            if store is None:
                return None
            self._former.note(dataset_id, store)
            found = store.find(key)
        except UnknownKeyError as error:
            if store is None or self._former.had(dataset_id, key) or _is_rest_of_key(query):
                return None
            return Absent(dataset_id, store, error)
        except CloudifyError:
            return None
        if isinstance(found, StoredChunk):
            return None
        accepted = accept_encoding.decode("latin-1") if accept_encoding is not None else None
        coding = coding_of(found, accepted)
        etag = tag_of(found.etag, coding)
        headers = headers_of(found, store, etag)
        full = headers | content_headers(found, coding)
        return Ready(dataset_id, store, etag.encode(), raw(full), raw(headers), etag, found)

    def is_now(self, ready: Ready | Absent) -> bool:
        """Whether its store is still that of the dataset."""
        try:
            return self._stores.ready(ready.dataset_id) is ready.store
        except CloudifyError:
            return False

    def body_of(self, ready: Ready) -> bytes | None:
        """Return the bytes of a key if they are at hand."""
        found = ready.found
        if isinstance(found, Document):
            return found.body if ready.kept_as == found.etag else self._cache.get(ready.kept_as)
        return self._kept(found)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        dataset_id = scope["path_params"]["dataset_id"]
        key = scope["path"].removeprefix(scope["root_path"]).removeprefix("/")
        try:
            store = self._stores.ready(dataset_id)
            if store is None:
                store = await self._open(lambda: self._stores.find(dataset_id))
            self._former.note(seen_by_asker(dataset_id), store)
            found = await self._find(scope, store, key)
        except NotFoundError as error:
            if self._former.had(seen_by_asker(dataset_id), key):
                raise SourceChangedError(key) from None
            if isinstance(error, UnknownKeyError) and _is_rest_of_key(scope["query_string"]):
                raise MangledKeyError(key) from None
            raise
        asked = Headers(scope=scope)
        coding = (
            coding_of(found, asked.get("accept-encoding")) if "range" not in asked else None
        )  # of the document itself
        etag = tag_of(found.etag, coding)
        headers = headers_of(found, store, etag)
        if match_fails(asked.get("if-match"), etag):
            await Problem.of_status(412, f"{key!r} is another version by now; open the dataset again").response(scope)(
                scope, receive, send
            )
            return
        if none_match(asked.get("if-none-match"), etag):
            await answer(send, 304, headers, b"")
            return
        headers |= content_headers(found, coding)
        if isinstance(found, StoredChunk):
            await send_body(scope, receive, send, headers, self._stored(dataset_id, store, found))
            return
        if isinstance(found, Document):
            data = await self._document(found, coding)
        else:
            kept = self._kept(found)
            data = kept if kept is not None else await self._chunk(receive, dataset_id, store, found, key)
        await send_body(scope, receive, send, headers, InMemory(data))

    def _kept(self, chunk: Chunk) -> bytes | None:
        """Return a chunk's bytes from memory, ours or that of the system, which may have what it passes on."""
        data = self._cache.get(chunk.etag)
        if data is None:
            data = chunk.at_hand()
            if data is not None:
                self._cache.put(chunk.etag, data)
        return data

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

    async def _chunk(self, receive: Receive, dataset_id: str, store: Store, chunk: Chunk, key: str) -> bytes:
        """Return a chunk's bytes; many who want the same one wait for one reading, which ends when all have left."""
        make = partial(self._make, dataset_id, store, chunk, key)
        return await unless_left(receive, self._flights.join(chunk.etag, make))

    async def _make(self, dataset_id: str, store: Store, chunk: Chunk, key: str) -> bytes:
        cluster = cluster_of(self._settings) if chunk.suits_cluster else None
        offload = self._wait if cluster is not None else self._compute if chunk.is_computed else self._read
        data = await self._source(dataset_id, store, key, lambda: chunk.read(cluster), offload)
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
