"""Batches on a Dask cluster: each is one task, a call of a function of ours that returns little."""

import logging
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict
from threading import Lock
from time import monotonic, sleep
from typing import Any, TypeVar

from cloudify.cluster.connection import WorkersLostError
from cloudify.cluster.tasks import Tasks
from cloudify.compute.batch import Alive, Batch, Joining, Report, Tell, Told
from cloudify.compute.executor import DiedError, LostError
from cloudify.compute.work import Workplace
from cloudify.errors import ClusterUnavailableError
from cloudify.model.outcome import Emitted, Outcome

TOPIC = "cloudify-slices"
COUNT_S = 5.0
"""How often workers are counted: some come later, some go."""
RETRY_S = 1.0
"""Before a cluster is looked for again that was not there."""
SAID_S = 0.05
"""After so long what a worker has said is on its way to the scheduler."""
T = TypeVar("T")
log = logging.getLogger(__name__)

_making = Lock()
_workplaces: list[Workplace] = []


def workplace() -> Workplace:
    """Return the one of this process, a worker of the cluster."""
    with _making:
        if not _workplaces:
            _workplaces.append(Workplace())
        return _workplaces[0]


def run_batch(batch: Batch) -> Report:
    """Run a batch. Called in a worker."""
    from distributed import get_worker  # noqa: PLC0415  # workers have it

    worker = get_worker()

    def tell(told: Told | Alive) -> None:
        said = {"alive" if isinstance(told, Alive) else "told": asdict(told)}
        worker.loop.add_callback(worker.log_event, TOPIC, said)

    if batch.is_suspected:  # it may end this process: that it has begun goes first, and the outcome of the one before
        tell(Alive(batch.work.job_id, batch.id))
        sleep(SAID_S)
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
        self.slots = 0
        self._starter = ThreadPoolExecutor(1, thread_name_prefix="cloudify-dask")
        self._start: Future[tuple[Tasks, int]] | None = None
        self._count_at = 0.0
        """When workers are counted next, in monotonic time."""

    def ready(self) -> bool:
        """Whether there is a connection to workers; makes one if not."""
        if self._start is None and monotonic() >= self._count_at:
            self._start = self._starter.submit(self._connect)
        if self._start is not None and self._start.done():
            start, self._start = self._start, None
            self._connected(start)
        return self._tasks is not None and self.slots > 0

    def _connect(self) -> tuple[Tasks, int]:
        tasks = Tasks(self._address(), self._connect_s, TOPIC, self._tell)
        return tasks, tasks.slots()

    def _connected(self, start: "Future[tuple[Tasks, int]]") -> None:
        error = start.exception()
        if error is None:
            self._tasks, self.slots = start.result()
        else:
            self._tasks = None
            if not isinstance(error, ClusterUnavailableError | TimeoutError):
                log.error("no cluster for jobs", exc_info=error)
        self._count_at = monotonic() + (COUNT_S if self.slots and error is None else RETRY_S)

    def submit(self, batch: Batch) -> "Future[Report]":
        """Begin a batch."""
        return self._call(run_batch, batch)

    def join(self, joining: Joining) -> "Future[Outcome]":
        """Combine results."""
        return self._call(join_results, joining)

    def stop(self, job_id: str) -> None:
        """End what runs of a job, at once."""
        if self._tasks is not None:
            with suppress(ClusterUnavailableError, TimeoutError):  # what the workers still do is not heard any more
                self._tasks.everywhere(stop_job, job_id)

    def replace(self, worker: str) -> None:
        """End a worker that hangs; what looks after it starts another."""
        if self._tasks is not None and worker:
            with suppress(ClusterUnavailableError, TimeoutError):
                self._tasks.restart(worker)

    def close(self) -> None:
        """Leave the cluster; who has started it ends it."""
        self._starter.shutdown(wait=False, cancel_futures=True)

    def _call(self, function: Callable[[Any], T], given: object) -> "Future[T]":
        if self._tasks is None:
            raise ClusterUnavailableError("the Dask cluster for jobs is not there yet; ask again in a few seconds")
        begun = self._tasks.submit(function, given)
        begun.add_done_callback(self._note_loss)
        landing: Future[T] = Future()
        landing.add_done_callback(lambda done: begun.cancel() if done.cancelled() else None)
        begun.add_done_callback(lambda done: _hand_on(done, landing))
        return landing

    def _note_loss(self, done: "Future[T]") -> None:
        """Look for the workers anew after they were lost: there may be more of them, or fewer."""
        if not done.cancelled() and isinstance(done.exception(), ClusterUnavailableError):
            self._tasks, self._count_at = None, 0.0


def _told(said: dict[str, Any]) -> Told | Alive:
    """Read what a worker passed on: events of Dask are plain values, and the scheduler adds its own."""
    if "alive" in said:
        return Alive(**{**said["alive"], "worker": said.get("worker", "")})
    told = said["told"]
    return Told(**{**told, "emitted": tuple(Emitted(**one) for one in told["emitted"])})


def _hand_on(done: "Future[T]", landing: "Future[T]") -> None:
    """Pass an outcome on in the words of an executor."""
    if not landing.set_running_or_notify_cancel():
        return  # nobody wants it any more
    error = LostError() if done.cancelled() else done.exception()
    if isinstance(error, WorkersLostError):
        landing.set_exception(DiedError())
    elif isinstance(error, ClusterUnavailableError):
        landing.set_exception(LostError())
    elif error is not None:
        landing.set_exception(error)
    else:
        landing.set_result(done.result())
