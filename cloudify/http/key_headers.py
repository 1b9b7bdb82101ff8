"""The headers of answers on the byte path."""

from cloudify.chunks.hierarchy import Document
from cloudify.chunks.passthrough import StoredChunk
from cloudify.http.coding import SMALLEST_NBYTES, Coding, choose_coding
from cloudify.http.stores import Found, Store

LIVE = "no-cache"
"""Caches may keep it and must ask (If-None-Match) before they use it."""
IMMUTABLE = "public, max-age=31536000, immutable"


def coding_of(found: Found, accept_encoding: str | None) -> Coding | None:
    """Return the coding for a document, None for a chunk, which has one already."""
    if not isinstance(found, Document) or len(found.body) < SMALLEST_NBYTES:
        return None
    return choose_coding(accept_encoding)


def headers_of(found: Found, store: Store, etag: str) -> dict[str, str]:
    """Return the headers of every answer, with bytes or without."""
    headers = {"etag": etag, "cache-control": IMMUTABLE if store.immutable else LIVE}
    return headers | {"vary": "Accept-Encoding"} if isinstance(found, Document) else headers


def content_headers(found: Found, coding: Coding | None) -> dict[str, str]:
    """Return the headers of an answer with bytes, besides those of every answer."""
    coded = {"content-encoding": coding} if coding is not None else {}
    return {"content-type": _media_type(found), **coded, "accept-ranges": "bytes"}


def raw(headers: dict[str, str]) -> tuple[tuple[bytes, bytes], ...]:
    """Return headers as ASGI has them."""
    return tuple((name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items())


def _media_type(found: Found) -> str:
    if isinstance(found, StoredChunk):
        return found.media_type
    return "application/json" if isinstance(found, Document) else "application/octet-stream"
