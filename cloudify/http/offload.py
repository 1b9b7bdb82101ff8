"""Blocking work off the event loop, so many at once."""

from collections.abc import Callable
from typing import TypeVar

from anyio import CapacityLimiter, to_thread

T = TypeVar("T")


class Offload:
    """A bounded number of threads for one kind of work."""

    def __init__(self, threads: int) -> None:
        self._threads = threads
        self._limiter: CapacityLimiter | None = None

    async def __call__(self, work: Callable[[], T]) -> T:
        """Run `work` in a thread and return what it returns."""
        if self._limiter is None:  # belongs to the event loop, which runs by now
            self._limiter = CapacityLimiter(self._threads)
        return await to_thread.run_sync(work, limiter=self._limiter)
