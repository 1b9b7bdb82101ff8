"""Blocking work off the event loop, so many at once."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import TypeVar

from cloudify.model.stop import go_on

T = TypeVar("T")


class Offload:
    """A bounded number of threads for one kind of work.

    Who leaves frees a place in the queue at once, and a thread when its work ends: never more than the bound run.
    """

    def __init__(self, threads: int) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="offload")

    async def __call__(self, work: Callable[[], T]) -> T:
        """Run `work` in a thread, in the context of the caller, and return what it returns."""

        def run() -> T:
            go_on()  # it may have waited long
            return work()

        return await asyncio.get_running_loop().run_in_executor(self._pool, copy_context().run, run)
