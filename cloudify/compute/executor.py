"""Where batches run: threads of this process, or a Dask cluster (`dask_executor`)."""

import os
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Protocol, TypeVar

from cloudify.compute.batch import Batch, Joining, Report, Tell
from cloudify.compute.work import Workplace

if TYPE_CHECKING:
    from cloudify.model.outcome import Outcome

T = TypeVar("T")


class LostError(Exception):
    """What was to run is lost with what it ran on; none of it counts as an attempt."""


class DiedError(Exception):
    """The worker died that had it, and it may be why."""


class Executor(Protocol):
    """Runs batches. Safe to use from many threads."""

    @property
    def slots(self) -> int:
        """How many batches run at once."""
        ...

    def ready(self) -> bool:
        """Whether batches can begin; begins to get ready if not. Never blocks."""
        ...

    def submit(self, batch: Batch) -> "Future[Report]":
        """Begin a batch. Its future raises `LostError` or `DiedError`; cancelled, it is not begun if it was not yet.

        Raises
        ------
        ClusterUnavailableError
            If it cannot begin now.
        """
        ...

    def join(self, joining: Joining) -> "Future[Outcome]":
        """Combine results; raises as `submit`."""
        ...

    def stop(self, job_id: str) -> None:
        """End what runs of a job, at once."""
        ...

    def replace(self, worker: str) -> None:
        """End a worker that hangs, and have another take its place. Blocks."""
        ...

    def close(self) -> None:
        """End everything."""
        ...


class Threads:
    """Threads of this process. The functions themselves run in processes of their own, as everywhere."""

    def __init__(self, tell: Tell, slots: int | None = None) -> None:
        self.slots = slots or os.cpu_count() or 1
        self._tell, self._place = tell, Workplace(self.slots)
        self._pool = ThreadPoolExecutor(self.slots, thread_name_prefix="cloudify-slices")

    def ready(self) -> bool:
        """Whether batches can begin: always."""
        return True

    def submit(self, batch: Batch) -> "Future[Report]":
        """Begin a batch."""
        return self._begin(lambda: self._place.run(batch, self._tell))

    def join(self, joining: Joining) -> "Future[Outcome]":
        """Combine results."""
        return self._begin(lambda: self._place.join(joining))

    def stop(self, job_id: str) -> None:
        """End what runs of a job, at once."""
        self._place.stop(job_id)

    def replace(self, worker: str) -> None:
        """Nothing: a thread cannot be ended."""

    def close(self) -> None:
        """End everything."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._place.close()

    def _begin(self, work: Callable[[], T]) -> "Future[T]":
        return self._pool.submit(work)
