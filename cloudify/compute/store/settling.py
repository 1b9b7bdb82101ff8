"""What a batch of outcomes does to a job. Pure: the transaction around it is elsewhere."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from cloudify.compute.lifecycle import Effect, SliceDone, SliceFailed, advance, runs_again
from cloudify.compute.store.rows import Values, emitted, failure_values, said, usage_values
from cloudify.model.job import Job
from cloudify.model.outcome import Outcome


@dataclass(frozen=True, slots=True)
class Lease:
    """A slice that runs."""

    attempt: int
    boot: str


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
        if running.get(outcome.number) == Lease(outcome.attempt, boot):
            del running[outcome.number]
            _take(settled, outcome, at)
    return settled


def _take(settled: Settled, outcome: Outcome, at: float) -> None:
    number, attempt, failure = outcome.number, outcome.attempt, outcome.failure
    settled.events += emitted(number, attempt, outcome.emitted)
    if outcome.log or outcome.log_is_cut:
        log = {"number": number, "attempt": attempt, "text": outcome.log, "is_cut": outcome.log_is_cut}
        settled.logs.append(log)
    if failure is not None and runs_again(failure, attempt):
        settled.slices.append(_slice(outcome, "pending", attempt + 1, None))
        return
    if failure is not None:
        settled.slices.append(_slice(outcome, "failed", attempt, at))
        happening: SliceDone | SliceFailed = SliceFailed(at=at, number=number, failure=failure, usage=outcome.usage)
    else:
        settled.slices.append(_slice(outcome, "done", attempt, at))
        settled.pieces += [
            {"number": number, "key": piece.key, "sha256": bytes.fromhex(piece.sha256), "nbytes": piece.nbytes}
            for piece in outcome.pieces
        ]
        if outcome.value is not None:
            settled.values.append({"number": number, "value": outcome.value})
        happening = SliceDone(at=at, number=number, usage=outcome.usage)
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
        **usage_values(outcome.usage),
        **failure_values(failure),
    }
