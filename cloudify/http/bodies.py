"""Bodies and the parts of them that were asked for: whole, by range, or in pieces where they are large."""

from collections.abc import Awaitable, Callable
from typing import Protocol

from starlette.datastructures import Headers
from starlette.types import Receive, Scope, Send

from cloudify.http.answers import answer, begin
from cloudify.http.conditional import range_applies
from cloudify.http.problems import Problem
from cloudify.http.ranges import Span, parse_range

PIECE_NBYTES = 2**22
"""Most bytes of a large body held at once."""


class Body(Protocol):
    """What a request may ask for in parts."""

    async def size(self) -> int:
        """Return its size in bytes."""
        ...

    async def whole(self) -> bytes | None:
        """Return all of it; None where it is too large for one piece."""
        ...

    async def part(self, span: Span) -> bytes:
        """Return some of it."""
        ...


class InMemory:
    """Bytes that are there."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    async def size(self) -> int:
        """Return their number."""
        return len(self._data)

    async def whole(self) -> bytes:
        """Return them."""
        return self._data

    async def part(self, span: Span) -> bytes:
        """Return some of them."""
        return self._data[span.start : span.stop]


class Lazy:
    """Bytes that are read when they are asked for, of which the size can be told without."""

    def __init__(
        self, size: Callable[[], Awaitable[int]], read: Callable[[Span | None], Awaitable[bytes]], *, in_pieces: bool
    ) -> None:
        self._size, self._read, self._in_pieces = size, read, in_pieces

    async def size(self) -> int:
        """Ask for it."""
        return await self._size()

    async def whole(self) -> bytes | None:
        """Read all, unless it is to be read in pieces."""
        return None if self._in_pieces else await self._read(None)

    async def part(self, span: Span) -> bytes:
        """Read some."""
        return await self._read(span)


async def send_body(scope: Scope, receive: Receive, send: Send, headers: dict[str, str], body: Body) -> None:
    """Send a body or the part of it that was asked for; ranges are for GET alone.

    What fails before the first byte is raised; after it, the connection is cut by raising: better than an answer that
    looks whole.
    """
    asked = Headers(scope=scope)
    if scope["method"] == "HEAD":
        await answer(send, 200, headers | {"content-length": str(await body.size())}, b"", head=True)
        return
    wanted = asked.get("range") if range_applies(asked.get("if-range"), headers["etag"]) else None
    data = await body.whole() if wanted is None else None
    if data is not None:
        await answer(send, 200, headers | {"content-length": str(len(data))}, data)
        return
    size = await body.size()
    span = parse_range(wanted, size)
    if span is None:
        await _send_span(send, 200, headers, body, Span(0, size))
        return
    content_range = span.content_range(size)
    if span.stop <= span.start:
        detail = f"the range {asked['range'][:100]!r} holds no byte of the {size} there are"
        problem = Problem.of_status(416, detail, {"content-range": content_range})
        await problem.response(scope)(scope, receive, send)
        return
    await _send_span(send, 206, headers | {"content-range": content_range}, body, span)


async def _send_span(send: Send, status: int, headers: dict[str, str], body: Body, span: Span) -> None:
    headers = headers | {"content-length": str(span.stop - span.start)}
    start = min(span.start + PIECE_NBYTES, span.stop)
    data = await body.part(Span(span.start, start))
    await begin(send, status, headers)
    while start < span.stop:
        await send({"type": "http.response.body", "body": data, "more_body": True})
        stop = min(start + PIECE_NBYTES, span.stop)
        data = await body.part(Span(start, stop))
        start = stop
    await send({"type": "http.response.body", "body": data})
