"""Processes that have been given nothing yet."""

import logging
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Lock

from cloudify.compute.child.launch import Launch
from cloudify.compute.child.process import Process

log = logging.getLogger(__name__)


class Spares:
    """Starts processes, and keeps some that wait. Safe to use from many threads.

    Parameters
    ----------
    count
        How many wait.
    folder
        Where each gets a folder of its own.
    """

    def __init__(self, launch: Launch, count: int, folder: Path | None) -> None:
        self._launch, self._count, self._folder = launch, count, folder
        self._lock = Lock()
        self._waiting: list[Process] = []
        self._starting, self._is_closed = 0, False
        # One thread, as old as any process that it starts: they end with it (PR_SET_PDEATHSIG)
        self._spawner = ThreadPoolExecutor(1, "children")

    def take(self) -> Process:
        """Return one that waited, or else a fresh one. It may not be ready.

        Raises
        ------
        OSError
            If none can be started.
        RuntimeError
            If all this is closed.
        """
        with self._lock:
            while self._waiting:
                process = self._waiting.pop(0)
                if process.is_alive:
                    return process
                self._spawner.submit(process.end)
        return self._spawner.submit(self._start).result()

    def fill(self) -> None:
        """Have as many wait as should; does not wait for them."""
        with self._lock:
            missing = self._count - len(self._waiting) - self._starting
            if self._is_closed or missing <= 0:
                return
            self._starting += missing
            for _ in range(missing):
                self._spawner.submit(self._add)

    def close(self) -> list[Process]:
        """Start no more, and return those that wait."""
        with self._lock:
            self._is_closed = True
            waiting, self._waiting = self._waiting, []
        self._spawner.shutdown(wait=False)
        return waiting

    def pids(self) -> list[int]:
        """Return the ids of those that wait."""
        with self._lock:
            return [process.pid for process in self._waiting]

    def _start(self) -> Process:
        if self._folder is not None:
            self._folder.mkdir(parents=True, exist_ok=True)
        return Process(self._launch, self._folder)

    def _add(self) -> None:
        process = None
        try:
            process = self._start()
        except OSError as error:
            log.warning("no process that runs functions can be started", extra={"why": str(error)})
        with self._lock:
            self._starting -= 1
            if process is not None and not self._is_closed:
                self._waiting.append(process)
                return
        if process is not None:
            process.end()
