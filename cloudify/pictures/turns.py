"""Turns, first come first served: a semaphore of the standard library lets who comes back overtake those who wait."""

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Lock

from cloudify.errors import DrawingBusyError


class Turns:
    """So many have a turn at once, so many more wait. Safe to use from many threads."""

    def __init__(self, at_once: int, queue: int) -> None:
        self._free, self._queue = at_once, queue
        self._waiting: deque[Event] = deque()
        self._lock = Lock()

    @property
    def waiting(self) -> int:
        """How many wait."""
        return len(self._waiting)

    @contextmanager
    def turn(self, longest_s: float) -> Iterator[None]:
        """Wait for a turn and have it until the block ends.

        Raises
        ------
        DrawingBusyError
            If the queue is full, or the turn does not come in `longest_s`.
        """
        self._begin(longest_s)
        try:
            yield
        finally:
            self._pass_on()

    def _begin(self, longest_s: float) -> None:
        with self._lock:
            if self._free:
                self._free -= 1
                return
            if len(self._waiting) >= self._queue:
                raise DrawingBusyError("too many pictures are waiting to be drawn; ask again")
            given = Event()
            self._waiting.append(given)
        if given.wait(longest_s):
            return
        with self._lock:
            if given.is_set():  # it came in this very moment
                return
            self._waiting.remove(given)
        raise DrawingBusyError(f"this picture was not drawn within {longest_s:g} s, so many others are; ask again")

    def _pass_on(self) -> None:
        with self._lock:
            if self._waiting:
                self._waiting.popleft().set()
            else:
                self._free += 1
