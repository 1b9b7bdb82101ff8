"""The end of a job: what its slices left becomes one result."""

import json
from collections.abc import Iterable, Iterator
from concurrent.futures import CancelledError, Future
from dataclasses import dataclass
from itertools import islice

from cloudify.compute.batch import Joining, Work
from cloudify.compute.child.inside.packing import File, Plain
from cloudify.compute.child.returned import load
from cloudify.compute.executor import DiedError, Executor, LostError
from cloudify.compute.feeding import Feeder
from cloudify.compute.planned import Planned
from cloudify.compute.results.assemble import assemble
from cloudify.compute.results.manifest import Written
from cloudify.compute.results.source import ranges
from cloudify.compute.results.whole import assemble_whole
from cloudify.compute.store.store import Store
from cloudify.compute.template import Template
from cloudify.errors import ClusterUnavailableError, CombineFailedError, InvalidResultError, StoreUnavailableError
from cloudify.model.outcome import Outcome, Piece

JOINED = 16
"""Results that one task combines."""
GRACE_S = 300.0
"""What that may take longer than the function may; a task waits for its turn, too."""
MOST_DEATHS = 3
"""How often a worker may die with one task of these: it need not be why."""
LOST = "the cluster was lost while results were combined; that is done again"
AT_ONCE = 1000
"""Values that are read at once."""


@dataclass(frozen=True, slots=True)
class Left:
    """What the slices of a job left, streamed from the store."""

    store: Store
    job_id: str

    def pieces(self) -> Iterator[Piece]:
        """Yield what is stored, in the order of the slices."""
        return self.store.jobs.pieces(self.job_id)

    def values(self) -> Iterator[tuple[int, str]]:
        """Yield the numbers of slices and what they returned, as JSON, in their order."""
        first = 1
        while page := self.store.jobs.values(self.job_id, first, AT_ONCE):
            yield from page
            first = page[-1][0] + 1

    def failed_numbers(self) -> list[int]:
        """Return the numbers of the slices that failed, in their order."""
        return self.store.jobs.failed_numbers(self.job_id)


class Assembler:
    """Puts results together. Safe to use from many threads."""

    def __init__(self, store: Store, feeder: Feeder, executor: Executor) -> None:
        self._store, self._feeder, self._executor = store, feeder, executor

    def assemble(self, work: Work) -> str:
        """Put the result of a job together, whose slices are all settled; return the hash of its manifest. Blocks.

        Returns
        -------
        str
            ``""`` for a job without slices, which has no result.

        Raises
        ------
        CloudifyError
            If it cannot be; of the family `BusyError` where it can later.
        """
        left = Left(self._store, work.job_id)
        written = self._combined(work, left) if work.combine is not None else self._gathered(work, left)
        if written is None:
            return ""
        self._store.jobs.hold(work.job_id, written.held)
        return written.manifest

    def _gathered(self, work: Work, left: Left) -> Written | None:
        record = self._store.jobs.get(work.job_id)
        if record is None or not record.template:
            return None
        template = Template.from_json(record.template)
        planned = Planned.from_json(record.plan).grown(record.job.total)
        return assemble(
            template,
            planned.plan,
            work.function.entry,
            left,
            self._store.blobs,
            opened=self._feeder.open(planned) if planned.dataset and template.kind == "grid" else None,
            absent=planned.plan.total - record.job.total,  # cells that the owner did not add
        )

    def _combined(self, work: Work, left: Left) -> Written | None:
        """Combine all results, neighbours first, so that their order is kept."""
        values = list(self._joined(work, (piece.sha256 for piece in left.pieces())))  # never all of them
        while len(values) > 1:
            values = list(self._joined(work, values))
        if not values:
            return None
        value = load(self._store.blobs.read(values[0]))
        if isinstance(value, File):
            raise InvalidResultError("files cannot be combined; return arrays or plain values")
        content = json.loads(value.json) if isinstance(value, Plain) else value
        return assemble_whole(work.function.entry, content, self._store.blobs, failed=ranges(left.failed_numbers()))

    def _joined(self, work: Work, values: Iterable[str]) -> Iterator[str]:
        """Yield the one value of each run of values, in their order."""
        rest = iter(values)
        runs = iter(lambda: tuple(islice(rest, JOINED)), ())
        while some := list(islice(runs, 2 * max(1, self._executor.slots))):
            begun = [self._executor.join(Joining(work, run)) if run[1:] else None for run in some]
            for run, future in zip(some, begun, strict=True):
                yield run[0] if future is None else self._value(Joining(work, run), future)

    def _value(self, joining: Joining, begun: "Future[Outcome]") -> str:
        """Wait for a value; return its hash."""
        for _ in range(MOST_DEATHS):
            try:
                return _hash_of(begun.result(JOINED * joining.work.wall_s + GRACE_S))
            except DiedError:
                begun = self._executor.join(joining)
            except (LostError, TimeoutError, CancelledError) as error:
                begun.cancel()
                raise ClusterUnavailableError(LOST) from error
        raise CombineFailedError("worker-lost", "the workers died that combined them; was there too little memory?", "")


def _hash_of(outcome: Outcome) -> str:
    """Return what combined results are kept under."""
    failure = outcome.failure
    if failure is None:
        return outcome.pieces[0].sha256
    if failure.reason == "no-room":
        raise StoreUnavailableError("has no room: its disk is full", has_no_room=True)
    raise CombineFailedError(failure.reason, failure.message, failure.traceback)
