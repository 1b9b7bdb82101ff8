"""What a batch of outcomes does to a job. Pure: the transaction around it is elsewhere."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from cloudify.compute.lifecycle import Effect, Progressed, SliceDone, SliceFailed, advance, runs_again
from cloudify.compute.store.rows import Values, emitted, failure_values, said, usage_values
from cloudify.model.job import Job
from cloudify.model.outcome import Outcome, Share


@dataclass(frozen=True, slots=True)
class Lease:
    """A slice that runs."""

    attempt: int
    boot: str
    permille: int = 0
    """What is counted of it."""

    def is_of(self, attempt: int, boot: str) -> bool:
        """Whether what an engine tells of an attempt is about this."""
        return (self.attempt, self.boot) == (attempt, boot)


@dataclass(slots=True)
class Settled:
    """What is to be written."""

    job: Job
    effects: list[Effect] = field(default_factory=list)
    slices: list[Values] = field(default_factory=list)
    pieces: list[Values] = field(default_factory=list)
    values: list[Values] = field(default_factory=list)
    logs: list[Values] = field(default_factory=list)
    events: list[Values] = field(default_factory=list)


def settle(job: Job, leases: Mapping[int, Lease], outcomes: Iterable[Outcome], boot: str, at: float) -> Settled:
    """Take outcomes in their order, until the job has ended.

    An outcome counts if the attempt it is of is the one that runs, leased by the engine that tells of it. So the first
    to be told of a slice wins, and what comes late, or from an engine before this one, is left alone.
    """
    settled = Settled(job)
    running = dict(leases)
    for outcome in outcomes:
        if settled.job.is_terminal:
            break
        lease = running.get(outcome.number)
        if lease is not None and lease.is_of(outcome.attempt, boot):
            del running[outcome.number]
            _take(settled, lease, outcome, at)
    return settled


def progress(job: Job, leases: Mapping[int, Lease], shares: Iterable[Share], boot: str, at: float) -> Settled:
    """Take how far slices are. What is told of one counts as an outcome of it would."""
    settled, gained, told = Settled(job), 0, list[tuple[int, int]]()
    for share in shares:
        lease = leases.get(share.number)
        if job.is_terminal or lease is None or not lease.is_of(share.attempt, boot):
            continue
        settled.slices.append({"which": share.number, "permille": share.permille})
        gained += (share.permille or 0) - lease.permille
        if share.is_event and share.permille is not None:
            told.append((share.number, share.permille))
    if settled.slices:
        settled.job, effects = advance(job, Progressed(at=at, permille=gained, told=tuple(told)))
        settled.events = said(effects, at)
    return settled


def _take(settled: Settled, lease: Lease, outcome: Outcome, at: float) -> None:
    number, attempt, failure = outcome.number, outcome.attempt, outcome.failure
    settled.events += emitted(number, attempt, outcome.emitted)
    if outcome.log or outcome.log_is_cut:
        log = {"number": number, "attempt": attempt, "text": outcome.log, "is_cut": outcome.log_is_cut}
        settled.logs.append(log)
    if failure is not None and runs_again(failure, attempt):
        settled.slices.append(_slice(outcome, "pending", attempt + 1, None))
        if lease.permille:
            settled.job, _ = advance(settled.job, Progressed(at=at, permille=-lease.permille))
        return
    if failure is not None:
        settled.slices.append(_slice(outcome, "failed", attempt, at))
        happening: SliceDone | SliceFailed = SliceFailed(
            at=at, number=number, permille=lease.permille, failure=failure, usage=outcome.usage
        )
    else:
        settled.slices.append(_slice(outcome, "done", attempt, at))
        settled.pieces += [
            {"number": number, "key": piece.key, "sha256": bytes.fromhex(piece.sha256), "nbytes": piece.nbytes}
            for piece in outcome.pieces
        ]
        if outcome.value is not None:
            settled.values.append({"number": number, "value": outcome.value})
        happening = SliceDone(at=at, number=number, permille=lease.permille, usage=outcome.usage)
    settled.job, effects = advance(settled.job, happening)
    settled.effects += effects
    settled.events += said(effects, at)


def _slice(outcome: Outcome, state: str, attempt: int, at: float | None) -> Values:
    """Return the columns of a slice, its number under another name: that one is looked for, not set."""
    failure = outcome.failure if state == "failed" else None
    return {
        "which": outcome.number,
        "state": state,
        "attempt": attempt,
        "settled": at,
        "permille": None,
        **usage_values(outcome.usage),
        **failure_values(failure),
    }
