"""The byte path: ``GET,HEAD /datasets/{dataset_id}/zarr/{key}`` as a plain ASGI application.

No framework between a key and its bytes: under xpublish, FastAPI's dependency injection alone would cost several times
what the rest does. Mounted, so that it works under a plain ``xpublish.Rest({...})`` too.
"""

import logging

from starlette.datastructures import Headers
from starlette.types import Receive, Scope, Send

from cloudify.chunks.cache import ByteCache
from cloudify.chunks.hierarchy import Chunk, Hierarchy
from cloudify.datasets.source import explain
from cloudify.errors import CloudifyError, SourceChangedError, UnreadableChunkError
from cloudify.http.answers import answer
from cloudify.http.conditional import none_match
from cloudify.http.cors import READS
from cloudify.http.flights import Flights
from cloudify.http.lookup import Lookup
from cloudify.http.offload import Offload
from cloudify.http.problems import Problem, not_allowed
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

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        try:
            if scope["method"] not in {"GET", "HEAD"}:
                await not_allowed(scope["method"], READS).response(scope)(scope, receive, send)
                return
            await self._answer(scope, send)
        except CloudifyError as error:
            await Problem.of(error).response(scope)(scope, receive, send)

    async def _answer(self, scope: Scope, send: Send) -> None:
        dataset_id = scope["path_params"]["dataset_id"]
        key = scope["path"].removeprefix(scope["root_path"]).removeprefix("/")
        hierarchy = self._lookup.ready(dataset_id)
        if hierarchy is None:
            hierarchy = await self._open(lambda: self._lookup.get(dataset_id))
        found = hierarchy.find(key)
        is_chunk = isinstance(found, Chunk)
        headers = {
            "etag": found.etag,
            "cache-control": IMMUTABLE if hierarchy.immutable else LIVE,
            "content-type": "application/octet-stream" if is_chunk else "application/json",
        }
        if none_match(Headers(scope=scope).get("if-none-match"), found.etag):
            await answer(send, 304, headers, b"")
            return
        body = await self._chunk(dataset_id, hierarchy, found, key) if isinstance(found, Chunk) else found.body
        headers["content-length"] = str(len(body))
        await answer(send, 200, headers, body, head=scope["method"] == "HEAD")

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
        except Exception as error:  # files and graphs raise what they like, and none of it may look like a fill value
            log.warning("chunk cannot be read", extra={"dataset": dataset_id, "key": key}, exc_info=error)
            raise UnreadableChunkError(key, explain(error)) from error
        if self._lookup.has_changed(dataset_id, hierarchy):
            raise SourceChangedError(key)
        self._cache.put(chunk.etag, data)
        return data
