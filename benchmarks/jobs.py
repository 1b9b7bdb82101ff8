"""Rows ``job-large``, ``job-small`` and ``job-growth``: a function over every chunk, beside a plain loop.

The loop does the same reads, writes, hashes and fsyncs, with the function called in its own process. What is compared is
the CPU time of all processes, warm: those that run the function have been started.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import psutil
import zarr
from zarr.codecs import ZstdCodec

from benchmarks.calls import compare_calls
from benchmarks.failures import RowError
from benchmarks.rows import Effort, Figures, Outcome, Row, Target
from cloudify import Server
from cloudify.chunks.encode import Codec
from cloudify.compute.jobs import Asked
from cloudify.compute.service import Service
from cloudify.settings import Settings

LOOP, JOB = "plain loop", "cloudify map"
LARGE, SMALL = (1, 1600, 1600), (1, 64, 64)
"""10 MB and 16 kB of float32."""
MANY_LARGE, FEW, MANY = 40, 1000, 10_000
SOURCE = "def double(block):\n    return block['t'] * 2\n"
CODEC = Codec("zstd")
LONGEST_S = 600.0
OWNER = "bench"
MOST_OVERHEAD_MS = 2.0


@dataclass(frozen=True, slots=True)
class Field:
    """Values in a zarr store, a chunk for each step."""

    store: Path
    chunks: int

    @classmethod
    def write(cls, store: Path, chunk: tuple[int, ...], chunks: int) -> "Field":
        """Write them: smooth with some noise, so that they compress as fields do."""
        array = zarr.create_group(store, zarr_format=3).create_array(
            "t",
            shape=(chunks, *chunk[1:]), chunks=chunk, dtype="float32",
            compressors=ZstdCodec(level=1), dimension_names=("time", "y", "x"),
        )  # fmt: skip
        rng = np.random.default_rng(8)
        for step in range(chunks):
            array[step] = (280 + rng.standard_normal(chunk[1:])).round(1).astype("float32")
        return cls(store, chunks)


@contextmanager
def jobs(field: Field, data_dir: Path) -> Iterator[Callable[[], None]]:
    """Yield a call that runs the function over a field as a job, on threads of this process."""
    settings = Settings(unsafe_compute=True, data_dir=data_dir, dask="none", watch=False)
    server = Server(str(field.store), settings=settings)
    service = Service(settings, runs_engine=True)
    service.attach(server.shelf.get)
    inputs = {"dataset": field.store.stem, "function": {"source": SOURCE, "entry": "double"}}

    def run() -> None:
        job = service.jobs.submit(OWNER, Asked("map", inputs), server.shelf.get)
        done = service.jobs.wait(OWNER, job.id, LONGEST_S).job
        if (done.state, done.done) != ("successful", field.chunks):
            raise RowError(f"the job is {done.state} with {done.done} of {field.chunks} slices: {done.failure}")

    try:
        yield run
    finally:
        service.close()


def loop(field: Field, folder: Path) -> Callable[[], None]:
    """Return the least that the same takes."""
    array = zarr.open_array(field.store, path="t", mode="r")
    folder.mkdir()

    def run() -> None:
        for step in range(field.chunks):
            values = np.asarray(array[step : step + 1])
            _put(folder, CODEC.compress(np.ascontiguousarray(values * 2)))

    return run


def large(effort: Effort) -> Outcome:
    """Compare slices of 10 MB."""
    figures = _compare(LARGE, MANY_LARGE, effort)
    return Outcome(f"`x * 2` over {MANY_LARGE} chunks of {_nbytes(LARGE) / 1e6:.0f} MB; figures of one chunk", figures)


def small(effort: Effort) -> Outcome:
    """Compare slices of 16 kB."""
    figures = _compare(SMALL, FEW, effort)
    by_peer = {one.peer: one.cpu_us for one in figures}
    overhead_ms = (by_peer[JOB] - by_peer[LOOP]) / 1e3
    return Outcome(
        f"`x * 2` over {FEW} chunks of {_nbytes(SMALL) / 1e3:.0f} kB; figures of one chunk: a slice costs "
        f"{overhead_ms:.2f} ms more than in the loop, where {MOST_OVERHEAD_MS:g} are the most",
        figures,
    )


def growth(effort: Effort) -> Outcome:
    """Compare a slice among many with one among few."""
    with TemporaryDirectory(prefix="cloudify-bench-") as folder:
        root = Path(folder)
        few, many = (Field.write(root / f"n{n}.zarr", SMALL, n) for n in (FEW, MANY))
        with jobs(few, root / "few") as run_few, jobs(many, root / "many") as run_many:
            peers = {among(FEW): (run_few, 1), among(MANY): (run_many, 1)}
            figures = compare_calls(peers, replace(effort, rounds=min(2, effort.rounds)), limit=among(FEW), clock=_cpu_s)
    each = [_of_one(one, FEW if one.peer == among(FEW) else MANY) for one in figures]
    ratio = each[1].cpu_us / each[0].cpu_us
    each[1] = replace(each[1], ratio=ratio, ratio_range=(ratio, ratio), throughput=each[1].rate_hz / each[0].rate_hz)
    return Outcome("`x * 2` over chunks of 16 kB; figures of one chunk", each)


def among(chunks: int) -> str:
    """Return the name of a peer.

    >>> among(10_000)
    'a slice among 10,000'
    """
    return f"a slice among {chunks:,}"


def _compare(chunk: tuple[int, ...], chunks: int, effort: Effort) -> list[Figures]:
    with TemporaryDirectory(prefix="cloudify-bench-") as folder:
        root = Path(folder)
        field = Field.write(root / "field.zarr", chunk, chunks)
        with jobs(field, root / "data") as run:
            peers = {LOOP: (loop(field, root / "blobs"), 1), JOB: (run, 1)}
            figures = compare_calls(peers, effort, limit=LOOP, clock=_cpu_s)
    return [_of_one(one, chunks) for one in figures]


def _of_one(figures: Figures, chunks: int) -> Figures:
    """Return the figures of one slice of a call that had so many."""
    return replace(figures, cpu_us=figures.cpu_us / chunks, rate_hz=figures.rate_hz * chunks)


def _put(folder: Path, data: bytes) -> None:
    """Keep bytes under their hash: a temporary name, fsync, rename, fsync of the folder."""
    final = folder / sha256(data).hexdigest()
    temporary = folder / f".tmp-{final.name}"
    with temporary.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(final)
    handle = os.open(folder, os.O_RDONLY)
    os.fsync(handle)
    os.close(handle)


def _nbytes(chunk: tuple[int, ...]) -> int:
    return 4 * int(np.prod(chunk))


def _cpu_s() -> float:
    """Return the CPU time of this process and of all below it, in seconds; those that ended are in their parents'."""
    own = psutil.Process()
    times = [process.cpu_times() for process in (own, *own.children(recursive=True))]
    return sum(one.user + one.system for one in times) + times[0].children_user + times[0].children_system


LARGE_ROW = Row(LOOP, large, {JOB: Target(cpu=1.3)})
SMALL_ROW = Row(LOOP, small)
GROWTH_ROW = Row(among(FEW), growth, {among(MANY): Target(cpu=1.2)})
