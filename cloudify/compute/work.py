"""What is done with a slice, wherever it runs: values are read, the function sees them, what it returns is kept.

Results go to disk here, as blobs; what travels back is their hashes.
"""

from collections.abc import Sequence
from functools import partial
from time import monotonic, thread_time

import xarray as xr

from cloudify.compute.batch import Batch, Item, Joining, Report, Tell, Told, Work
from cloudify.compute.benches import MOST_SLOT_NBYTES, Bench, Benches
from cloudify.compute.child.child import Child
from cloudify.compute.child.inside.packing import Plain
from cloudify.compute.child.pool import Children
from cloudify.compute.child.returned import Limits, Progress, Returned, SliceFailedError, Value, dump, load
from cloudify.compute.results.parts import store_parts
from cloudify.compute.store.blobs import Blobs
from cloudify.datasets.source import explain, failures
from cloudify.errors import InvalidResultError, SourceError, SourceMovedOnError, StoreUnavailableError
from cloudify.model.job import Failure, Usage
from cloudify.model.outcome import Emitted, Outcome, Piece

LONGEST_S = 1.0
"""After this a batch comes back with what is done: slices that take longer than thought do not wait for each other."""
PACKED = "packed"
"""Key of a result that is kept for being combined."""


class Workplace:
    """What one process keeps from batch to batch: processes that run functions, open datasets.

    Safe to use from many threads.

    Parameters
    ----------
    threads
        How many run slices at once; so many processes wait for the next job.
    """

    def __init__(self, threads: int = 1) -> None:
        self._children, self._benches = Children(warm=threads), Benches()

    def run(self, batch: Batch, tell: Tell) -> Report:
        """Run slices one after another."""
        work, began = batch.work, monotonic()
        outcomes: list[Outcome] = []
        try:
            bench = self._benches.of(work)
        except SourceError as error:
            failure = Failure(
                "source-changed" if isinstance(error, SourceMovedOnError) else "source-failed", str(error)
            )
            return Report(tuple(Outcome(item.number, item.attempt, failure=failure) for item in batch.items))
        limits = Limits(work.wall_s, work.memory_nbytes, bench.slot_nbytes)
        with self._children.child(work.owner, work.job_id, work.function, limits, work.combine) as child:
            for place, item in enumerate(batch.items):
                outcomes.append(_run_slice(work, bench, item, child, tell))
                if monotonic() - began > LONGEST_S:
                    left = tuple(each.number for each in batch.items[place + 1 :])
                    return Report(tuple(outcomes), left, monotonic() - began)
        return Report(tuple(outcomes), elapsed_s=monotonic() - began)

    def join(self, joining: Joining) -> Outcome:
        """Combine packed results, from left to right, into one."""
        work, blobs, usage = joining.work, Blobs(joining.work.data_dir), Usage()
        limits = Limits(work.wall_s, work.memory_nbytes, MOST_SLOT_NBYTES)
        began = thread_time()
        try:
            data = blobs.read(joining.values[0])
            with self._children.child(work.owner, work.job_id, work.function, limits, work.combine) as child:
                for sha256 in joining.values[1:]:
                    pair = load(data), load(blobs.read(sha256))
                    returned = child.run(pair, number=1, total=work.total, entry="combine")
                    data, usage = dump(returned.value), usage + returned.usage
            piece = Piece(PACKED, *blobs.put(data))
        except SliceFailedError as error:
            return Outcome(0, 1, failure=error.failure, usage=usage + error.usage, log=error.log)
        except (OSError, StoreUnavailableError) as error:
            return Outcome(0, 1, failure=_no_room(error))
        return Outcome(0, 1, pieces=(piece,), usage=usage + Usage(cpu_s=thread_time() - began))

    def stop(self, job_id: str) -> None:
        """End the processes of a job, at once."""
        self._children.stop_job(job_id)

    def close(self) -> None:
        """End all of them."""
        self._children.close()


def _run_slice(work: Work, bench: Bench, item: Item, child: Child, tell: Tell) -> Outcome:
    """Run one slice, whatever comes of it."""
    began = thread_time()
    made = partial(Outcome, item.number, item.attempt)
    try:
        value = bench.value(item)
    except failures() as error:
        return made(failure=Failure("source-failed", f"its values cannot be read ({explain(error)})"))
    heard = partial(_hear, work.job_id, item, tell)
    try:
        returned = child.run(value, number=item.number, total=work.total, args=work.args, on_emitted=heard)
    except SliceFailedError as error:
        usage = error.usage + Usage(cpu_s=thread_time() - began)
        return made(
            failure=error.failure, usage=usage, emitted=error.emitted, log=error.log, log_is_cut=error.log_is_cut
        )
    made = partial(made, emitted=returned.emitted, log=returned.log, log_is_cut=returned.log_is_cut)
    try:
        pieces, template = _keep(work, bench, item, returned, value)
    except InvalidResultError as error:
        return made(failure=Failure("invalid-result", str(error)), usage=returned.usage)
    except (OSError, StoreUnavailableError) as error:
        return made(failure=_no_room(error), usage=returned.usage)
    plain = returned.value.json if isinstance(returned.value, Plain) and work.combine is None else None
    usage = returned.usage + Usage(cpu_s=thread_time() - began)
    return made(pieces=pieces, value=plain, template=template, usage=usage)


def _keep(
    work: Work, bench: Bench, item: Item, returned: Returned, given: Value | str
) -> tuple[tuple[Piece, ...], str | None]:
    """Put what a function returned on disk; return where, and what it looks like if that is new."""
    blobs = Blobs(work.data_dir)
    if work.combine is not None:
        return (Piece(PACKED, *blobs.put(dump(returned.value))),), None
    fitter, template = bench.fitter(returned.value, item, given)
    block = given if isinstance(given, xr.Dataset) else None
    parts = fitter.fit(returned.value, bench.cell(item), block)
    return store_parts(parts, blobs), template


def _hear(job_id: str, item: Item, tell: Tell, said: Sequence[Emitted | Progress]) -> None:
    """Pass on what a function says while it runs."""
    emitted = tuple(one for one in said if isinstance(one, Emitted))
    fractions = [one.fraction for one in said if isinstance(one, Progress)]
    tell(Told(job_id, item.number, item.attempt, emitted, fractions[-1] if fractions else None))


def _no_room(error: OSError | StoreUnavailableError) -> Failure:
    """Return the failure of a result that cannot be written: it passes, and its slice runs again."""
    why = error.strerror if isinstance(error, OSError) else str(error)
    return Failure("no-room", f"the server cannot keep this result ({why})")
