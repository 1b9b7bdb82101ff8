"""Engines in processes of their own, to be killed, and jobs for them that leave traces."""

import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event, Thread
from typing import Any

import numpy as np
import pytest
import xarray as xr
from playing import until

from cloudify.catalog.catalog import Catalog
from cloudify.compute.jobs import Asked
from cloudify.compute.service import Service
from cloudify.compute.store.records import Record
from cloudify.datasets.open import open_entry
from cloudify.datasets.opened import Opened
from cloudify.model.entry import Entry
from cloudify.model.job import Job
from cloudify.server.engine_process import ENGINE
from cloudify.server.orders import Order, catalog_line
from cloudify.settings import Settings
from cloudify.settings.environment import worker_environment

OWNER = "ann"
SLICES = 200
START_S = 60.0
SOURCES = Path(__file__).with_name("functions.py").read_text()
"""Functions of jobs, which are never imported."""


def ramp() -> xr.Dataset:
    """Values that are all different, in 200 chunks of 8 x 8."""
    values = np.arange(SLICES * 64, dtype="float32").reshape(SLICES, 8, 8)
    axes = {"time": np.arange(SLICES, dtype="float64"), "y": np.arange(8.0), "x": np.arange(8.0)}
    return xr.Dataset({"t": (("time", "y", "x"), values)}, coords=axes)


class Site:
    """A data directory with a dataset ``ramp``, and what owners do there."""

    def __init__(self, folder: Path, *, runs_engine: bool = False, **settings: Any) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        source = folder / "ramp.nc"
        if not source.exists():
            ramp().to_netcdf(source)
        self.entry = Entry("ramp", "netcdf", str(source))
        given = {"data_dir": folder / "data", "unsafe_compute": True, "dask": "none"} | settings
        self.settings = Settings(**given)
        self.service = Service(self.settings, runs_engine=runs_engine)
        self.service.attach(self.opened)
        self._traces: dict[str, Path] = {}

    @property
    def store(self) -> Any:
        return self.service.store

    def opened(self, _dataset: str) -> Opened:
        return open_entry(self.entry, timeout_s=10, settings=self.settings)

    def ask(self, entry: str = "doubled", *, is_open: bool = False, key: str | None = None, **inputs: Any) -> Job:
        """Submit a job over the cells of `ramp`, or over ``data``; its function leaves traces, which `runs` reads."""
        trace = self.folder / f"trace{len(self._traces)}"
        args = {"trace": str(trace), **inputs.pop("args", {})}
        what = {} if "data" in inputs else {"dataset": "ramp", "chunks": {"time": 1}}
        asked = {**what, **inputs, "function": {"source": SOURCES, "entry": entry}, "args": args}
        job = self.service.jobs.submit(OWNER, Asked("map", asked, is_open, key), self.opened)
        self._traces.setdefault(job.id, trace)
        return job

    def job(self, job_id: str) -> Job:
        return self.record(job_id).job

    def record(self, job_id: str) -> Record:
        record = self.store.jobs.get(job_id)
        assert record is not None
        return record  # type: ignore[no-any-return]

    def wait(self, job_id: str, seconds: float = 60) -> Job:
        """Return a job that has ended."""
        record = self.service.jobs.wait(OWNER, job_id, seconds)
        assert record.job.is_terminal, (record.job, self.store.jobs.slices(job_id, limit=20))
        return record.job

    def dismiss(self, job_id: str) -> None:
        self.service.jobs.dismiss(OWNER, job_id)

    def done(self, job_id: str) -> list[int]:
        """Return the numbers of the slices that are acknowledged."""
        return numbers(self.store.jobs.slices(job_id, state="done", limit=10_000))

    def runs(self, job_id: str) -> Counter[int]:
        """Return how often each slice of a job was begun."""
        path = self._traces[job_id]
        return Counter(map(int, path.read_text().split())) if path.exists() else Counter()

    def pids(self, job_id: str) -> list[int]:
        """Return the processes that have run slices of a job."""
        path = Path(f"{self._traces[job_id]}.pids")
        return sorted({int(line) for line in path.read_text().split()}) if path.exists() else []

    def result(self, job_id: str) -> xr.Dataset:
        """Open the result of a job."""
        path = self.store.blobs.path(self.job(job_id).result)
        opened = open_entry(Entry("r", "result", str(path), immutable=True), timeout_s=10, settings=self.settings)
        return opened.tree.to_dataset()

    def check_whole(self, job_id: str) -> None:
        """See that a job over all of `ramp` has ended well: every slice once, all values as numpy has them."""
        job = self.job(job_id)
        assert (job.state, job.done, job.failed, job.total) == ("successful", SLICES, 0, SLICES)
        assert self.done(job_id) == list(range(1, SLICES + 1))
        np.testing.assert_array_equal(self.result(job_id)["t"].values, 2 * ramp()["t"].values)
        assert [piece.key for piece in self.store.jobs.pieces(job_id)] == [f"t/c/{n}/0/0" for n in range(SLICES)]
        events = Counter((event.type, event.slice) for event in self.store.events.after(job_id, 0, 10_000))
        assert [each for each, times in events.items() if times > 1] == []
        assert sum(kind == "slice-done" for kind, _ in events) == SLICES

    def close(self) -> None:
        self.service.close()
        self.store.close()


