"""Request bodies: counted before anybody reads them."""

from time import monotonic

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cloudify.errors import BodyTooLargeError
from cloudify.http.problems import Problem

DRAIN_NBYTES = 2**30
DRAIN_S = 10.0
"""A client that sends too much is heard out, within these bounds, because most clients read no answer before they have
sent everything; what they send is dropped."""


class BodyLimit:
    """ASGI layer that answers 413 to a body above the limit, with or without Content-Length."""

    def __init__(self, app: ASGIApp, limit_nbytes: int) -> None:
        self.app = app
        self.limit_nbytes = limit_nbytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on with its body, or answer in its place."""
        headers = Headers(scope=scope) if scope["type"] == "http" else Headers()
        if "content-length" not in headers and "transfer-encoding" not in headers:
            await self.app(scope, receive, send)
            return
        length = headers.get("content-length", "")
        body: list[Message] | None = []
        if length.isdecimal() and int(length) > self.limit_nbytes:
            body = None
            if headers.get("expect", "").lower() != "100-continue":  # who waits for a go-ahead has sent nothing yet
                await _drain(receive)
        elif not length.isdecimal():
            body = await self._read(receive)
        if body is None:
            answer = Problem.of(BodyTooLargeError(self.limit_nbytes)).response(scope)
            answer.headers["connection"] = "close"
            await answer(scope, receive, send)
            return
        await self.app(scope, _replay(body, receive) if body else receive, send)

    async def _read(self, receive: Receive) -> list[Message] | None:
        """Return the messages of a body of unknown length, None if it is too large."""
        messages: list[Message] = []
        nbytes = 0
        while True:
            message = await receive()
            messages.append(message)
            nbytes += len(message.get("body", b""))
            if nbytes > self.limit_nbytes:
                messages.clear()
                await _drain(receive)
                return None
            if not message.get("more_body", False):
                return messages


def _replay(messages: list[Message], receive: Receive) -> Receive:
    waiting = iter(messages)

    async def replayed() -> Message:
        message = next(waiting, None)
        return message if message is not None else await receive()

    return replayed


async def _drain(receive: Receive) -> None:
    nbytes, end = 0, monotonic() + DRAIN_S
    while nbytes < DRAIN_NBYTES and monotonic() < end:
        message = await receive()
        nbytes += len(message.get("body", b""))
        if not message.get("more_body", False):
            return
