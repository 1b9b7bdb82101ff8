"""That batches run, said again and again: their engine takes one for lost of which it hears nothing."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Lock, Thread

from cloudify.compute.batch import Alive, Tell

BEAT_S = 2.0
"""How often it is said."""


class Beats:
    """Says it for all batches of one process. Safe to use from many threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._running: dict[Alive, Tell] = {}
        self._thread: Thread | None = None
        self._ended = Event()

    @contextmanager
    def of(self, alive: Alive, tell: Tell) -> Iterator[None]:
        """Say that a batch runs, now and until the block ends."""
        tell(alive)
        with self._lock:
            self._running[alive] = tell
            if self._thread is None:
                self._thread = Thread(target=self._beat, name="cloudify-beats", daemon=True)
                self._thread.start()
        try:
            yield
        finally:
            with self._lock:
                del self._running[alive]

    def close(self) -> None:
        """Say nothing more."""
        self._ended.set()

    def _beat(self) -> None:
        while not self._ended.wait(BEAT_S):
            with self._lock:
                running = list(self._running.items())
            for alive, tell in running:
                tell(alive)
