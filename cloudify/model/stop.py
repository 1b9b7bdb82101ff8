"""Work that nobody waits for any more, or that takes too long: it is asked to stop, and looks between its blocks.

Whoever starts work says so by `stoppable`, in the context that the work runs in; engines call `go_on` where they could
end without loss. Work that nobody can stop (a test, a script) goes on.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from math import inf
from threading import Event
from time import monotonic

from cloudify.errors import CloudifyError, TooSlowError


class StoppedError(Exception):
    """Nobody waits for this work any more; nobody sees this."""


class Stop:
    """A request to stop that may come. Safe to use from many threads.

    Parameters
    ----------
    limit_s
        How long the work may take.
    late
        Makes what is raised then, of the limit.
    """

    def __init__(self, limit_s: float = inf, late: Callable[[float], CloudifyError] = TooSlowError) -> None:
        self._asked, self._limit_s, self._late = Event(), limit_s, late
        self._deadline = monotonic() + limit_s

    @property
    def remaining_s(self) -> float:
        """How long the work may still take."""
        return self._deadline - monotonic()

    def ask(self) -> None:
        """Ask for it."""
        self._asked.set()

    def check(self) -> None:
        """Return if the work may go on.

        Raises
        ------
        StoppedError
            If it was asked to stop.
        CloudifyError
            What `late` makes, if its time is over.
        """
        if self._asked.is_set():
            raise StoppedError
        if self.remaining_s < 0:
            raise self.too_late()

    def too_late(self) -> CloudifyError:
        """Return what is raised when the time is over."""
        return self._late(self._limit_s)


_stop: ContextVar[Stop | None] = ContextVar("stop", default=None)


@contextmanager
def stoppable(stop: Stop) -> Iterator[None]:
    """Have `go_on` look at `stop` until the block ends, in this context and those copied from it."""
    before = _stop.set(stop)
    try:
        yield
    finally:
        _stop.reset(before)


@contextmanager
def shared(wanted: Callable[[], bool]) -> Iterator[None]:
    """Have work of this context go on until the block ends though it is to stop, while others want what it makes.

    Parameters
    ----------
    wanted
        Whether they do.
    """
    own = _stop.get()
    if own is None:
        yield
        return
    with stoppable(_Shared(own, wanted)):
        yield


class _Shared(Stop):
    """A request to stop that counts when nobody else wants the work to go on."""

    def __init__(self, own: Stop, wanted: Callable[[], bool]) -> None:
        super().__init__()
        self._own, self._wanted = own, wanted

    def check(self) -> None:
        try:
            self._own.check()
        except (StoppedError, CloudifyError):
            if not self._wanted():
                raise


def go_on() -> None:
    """Return if the work of this context may go on; raises as `Stop.check` does."""
    stop = _stop.get()
    if stop is not None:
        stop.check()
