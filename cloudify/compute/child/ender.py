"""Ends processes beside those who used them: what they started has to be found, and their folders may be large."""

import logging
from collections.abc import Callable
from queue import Empty, Queue
from threading import Lock, Thread

from cloudify.compute.child.process import Process

log = logging.getLogger(__name__)


class Ender:
    """A thread that ends what it is given; there is none before it is needed. Safe to use from many threads.

    Parameters
    ----------
    each
        Called in that thread now and then.
    every_s
        How often.
    """

    def __init__(self, each: Callable[[], None], every_s: float) -> None:
        self._each, self._every_s = each, every_s
        self._given: Queue[Process | None] = Queue()
        self._thread: Thread | None = None
        self._is_finished = False
        self._lock = Lock()

    def start(self) -> None:
        """Have the thread run."""
        with self._lock:
            if self._thread is None:
                self._thread = Thread(target=self._run, name="children-ender", daemon=True)
                self._thread.start()

    def end(self, process: Process) -> None:
        """Have a process ended; waits for that only when all this is finished."""
        with self._lock:
            is_late = self._is_finished
            if not is_late:
                self._given.put(process)
        if is_late:
            _end(process)
        else:
            self.start()

    def finish(self, longest_s: float) -> None:
        """Wait until all that was given is ended, and the thread too."""
        with self._lock:
            self._is_finished = True
            self._given.put(None)
            thread = self._thread
        if thread is not None:
            thread.join(longest_s)

    def _run(self) -> None:
        while True:
            try:
                process = self._given.get(timeout=self._every_s)
            except Empty:
                self._each()
                continue
            if process is None:
                return
            _end(process)


def _end(process: Process) -> None:
    try:
        process.end()
    except OSError as error:
        log.warning("something is left of a process that ran a function", extra={"why": str(error)})
