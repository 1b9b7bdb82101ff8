"""When a job begins, goes on and ends. Pure: a race is a list of happenings in a test."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import singledispatch

from cloudify.model.job import NOTHING_USED, Failure, Job, Usage

RETRIED = frozenset({"worker-lost"})
"""Reasons that are not the function's: such a slice runs once more."""
MOST_ATTEMPTS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Happening:
    """Something that concerns a job."""

    at: float
    """Seconds since 1970."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Began(Happening):
    """The engine has taken it up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Extended(Happening):
    """Its owner has added slices."""

    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Closed(Happening):
    """Its owner will add none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progressed(Happening):
    """Slices that run are further than they were, or begin anew."""

    permille: int
    """What was gained, all together, in thousandths of a slice; below 0 where more was lost."""
    told: tuple[tuple[int, int], ...] = ()
    """Of which there is to be an event: numbers, and how many thousandths of each are done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SliceDone(Happening):
    """A slice is done, and what it left is on disk."""

    number: int
    permille: int = 0
    """What was counted of it while it ran, as of one that failed."""
    usage: Usage = NOTHING_USED
    is_reused: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SliceFailed(Happening):
    """A slice has failed for good."""

    number: int
    failure: Failure
    permille: int = 0
    usage: Usage = NOTHING_USED


@dataclass(frozen=True, slots=True, kw_only=True)
class Assembled(Happening):
    """What its slices left has been put together, and is on disk."""

    result: str = ""
    """Hash of the manifest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Broken(Happening):
    """It cannot go on, and no slice of it is why."""

    failure: Failure


@dataclass(frozen=True, slots=True, kw_only=True)
class Dismissed(Happening):
    """Its owner does not want it any more."""


@dataclass(frozen=True, slots=True)
class Say:
    """Record an event of the job."""

    type: str
    payload: Mapping[str, object] = field(default_factory=dict)
    slice: int | None = None


@dataclass(frozen=True, slots=True)
class Stop:
    """End whatever of it still runs."""


@dataclass(frozen=True, slots=True)
class Assemble:
    """Put together what the slices left: all are settled."""


Effect = Say | Stop | Assemble


def advance(job: Job, happening: Happening) -> tuple[Job, tuple[Effect, ...]]:
    """Return a job after something happened, and what is to be done about it.

    A job that has ended stays as it is, whatever comes late.

    Raises
    ------
    ValueError
        If slices are added to a job that is closed.
    """
    if job.is_terminal:
        return job, ()
    return _after(happening, replace(job, updated=happening.at))


def runs_again(failure: Failure, attempt: int) -> bool:
    """Whether a slice that failed gets another attempt.

    >>> runs_again(Failure("worker-lost", "..."), 1), runs_again(Failure("user-error", "..."), 1)
    (True, False)
    """
    return failure.reason in RETRIED and attempt < MOST_ATTEMPTS


@singledispatch
def _after(happening: Happening, _job: Job) -> tuple[Job, tuple[Effect, ...]]:
    raise TypeError(type(happening).__name__)


@_after.register
def _(happening: Began, job: Job) -> tuple[Job, tuple[Effect, ...]]:
    if job.state == "running":  # by an engine before this one
        return _settle(job, ())
    began = replace(job, state="running", started=happening.at)
    return _settle(began, (Say("started"),))


@_after.register
def _(happening: Extended, job: Job) -> tuple[Job, tuple[Effect, ...]]:
    if not job.is_open:
        raise ValueError("a job that is closed takes no more slices")
    return replace(job, total=job.total + happening.count), (Say("extended", {"slices": happening.count}),)


@_after.register
def _(_happening: Closed, job: Job) -> tuple[Job, tuple[Effect, ...]]:
    if not job.is_open:
        return job, ()
    return _settle(replace(job, is_open=False), (Say("closed", {"total": job.total}),))


@_after.register
def _(happening: Progressed, job: Job) -> tuple[Job, tuple[Effect, ...]]:
    further = replace(job, running_permille=job.running_permille + happening.permille)
    reached = replace(further, reached_permille=max(job.done_permille, further.done_permille))
    return reached, tuple(Say("progress", {"fraction": each / 1000}, slice=number) for number, each in happening.told)


@_after.register
def _(happening: SliceDone, job: Job) -> tuple[Job, tuple[Effect, ...]]:
    done = replace(
        job,
        done=job.done + 1,
        reused=job.reused + happening.is_reused,
        usage=job.usage + happening.usage,
        running_permille=job.running_permille - happening.permille,
    )
    said = Say("slice-done", {"usage": happening.usage.to_json()}, slice=happening.number)
    return _settle(done, (said,))


@_after.register
def _(happening: SliceFailed, job: Job) -> tuple[Job, tuple[Effect, ...]]:
    failed = replace(
        job,
        failed=job.failed + 1,
        usage=job.usage + happening.usage,
        running_permille=job.running_permille - happening.permille,
    )
    failure = happening.failure
    why = {"reason": failure.reason, "message": failure.message, "usage": happening.usage.to_json()}
    said = Say("slice-failed", why, slice=happening.number)
    if job.on_error == "stop":
        whole = replace(failure, message=f"slice {happening.number}: {failure.message}")
        return _fail(failed, whole, happening.at, (said,))
    return _settle(failed, (said,), failure)


@_after.register
def _(happening: Assembled, job: Job) -> tuple[Job, tuple[Effect, ...]]:
    ended = replace(job, state="successful", finished=happening.at, result=happening.result)
    return ended, (Say("successful"),)


@_after.register
def _(happening: Broken, job: Job) -> tuple[Job, tuple[Effect, ...]]:
    return _fail(job, happening.failure, happening.at, ())


@_after.register
def _(happening: Dismissed, job: Job) -> tuple[Job, tuple[Effect, ...]]:
    ended = replace(job, state="dismissed", finished=happening.at)
    return ended, (Say("dismissed"), Stop())


def _settle(job: Job, effects: tuple[Effect, ...], last: Failure | None = None) -> tuple[Job, tuple[Effect, ...]]:
    """Have a job put together if nothing of it is left to do.

    Parameters
    ----------
    last
        Of the slice that failed just now: where all did, it tells why.
    """
    if job.state != "running" or job.is_open or job.done + job.failed < job.total:
        return job, effects
    if job.total and not job.done:
        why = f"all {job.total} slices failed"
        all_failed = (
            Failure("user-error", f"{why}; the first failure is in its events")
            if last is None
            else replace(last, message=f"{why}, the last with {last.message}")
        )
        return _fail(job, all_failed, job.updated or 0.0, effects)
    return job, (*effects, Assemble())


def _fail(job: Job, failure: Failure, at: float, effects: tuple[Effect, ...]) -> tuple[Job, tuple[Effect, ...]]:
    ended = replace(job, state="failed", finished=at, failure=failure)
    said = Say("failed", {"reason": failure.reason, "message": failure.message})
    return ended, (*effects, said, Stop())
