"""Answers written straight to ASGI: the least that a response costs."""

from collections.abc import Mapping

from starlette.types import Send


async def begin(send: Send, status: int, headers: Mapping[str, str]) -> None:
    """Send status and headers; the body follows."""
    raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": status, "headers": raw})


async def answer(send: Send, status: int, headers: Mapping[str, str], body: bytes, *, head: bool = False) -> None:
    """Send a whole answer; to HEAD the same headers without the body."""
    await begin(send, status, headers)
    await send({"type": "http.response.body", "body": b"" if head else body})
