"""What the processes of a function take, looked at while it runs."""

import time
from contextlib import suppress
from time import monotonic

from cloudify.compute.child.census import Census, memory_of
from cloudify.compute.child.returned import BrokenError, Limits

TICK_S = 0.05
"""How often a process at work is looked at."""
MOST_PROCESSES = 64
"""Of one function, at once."""

_census = Census()


class Watch:
    """Looks at a process and those that it started. For one thread at a time.

    Parameters
    ----------
    shared_nbytes
        Memory that it shares with us for what comes back.
    """

    def __init__(self, pid: int, limits: Limits, shared_nbytes: int) -> None:
        self._pid, self._most_nbytes, self._shared_nbytes = pid, limits.memory_nbytes, shared_nbytes
        self._resident, self._private = memory_of(pid)  # of Python and its libraries
        self._given_nbytes, self._due = 0, 0.0
        self.peak_nbytes = 0
        """Most memory of one of its processes that was seen in this run."""

    def begin(self, given_nbytes: int) -> None:
        """Begin a run over a block of so many bytes."""
        self._given_nbytes, self.peak_nbytes = given_nbytes, 0
        self._due = monotonic() + TICK_S

    def look(self) -> None:
        """Look, when it is time.

        Raises
        ------
        BrokenError
            If they take more than they may.
        """
        if monotonic() < self._due:
            return
        self._due = monotonic() + TICK_S
        kin = _census.kin(self._pid)
        if len(kin) > MOST_PROCESSES:
            raise BrokenError("process-limit", f"the function had {len(kin)} processes; {MOST_PROCESSES} are allowed")
        each = [memory_of(pid) for pid in kin]
        resident, private = (sum(of) for of in zip(*each, strict=True))
        self.peak_nbytes = max(self.peak_nbytes, *(of for of, _ in each))
        # Private: of its own, the block included. Resident: what it shares with its own processes, too
        own = private - self._private - self._given_nbytes
        all_of_it = resident - self._resident - 2 * self._given_nbytes - self._shared_nbytes
        if max(own, all_of_it) > self._most_nbytes:
            hint = "choose smaller chunks, or a larger limits.memory"
            raise BrokenError(
                "memory-limit", f"the function took more than {self._most_nbytes} bytes of memory; {hint}"
            )


def cpu_s(pid: int) -> float:
    """Return the processor time of a process that was not waited for; not that of others that it started."""
    with suppress(OSError):
        return time.clock_gettime((~pid << 3) | 2)  # CPUCLOCK_SCHED of a process: linux/posix-timers.h
    return 0.0
