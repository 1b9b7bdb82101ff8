"""A cluster on this machine, for host scripts.

It lives on Dask's own event loop, in a thread, so that it outlasts the loop that waited for it to start. Only this
process and its workers have the keys: without TLS any user of the machine could run code in it.
"""

import os
from collections.abc import Mapping
from multiprocessing import current_process, get_context
from typing import TYPE_CHECKING, Any

from cloudify.cluster.connection import CREDENTIALS
from cloudify.errors import MissingMainGuardError, UsageError

if TYPE_CHECKING:
    from distributed import LocalCluster

UNGUARDED = 79
"""Exit status of a process that was started as a worker and came to start a cluster itself."""
NO_GUARD = (
    'this script starts a cluster without `if __name__ == "__main__":`, so every worker would run it again; '
    "put all that comes after its imports and functions below that line"
)
WORKER_NBYTES = 2**30
"""Least memory of a worker: the libraries alone take a fifth of it."""

PRELOAD = "cloudify.cluster.worker"
NO_PAGES: dict[str, list[str]] = {"distributed.scheduler.http.routes": [], "distributed.worker.http.routes": []}
"""Dask's web pages show logs and paths to whoever asks, without a key."""
KEPT_MEMORY = {"MALLOC_MMAP_THRESHOLD_": 2**25, "MALLOC_TRIM_THRESHOLD_": 2**27}
"""Of workers, for the C library: how large an array, how much free memory goes back to the system at once, in bytes.

By Dask's own 64 KiB each array of a chunk is new memory that the system has to clear: a sixth of what a job over chunks
of 10 MB takes.
"""


def start_local_cluster(
    *,
    n_workers: int | None,
    threads_per_worker: int | None,
    encrypted: bool,
    scheduler: Mapping[str, Any] | None = None,
) -> "LocalCluster":
    """Start a scheduler and workers on the loopback address. Blocks for seconds.

    Parameters
    ----------
    n_workers, threads_per_worker
        By default as many as cores and memory allow.
    encrypted
        Whether connections need the keys of this process.
    scheduler
        How it differs from those of Dask: arguments of ``distributed.Scheduler``.

    Raises
    ------
    MissingMainGuardError
        If the main script would start a cluster in each worker.
    UsageError
        If a worker cannot import the main script.
    """
    _try_main_script()
    import dask.config
    from distributed import LocalCluster, Security

    if n_workers is None and threads_per_worker is None:
        n_workers, threads_per_worker = _size()
    environ = {**dask.config.get("distributed.nanny.pre-spawn-environ"), **KEPT_MEMORY}
    with dask.config.set({**NO_PAGES, "distributed.nanny.pre-spawn-environ": environ}):
        cluster = LocalCluster(
            n_workers=n_workers,
            threads_per_worker=threads_per_worker,
            security=Security.temporary() if encrypted else None,
            dashboard_address="127.0.0.1:0",  # the usual port may be taken
            scheduler_kwargs={"dashboard": False, **(scheduler or {})},
            preload=[*dask.config.get("distributed.worker.preload"), PRELOAD],
        )
    CREDENTIALS[cluster.scheduler_address] = cluster.security
    return cluster


def end_if_worker() -> None:
    """End this process if it is a worker that imports the main script: it must not start a cluster of its own."""
    if getattr(current_process(), "_inheriting", False):  # as multiprocessing itself finds out
        os._exit(UNGUARDED)  # the process that started it says why


def _try_main_script() -> None:
    """Import the main script in one process as each worker will."""
    process = get_context("spawn").Process(target=_nothing, daemon=True)
    process.start()
    process.join()
    if process.exitcode == UNGUARDED:
        raise MissingMainGuardError(NO_GUARD)
    if process.exitcode:
        raise UsageError(
            f"a worker cannot import this script (it ended with status {process.exitcode}); see what it says above"
        )


def _nothing() -> None:
    """Do nothing: what counts is what is imported before."""


def _size() -> tuple[int, int]:
    """Return how many workers and threads in each the machine has cores and memory for."""
    from distributed.deploy.utils import nprocesses_nthreads
    from distributed.system import MEMORY_LIMIT

    workers, threads = nprocesses_nthreads()
    return max(1, min(workers, MEMORY_LIMIT // WORKER_NBYTES)), threads
