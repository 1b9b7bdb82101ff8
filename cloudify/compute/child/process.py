"""A process that runs functions, as seen from here: its memories, its frames, its end. For one thread at a time."""

import json
import logging
import os
import select
import shutil
import signal
import subprocess
import time
from collections.abc import Iterable, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from tempfile import mkdtemp
from time import monotonic

import numpy as np

from cloudify.compute.child.census import end_group, end_kin
from cloudify.compute.child.inside.arrays import UnfitError
from cloudify.compute.child.inside.channel import READ_NBYTES, Frame, Frames, encode
from cloudify.compute.child.inside.packing import File, Plain, pack
from cloudify.compute.child.judge import read_value
from cloudify.compute.child.launch import Launch
from cloudify.compute.child.log import Log
from cloudify.compute.child.returned import BrokenError, Limits, Value
from cloudify.compute.child.slots import Slot
from cloudify.compute.child.watch import TICK_S, Watch, cpu_s
from cloudify.model.function import Function
from cloudify.model.job import Failure

START_S = 60.0
"""Longest start: on a busy machine the libraries take ten seconds."""
REAP_S = 2.0
ENDING_S = 1.0
"""How long a process may take to end after it closed what it answers by."""
HEADER_NBYTES = 2**23
"""Room for names, attributes and arguments besides a block or a result."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Order:
    """What a process is to run, and within which limits."""

    functions: Mapping[str, Function]
    """By the part that they play: ``main``, ``combine``."""
    limits: Limits

    def values(self) -> list[Plain | File]:
        """Return it as values to be packed."""
        functions = {role: [function.source, function.entry] for role, function in self.functions.items()}
        said = json.dumps({"functions": functions, "memory_nbytes": self.limits.memory_nbytes})
        files = [File(path, memoryview(data)) for f in self.functions.values() for path, data in f.files.items()]
        return [Plain(said), *files]


class Process:
    """One process, in a folder of its own that goes with it.

    Parameters
    ----------
    folder
        Where its own folder is made.

    Raises
    ------
    OSError
        If it cannot be started; nothing is left behind.
    """

    def __init__(self, launch: Launch, folder: Path | None = None) -> None:
        with ExitStack() as undo:
            self._scratch = Path(mkdtemp(prefix="cloudify-", dir=folder))
            undo.callback(remove_tree, self._scratch)
            self._in = Slot("cloudify-in")
            undo.callback(self._in.close)
            self._out = Slot("cloudify-out")
            undo.callback(self._out.close)
            reader = self._in.reader()
            undo.callback(os.close, reader)
            self._popen = launch.start(self._scratch, reader, self._out.fd)
            undo.pop_all()
        os.close(reader)
        self.pid = self._popen.pid
        self._pipes = [pipe for pipe in (self._popen.stdin, self._popen.stdout, self._popen.stderr) if pipe is not None]
        self._to, self._from, self._said = (pipe.fileno() for pipe in self._pipes)
        os.set_blocking(self._to, False)
        self._poll = select.poll()
        for fd in (self._said, self._from):
            self._poll.register(fd, select.POLLIN)
        self._frames, self._run = Frames(), 0
        self._limits: Limits | None = None
        self._failure: Failure | None = None
        self._watch: Watch | None = None
        self.log = Log()
        self.is_loaded = False

    # -- its life

    def wait_until_ready(self) -> None:
        """Wait until its libraries are loaded.

        Raises
        ------
        BrokenError
            If it does not start.
        """
        why = "it began with something else"
        try:
            if [frame.get("op") for frame in self._hear(monotonic() + START_S)] == ["ready"]:
                self.log = Log()
                return
        except BrokenError as error:
            why = str(error)
        self._check()
        log.error("a process that runs functions did not start", extra={"why": why, "said": self.log.take()[0]})
        raise BrokenError("worker-lost", "no process that runs functions could be started; the server's log has why")

    def assign(self, order: Order) -> None:
        """Say what it is for. It has seen no code before, and sees no other."""
        self._limits = order.limits
        self._in.open(len(order.functions) * order.limits.slot_nbytes + HEADER_NBYTES, is_input=True)
        self._out.open(order.limits.slot_nbytes + HEADER_NBYTES, is_input=False)
        self._watch = Watch(self.pid, order.limits, self._out.view.nbytes)

    @property
    def is_alive(self) -> bool:
        """Whether it has not ended."""
        with suppress(ChildProcessError):  # it was waited for
            return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None
        return False

    def kill(self, failure: Failure) -> None:
        """End it at once, from any thread; the one that waits for it is told of `failure`."""
        self._failure = failure
        end_group(self.pid)

    def end(self) -> None:
        """End it with all that it started, and remove all that is of it."""
        end_kin(self.pid, f"TMPDIR={self._scratch}\0")
        with suppress(subprocess.TimeoutExpired):
            self._popen.wait(REAP_S)
        for pipe in self._pipes:
            pipe.close()
        self._in.close()
        self._out.close()
        remove_tree(self._scratch)

    # -- its work

    def cpu_s(self) -> float:
        """Return what processor time it has taken."""
        return cpu_s(self.pid)

    @property
    def peak_nbytes(self) -> int:
        """Most memory of one of its processes that was seen in this run."""
        return self._watch.peak_nbytes if self._watch else 0

    def put(self, values: Iterable[object]) -> int:
        """Write values where it reads them, while it is idle; return how many bytes they take.

        Raises
        ------
        UnfitError
            If they cannot be passed on.
        """
        return pack(values, self._room)

    def take(self, nbytes: object) -> Value:
        """Return a copy of the value that it wrote: what it changes from now on changes nothing here.

        Raises
        ------
        UnfitError
            If it is none.
        """
        if type(nbytes) is not int or not 0 < nbytes <= self._out.view.nbytes:
            raise UnfitError("what came back is said to have an impossible size")
        copy = np.empty(nbytes, np.uint8)
        copy[:] = self._out.view[:nbytes]
        value: Value = read_value(copy.data)
        return value

    def tell(self, frame: Frame) -> None:
        """Send a frame that begins a run.

        Raises
        ------
        BrokenError
            If it has ended, or reads nothing.
        """
        self._run += 1
        if self._watch is not None:
            self._watch.begin(frame["nbytes"])
        data = encode({**frame, "run": self._run})
        try:
            sent = os.write(self._to, data)
        except BlockingIOError:
            sent = 0
        except BrokenPipeError:
            raise self._ended() from None
        if sent < len(data):
            raise BrokenError("invalid-result", "the process of the function does not listen any more")

    def hear(self, end: float) -> list[Frame]:
        """Return the next frames of this run, one at least.

        Parameters
        ----------
        end
            When it must be here, in seconds of `time.monotonic`.

        Raises
        ------
        BrokenError
            If none comes, or no frame of ours, or the function takes what it may not.
        """
        while True:
            frames = [frame for frame in self._hear(end) if frame.get("run") == self._run]
            if frames:
                return frames

    def _hear(self, end: float) -> list[Frame]:
        while True:
            self._check()
            now = monotonic()
            if now >= end:
                wall_s = self._limits.wall_s if self._limits else START_S
                hint = "choose smaller chunks, or a longer limits.wall"
                raise BrokenError("timeout", f"the function took longer than {wall_s:g} s; {hint}")
            if self._watch is not None:
                self._watch.look()
            # What was printed before a frame was sent is there with it, and is read first: it is registered first
            ready = self._poll.poll(ceil(1000 * min(end - now, TICK_S)))
            if not ready and not self.is_alive:  # what it started may hold its pipes open
                raise self._ended()
            for fd, _ in ready:
                frames = self._read(fd)
                if frames:
                    return frames

    def _read(self, fd: int) -> list[Frame]:
        data = os.read(fd, READ_NBYTES)
        if fd == self._said:
            self.log.add(data)
            if not data:
                self._poll.unregister(fd)
            return []
        if not data:
            raise self._ended()
        try:
            return self._frames.feed(data)
        except (ValueError, RecursionError):
            raise BrokenError("invalid-result", "the process of the function sent what is no frame of ours") from None

    def _room(self, nbytes: int) -> memoryview:
        if nbytes > self._in.view.nbytes:
            raise UnfitError(f"it takes {nbytes} bytes, and there is room for {self._in.view.nbytes}")
        return self._in.view

    def _ended(self) -> BrokenError:
        """Say why nothing comes from it any more."""
        end = monotonic() + ENDING_S
        while self.is_alive and monotonic() < end:
            time.sleep(ENDING_S / 100)
        self._check()
        ended = None if self.is_alive else os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        if ended is None:
            return BrokenError("invalid-result", "the function closed what its process answers by")
        if ended.si_code == os.CLD_EXITED:
            return BrokenError("worker-lost", f"the process of the function ended, with status {ended.si_status}")
        hint = "; was there too little memory?" if ended.si_status == signal.SIGKILL else ""
        why = signal.strsignal(ended.si_status) or "none that has a name"
        return BrokenError("worker-lost", f"the process of the function was ended by a signal ({why}){hint}")

    def _check(self) -> None:
        """Raise BrokenError if somebody ended it."""
        if self._failure is not None:
            raise BrokenError(self._failure.reason, self._failure.message)


def remove_tree(folder: Path) -> None:
    """Remove a folder, however deep somebody made it."""
    with suppress(RecursionError):
        shutil.rmtree(folder, ignore_errors=True)
    if folder.exists():
        subprocess.run(["/bin/rm", "-rf", "--", folder], check=False)  # noqa: S603  # of our own making
