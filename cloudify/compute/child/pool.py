"""The processes that run functions, of one server process: kept warm, never shared between jobs."""

import atexit
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Condition
from time import monotonic
from weakref import WeakSet

from cloudify.compute.child.child import Child
from cloudify.compute.child.ender import Ender
from cloudify.compute.child.launch import SCARCE, Launch
from cloudify.compute.child.process import Order, Process
from cloudify.compute.child.returned import BrokenError, Limits
from cloudify.compute.child.spares import Spares
from cloudify.model.function import Function
from cloudify.model.job import Failure

IDLE_S = 60.0
"""How long a process is kept for its job without a run."""
SWEEP_S = 1.0
CLOSE_S = 2.0

_DISMISSED = Failure("dismissed", "the job was dismissed")
_ENDING = Failure("server-restarted", "the server is about to end")
_USELESS = Failure("worker-lost", "the process of the function was ended")


@dataclass(frozen=True, slots=True)
class Key:
    """Whom a process serves: it has seen code and data of nobody else."""

    owner: str
    pool: str
    job_id: str
    functions: tuple[str, ...]
    """Their digests."""
    limits: Limits


class Children:
    """All processes of this process that run functions. Safe to use from many threads.

    Parameters
    ----------
    python
        The interpreter; it needs numpy, and xarray for blocks.
    most
        Most processes that have been given a function; who wants another waits. By default two for each processor.
    warm
        Processes besides that wait without having been given one.
    folder
        Where each has a folder of its own; by default that of temporary files.
    """

    def __init__(
        self,
        python: str = sys.executable,
        *,
        most: int | None = None,
        warm: int = 1,
        folder: Path | None = None,
        idle_s: float = IDLE_S,
        launch: Launch | None = None,
    ) -> None:
        self._most, self._idle_s = most or 2 * (os.cpu_count() or 1), idle_s
        self._spares = Spares(launch or Launch(python), warm, folder)
        self._ender = Ender(self._end_idle, SWEEP_S)
        self._changed = Condition()  # guards what follows
        self._leases: set[_Lease] = set()
        self._idle: list[_Kept] = []
        self._is_closed = False
        _all.add(self)

    @contextmanager
    def child(
        self,
        owner: str,
        job_id: str,
        function: Function,
        limits: Limits,
        second: Function | None = None,
        *,
        pool: str = "default",
    ) -> Iterator[Child]:
        """Lend a child for runs of one job; `second` combines results. Its process is taken with the first run."""
        functions = {"main": function} if second is None else {"main": function, "combine": second}
        digests = tuple(one.digest() for one in functions.values())
        order = Order(functions, limits)
        lease = _Lease(self, Key(owner, pool, job_id, digests, limits), order)
        with self._changed:
            lease.failure = _ENDING if self._is_closed else None
            self._leases.add(lease)
        try:
            yield Child(order, lease)
        finally:
            self._give_back(lease)

    def warm_up(self) -> None:
        """Start those that wait for a function; does not wait until they are ready."""
        self._spares.fill()

    def stop_job(self, job_id: str) -> None:
        """End all processes of a job now; whoever runs something in them is told that it was dismissed."""
        with self._changed:
            self._stop(_DISMISSED, lambda key: key.job_id == job_id)

    def close(self) -> None:
        """End all processes, and all waiting for them."""
        with self._changed:
            self._is_closed = True
            self._stop(_ENDING, lambda _: True)
        for process in self._spares.close():
            self._let_go(process)
        self._ender.finish(CLOSE_S)

    def pids(self) -> list[int]:
        """Return the ids of the processes."""
        with self._changed:
            held = [lease.process for lease in self._leases if lease.process is not None]
            return [*(process.pid for process in (*held, *(kept.process for kept in self._idle))), *self._spares.pids()]

    def take(self, lease: "_Lease") -> Process:
        """Return a process for a lease that has none. Blocks until it is its turn, and the process is ready.

        Raises
        ------
        BrokenError
            If there is none.
        """
        with self._changed:
            while not (self._has_kept(lease) or self._has_room()):
                self._changed.wait(SWEEP_S)
            lease.is_counted = True
            if lease.process is not None:
                return lease.process
        try:
            process = self._spares.take()
            with self._changed:
                lease.process = process
            lease.check()
            process.wait_until_ready()
            process.assign(lease.order)
        except (OSError, RuntimeError) as error:
            lease.check()
            reason = f"no process that runs functions can be started ({error})"
            is_passing = isinstance(error, OSError) and error.errno in SCARCE
            raise BrokenError("no-room" if is_passing else "worker-lost", reason) from error
        finally:
            self._spares.fill()  # only now: to start takes the processor from the one that is waited for
        return process

    def drop(self, lease: "_Lease") -> None:
        """End the process of a lease."""
        with self._changed:
            process, lease.process, lease.is_counted = lease.process, None, False
            self._changed.notify_all()
        if process is not None:
            self._let_go(process)

    def _give_back(self, lease: "_Lease") -> None:
        with self._changed:
            self._leases.discard(lease)
            if lease.process is not None and lease.failure is None:
                self._idle.append(_Kept(lease.key, lease.process, monotonic() + self._idle_s))
                lease.process = None
        self.drop(lease)
        self._ender.start()  # it looks after those that idle

    def _has_kept(self, lease: "_Lease") -> bool:
        """Give a lease a process that served the same before, if there is one."""
        lease.check()
        for kept in [kept for kept in self._idle if kept.key == lease.key]:
            self._idle.remove(kept)
            if kept.process.is_alive:
                lease.process = kept.process
                return True
            self._let_go(kept.process)
        return False

    def _has_room(self) -> bool:
        """Whether one more may be given a function; one that idles for another makes way."""
        if sum(lease.is_counted for lease in self._leases) + len(self._idle) < self._most:
            return True
        if self._idle:
            self._let_go(self._idle.pop(0).process)
            return True
        return False

    def _stop(self, failure: Failure, is_meant: Callable[[Key], bool]) -> None:
        for lease in self._leases:
            if is_meant(lease.key):
                lease.failure = failure
                if lease.process is not None:
                    lease.process.kill(failure)
        for kept in [kept for kept in self._idle if is_meant(kept.key)]:
            self._idle.remove(kept)
            self._let_go(kept.process)
        self._changed.notify_all()

    def _end_idle(self) -> None:
        with self._changed:
            for kept in [kept for kept in self._idle if kept.until < monotonic() or not kept.process.is_alive]:
                self._idle.remove(kept)
                self._let_go(kept.process)
            self._changed.notify_all()

    def _let_go(self, process: Process) -> None:
        process.kill(_USELESS)
        self._ender.end(process)


@dataclass(frozen=True, slots=True)
class _Kept:
    """A process that waits for the next run of its job."""

    key: Key
    process: Process
    until: float


class _Lease:
    """What one who runs a function holds: one process at most."""

    def __init__(self, pool: Children, key: Key, order: Order) -> None:
        self._pool, self.key, self.order = pool, key, order
        self.process: Process | None = None
        self.is_counted = False
        self.failure: Failure | None = None

    def check(self) -> None:
        """Raise BrokenError if nothing may be run any more."""
        if self.failure is not None:
            raise BrokenError(self.failure.reason, self.failure.message)

    def take(self) -> Process:
        """Return a process, as `child.Lease` says."""
        self.check()
        if self.process is not None and self.process.is_alive:
            return self.process
        self.drop()
        with ExitStack() as undo:
            undo.callback(self.drop)
            process = self._pool.take(self)
            undo.pop_all()
        return process

    def drop(self) -> None:
        """End the process."""
        self._pool.drop(self)


_all: WeakSet[Children] = WeakSet()


@atexit.register
def _close_all() -> None:
    for children in list(_all):
        children.close()
