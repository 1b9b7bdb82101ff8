"""A job: one execution of a process, by an owner. Its words are those of OGC API - Processes."""

from dataclasses import dataclass
from typing import Final, Literal

State = Literal["accepted", "running", "successful", "failed", "dismissed"]
TERMINAL: frozenset[State] = frozenset({"successful", "failed", "dismissed"})
"""States that never change."""
OnError = Literal["stop", "skip"]
"""What a failed slice does to its job: end it, or leave a gap."""
Reason = Literal[
    "timeout", "memory-limit", "process-limit", "disk-limit", "user-error", "invalid-result", "result-too-large",
    "worker-lost", "server-restarted", "server-failed", "source-failed", "source-changed", "no-room", "dismissed",
]  # fmt: skip
"""Why a slice or a job failed."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why something failed."""

    reason: Reason
    message: str
    """A sentence for the owner of the job."""
    traceback: str = ""
    """Of the user's function, its own frames only."""


@dataclass(frozen=True, slots=True)
class Usage:
    """What was used.

    >>> Usage(1.5, 10, 100, 7) + Usage(0.5, 30, 100, 7)
    Usage(cpu_s=2.0, peak_nbytes=30, nbytes_in=200, nbytes_out=14)
    """

    cpu_s: float = 0.0
    """Processor time of all processes that took part, in seconds."""
    peak_nbytes: int = 0
    """Most memory of one process that ran the function."""
    nbytes_in: int = 0
    """Values handed to the function, in bytes of memory."""
    nbytes_out: int = 0
    """Values that it returned, in bytes of memory."""

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(
            self.cpu_s + other.cpu_s,
            max(self.peak_nbytes, other.peak_nbytes),
            self.nbytes_in + other.nbytes_in,
            self.nbytes_out + other.nbytes_out,
        )

    def to_json(self) -> dict[str, float]:
        """Return it under the names that it has outside.

        >>> Usage(1.25, 10, 100, 7).to_json()
        {'cpu_s': 1.25, 'peak_bytes': 10, 'bytes_in': 100, 'bytes_out': 7}
        """
        return {
            "cpu_s": round(self.cpu_s, 6),
            "peak_bytes": self.peak_nbytes,
            "bytes_in": self.nbytes_in,
            "bytes_out": self.nbytes_out,
        }


NOTHING_USED: Final = Usage()


@dataclass(frozen=True, slots=True)
class Job:
    """One execution of a process. Changed by `cloudify.compute.lifecycle.advance` only."""

    id: str
    owner: str
    process: str
    """Id of the process."""
    created: float
    """Seconds since 1970, as all times of a job."""
    process_version: str = ""
    state: State = "accepted"
    is_open: bool = False
    """Whether slices may still be added."""
    on_error: OnError = "stop"
    total: int = 0
    """Slices planned so far; they are numbered from 1."""
    done: int = 0
    failed: int = 0
    reused: int = 0
    """Those among the done that were not computed again."""
    usage: Usage = NOTHING_USED
    isolation: str = "none"
    """How the function was kept apart while it ran."""
    failure: Failure | None = None
    started: float | None = None
    updated: float | None = None
    finished: float | None = None
    result: str = ""
    """Hash of the manifest of its result, once it is successful and has one."""
    running_permille: int = 0
    """What its running slices say is done of them, all together, in thousandths of a slice."""
    reached_permille: int = 0
    """Most of it that was done at once, in the same: a slice that begins anew takes nothing off."""

    @property
    def is_terminal(self) -> bool:
        """Whether its state never changes again."""
        return self.state in TERMINAL

    @property
    def done_permille(self) -> int:
        """How much of it was done, at most so far: slices that are settled, and what is done of those that run."""
        return max(self.reached_permille, 1000 * (self.done + self.failed) + self.running_permille)

    @property
    def progress(self) -> int:
        """How much of what is planned so far is done, in whole percent; 100 only at the end.

        It never goes back, but where slices are added.

        >>> Job("j", "u", "map", 0.0, total=200, done=199).progress
        99
        >>> Job("j", "u", "map", 0.0, total=2, done=1, running_permille=250).progress
        62
        """
        if self.state == "successful":
            return 100
        return min(99, self.done_permille // (10 * self.total)) if self.total else 0
