"""What threads and workers tell the engine, in a queue that nothing is lost of."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, TypeVar

from cloudify.compute.batch import Alive, Report, Told

if TYPE_CHECKING:
    from cloudify.compute.flight import Flight

MOST = 10_000
"""When so much is unread, what functions say is left to the outcomes of their slices, which have it too."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class TakenUp:
    """A job that can run now, or cannot."""

    job_id: str
    flight: "Future[Flight | None]"


@dataclass(frozen=True, slots=True)
class Landed:
    """A batch that came back, or did not."""

    job_id: str
    batch: str
    outcome: "Future[Report]"


@dataclass(frozen=True, slots=True)
class Assembled:
    """A result that was put together, or was not."""

    job_id: str
    result: "Future[str]"


News = TakenUp | Landed | Assembled | Told | Alive


class Inbox:
    """Read by one thread; `put`, `tell`, `ring` and `beside` are safe from any."""

    def __init__(self) -> None:
        self._news: SimpleQueue[News | None] = SimpleQueue()
        self._unheard: set[str] = set()
        """Batches of which something was not heard, so that nothing later is: what they say stays in order."""
        self.is_rung = False
        """Whether somebody has rung since this was made false."""

    def ring(self) -> None:
        """Wake who waits for news."""
        self._news.put(None)

    def put(self, news: News) -> None:
        """Add news."""
        self._news.put(news)

    def tell(self, told: Told | Alive) -> None:
        """Add what is said of a batch while it runs. Never blocks."""
        if isinstance(told, Told):
            if self._news.qsize() > MOST:
                self._unheard.add(told.batch)
            if told.batch in self._unheard:
                return
        self._news.put(told)

    def beside(self, pool: ThreadPoolExecutor, news: "Callable[[Future[T]], News]", work: Callable[[], T]) -> None:
        """Have something done in another thread, and add what became of it."""
        pool.submit(work).add_done_callback(lambda future: self._news.put(news(future)))

    def unread(self, longest_s: float) -> list[News]:
        """Return all news there are; wait for the first, or for a ring."""
        found: list[News] = []
        with suppress(Empty):
            news = self._news.get(timeout=longest_s) if longest_s else self._news.get_nowait()
            while True:
                if news is None:
                    self.is_rung = True
                else:
                    found.append(news)
                if isinstance(news, Landed):
                    self._unheard.discard(news.batch)
                news = self._news.get_nowait()
        return found
