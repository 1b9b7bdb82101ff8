"""What is sent to where slices run, and what comes back."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from cloudify.model.entry import Entry
from cloudify.model.function import Function
from cloudify.model.outcome import Emitted, Outcome
from cloudify.settings import Settings


@dataclass(frozen=True, slots=True)
class Work:
    """What all slices of a job have in common."""

    job_id: str
    owner: str
    function: Function
    args: str
    """JSON object."""
    planned: str
    """JSON of `planned.Planned`."""
    total: int
    wall_s: float
    """Longest time for one slice."""
    memory_nbytes: int
    data_dir: Path
    """Where blobs are, for every process that takes part."""
    settings: Settings
    is_of_dataset: bool = True
    """Whether slices are cells of a dataset, not data."""
    takes_inputs: bool = False
    """Whether what a slice is, is kept with the job: a datum, or which cell."""
    entry: Entry | None = None
    """The dataset; None where values come with the slices."""
    template: str | None = None
    """JSON: what results look like; None for the first slice, which tells."""
    combine: Function | None = None
    """Whether results are kept for being combined, and by what."""


@dataclass(frozen=True, slots=True)
class Item:
    """One slice of a batch."""

    number: int
    attempt: int
    cell: int = 0
    """Number of its cell in the plan: another than its own where the owner adds cells as they like."""
    datum: str | None = None
    """JSON value, of a job over values."""
    block: bytes | None = None
    """Packed values, of a dataset that only the server has."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Slices of one job that one thread runs one after another."""

    id: str
    """No other batch has it, whichever engine made that."""
    work: Work
    items: tuple[Item, ...]
    is_suspected: bool = False
    """Whether it may end its worker."""


@dataclass(frozen=True, slots=True)
class Joining:
    """Packed results that one thread combines, from left to right."""

    work: Work
    values: tuple[str, ...]
    """Hashes of their blobs."""


@dataclass(frozen=True, slots=True)
class Report:
    """What became of a batch."""

    outcomes: tuple[Outcome, ...]
    left: tuple[int, ...] = ()
    """Numbers of slices that were not begun: the batch took longer than it was to."""
    elapsed_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Told:
    """What a function says while it runs."""

    job_id: str
    batch: str
    number: int
    attempt: int
    emitted: tuple[Emitted, ...] = ()
    progress: float | None = None


@dataclass(frozen=True, slots=True)
class Alive:
    """That a batch runs: said when it begins, and every few seconds then."""

    job_id: str
    batch: str
    worker: str = ""
    """Where, if it is not in the engine's own process."""


Tell = Callable[[Told | Alive], None]
