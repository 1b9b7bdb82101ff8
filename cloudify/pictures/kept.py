"""What is worked out again and again for pictures: index tables, limits, bounded in bytes."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock
from typing import Any, TypeVar

T = TypeVar("T")

LEAST_NBYTES = 512
"""What a value without a size of its own is taken to weigh, with its key."""


class Kept:
    """Values by key; those least recently used go first. Safe to use from many threads.

    >>> kept = Kept(1000)
    >>> kept.get("a", lambda: 1), kept.get("a", lambda: 2), kept.get("b", lambda: 3), kept.get("a", lambda: 4)
    (1, 1, 3, 4)
    """

    def __init__(self, limit_nbytes: int) -> None:
        self._limit_nbytes, self._nbytes = limit_nbytes, 0
        self._held: OrderedDict[Hashable, Any] = OrderedDict()
        self._lock = Lock()

    def get(self, key: Hashable, make: Callable[[], T]) -> T:
        """Return a value, making it if need be; two who want it at once may both make it."""
        with self._lock:
            if key in self._held:
                self._held.move_to_end(key)
                known: T = self._held[key]
                return known
        made = make()
        with self._lock:
            if key not in self._held:
                self._held[key] = made
                self._nbytes += _nbytes(made)
            while self._nbytes > self._limit_nbytes and self._held:
                self._nbytes -= _nbytes(self._held.popitem(last=False)[1])
        return made


def _nbytes(value: object) -> int:
    return LEAST_NBYTES + int(getattr(value, "nbytes", 0))
