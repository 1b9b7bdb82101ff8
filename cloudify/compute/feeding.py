"""What a job's slices need to run anywhere: the engine asks here for its batches."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from cloudify.compute.batch import Batch, Item, Work
from cloudify.compute.blocks import Reader
from cloudify.compute.child.packing import dump
from cloudify.compute.flight import Flight, Numbered
from cloudify.compute.plan import Plan, plan_from_json
from cloudify.compute.request import MapRequest
from cloudify.compute.store.store import Record, Store
from cloudify.datasets.opened import Opened
from cloudify.errors import SourceChangedError
from cloudify.settings import Settings


class Feeder:
    """Makes batches.

    A dataset with an entry is opened by whoever runs its slices; what only this process has, the objects of a host
    script, is read here and goes along.

    Parameters
    ----------
    opened
        Opens a dataset by its id.
    """

    def __init__(self, store: Store, opened: Callable[[str], Opened], settings: Settings) -> None:
        self._store, self._opened, self._settings = store, opened, settings
        self._readers: dict[str, tuple[str, Reader]] = {}

    def work_of(self, record: Record) -> Work:
        """Return what all slices of a job have in common. May open its dataset.

        Raises
        ------
        CloudifyError
            If its dataset cannot be opened any more, or has changed since.
        """
        job = record.job
        request = MapRequest.from_json(record.request)
        plan = plan_from_json(record.plan)
        work = Work(
            job_id=job.id,
            owner=job.owner,
            function=request.function,
            args=request.args,
            plan=record.plan,
            total=job.total,
            wall_s=request.limits.wall_s,
            memory_nbytes=request.limits.memory_nbytes,
            data_dir=self._settings.data_dir,
            settings=self._settings,
            template=record.template or None,
            combine=request.combine,
        )
        if not isinstance(plan, Plan):
            return work
        opened = self._opened(plan.dataset)
        if opened.token != plan.token:
            raise SourceChangedError(plan.dataset)
        if opened.stored:
            return replace(work, entry=opened.entry, token=plan.token)
        self._readers[job.id] = (plan.token, Reader(opened, plan))
        return work

    def learn(self, flight: Flight, template: str) -> None:
        """Note what results of a job look like."""
        flight.work = replace(flight.work, template=template)

    def batch(self, work: Work, slices: Sequence[Numbered]) -> Batch:
        """Return a batch. Blocks where values have to be read here; raises what reading raises."""
        reader = self._readers.get(work.job_id)
        if reader is not None:
            return Batch(work, tuple(Item(n, attempt, block=dump(reader[1].block(n))) for n, attempt in slices))
        if work.entry is None:
            data = self._store.jobs.inputs(work.job_id, [number for number, _ in slices])
            return Batch(work, tuple(Item(n, attempt, datum=data[n]) for n, attempt in slices))
        return Batch(work, tuple(Item(n, attempt) for n, attempt in slices))

    def forget(self, job_id: str) -> None:
        """Let go of what a job needed."""
        self._readers.pop(job_id, None)
