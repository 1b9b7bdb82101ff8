"""Many requests at once, a few of them begun in each turn of the event loop, so that none keeps the loop for long."""

import asyncio
from collections import deque

from starlette.types import ASGIApp, Receive, Scope, Send

BEGUN = 16
"""Requests begun in one turn: each takes up to a millisecond until it waits for something."""
AT_ONCE = frozenset({"/health", "/ready", "/metrics"})
"""Asked by those who end a server that does not answer."""


class InTurn:
    """ASGI layer before whatever is not answered at once. Belongs to one event loop.

    Of a thousand requests that come together the last would be begun only after all others, and so would whatever
    comes after them, all in one turn of the loop. In order, each after a wait that depends on how many there are.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._begun = 0
        """In this turn."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on when it has its turn."""
        if scope["type"] == "http" and scope["path"] not in AT_ONCE:
            await self._turn()
        await self.app(scope, receive, send)

    async def _turn(self) -> None:
        loop = asyncio.get_running_loop()
        if self._begun < BEGUN and not self._waiting:
            if not self._begun:
                loop.call_soon(self._next)
            self._begun += 1
            return
        future = loop.create_future()
        self._waiting.append(future)
        await future

    def _next(self) -> None:
        """Begin a turn: let the next ones go on."""
        self._begun = 0
        while self._waiting and self._begun < BEGUN:
            future = self._waiting.popleft()
            if not future.done():  # its client has left
                future.set_result(None)
                self._begun += 1
        if self._begun:
            asyncio.get_running_loop().call_soon(self._next)
