"""Blocking work off the event loop, so many at once, and so many that wait."""

import asyncio
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import ClassVar, TypeVar
from weakref import WeakSet

from cloudify.errors import QueueFullError
from cloudify.model.stop import go_on

T = TypeVar("T")


class Offload:
    """A bounded number of threads for one kind of work, and a bounded queue. Belongs to one event loop.

    Who leaves frees a place in the queue at once, and a thread when its work ends: never more than the bound run.
    """

    every: ClassVar["WeakSet[Offload]"] = WeakSet()
    """Those of this process."""
    refused: ClassVar["Counter[str]"] = Counter()
    """How often a queue of this process was full so far, by kind."""

    def __init__(self, threads: int, queue: int = 512, kind: str = "other") -> None:
        """Run on so many `threads` with so many waiting; `kind` is what meters show it under."""
        self.kind = kind
        self.every.add(self)
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="offload")
        self._room = threads + queue
        self.held = 0
        """How much runs and waits."""

    async def __call__(self, work: Callable[[], T]) -> T:
        """Run `work` in a thread, in the context of the caller, and return what it returns.

        Raises
        ------
        QueueFullError
            If more waits already than there is room for.
        """
        if self.held >= self._room:
            self.refused[self.kind] += 1
            raise QueueFullError

        def run() -> T:
            go_on()  # it may have waited long
            return work()

        future = asyncio.get_running_loop().run_in_executor(self._pool, copy_context().run, run)
        self.held += 1
        future.add_done_callback(self._let_go)
        return await future

    def _let_go(self, _done: "asyncio.Future[T]") -> None:
        self.held -= 1
