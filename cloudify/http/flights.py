"""Single flight: what many clients ask for at once is worked out once, and stopped when the last of them has left."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

from cloudify.model.stop import Stop, stoppable

T = TypeVar("T")


class _Flight(Generic[T]):
    """Work under way, and how many wait for it."""

    def __init__(self, work: Callable[[], Awaitable[T]], limit_s: float | None) -> None:
        self.waiting = 0
        self.stop = Stop(limit_s)
        self.task: asyncio.Task[T] = asyncio.ensure_future(self._run(work))

    async def _run(self, work: Callable[[], Awaitable[T]]) -> T:
        with stoppable(self.stop):
            return await work()


class Flights(Generic[T]):
    """Work under way by key. Belongs to one event loop."""

    def __init__(self, limit_s: float | None = None) -> None:
        self._limit_s = limit_s
        """Longest time of the work, where it asks whether to `go_on`."""
        self._under_way: dict[Hashable, _Flight[T]] = {}

    async def join(self, key: Hashable, work: Callable[[], Awaitable[T]]) -> T:
        """Return the outcome of the work under `key`, starting it if nobody has; who leaves stops no other."""
        flight = self._under_way.get(key)
        if flight is None:
            flight = self._under_way[key] = _Flight(work, self._limit_s)
            flight.task.add_done_callback(lambda _: self._land(key, flight))
        flight.waiting += 1
        try:
            return await asyncio.shield(flight.task)
        finally:
            flight.waiting -= 1
            if not flight.waiting and not flight.task.done():  # who asks from now on starts anew
                self._under_way.pop(key, None)
                flight.stop.ask()
                flight.task.cancel()

    def _land(self, key: Hashable, flight: _Flight[T]) -> None:
        if self._under_way.get(key) is flight:
            del self._under_way[key]
        if not flight.task.cancelled():
            flight.task.exception()  # seen, even if every waiter has left
