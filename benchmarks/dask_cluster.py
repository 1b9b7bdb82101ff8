"""A Dask scheduler and its workers as programs of their own, of which the scheduler may be killed."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Self

from distributed import Client

from benchmarks.failures import RowError
from benchmarks.processes import HOST, end, plain_environment
from cloudify.testing import free_port

START_S = 60.0
WORKERS = 2
Program = subprocess.Popen[bytes]


class DaskCluster:
    """Runs until its block ends, at one address however often it is started anew."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.address = f"tcp://{HOST}:{free_port()}"
        self._programs: list[Program] = []

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()

    def start(self) -> None:
        """Start a scheduler and workers, as a service manager does of what has ended; wait for them apart."""
        port = self.address.rpartition(":")[2]
        self._programs = [
            self._run("scheduler", "--host", f"tcp://{HOST}", "--port", port, "--no-dashboard"),
            self._run("worker", self.address, "--nworkers", str(WORKERS), "--nthreads", "1", "--no-dashboard"),
        ]

    def kill_scheduler(self) -> None:
        """Kill the scheduler; the workers notice."""
        scheduler = self._programs[0]
        os.killpg(scheduler.pid, signal.SIGKILL)
        scheduler.wait()

    def end(self) -> None:
        """End all programs."""
        for program in reversed(self._programs):
            end(program)

    def wait(self) -> None:
        """Wait until the scheduler has its workers.

        Raises
        ------
        RowError
            If that takes too long.
        """
        try:
            with Client(self.address, timeout=START_S, set_as_default=False) as client:
                client.wait_for_workers(WORKERS, timeout=START_S)
        except OSError as error:  # time-outs are of that family
            raise RowError(f"no Dask cluster with {WORKERS} workers: {error}") from error

    def _run(self, *arguments: str) -> Program:
        with (self._folder / f"dask-{arguments[0]}.log").open("ab") as output:
            return subprocess.Popen(
                [sys.executable, "-m", "dask", *arguments],
                cwd=self._folder, env=plain_environment(), start_new_session=True,
                stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
            )  # fmt: skip
