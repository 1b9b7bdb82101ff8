"""Work that nobody waits for any more, or that takes too long: it is asked to stop, and looks between its blocks.

Whoever starts work says so by `stoppable`, in the context that the work runs in; engines call `go_on` where they could
end without loss. Work that nobody can stop (a test, a script) goes on.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from threading import Event
from time import monotonic

from cloudify.errors import TooSlowError


class StoppedError(Exception):
    """Nobody waits for this work any more; nobody sees this."""


class Stop:
    """A request to stop that may come. Safe to use from many threads."""

    def __init__(self, limit_s: float | None = None) -> None:
        self._asked, self._limit_s = Event(), limit_s
        self._deadline = None if limit_s is None else monotonic() + limit_s

    def ask(self) -> None:
        """Ask for it."""
        self._asked.set()

    def check(self) -> None:
        """Return if the work may go on.

        Raises
        ------
        StoppedError
            If it was asked to stop.
        TooSlowError
            If its time is over.
        """
        if self._asked.is_set():
            raise StoppedError
        if self._limit_s is not None and self._deadline is not None and monotonic() > self._deadline:
            raise TooSlowError(self._limit_s)


_stop: ContextVar[Stop | None] = ContextVar("stop", default=None)


@contextmanager
def stoppable(stop: Stop) -> Iterator[None]:
    """Have `go_on` look at `stop` until the block ends, in this context and those copied from it."""
    before = _stop.set(stop)
    try:
        yield
    finally:
        _stop.reset(before)


def go_on() -> None:
    """Return if the work of this context may go on; raises as `Stop.check` does."""
    stop = _stop.get()
    if stop is not None:
        stop.check()
