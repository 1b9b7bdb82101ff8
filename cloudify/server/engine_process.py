"""The engine as the server's first process sees it: `engine` is the other end."""

import logging
import os
import signal
import subprocess
import sys
from contextlib import suppress
from threading import Event, Lock, Thread
from time import monotonic

from cloudify.server.orders import Order
from cloudify.settings.environment import worker_environment

ENGINE = 0
"""Its number among the processes of a server: workers count from 1."""
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 30.0
"""Before another takes the place of one that ended; doubled each time."""
STEADY_S = 60.0
"""One that ran so long did not end because it cannot run: the pause begins anew."""

log = logging.getLogger(__name__)


class EngineProcess:
    """Keeps one engine running, first of a process group of its own. Safe to use from many threads.

    Parameters
    ----------
    order
        As for a worker.
    """

    def __init__(self, order: Order) -> None:
        self._order = order
        self._catalog: bytes | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._telling = Lock()
        self._ending = Event()
        self._keeper = Thread(target=self._keep, name="cloudify-engine-process", daemon=True)

    def start(self, catalog: bytes) -> None:
        """Start it, with what the targets say by now (`orders.catalog_line`)."""
        self._catalog = catalog
        self._keeper.start()

    def tell(self, catalog: bytes) -> None:
        """Tell it what the targets say by now."""
        with self._telling:
            self._catalog = catalog
            self._write(catalog)

    def end(self) -> None:
        """Tell it to end; does not wait."""
        self._ending.set()
        process = self._process
        if process is not None:
            with suppress(ProcessLookupError):
                process.terminate()

    def join(self, timeout_s: float) -> None:
        """Wait until it has ended, with all that it started; what is left after that time is killed."""
        if self._keeper.is_alive():
            self._keeper.join(max(0.0, timeout_s))
        process = self._process
        if process is not None:
            _kill(process)

    def _keep(self) -> None:
        pause_s = FIRST_PAUSE_S
        while not self._ending.is_set():
            began = monotonic()
            status = self._run()
            if self._ending.is_set():
                return
            if monotonic() - began > STEADY_S:
                pause_s = FIRST_PAUSE_S
            log.error("the engine has ended; another takes its place", extra={"status": status, "pause_s": pause_s})
            self._ending.wait(pause_s)
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)

    def _run(self) -> int | str:
        """Have one run until it ends, with all that it started; returns its status, or why there is none."""
        try:
            with self._telling:
                self._process = process = self._spawn()
                self._write(self._order.as_line())
                self._write(self._catalog or b"")
        except OSError as error:  # too little memory, or too few descriptors: there may be more later
            return str(error)
        if self._ending.is_set():
            process.terminate()
        status = process.wait()
        _kill(process)
        return status

    def _spawn(self) -> "subprocess.Popen[bytes]":
        """Start a fresh interpreter; nothing that this process has in memory goes with it."""
        return subprocess.Popen(
            [sys.executable, "-P", "-m", "cloudify.server.engine"],
            stdin=subprocess.PIPE,
            process_group=0,
            env=worker_environment({"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}),
        )

    def _write(self, line: bytes) -> None:
        if self._process is not None and self._process.stdin is not None:
            with suppress(BrokenPipeError):  # it has just ended, and the next one is told
                self._process.stdin.write(line)
                self._process.stdin.flush()


def _kill(process: "subprocess.Popen[bytes]") -> None:
    """End it and all that it started, at once."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
