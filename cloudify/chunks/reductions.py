"""What many chunks of a lazy array need and takes many tasks to compute: a mean, say. Computed once and kept."""

import logging
from collections import Counter, OrderedDict
from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractContextManager
from threading import Condition, Lock
from types import TracebackType
from typing import TYPE_CHECKING, Any

from cloudify.chunks.task_keys import Key, Tasks, name_of
from cloudify.errors import DeadlineError, TooSlowError
from cloudify.model.stop import StoppedError, go_on, shared

if TYPE_CHECKING:
    from cloudify.chunks.graph import Graph

DEFAULT_NBYTES = 256 * 2**20
FEWEST_PARTS = 3
"""Blocks of one kind that a reduction takes together. Of two, computing it with each chunk costs no more than once."""
LOOKED_AT = 512
"""Tasks above a value that are looked at to tell whether it is a reduction."""
MOST_NOTED = 1000
"""Values of which it is remembered that they were too large."""
POLL_S = 0.2
"""How often who waits for another's work looks whether anybody still wants the outcome."""
ENDED = (StoppedError, TooSlowError, DeadlineError)
"""What ends work that did not fail."""

log = logging.getLogger(__name__)


def find_reductions(graph: "Graph", tasks: Tasks, keys: Sequence[Key]) -> set[Key]:
    """Return the reductions that `keys`, blocks of the array, need, without those that only reductions need.

    A value is one if there are fewer of its name than blocks of the array, so that several share it, and if it takes
    blocks together.

    Parameters
    ----------
    tasks
        All that `keys` need.
    """
    if not _is_wide(tasks):
        return set()
    blocks = graph.count(graph.name)
    found: set[Key] = set()
    seen: set[Key] = set(keys)
    pending = [needed for key in keys for needed in tasks[key].dependencies]
    while pending:
        key = pending.pop()
        if key in seen or key not in tasks:
            continue
        seen.add(key)
        if graph.count(name_of(key)) < blocks and _is_wide(_above(tasks, key)):
            found.add(key)
        else:
            pending.extend(tasks[key].dependencies)
    return found


def _is_wide(keys: Collection[Key]) -> bool:
    """Whether there are several keys of one name."""
    return len(keys) > FEWEST_PARTS and max(Counter(map(name_of, keys)).values()) >= FEWEST_PARTS


def _above(tasks: Tasks, key: Key) -> set[Key]:
    """Return what a task needs, the nearest first, and itself; not much more than `LOOKED_AT`."""
    found: dict[Key, None] = {key: None}
    pending = [key]
    while pending and len(found) < LOOKED_AT:
        pending = [needed for each in pending for needed in tasks[each].dependencies if needed in tasks]
        pending = [needed for needed in dict.fromkeys(pending) if needed not in found]
        found.update(dict.fromkeys(pending))
    return set(found)


class Reductions:
    """Values by owner and key, bounded in bytes; the least recently used go first. Safe to use from many threads."""

    def __init__(self, limit_nbytes: int = DEFAULT_NBYTES) -> None:
        self._limit_nbytes = limit_nbytes
        self._kept: OrderedDict[tuple[int, Key], tuple[Any, int]] = OrderedDict()
        self._under_way: dict[tuple[int, Key], _Flight] = {}
        self._lock = Lock()
        self.nbytes = 0
        self.too_large: dict[Key, int] = {}
        """Values that are not kept, being larger than all that may be -> their bytes."""

    def get(self, owner: int, key: Key, make: Callable[[], Any], variable: str) -> Any:  # noqa: ANN401
        """Return a value; many threads that want the same one wait for one making, which ends when all have left.

        Parameters
        ----------
        variable
            What it is of, for the log.
        """
        place = owner, key
        while True:
            with self._lock:
                if place in self._kept:
                    self._kept.move_to_end(place)
                    return self._kept[place][0]
                flight = self._under_way.get(place)
                is_mine = flight is None
                if flight is None:
                    flight = self._under_way[place] = _Flight()
            if is_mine:
                return self._made(place, flight, make, variable)
            if flight.wait():
                return flight.value

    def forget(self, owner: int) -> None:
        """Let go of all values of an owner."""
        with self._lock:
            for place in [place for place in self._kept if place[0] == owner]:
                self.nbytes -= self._kept.pop(place)[1]

    def _made(self, place: tuple[int, Key], flight: "_Flight", make: Callable[[], Any], variable: str) -> Any:  # noqa: ANN401
        from dask.sizeof import sizeof

        with flight:
            try:
                with shared(lambda: flight.waiting > 0):
                    flight.value = make()
                nbytes = sizeof(flight.value)
                if nbytes > self._limit_nbytes:
                    self._note_too_large(place[1], nbytes, variable)
                else:
                    self._keep(place, flight.value, nbytes)
            finally:
                with self._lock:
                    del self._under_way[place]
        return flight.value

    def _keep(self, place: tuple[int, Key], value: Any, nbytes: int) -> None:  # noqa: ANN401
        with self._lock:
            self._kept[place] = value, nbytes
            self.nbytes += nbytes
            while self.nbytes > self._limit_nbytes:
                self.nbytes -= self._kept.popitem(last=False)[1][1]

    def _note_too_large(self, key: Key, nbytes: int, variable: str) -> None:
        with self._lock:
            is_known = key in self.too_large
            self.too_large[key] = nbytes
            while len(self.too_large) > MOST_NOTED:
                del self.too_large[next(iter(self.too_large))]
        if not is_known:
            log.warning(
                "a reduction is computed again with every chunk: it is larger than reduction_cache_nbytes",
                extra={"variable": variable, "nbytes": nbytes},
            )


class _Flight(AbstractContextManager["_Flight"]):
    """A value that one thread makes and others wait for."""

    def __init__(self) -> None:
        self.value: Any = None
        self.waiting = 0
        self._failure: BaseException | None = None
        self._is_over = False
        self._changed = Condition()

    def __exit__(
        self, _kind: type[BaseException] | None, failure: BaseException | None, _trace: TracebackType | None
    ) -> None:
        with self._changed:
            self._failure, self._is_over = failure, True
            self._changed.notify_all()

    def wait(self) -> bool:
        """Wait for the value. Whether it is there; if not, making it was ended though it might have succeeded.

        Raises whatever making it raised.
        """
        with self._changed:
            self.waiting += 1
            try:
                while not self._is_over:
                    self._changed.wait(POLL_S)
                    go_on()
            finally:
                self.waiting -= 1
        if self._failure is not None and not isinstance(self._failure, ENDED):
            raise self._failure
        return self._failure is None
