"""Rows ``job-large``, ``job-small`` and ``job-growth``: a function over every chunk, beside a plain loop.

The loop does the same reads, writes, hashes and fsyncs, with the function called in its own process. What is compared
is the CPU time of all processes, warm: those that run the function wait when a job begins.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import zarr
from zarr.codecs import ZstdCodec

from benchmarks.failures import RowError
from benchmarks.rows import Effort, Figures, Outcome, Row, Target
from benchmarks.runs import Peer, compare_peers
from cloudify import Server
from cloudify.chunks.codec import Codec
from cloudify.cluster.local import start_local_cluster
from cloudify.compute.jobs import Asked
from cloudify.compute.service import Service
from cloudify.settings import Settings

LOOP, JOB, ON_DASK = "plain loop", "cloudify map", "cloudify map on Dask"
LARGE, SMALL = (1, 1600, 1600), (1, 64, 64)
"""10 MB and 16 kB of float32."""
MANY_LARGE, FEW, MANY = 200, 1000, 10_000
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
    def sparse(cls, store: Path, chunk: tuple[int, ...], chunks: int) -> "Field":
        """Write none of them, however many there are: all read as zeros."""
        _create(store, chunk, chunks)
        return cls(store, chunks)

    @classmethod
    def write(cls, store: Path, chunk: tuple[int, ...], chunks: int) -> "Field":
        """Write them: smooth with some noise, so that they compress as fields do."""
        array = _create(store, chunk, chunks)
        rng = np.random.default_rng(8)
        for step in range(chunks):
            array[step] = (280 + rng.standard_normal(chunk[1:])).round(1).astype("float32")
        return cls(store, chunks)


def _create(store: Path, chunk: tuple[int, ...], chunks: int) -> zarr.Array[Any]:
    return zarr.create_group(store, zarr_format=3).create_array(
        "t",
        shape=(chunks, *chunk[1:]), chunks=chunk, dtype="float32",
        compressors=ZstdCodec(level=1), dimension_names=("time", "y", "x"),
    )  # fmt: skip


class Jobs:
    """Runs a function over a field as a job."""

    def __init__(self, field: Field, service: Service, server: Server) -> None:
        self._field, self.service, self._server = field, service, server

    def submit(self, source: str = SOURCE) -> str:
        """Begin a job; returns its id."""
        inputs = {"dataset": self._field.store.stem, "function": {"source": source, "entry": "double"}}
        return self.service.jobs.submit(OWNER, Asked("map", inputs), self._server.shelf.get).id

    def run(self) -> None:
        """Have a job done."""
        done = self.service.jobs.wait(OWNER, self.submit(), LONGEST_S).job
        if (done.state, done.done) != ("successful", self._field.chunks):
            raise RowError(f"the job is {done.state} with {done.done} of {self._field.chunks} slices: {done.failure}")


@contextmanager
def jobs(field: Field, data_dir: Path, scheduler: str | None = None) -> Iterator[Jobs]:
    """Yield what runs jobs over a field, on threads of this process or on a cluster of Dask."""
    settings = Settings.load(unsafe_compute=True, data_dir=data_dir, dask="none", dask_address=scheduler, watch=False)
    server = Server(str(field.store), settings=settings)
    service = Service(settings, runs_engine=True)
    service.attach(server.shelf.get)
    try:
        yield Jobs(field, service, server)
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
    return Outcome(f"`x * 2` over {MANY_LARGE} chunks of {nbytes_of(LARGE) / 1e6:.0f} MB; {CONDITIONS}", figures)


def small(effort: Effort) -> Outcome:
    """Compare slices of 16 kB."""
    figures = _compare(SMALL, FEW, effort)
    by_peer = {one.peer: one.cpu_us for one in figures}
    more = " and ".join(f"{(by_peer[name] - by_peer[LOOP]) / 1e3:.2f} ms ({name})" for name in (JOB, ON_DASK))
    return Outcome(
        f"`x * 2` over {FEW} chunks of {nbytes_of(SMALL) / 1e3:.0f} kB; {CONDITIONS}; a slice costs {more} "
        f"more than in the loop, where {MOST_OVERHEAD_MS:g} are the most",
        figures,
    )


CONDITIONS = (
    "figures of one chunk; what was written is removed before the next round; processes that run functions wait when a "
    "job begins, and what it takes to start others for the next job is not counted"
)


def growth(effort: Effort) -> Outcome:
    """Compare a slice among many with one among few."""
    with TemporaryDirectory(prefix="cloudify-bench-") as folder:
        root = Path(folder)
        few, many = (Field.write(root / f"n{n}.zarr", SMALL, n) for n in (FEW, MANY))
        with jobs(few, root / "few") as of_few, jobs(many, root / "many") as of_many:
            peers = {
                among(FEW): Peer(of_few.run, root / "few" / "blobs", FEW),
                among(MANY): Peer(of_many.run, root / "many" / "blobs", MANY),
            }
            figures = compare_peers(peers, replace(effort, rounds=min(3, effort.rounds)), limit=among(FEW))
    return Outcome(f"`x * 2` over chunks of {nbytes_of(SMALL) / 1e3:.0f} kB; {CONDITIONS}", figures)


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
        with (
            start_local_cluster(n_workers=None, threads_per_worker=1, encrypted=True) as cluster,
            jobs(field, root / "threads") as ours,
            jobs(field, root / "dask", cluster.scheduler_address) as on_dask,
        ):
            peers = {
                LOOP: Peer(loop(field, root / "loop"), root / "loop", chunks),
                JOB: Peer(ours.run, root / "threads" / "blobs", chunks),
                ON_DASK: Peer(on_dask.run, root / "dask" / "blobs", chunks),
            }
            return compare_peers(peers, effort, limit=LOOP)


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


def nbytes_of(chunk: tuple[int, ...]) -> int:
    """Return the bytes of a chunk in memory."""
    return 4 * int(np.prod(chunk))


LARGE_ROW = Row(LOOP, large, {JOB: Target(cpu=1.3), ON_DASK: Target(cpu=1.3)})
SMALL_ROW = Row(LOOP, small)
GROWTH_ROW = Row(among(FEW), growth, {among(MANY): Target(cpu=1.2)})
