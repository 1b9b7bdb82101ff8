"""What is done with a slice, wherever it runs: its values are read, the function sees them, and what it returns is kept.

Results go to disk here, as blobs; what travels back is their hashes.
"""

import errno
from collections import OrderedDict
from collections.abc import Callable
from functools import partial
from threading import Lock
from time import monotonic, thread_time, time

from cloudify.compute.batch import Batch, Item, Joining, Report, Tell, Told, Work
from cloudify.compute.blocks import Reader
from cloudify.compute.child.packing import dump, load
from cloudify.compute.child.pool import Children, Limits
from cloudify.compute.child.returned import Plain, Returned, SliceFailedError
from cloudify.compute.fit import fit
from cloudify.compute.plan import Plan, plan_from_json
from cloudify.compute.results.parts import store_parts
from cloudify.compute.store.blobs import Blobs
from cloudify.compute.template import Template, template_of
from cloudify.datasets.open import open_entry
from cloudify.datasets.source import explain, failures
from cloudify.errors import CloudifyError, InvalidResultError
from cloudify.model.job import Failure, Usage
from cloudify.model.outcome import Emitted, Outcome, Piece

BATCH_S = 1.0
"""After this a batch comes back with what is done: slices that take longer than thought do not wait for each other."""
MOST_READERS = 8
PACKED = "packed"
"""Key of a result that is kept for being combined."""
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EMFILE, errno.ENFILE}


class Workplace:
    """What one process keeps from batch to batch: warm processes for functions, open datasets. Safe to use from threads."""

    def __init__(self) -> None:
        self._children = Children()
        self._readers: OrderedDict[tuple[str, str], Reader] = OrderedDict()
        self._reading = Lock()

    def run(self, batch: Batch, tell: Tell) -> Report:
        """Run slices one after another."""
        began = monotonic()
        outcomes: list[Outcome] = []
        for place, item in enumerate(batch.items):
            outcome = self._slice(batch.work, item, tell)
            outcomes.append(outcome)
            if monotonic() - began > BATCH_S:
                left = tuple(each.number for each in batch.items[place + 1 :])
                return Report(tuple(outcomes), left, monotonic() - began)
        return Report(tuple(outcomes), elapsed_s=monotonic() - began)

    def join(self, joining: Joining) -> Outcome:
        """Combine packed results, from left to right, into one."""
        work, blobs = joining.work, Blobs(joining.work.data_dir)
        began = thread_time()
        usage = Usage()
        value = load(blobs.read(joining.values[0]))
        try:
            for sha256 in joining.values[1:]:
                with self._children.child(work.owner, work.job_id, work.function, _limits(work), work.combine) as child:
                    returned = child.run(
                        (value, load(blobs.read(sha256))), number=0, total=work.total, args="{}", entry="combine"
                    )
                    value, usage = load(dump(returned.value)), usage + returned.usage
            sha256, nbytes = blobs.put(dump(value))
        except SliceFailedError as error:
            return Outcome(0, 1, failure=error.failure, usage=usage + error.usage, log=error.log)
        except OSError as error:
            return Outcome(0, 1, failure=_full(error))
        usage += Usage(cpu_s=thread_time() - began)
        return Outcome(0, 1, pieces=(Piece(PACKED, sha256, nbytes),), usage=usage)

    def stop(self, job_id: str) -> None:
        """End the processes of a job, at once."""
        self._children.stop_job(job_id)

    def close(self) -> None:
        """End all of them."""
        self._children.close()

    def _slice(self, work: Work, item: Item, tell: Tell) -> Outcome:
        began = thread_time()
        failed = partial(Outcome, item.number, item.attempt)
        try:
            value = self._value(work, item)
        except CloudifyError as error:
            return failed(failure=Failure("source-failed", str(error)))
        except failures() as error:
            return failed(failure=Failure("source-failed", f"its values cannot be read ({explain(error)})"))
        say = partial(_say, work.job_id, item, tell)
        try:
            with self._children.child(
                work.owner, work.job_id, work.function, _limits(work), work.combine
            ) as child:
                returned = child.run(value, number=item.number, total=work.total, args=work.args, on_emitted=say)
                kept = self._keep(work, item, returned)
        except SliceFailedError as error:
            usage = error.usage + Usage(cpu_s=thread_time() - began)
            return failed(
                failure=error.failure, usage=usage, emitted=tuple(error.emitted), log=error.log,
                log_is_cut=error.log_is_cut,
            )  # fmt: skip
        except InvalidResultError as error:
            return failed(
                failure=Failure("invalid-result", str(error)), usage=returned.usage, log=returned.log,
                emitted=tuple(returned.emitted), log_is_cut=returned.log_is_cut,
            )  # fmt: skip
        except OSError as error:
            return failed(failure=_full(error))
        pieces, plain, template = kept
        return Outcome(
            item.number, item.attempt, pieces=pieces, value=plain, template=template,
            usage=returned.usage + Usage(cpu_s=thread_time() - began), emitted=tuple(returned.emitted),
            log=returned.log, log_is_cut=returned.log_is_cut,
        )  # fmt: skip

    def _keep(self, work: Work, item: Item, returned: Returned) -> tuple[tuple[Piece, ...], str | None, str | None]:
        """Put what a function returned on disk: its pieces, its plain value, and what it looks like if that is new."""
        blobs = Blobs(work.data_dir)
        if work.combine is not None:
            return (Piece(PACKED, *blobs.put(dump(returned.value))),), None, None
        plan = plan_from_json(work.plan)
        known = work.template
        template = (
            Template.from_json(known)
            if known is not None
            else template_of(returned.value, plan, item.number, work.function.entry)
        )
        parts = fit(returned.value, template, plan, item.number)
        plain = returned.value.json if isinstance(returned.value, Plain) else None
        pieces = store_parts(parts, template, blobs)
        return pieces, plain, template.to_json() if known is None else None

    def _value(self, work: Work, item: Item) -> object:
        if item.datum is not None:
            return Plain(item.datum)
        if item.block is not None:
            return load(item.block)
        return self._reader(work).block(item.number)

    def _reader(self, work: Work) -> Reader:
        """Return what reads the blocks of a job; its dataset is opened once."""
        key = work.job_id, work.token
        with self._reading:
            reader = self._readers.get(key)
            if reader is None:
                plan = plan_from_json(work.plan)
                assert work.entry is not None and isinstance(plan, Plan)  # noqa: S101, PT018  # else values came along
                opened = open_entry(work.entry, timeout_s=work.settings.remote_timeout_s, settings=work.settings)
                if opened.token != work.token:
                    raise SourceMovedOnError(work.entry.id)
                reader = self._readers[key] = Reader(opened, plan)
                while len(self._readers) > MOST_READERS:
                    self._readers.popitem(last=False)
            self._readers.move_to_end(key)
            return reader


def _limits(work: Work) -> Limits:
    return Limits(work.wall_s, work.memory_nbytes)


def _say(job_id: str, item: Item, tell: Tell, said: list[Emitted], progress: float | None) -> None:
    tell(Told(job_id, item.number, item.attempt, tuple(said), progress))


def _full(error: OSError) -> Failure:
    """Return the failure of a result that cannot be written."""
    if error.errno not in _FULL:
        raise error
    return Failure("no-room", f"the server has no room for this result ({error.strerror})")
