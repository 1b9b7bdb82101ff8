"""The one event loop of a process on which everything that talks to a scheduler runs."""

import asyncio
import atexit
from collections.abc import Callable, Coroutine
from concurrent.futures import Future, wait
from contextlib import suppress
from threading import Lock, Thread
from time import monotonic
from typing import Any, TypeVar

from cloudify.model.stop import go_on

T = TypeVar("T")
END_S = 2.0
"""Longest wait for one connection to end when the process does."""
POLL_S = 0.2
"""How often who waits looks whether anybody still wants the outcome."""


class Loop:
    """An event loop in a thread of its own, started when first needed, which ends with the process.

    Threads of any number may wait for coroutines on it. A client of Dask with a loop of its own would leave a thread
    behind at every attempt that fails.
    """

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._starting = Lock()

    def run(self, coroutine: Coroutine[Any, Any, T], timeout_s: float) -> T:
        """Run a coroutine and return what it returns; blocks.

        Raises
        ------
        TimeoutError
            If it takes longer than `timeout_s`; it is cancelled.
        StoppedError, TooSlowError
            If the work of this context is not to go on; it is cancelled.
        """
        future = asyncio.run_coroutine_threadsafe(coroutine, self._running())
        deadline = monotonic() + timeout_s
        try:
            while not future.done() and monotonic() < deadline:
                wait([future], min(POLL_S, max(0.0, deadline - monotonic())))
                go_on()
            return future.result(0)
        finally:
            future.cancel()

    def begin(self, coroutine: Coroutine[Any, Any, T]) -> "Future[T]":
        """Begin a coroutine and return its outcome to come."""
        return asyncio.run_coroutine_threadsafe(coroutine, self._running())

    def at_exit(self, end: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Run a coroutine when the process ends."""
        atexit.register(self._end, end)

    def _running(self) -> asyncio.AbstractEventLoop:
        with self._starting:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                Thread(target=self._loop.run_forever, name="cloudify-cluster", daemon=True).start()
            return self._loop

    def _end(self, end: Callable[[], Coroutine[Any, Any, None]]) -> None:
        with suppress(TimeoutError):
            self.run(end(), END_S)


LOOP = Loop()
