"""The byte path: ``GET,HEAD /datasets/{dataset_id}/zarr/{key}`` as a plain ASGI application.

No framework between a key and its bytes: under xpublish, FastAPI's dependency injection alone would cost several times
what the rest does. Mounted, so that it works under a plain ``xpublish.Rest({...})`` too.
"""

import logging

from starlette.datastructures import Headers
from starlette.types import Receive, Scope, Send

from cloudify.chunks.cache import ByteCache
from cloudify.chunks.hierarchy import Chunk, Document, Hierarchy
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
from cloudify.http.coding import SMALLEST_NBYTES, Coding, choose_coding, compress, tag_of
from cloudify.http.conditional import match_fails, none_match, range_applies
from cloudify.http.cors import READS
from cloudify.http.flights import Flights
from cloudify.http.former import Former
from cloudify.http.lookup import Lookup
from cloudify.http.offload import Offload
from cloudify.http.problems import Problem, not_allowed
from cloudify.http.ranges import parse_range
from cloudify.settings import Settings

LIVE = "no-cache"
"""Caches may keep it and must ask (If-None-Match) before they use it."""
IMMUTABLE = "public, max-age=31536000, immutable"

log = logging.getLogger(__name__)


class ZarrBytes:
    """ASGI application for the keys of datasets. ``scope["path_params"]["dataset_id"]`` names the dataset."""

    def __init__(self, lookup: Lookup, settings: Settings) -> None:
        self._lookup = lookup
        self._cache = ByteCache(settings.chunk_cache_nbytes)
        self._flights: Flights[bytes] = Flights()
        self._read = Offload(settings.read_threads)
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

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        dataset_id = scope["path_params"]["dataset_id"]
        key = scope["path"].removeprefix(scope["root_path"]).removeprefix("/")
        try:
            hierarchy = self._lookup.ready(dataset_id) or (await self._open(lambda: self._lookup.open(dataset_id)))[1]
            self._former.note(dataset_id, hierarchy)
            found = hierarchy.find(key)
        except NotFoundError as error:
            if self._former.had(dataset_id, key):
                raise SourceChangedError(key) from None
            if isinstance(error, UnknownKeyError) and _is_rest_of_key(scope["query_string"]):
                raise MangledKeyError(key) from None
            raise
        asked = Headers(scope=scope)
        coding = None if isinstance(found, Chunk) else _coding(found, asked)
        etag = tag_of(found.etag, coding)
        headers = {"etag": etag, "cache-control": IMMUTABLE if hierarchy.immutable else LIVE}
        if not isinstance(found, Chunk):
            headers["vary"] = "Accept-Encoding"
        if match_fails(asked.get("if-match"), etag):
            await Problem.of_status(412, f"{key!r} is another version by now; open the dataset again").response(scope)(
                scope, receive, send
            )
            return
        if none_match(asked.get("if-none-match"), etag):
            await answer(send, 304, headers, b"")
            return
        if isinstance(found, Chunk):
            headers["content-type"] = "application/octet-stream"
            body = await self._chunk(dataset_id, hierarchy, found, key)
        else:
            headers["content-type"] = "application/json"
            body = await self._document(found, coding)
        if coding is not None:
            headers["content-encoding"] = coding
        headers["accept-ranges"] = "bytes"
        await _send_body(scope, receive, send, headers, body)

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

    async def _chunk(self, dataset_id: str, hierarchy: Hierarchy, chunk: Chunk, key: str) -> bytes:
        """Return a chunk's bytes; many who want the same one wait for one reading."""
        data = self._cache.get(chunk.etag)
        if data is None:
            data = await self._flights.join(chunk.etag, lambda: self._make(dataset_id, hierarchy, chunk, key))
        return data

    async def _make(self, dataset_id: str, hierarchy: Hierarchy, chunk: Chunk, key: str) -> bytes:
        try:
            data = await self._read(chunk.read)
        except MemoryError:
            raise
        except ChangedError as error:
            self._lookup.let_go(dataset_id, error.at_ns)
            raise SourceChangedError(key) from error
        except Exception as error:  # files and graphs raise what they like, and none of it may look like a fill value
            log.warning("chunk cannot be read", extra={"dataset": dataset_id, "key": key}, exc_info=error)
            raise UnreadableChunkError(key, explain(error)) from error
        if self._lookup.has_changed(dataset_id, hierarchy):
            raise SourceChangedError(key)
        self._cache.put(chunk.etag, data)
        return data


def _is_rest_of_key(query: bytes) -> bool:
    """Whether a query is no query but what came after the '?' in a name: parameters have values, keys have slashes."""
    return b"/" in query and b"=" not in query


def _coding(document: Document, asked: Headers) -> Coding | None:
    """Return the coding for a document; a range is one of the document itself."""
    if len(document.body) < SMALLEST_NBYTES or "range" in asked:
        return None
    return choose_coding(asked.get("accept-encoding"))


async def _send_body(scope: Scope, receive: Receive, send: Send, headers: dict[str, str], body: bytes) -> None:
    """Send a body or the part of it that was asked for; ranges are for GET alone."""
    asked = Headers(scope=scope)
    is_head = scope["method"] == "HEAD"
    span = None
    if not is_head and range_applies(asked.get("if-range"), headers["etag"]):
        span = parse_range(asked.get("range"), len(body))
    if span is None:
        await answer(send, 200, headers | {"content-length": str(len(body))}, body, head=is_head)
        return
    content_range = span.content_range(len(body))
    if span.stop <= span.start:
        detail = f"the range {asked['range'][:100]!r} holds no byte of the {len(body)} there are"
        problem = Problem.of_status(416, detail, {"content-range": content_range})
        await problem.response(scope)(scope, receive, send)
        return
    part = body[span.start : span.stop]
    await answer(send, 206, headers | {"content-range": content_range, "content-length": str(len(part))}, part)
