"""The events of jobs as they come: one reader of the store for each job, whoever many listen to it.

Who listens is a coroutine and holds no thread. Who is behind what the reader still has, because it came late or reads
slowly, reads the store by itself: nothing is lost, and nobody waits for anybody.
"""

import asyncio
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING

from cloudify.errors import BusyError, UnknownJobError
from cloudify.model.job import TERMINAL

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable

    from cloudify.compute.store.records import Event

    Read = Callable[[str, int], Awaitable[list[Event]]]

KEPT, KEPT_NCHARS = 256, 2**21
"""Events, and characters of their payloads, that the reader of a job holds for those who listen."""
SOON_S, LATE_S = 0.05, 0.5
"""How often the store is looked at: soon where something happens, later where nothing does."""


class Feeds:
    """Those of a server. Belongs to one event loop.

    Parameters
    ----------
    read
        Returns the next events of a job after a number, some at once.
    """

    def __init__(self, read: "Read") -> None:
        self._read = read
        self._feeds: dict[str, _Feed] = {}

    def __len__(self) -> int:
        """Return how many jobs somebody listens to."""
        return len(self._feeds)

    async def follow(self, job_id: str, after: int, silence_s: float) -> "AsyncGenerator[list[Event]]":
        """Yield events after a number of the job, some at once, to its end; nothing where none came for a while.

        Raises
        ------
        UnknownJobError
            If there is no such job any more.
        """
        feed = self._feeds.get(job_id)
        if feed is None:
            feed = self._feeds[job_id] = _Feed(job_id, after, self._read)
        feed.listeners += 1
        try:
            while True:
                events = await feed.next(after, silence_s)
                if events is None:
                    return
                yield events
                if events:
                    after = events[-1].seq
                if any(map(is_last, events)):
                    return
        finally:
            feed.listeners -= 1
            if not feed.listeners:
                feed.end()
                if self._feeds.get(job_id) is feed:
                    del self._feeds[job_id]


class _Feed:
    """The reader of one job."""

    def __init__(self, job_id: str, after: int, read: "Read") -> None:
        self.listeners = 0
        self._job_id, self._read = job_id, read
        self._since = self._last = after
        """What is held are all events after the one number, up to the other."""
        self._held: deque[Event] = deque()
        self._nchars = 0
        """Of their payloads."""
        self._news = asyncio.Event()
        self._failure: UnknownJobError | None = None
        self._has_ended = False
        self._reading = asyncio.create_task(self._run())

    async def next(self, after: int, silence_s: float) -> "list[Event] | None":
        """Return events after a number, none if there were none for a while; None at the end."""
        if after < self._since:
            with suppress(BusyError):
                return await self._read(self._job_id, after)
        else:
            found = [event for event in self._held if event.seq > after]
            if found:
                return found
            if self._failure is not None:
                raise self._failure
            if self._has_ended:
                return None
        news = self._news
        with suppress(TimeoutError):
            async with asyncio.timeout(silence_s):
                await news.wait()
            return await self.next(after, silence_s)
        return []

    def end(self) -> None:
        """Read no more."""
        self._reading.cancel()

    async def _run(self) -> None:
        pause_s = SOON_S
        try:
            while not self._has_ended:
                pause_s = SOON_S if await self._look() else min(1.5 * pause_s, LATE_S)
                if not self._has_ended:
                    await asyncio.sleep(pause_s)
        finally:  # whatever ends this: nobody waits for it any more
            self._has_ended = True
            self._news.set()

    async def _look(self) -> bool:
        """Take what is new; whether anything was."""
        try:
            events = await self._read(self._job_id, self._last)
        except BusyError:  # it passes
            return False
        except UnknownJobError as error:
            self._failure, self._has_ended = error, True
            return False
        if events:
            self._take(events)
            self._has_ended = any(map(is_last, events))
            self._news.set()
            self._news = asyncio.Event()
        return bool(events)

    def _take(self, events: "list[Event]") -> None:
        self._held.extend(events)
        self._last = events[-1].seq
        self._nchars += sum(len(event.payload) for event in events)
        while len(self._held) > KEPT or self._nchars > KEPT_NCHARS:
            oldest = self._held.popleft()
            self._since, self._nchars = oldest.seq, self._nchars - len(oldest.payload)


def is_last(event: "Event") -> bool:
    """Whether nothing comes after an event."""
    return event.type in TERMINAL and not event.is_emitted
