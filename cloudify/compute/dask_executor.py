"""Batches on a Dask cluster: each is one task, a call of a function of ours that returns little."""

import logging
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict
from functools import lru_cache
from typing import Any, TypeVar

from cloudify.cluster.connection import WorkersLostError
from cloudify.cluster.tasks import Tasks
from cloudify.compute.batch import Batch, Joining, Report, Tell, Told
from cloudify.compute.executor import LostError
from cloudify.compute.work import Workplace
from cloudify.errors import ClusterUnavailableError
from cloudify.model.job import Failure
from cloudify.model.outcome import Emitted, Outcome

TOPIC = "cloudify-slices"
T = TypeVar("T")
log = logging.getLogger(__name__)


@lru_cache(maxsize=1)
def workplace() -> Workplace:
    """Return the one of this process, a worker of the cluster."""
    return Workplace()


def run_batch(batch: Batch) -> Report:
    """Run a batch. Called in a worker."""
    from distributed import get_worker  # noqa: PLC0415  # workers have it

    worker = get_worker()

    def tell(told: Told) -> None:
        worker.loop.add_callback(worker.log_event, TOPIC, asdict(told))

    return workplace().run(batch, tell)


def join_results(joining: Joining) -> Outcome:
    """Combine results. Called in a worker."""
    return workplace().join(joining)


def stop_job(job_id: str) -> None:
    """End what runs of a job. Called in every worker, beside its tasks."""
    workplace().stop(job_id)


class OnDask:
    """An executor on a Dask cluster.

    Parameters
    ----------
    address
        Returns that of the scheduler; may start one, and blocks then.
    """

    def __init__(self, address: Callable[[], str], connect_s: float, tell: Tell) -> None:
        self._address, self._connect_s = address, connect_s
        self._tell: Callable[[dict[str, Any]], None] = lambda said: tell(_told(said))
        self._tasks: Tasks | None = None
        self.slots = 1
        self._starter = ThreadPoolExecutor(1, thread_name_prefix="cloudify-dask")
        self._start: Future[tuple[Tasks, int]] | None = None

    def ready(self) -> bool:
        """Whether there is a connection to workers; makes one if not."""
        if self._tasks is not None:
            return True
        if self._start is None:
            self._start = self._starter.submit(self._connect)
        if not self._start.done():
            return False
        start, self._start = self._start, None
        error = start.exception()
        if error is not None:
            if not isinstance(error, ClusterUnavailableError):
                log.error("no cluster for jobs", exc_info=error)
            return False
        self._tasks, self.slots = start.result()
        return True

    def _connect(self) -> tuple[Tasks, int]:
        tasks = Tasks(self._address(), self._connect_s, TOPIC, self._tell)
        return tasks, max(1, tasks.slots())

    def submit(self, batch: Batch) -> "Future[Report]":
        """Begin a batch."""
        landing: Future[Report] = Future()
        self._call(run_batch, batch).add_done_callback(lambda done: _hand_on(done, landing, _lost_batch(batch)))
        return landing

    def join(self, joining: Joining) -> "Future[Outcome]":
        """Combine results."""
        landing: Future[Outcome] = Future()
        failed = Outcome(0, 1, failure=Failure("worker-lost", "the workers that combined results died"))
        self._call(join_results, joining).add_done_callback(lambda done: _hand_on(done, landing, failed))
        return landing

    def stop(self, job_id: str) -> None:
        """End what runs of a job, at once."""
        if self._tasks is not None:
            try:
                self._tasks.everywhere(stop_job, job_id)
            except (ClusterUnavailableError, TimeoutError):
                return  # what the workers still do is not heard any more

    def close(self) -> None:
        """Leave the cluster; who has started it ends it."""
        self._starter.shutdown(wait=False, cancel_futures=True)

    def _call(self, function: Callable[..., T], given: object) -> "Future[T]":
        if self._tasks is None:
            raise ClusterUnavailableError("the Dask cluster for jobs is not there yet; ask again in a few seconds")
        future = self._tasks.submit(function, given)
        future.add_done_callback(self._note_loss)
        return future

    def _note_loss(self, done: "Future[T]") -> None:
        """Look for the workers anew after they were lost: there may be more of them, or fewer."""
        if not done.cancelled() and isinstance(done.exception(), ClusterUnavailableError):
            self._tasks = None


def _told(said: dict[str, Any]) -> Told:
    """Read what a worker passed on: events of Dask are plain values."""
    return Told(**{**said, "emitted": tuple(Emitted(**one) for one in said["emitted"])})


def _lost_batch(batch: Batch) -> Report:
    """Return what became of a batch whose workers died."""
    failure = Failure("worker-lost", "the worker died; it may have had too little memory")
    return Report(tuple(Outcome(item.number, item.attempt, failure=failure) for item in batch.items))


def _hand_on(done: "Future[T]", landing: "Future[T]", if_lost: T) -> None:
    """Pass an outcome on in the words of an executor."""
    if done.cancelled():
        landing.set_exception(LostError())
        return
    error = done.exception()
    if isinstance(error, WorkersLostError):
        landing.set_result(if_lost)
    elif isinstance(error, ClusterUnavailableError):
        landing.set_exception(LostError())
    elif error is not None:
        landing.set_exception(error)
    else:
        landing.set_result(done.result())
