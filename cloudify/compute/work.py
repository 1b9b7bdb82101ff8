"""What is done with a slice, wherever it runs: values are read, the function sees them, what it returns is kept.

Results go to disk here, as blobs; what travels back is their hashes.
"""

from collections import OrderedDict
from collections.abc import Sequence
from functools import partial
from time import monotonic, thread_time

import xarray as xr

from cloudify.compute.batch import Alive, Batch, Item, Joining, Report, Tell, Told, Work
from cloudify.compute.beats import Beats
from cloudify.compute.benches import MOST_SLOT_NBYTES, Bench, Benches
from cloudify.compute.child.child import Child
from cloudify.compute.child.inside.packing import Plain
from cloudify.compute.child.launch import SCARCE
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
REMEMBERED = 1000
"""Jobs that were stopped of which that is known: a batch of one may still come."""


class Workplace:
    """What one process keeps from batch to batch: processes that run functions, open datasets.

    Safe to use from many threads.

    Parameters
    ----------
    threads
        How many run slices at once; so many processes wait for the next job.
    """

    def __init__(self, threads: int = 1) -> None:
        self._children, self._benches, self._beats = Children(warm=threads), Benches(), Beats()
        self._stopped: OrderedDict[str, None] = OrderedDict()

    def run(self, batch: Batch, tell: Tell) -> Report:
        """Run slices one after another."""
        with self._beats.of(Alive(batch.work.job_id, batch.id), tell):
            return self._run(batch, tell)

    def _run(self, batch: Batch, tell: Tell) -> Report:
        work, began = batch.work, monotonic()
        outcomes: list[Outcome] = []
        try:
            bench = self._benches.of(work)
        except SourceError as error:
            failure = _unread(error, str(error))
            return Report(tuple(Outcome(item.number, item.attempt, failure=failure) for item in batch.items))
        limits = Limits(work.wall_s, work.memory_nbytes, bench.slot_nbytes)
        with self._children.child(work.owner, work.job_id, work.function, limits, work.combine) as child:
            for item in batch.items:
                is_long = bool(outcomes) and monotonic() - began > LONGEST_S
                if is_long or work.job_id in self._stopped:
                    break
                outcomes.append(_run_slice(batch, bench, item, child, tell))
        left = tuple(each.number for each in batch.items[len(outcomes) :])
        return Report(tuple(outcomes), left, monotonic() - began)

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
        """End the processes of a job, at once; what comes of it later is not begun."""
        self._stopped[job_id] = None
        while len(self._stopped) > REMEMBERED:
            self._stopped.popitem(last=False)
        self._children.stop_job(job_id)

    def close(self) -> None:
        """End all of them."""
        self._beats.close()
        self._children.close()


def _run_slice(batch: Batch, bench: Bench, item: Item, child: Child, tell: Tell) -> Outcome:
    """Run one slice, whatever comes of it."""
    work, began = batch.work, thread_time()
    made = partial(Outcome, item.number, item.attempt)
    try:
        value = bench.value(item)
    except failures() as error:
        return made(failure=_unread(error, f"its values cannot be read ({explain(error)})"))
    heard = partial(_hear, batch, item, tell)
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


def _hear(batch: Batch, item: Item, tell: Tell, said: Sequence[Emitted | Progress]) -> None:
    """Pass on what a function says while it runs."""
    emitted = tuple(one for one in said if isinstance(one, Emitted))
    fractions = [one.fraction for one in said if isinstance(one, Progress)]
    progress = fractions[-1] if fractions else None
    tell(Told(batch.work.job_id, batch.id, item.number, item.attempt, emitted, progress))


def _unread(error: BaseException, why: str) -> Failure:
    """Return the failure of a slice whose dataset or values cannot be read."""
    if isinstance(error, SourceMovedOnError):
        return Failure("source-changed", why)
    cause = error.__cause__ if isinstance(error, SourceError) else error
    if isinstance(cause, OSError) and cause.errno in SCARCE:
        return Failure("no-room", f"the server cannot read for now ({cause.strerror})")
    return Failure("source-failed", why)


def _no_room(error: OSError | StoreUnavailableError) -> Failure:
    """Return the failure of a result that cannot be written: it passes, and its slice runs again."""
    why = error.strerror if isinstance(error, OSError) else str(error)
    return Failure("no-room", f"the server cannot keep this result ({why})")
