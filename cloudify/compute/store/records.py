"""What the store hands out, as plain values."""

from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

from cloudify.model.function import Function
from cloudify.model.job import Failure, Job
from cloudify.model.token import StoredToken

SliceState = Literal["pending", "leased", "done", "failed"]
"""Pending: to be run. Leased: the engine has handed it to a worker."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Some of many."""

    items: tuple[T, ...]
    next: str | None
    """What to ask for the rest with; None: there is no more."""


@dataclass(frozen=True, slots=True)
class Idempotency:
    """A request that a client may repeat."""

    key: str
    body_hash: str
    """Of all that the request says: what must be the same when it is repeated."""


@dataclass(frozen=True, slots=True)
class Record:
    """A job with what it was made of."""

    job: Job
    request: str
    """JSON."""
    plan: str
    """JSON."""
    template: str
    """JSON: what the results of all slices look like; empty until it is known."""
    hidden: bool
    """Whether its owner has removed it from sight."""


@dataclass(frozen=True, slots=True)
class SliceRange:
    """Slices that follow each other and are alike."""

    first: int
    last: int
    state: SliceState
    attempt: int
    """Counted from 1."""
    failure: Failure | None = None
    permille: int | None = None
    """How far each of them is, in thousandths, as the function says; None where it says nothing, or does not run."""


@dataclass(frozen=True, slots=True)
class SliceLog:
    """What one attempt of a slice printed."""

    slice: int
    attempt: int
    text: str
    is_cut: bool


@dataclass(frozen=True, slots=True)
class Event:
    """One line of the log of a job."""

    seq: int
    """Grows within a job, with gaps."""
    time: float
    """Seconds since 1970."""
    job: str
    slice: int | None
    type: str
    payload: str
    """JSON."""
    is_emitted: bool
    """Whether the function said it, and not the server."""


@dataclass(frozen=True, slots=True)
class Issued:
    """A token, and what became of it. Times are seconds since 1970."""

    token: StoredToken
    created: float
    last_used: float | None
    """To the minute."""
    revoked: float | None


@dataclass(frozen=True, slots=True)
class Deployed:
    """A process that somebody deployed."""

    id: str
    version: str
    owner: str
    title: str
    description: str
    inputs: str
    """JSON: name -> description."""
    outputs: str
    """JSON: name -> description."""
    function: Function
    created: float
