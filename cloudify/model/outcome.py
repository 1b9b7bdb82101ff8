"""What became of a slice."""

from dataclasses import dataclass

from cloudify.model.job import NOTHING_USED, Failure, Usage


@dataclass(frozen=True, slots=True)
class Piece:
    """One stored piece of a result: an encoded chunk, a file, or a packed value."""

    key: str
    """Where it is in the result: ``sfcWind/c/0/1``, or the name of a file."""
    sha256: str
    """Of its bytes: the name of the blob."""
    nbytes: int


@dataclass(frozen=True, slots=True)
class Emitted:
    """What a function said while it ran (`cloudify.slice.emit`)."""

    index: int
    """Counted from 0 within an attempt of a slice: told twice, it is kept once."""
    time: float
    type: str
    payload: str
    """JSON."""


@dataclass(frozen=True, slots=True)
class Share:
    """How much of a slice that runs is done (`cloudify.slice.progress`)."""

    number: int
    attempt: int
    permille: int | None
    """In thousandths; None where it begins anew, and has said nothing yet."""
    is_event: bool = False
    """Whether it is to be told as an event of the job, too."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one attempt of a slice left."""

    number: int
    attempt: int
    pieces: tuple[Piece, ...] = ()
    """Blobs that are on disk by now."""
    value: str | None = None
    """JSON, of a function that returned a plain value."""
    failure: Failure | None = None
    usage: Usage = NOTHING_USED
    emitted: tuple[Emitted, ...] = ()
    log: str = ""
    """What the function printed, bounded."""
    log_is_cut: bool = False
    template: str | None = None
    """JSON: what the results of all slices look like, of the first one."""
