"""What a server says of a job, as values."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import cast, get_args

from cloudify.errors import JobFailedError, ServerSaysError
from cloudify.model.job import TERMINAL, State, Usage

STATES = frozenset(get_args(State))


@dataclass(frozen=True, slots=True)
class Slices:
    """How many slices a job has, and what became of them.

    >>> Slices(total=200, done=80, failed=4).settled
    84
    """

    total: int = 0
    """Planned so far."""
    done: int = 0
    failed: int = 0
    reused: int = 0
    """Those among the done that were not computed again."""

    @property
    def settled(self) -> int:
        """Done or failed."""
        return self.done + self.failed


@dataclass(frozen=True, slots=True)
class Status:
    """One answer about a job."""

    id: str
    state: State
    percent: int = 0
    """How much of what is planned so far is done, what functions say of running slices included; 100 at the end."""
    slices: Slices = Slices()
    usage: Usage = field(default_factory=Usage)
    message: str = ""
    process: str = ""
    is_open: bool = False
    """Whether slices may still be added."""
    document: Mapping[str, object] = field(default_factory=dict, repr=False)
    """All of the answer."""

    @classmethod
    def of(cls, document: object) -> "Status":
        """Read an answer; what it lacks is empty, and a number that is none is 0.

        Raises
        ------
        ServerSaysError
            If it is about no job.
        """
        said = mapping(document)
        if not text(said.get("jobID")) or said.get("status") not in STATES:
            raise ServerSaysError(HTTPStatus.OK, "", "the server's answer is no job: is it a cloudify server?")
        slices, usage = mapping(said.get("slices")), mapping(said.get("usage"))
        return cls(
            id=text(said.get("jobID")),
            state=cast("State", said["status"]),
            percent=int(number(said.get("progress"))),
            slices=Slices(**{name: int(number(slices.get(name))) for name in ("total", "done", "failed", "reused")}),
            usage=Usage(
                number(usage.get("cpu_s")),
                *(int(number(usage.get(name))) for name in ("peak_bytes", "bytes_in", "bytes_out")),
            ),
            message=text(said.get("message")),
            process=text(said.get("processID")),
            is_open=said.get("open") is True,
            document=said,
        )

    @property
    def is_terminal(self) -> bool:
        """Whether its state never changes again."""
        return self.state in TERMINAL

    @property
    def fraction(self) -> float:
        """How much of what is planned so far is done, from 0 to 1; 1 only if all slices are settled.

        Slices are counted here: the percent of the server are coarser where there are many.
        """
        settled = self.slices.settled / self.slices.total if self.slices.total else 0.0
        return min(1.0, max(settled, self.percent / 100))

    @property
    def slices_done(self) -> float:
        """The same as a number of slices: 1.5 where one is done, and half of another."""
        return self.fraction * self.slices.total

    def failure(self) -> JobFailedError:
        """Return why there is no result, of a job that failed or was dismissed."""
        if self.state == "dismissed":
            return JobFailedError(self.id, "dismissed", "it was dismissed, and has no result")
        told = mapping(self.document.get("exception"))
        reason, slice_number = text(told.get("type")), told.get("slice")
        message = text(told.get("detail")) or text(told.get("title")) or self.message or reason
        return JobFailedError(
            self.id, reason, message.removeprefix(f"slice {slice_number}: "),
            slice_number=slice_number if isinstance(slice_number, int) else None,
            region={
                str(dim): cast("Sequence[int]", ends)
                for dim, ends in mapping(told.get("region")).items()
                if isinstance(ends, list)
            },
            traceback=text(told.get("traceback")),
        )  # fmt: skip


def mapping(value: object) -> Mapping[str, object]:
    """Return an object of JSON, an empty one for anything else."""
    return value if isinstance(value, dict) else {}


def text(value: object) -> str:
    """Return text, none for anything else."""
    return value if isinstance(value, str) else ""


def number(value: object) -> float:
    """Return a number, 0 for anything else."""
    return value if isinstance(value, int | float) else 0
