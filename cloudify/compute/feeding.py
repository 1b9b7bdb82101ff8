"""What a job's slices need to run anywhere: the engine asks here for its batches."""

from collections.abc import Callable, Collection, Iterator
from dataclasses import replace

from cloudify.compute.batch import Batch, Item, Work
from cloudify.compute.blocks import Reader
from cloudify.compute.child.returned import dump
from cloudify.compute.flight import Flight, Numbered
from cloudify.compute.planned import Planned
from cloudify.compute.request import MapRequest
from cloudify.compute.store.records import Record
from cloudify.compute.store.store import Store
from cloudify.compute.template import Template
from cloudify.compute.templating import with_coordinates
from cloudify.datasets.opened import Opened
from cloudify.errors import SourceMovedOnError
from cloudify.model.function import Function
from cloudify.settings import Settings


class Feeder:
    """Makes batches. Belongs to the engine's thread, but for `work_of` and `open`.

    A dataset with an entry is opened by whoever runs its slices; what only this process has, the objects of a host
    script, is read here and goes along.

    Parameters
    ----------
    opened
        Opens a dataset by its id, whoever owns it.
    """

    def __init__(self, store: Store, opened: Callable[[str], Opened], settings: Settings) -> None:
        self._store, self._opened, self._settings = store, opened, settings
        self._readers: dict[str, Reader] = {}

    def work_of(self, record: Record) -> Work:
        """Return what all slices of a job have in common. May open its dataset.

        Raises
        ------
        CloudifyError
            If its dataset cannot be opened any more, or has changed since.
        """
        job, request = record.job, MapRequest.from_json(record.request)
        planned = Planned.from_json(record.plan)
        function = request.function
        assert isinstance(function, Function)  # noqa: S101  # the id of a process was looked up when the job was added
        work = Work(
            job_id=job.id,
            owner=job.owner,
            function=function,
            args=request.args,
            planned=record.plan,
            total=job.total,
            wall_s=request.limits.wall_s,
            memory_nbytes=request.limits.memory_nbytes,
            data_dir=self._settings.data_dir,
            settings=self._settings,
            template=record.template or None,
            combine=request.combine,
            is_of_dataset=request.dataset is not None,
            takes_inputs=request.data is not None or request.is_open,
        )
        if not planned.dataset:
            return work
        opened = self.open(planned)
        if opened.stored:
            return replace(work, entry=opened.entry)
        self._readers[job.id] = Reader(opened, planned.cells)
        return work

    def open(self, planned: Planned) -> Opened:
        """Return the dataset of a job as it was when it was planned. Blocks; safe from any thread.

        Raises
        ------
        CloudifyError
            If it cannot be opened any more, or has changed since.
        """
        opened = self._opened(planned.dataset)
        if opened.token != planned.token:
            raise SourceMovedOnError(planned.dataset)
        return opened

    def complete(self, work: Work, template: str) -> str:
        """Return a template with the coordinates of the source, which a worker that never saw it cannot know."""
        reader = self._readers.get(work.job_id)
        if reader is None:
            return template
        return with_coordinates(Template.from_json(template), reader.plan, reader.opened).to_json()

    def batch(self, batch_id: str, flight: Flight, slices: Collection[Numbered]) -> Batch:
        """Return a batch. Blocks where values have to be read here; raises what reading raises."""
        work = replace(flight.work, total=flight.total)
        return Batch(batch_id, work, tuple(self._items(work, slices)), any(map(flight.is_suspected, slices)))

    def _items(self, work: Work, slices: Collection[Numbered]) -> Iterator[Item]:
        given = self._store.jobs.inputs(work.job_id, [n for n, _ in slices]) if work.takes_inputs else {}
        if not work.is_of_dataset:
            yield from (Item(n, attempt, datum=given[n]) for n, attempt in slices)
            return
        reader = self._readers.get(work.job_id)
        for n, attempt in slices:
            item = Item(n, attempt, cell=int(given[n]) if n in given else n)
            yield item if reader is None else replace(item, block=dump(reader.block(item.cell)))

    def forget(self, job_id: str) -> None:
        """Let go of what a job needed."""
        self._readers.pop(job_id, None)
