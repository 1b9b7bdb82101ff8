"""Single flight: what many clients ask for at once is worked out once, and stopped when the last of them has left."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from math import inf
from typing import Any, ClassVar, Generic, TypeVar
from weakref import WeakSet

from cloudify.errors import CloudifyError, TooSlowError
from cloudify.model.stop import Stop, stoppable

T = TypeVar("T")


class _Flight(Generic[T]):
    """Work under way, and how many wait for it."""

    def __init__(self, work: Callable[[], Awaitable[T]], stop: Stop) -> None:
        self.waiting, self.stop = 0, stop
        self.task: asyncio.Task[T] = asyncio.ensure_future(self._run(work))

    async def _run(self, work: Callable[[], Awaitable[T]]) -> T:
        with stoppable(self.stop):
            return await work()


class Flights(Generic[T]):
    """Work under way by key. Belongs to one event loop.

    Parameters
    ----------
    limit_s
        Longest time of the work.
    late
        Makes what is raised then, of the limit.
    """

    every: ClassVar["WeakSet[Flights[Any]]"] = WeakSet()
    """Those of this process."""

    def __init__(self, limit_s: float = inf, late: Callable[[float], CloudifyError] = TooSlowError) -> None:
        self._limit_s, self._late = limit_s, late
        self._under_way: dict[Hashable, _Flight[T]] = {}
        self.every.add(self)

    def __len__(self) -> int:
        """How much is under way."""
        return len(self._under_way)

    async def join(self, key: Hashable, work: Callable[[], Awaitable[T]]) -> T:
        """Return the outcome of the work under `key`, starting it if nobody has; who leaves stops no other.

        Raises
        ------
        CloudifyError
            What `late` makes, if it is not there in time. What cannot be stopped goes on; nobody waits for it.
        """
        flight = self._under_way.get(key)
        if flight is None:
            flight = self._under_way[key] = _Flight(work, Stop(self._limit_s, self._late))
            flight.task.add_done_callback(lambda _: self._land(key, flight))
        flight.waiting += 1
        try:
            limit_s = None if self._limit_s == inf else flight.stop.remaining_s
            async with asyncio.timeout(limit_s) as timer:
                return await asyncio.shield(flight.task)
        except TimeoutError as error:
            if timer.expired():
                raise flight.stop.too_late() from error
            raise
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
