"""Which processes there are, as /proc tells: those of a function, how much memory they have, and their end."""

import os
import signal
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from mmap import PAGESIZE
from pathlib import Path
from threading import Lock
from time import monotonic

LEAST_S = 0.05
SHARE = 20
"""A census is taken so seldom that it costs at most a twentieth of the time."""
ROUNDS = 50
"""Of ending processes that make others meanwhile."""


@dataclass(frozen=True, slots=True)
class Being:
    """A process that has not ended."""

    pid: int
    parent: int
    session: int


def take_census() -> list[Being]:
    """Return all processes."""
    names = os.listdir("/proc")  # noqa: PTH208  # a path each would cost more than all the rest
    return [being for name in names if name.isdecimal() and (being := _being(int(name)))]


def _being(pid: int) -> Being | None:
    with suppress(OSError, ValueError):
        # pid (name) state ppid pgrp session ...: the name may hold anything
        state, parent, _, session = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[:4]
        return None if state == b"Z" else Being(pid, int(parent), int(session))
    return None


class Census:
    """The last census, taken again in good time. Safe to use from many threads."""

    def __init__(self) -> None:
        self._lock, self._due, self._beings = Lock(), 0.0, list[Being]()

    def kin(self, pid: int) -> set[int]:
        """Return a process, its descendants, and those of its session."""
        with self._lock:
            began = monotonic()
            if began >= self._due:
                self._beings = take_census()
                ended = monotonic()
                self._due = ended + max(LEAST_S, SHARE * (ended - began))
            return kin_of(pid, self._beings)


def kin_of(pid: int, beings: list[Being]) -> set[int]:
    """Return a process, its descendants, and those of its session, whether or not it lives itself."""
    found = {pid} | {being.pid for being in beings if being.session == pid}
    while more := {being.pid for being in beings if being.parent in found} - found:
        found |= more
    return found


def memory_of(pid: int) -> tuple[int, int]:
    """Return the bytes of a process that are in memory, and those that it shares with nobody; nothing if it ended."""
    with suppress(OSError, ValueError):
        _, resident, shared = map(int, Path(f"/proc/{pid}/statm").read_bytes().split()[:3])
        return resident * PAGESIZE, (resident - shared) * PAGESIZE
    return 0, 0


def end_kin(pid: int, mark: str) -> None:
    """End a process, its descendants, those of its session, and whoever has `mark` in its environment.

    The mark finds those that left both; one that left it, too, is not found.
    """
    end_group(pid)
    for _ in range(ROUNDS):
        beings = take_census()
        pids = {being.pid for being in beings} & (kin_of(pid, beings) | set(_marked(beings, mark)))
        if not pids:
            return
        for one in pids:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(one, signal.SIGKILL)


def end_group(pid: int) -> None:
    """End a process, and those of its group."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


def _marked(beings: list[Being], mark: str) -> Iterator[int]:
    for being in beings:
        with suppress(OSError):
            if mark.encode() in Path(f"/proc/{being.pid}/environ").read_bytes():
                yield being.pid
