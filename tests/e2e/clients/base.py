"""What a client is: something that reads arrays from a URL, or says that it cannot."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True)
class Wanted:
    """An array that a client is asked for."""

    path: str
    dtype: np.dtype[Any]
    shape: tuple[int, ...]

    @property
    def is_text(self) -> bool:
        return self.dtype.kind in "OUT"


@dataclass(frozen=True)
class Job:
    """One dataset for one client."""

    dataset_id: str
    url: str
    wanted: tuple[Wanted, ...]
    decode: Mapping[str, Any]
    """Options with which the source itself can be decoded."""


@dataclass(frozen=True)
class Refused:
    """What a client says of an array that it does not read."""

    why: str


Answers = dict[str, Array | Refused]
"""Path -> values as they are stored; of clients that decode also ``path decoded`` -> values as they are meant."""


@dataclass(frozen=True)
class Client:
    """A way to read a store."""

    name: str
    version: str
    read: Callable[[Iterable[Job]], dict[str, Answers]]
    """Jobs -> answers by dataset."""


def versions(*packages: str) -> str:
    return ", ".join(f"{package} {version(package)}" for package in packages)


def one_by_one(read: Callable[[Job], Answers]) -> Callable[[Iterable[Job]], dict[str, Answers]]:
    """Make a reader of one dataset a reader of many."""
    return lambda jobs: {job.dataset_id: read(job) for job in jobs}


def each_array(job: Job, read: Callable[[Wanted], Array]) -> Answers:
    """Read every array by itself; whatever a client raises is its refusal."""
    answers: Answers = {}
    for wanted in job.wanted:
        try:
            answers[wanted.path] = read(wanted)
        except Exception as error:  # noqa: BLE001  # a client's own
            answers[wanted.path] = Refused(f"{type(error).__name__}: {error}"[:300])
    return answers