class EngineProcess:
    """``python -m cloudify.server.engine`` as a server starts it; another takes its place when a test says so.

    Parameters
    ----------
    wrapper
        A program that starts it.
    """

    def __init__(
        self,
        site: Site,
        *,
        wrapper: Sequence[str] = (),
        env: Mapping[str, str] | None = None,
    ) -> None:
        self._site, self._wrapper, self._env = site, wrapper, env or {}
        self.log = site.folder / "engine.log"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> "EngineProcess":
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [*self._wrapper, sys.executable, "-P", "-m", "cloudify.server.engine"],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                process_group=0,
                env=worker_environment({"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), **self._env}),
            )
        assert self._process.stdin is not None
        order = Order(ENGINE, 1, self._site.settings, (), "http://127.0.0.1", ("cloudify",))
        self._process.stdin.write(order.as_line() + catalog_line(Catalog((self._site.entry,))))
        self._process.stdin.flush()
        return self

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def send(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def kill(self) -> None:
        """End it as the system does: nothing of it runs on."""
        self.send(signal.SIGKILL)
        self.ended()

    def ended(self, seconds: float = 10) -> int:
        """Wait for its end, and end what it has left, as its supervisor does; returns its status."""
        assert self._process is not None
        status = self._process.wait(seconds)
        assert self._process.stdin is not None
        self._process.stdin.close()
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        return status

    def end(self) -> None:
        """End it whatever it does."""
        if self._process is not None and self._process.returncode is None:
            self.kill()

    def said(self) -> str:
        return self.log.read_text()


@contextmanager
def mounted(folder: Path, nbytes: int) -> Iterator[Path]:
    """Have a small file system of one's own until the block ends; a test that may not mount one is skipped."""
    folder.mkdir(parents=True, exist_ok=True)
    command = ["mount", "-t", "tmpfs", "-o", f"size={nbytes}", "tmpfs", str(folder)]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("a file system for the test cannot be mounted: not root")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@contextmanager
def running(site: Site) -> Iterator[None]:
    """Run the engine of a site in a thread of this process until the block ends."""
    stop = Event()
    thread = Thread(target=site.service.run_engine, args=(stop,))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(20)
    assert not thread.is_alive()


def numbers(ranges: Sequence[Any]) -> list[int]:
    """Return the numbers of slices in ranges."""
    return [number for each in ranges for number in range(each.first, each.last + 1)]


def reaches(site: Site, job_id: str, done: int, seconds: float = START_S) -> None:
    """Wait until so many slices of a job are done, or it has ended."""
    until(lambda: site.job(job_id).done >= done or site.job(job_id).is_terminal, seconds)
