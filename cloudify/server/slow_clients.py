"""Clients that take for ever: those that do not say what they want, and those that do not take what they asked for.

All connections are looked at once a second. A request costs nothing for that: what is looked at is there anyhow.
"""

import fcntl
import logging
import os
from array import array
from asyncio import Transport
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from socket import SO_LINGER, SOL_SOCKET, socket
from struct import pack
from termios import TIOCOUTQ

from cloudify.server.protocol import Protocol

LEAST_RATE = 1024
"""Bytes a second that a client reads, or sends of a body, at least: over ``stall_timeout_s``, not in every second."""

log = logging.getLogger(__name__)


class SlowClients:
    """Cuts them off. Belongs to one event loop.

    Parameters
    ----------
    head_timeout_s
        Longest time until the head of a request is there, from its first byte; of the first request from the
        connection on.
    stall_timeout_s
        How long a client may be slower than `LEAST_RATE`.
    """

    def __init__(self, head_timeout_s: float, stall_timeout_s: float) -> None:
        self._head_timeout_s, self._stall_timeout_s = head_timeout_s, stall_timeout_s
        self._heads: dict[Protocol, tuple[object, float]] = {}
        """Connection -> the head that is waited for, and since when."""
        self._paces: dict[Protocol, tuple[float, int]] = {}
        """Connection -> when its pace was taken, and what was left to be read, or of a body to be sent, then."""
        self.cut: Counter[str] = Counter()
        """How many were cut off so far, by reason: ``head``, ``stall``."""

    def look(self, connections: Iterable[Protocol], now: float) -> None:
        """Cut off who is too slow; `now` is the loop's time, in seconds."""
        heads, paces, before = self._heads, self._paces, self.cut.copy()
        self._heads, self._paces = {}, {}
        for connection in list(connections):
            head = awaited_head(connection)
            if head is not None:
                known, since = heads.get(connection, (None, now))
                self._heads[connection] = head, (since if known is head else now)
            left = left_nbytes(connection)
            if left is not None:
                since, left_then = paces.get(connection, (now, left))
                is_new = left > left_then or now - since >= self._stall_timeout_s
                self._paces[connection] = (now, left) if is_new else (since, left_then)
                if is_new and left_then - left < LEAST_RATE * self._stall_timeout_s and left <= left_then:
                    self._cut(connection, "stall")
            if head is not None and now - self._heads[connection][1] >= self._head_timeout_s:
                self._cut(connection, "head")
        new = self.cut - before
        if new:
            log.info("slow clients were cut off", extra=dict(new))

    def _cut(self, connection: Protocol, reason: str) -> None:
        self.cut[reason] += 1
        self._heads.pop(connection, None)
        self._paces.pop(connection, None)
        if reason == "stall":
            _forget_what_is_unread(connection.transport)
        connection.transport.abort()


def awaited_head(connection: Protocol) -> object:
    """Return what tells the head of a request that has not come in whole from another, None where none is awaited.

    Who waits for its next request is left to the timeout of idle connections, unless it sent something since.
    """
    last = connection.cycle
    if connection.flow.read_paused:  # we do not listen
        return None
    if last is None:
        return connection
    if connection.scope is not last.scope:
        return connection.scope
    is_idle = last.response_complete and connection.timeout_keep_alive_task is None
    return last if is_idle and not connection.transport.is_closing() else None


def left_nbytes(connection: Protocol) -> int | None:
    """Return how much a client has still to read of what we hold for it, or has not sent of a body; None for nothing.

    Of a body it is what was sent, counted down: how long it is, nobody knows.
    """
    unread = connection.transport.get_write_buffer_size()
    if unread:
        return unread + _in_kernel(connection.transport)
    request = connection.cycle
    if request is None:
        return None
    if request.response_complete or not request.more_body:
        return None
    if connection.flow.read_paused or request.waiting_for_100_continue:
        return None
    return -connection.body_nbytes


def _in_kernel(transport: Transport) -> int:
    """Return how much is on its way to a client: the kernel takes some megabytes at once, and then none for long."""
    nbytes = array("i", [0])
    with suppress(OSError, ValueError):  # closed meanwhile
        fcntl.ioctl(transport.get_extra_info("socket").fileno(), TIOCOUTQ, nbytes)
    return nbytes[0]


def _forget_what_is_unread(transport: Transport) -> None:
    """Have the kernel drop it with the connection: else it goes on offering it to the client for many minutes."""
    with suppress(OSError, ValueError), socket(fileno=os.dup(transport.get_extra_info("socket").fileno())) as own:
        own.setsockopt(SOL_SOCKET, SO_LINGER, pack("ii", 1, 0))
