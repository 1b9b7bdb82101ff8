"""Run a function again and again, as frames say, over values in shared memory."""

import contextlib
import ctypes
import errno
import faulthandler
import gc
import importlib
import json
import linecache
import mmap
import os
import resource
import signal
import sys
import traceback
from collections.abc import Callable
from math import isnan
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from cloudify.compute.child.inside.arrays import UnfitError
from cloudify.compute.child.inside.channel import (
    BURST_S,
    MOST_EMITTED,
    PAYLOAD_NBYTES,
    PROGRESS_S,
    TYPE,
    Channel,
    Pace,
)
from cloudify.compute.child.inside.packing import File, Plain, pack, unpack
from cloudify.compute.child.inside.rehearsal import rehearse
from cloudify.compute.child.inside.returning import as_json, passed_on

MESSAGE_CHARS, TRACEBACK_CHARS = 1000, 60_000

_NO_ROOM_ON_DISK = {errno.ENOSPC, errno.EFBIG, errno.EDQUOT}


class NoRoomError(Exception):
    """A result larger than the memory that it is to be written to."""


class Runner:
    """Does what frames say. `progress` and `emit` are those of `cloudify.slice`."""

    def __init__(self, channel: Channel, in_fd: int, out_fd: int) -> None:
        self._channel, self._fds = channel, (in_fd, out_fd)
        self._pid, self._folder, self._meter = os.getpid(), Path.cwd(), Meter()
        self._functions: dict[str, Callable[..., object]] = {}
        self._sources: set[str] = set()
        self._run, self._emitted = 0, 0
        self._pace = Pace(PROGRESS_S, BURST_S)
        self._slice = ModuleType("cloudify.slice")
        self._slice.__dict__.update(number=1, total=1, progress=self.progress, emit=self.emit)
        sys.modules["cloudify.slice"] = self._slice
        sys.modules["cloudify"].__dict__["slice"] = self._slice

    def serve(self) -> None:
        """Do what the frames say until there are no more."""
        work = {"load": self._load, "run": self._call}
        for frame in self._channel.receive():
            self._run, self._emitted = frame["run"], 0
            self._slice.__dict__.update(number=frame["number"], total=frame["total"])
            self._meter.begin()
            try:
                answer = work[frame["op"]](frame)
            except BaseException as error:  # noqa: BLE001  # whatever a function raises, SystemExit too
                answer = self._failed(error)
            if os.getpid() != self._pid:  # the function forked, and this is the copy
                os._exit(0)
            for stream in (sys.stdout, sys.stderr):
                with contextlib.suppress(Exception):  # the function may have put anything there
                    stream.flush()
            self._channel.send({"run": self._run, **answer, **self._meter.read()})
            self._run = 0

    def progress(self, fraction: float | None = None) -> None:
        """Say that the slice is alive, and how much of it is done, from 0 to 1."""
        if fraction is not None:
            fraction = min(max(float(fraction), 0.0), 1.0)
            if isnan(fraction):
                raise ValueError("progress takes a number from 0 to 1")
        if self._run and self._pace.is_due():
            self._channel.send({"run": self._run, "op": "progress", "fraction": fraction})

    def emit(self, type: object, payload: object = None) -> None:  # noqa: A002  # the word of events
        """Add an event to the job."""
        if not (isinstance(type, str) and TYPE.fullmatch(type)):
            raise ValueError(f"a type of event is 1 to 64 letters, digits and any of _.:/-, and not {type!r:.100}")
        text = as_json(payload, "a payload")
        if len(text) > PAYLOAD_NBYTES:
            raise ValueError(f"a payload takes {len(text)} bytes, more than the {PAYLOAD_NBYTES} of an event")
        if self._emitted >= MOST_EMITTED:
            raise ValueError(f"a slice emits at most {MOST_EMITTED} events; progress() may be called without a limit")
        if not self._run:
            raise RuntimeError("no slice runs: emit before the function returns")
        self._emitted += 1
        self._channel.send({"run": self._run, "op": "emit", "type": type, "payload": text})

    def _load(self, frame: dict[str, Any]) -> dict[str, Any]:
        """Take functions, files and limits; map the memories, and bound the rest."""
        in_fd, out_fd = self._fds
        self._in = memoryview(mmap.mmap(in_fd, 0, prot=mmap.PROT_READ))
        self._out = memoryview(mmap.mmap(out_fd, 0))
        os.close(in_fd)
        os.close(out_fd)
        said, *files = self._values(frame["nbytes"])
        order = json.loads(said.json)
        for file in files:
            path = self._folder / file.name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(file.data)
        # A function has a copy of the block, and may make a result of the largest size, besides what it is allowed
        allowed = _virtual_nbytes() + order["memory_nbytes"] + 2 * self._out.nbytes
        _limit(resource.RLIMIT_AS, allowed)
        _limit(resource.RLIMIT_FSIZE, self._out.nbytes)
        _limit(resource.RLIMIT_CORE, 0)
        sys.path.insert(0, str(self._folder))
        for role, (source, entry) in order["functions"].items():
            self._functions[role] = self._defined(role, source, entry)
        return {"op": "loaded"}

    def _defined(self, role: str, source: str, entry: str) -> Callable[..., object]:
        """Return the function that a source defines, in a module of its own."""
        file = f"<{entry}>"
        self._sources.add(file)
        linecache.cache[file] = len(source), None, source.splitlines(keepends=True), file
        module = ModuleType(f"{role}_function")
        sys.modules[module.__name__] = module
        exec(compile(source, file, "exec", dont_inherit=True), module.__dict__)  # noqa: S102  # what this process is for
        function: Callable[..., object] = module.__dict__[entry]
        return function

    def _call(self, frame: dict[str, Any]) -> dict[str, Any]:
        role, entry = frame["role"], frame["entry"]
        args, *values = self._values(frame["nbytes"])
        returned = self._functions[role](*map(_given, values), **json.loads(args.json))
        return {"op": "done", "nbytes": pack([passed_on(returned, entry, self._folder)], self._room)}

    def _values(self, nbytes: int) -> list[Any]:
        copy = np.empty(nbytes, np.uint8)  # the function's own: it may change it, and keep it
        copy[:] = self._in[:nbytes]
        return unpack(copy.data, nbytes)

    def _room(self, nbytes: int) -> memoryview:
        if nbytes > self._out.nbytes:
            raise NoRoomError(
                f"the result takes {nbytes} bytes, more than the {self._out.nbytes} that one may: choose smaller chunks"
            )
        return self._out

    def _failed(self, error: BaseException) -> dict[str, Any]:
        shown = traceback.TracebackException.from_exception(error)
        message = "".join(shown.format_exception_only()).strip().rpartition("\n")[2]
        text = ""
        if isinstance(error, UnfitError):
            reason, message = "invalid-result", str(error)
        elif isinstance(error, NoRoomError):
            reason, message = "result-too-large", str(error)
        else:
            reason, text = _reason(error), self._traceback(shown)
        return {"op": "failed", "reason": reason, "message": message[:MESSAGE_CHARS], "traceback": text}

    def _traceback(self, shown: traceback.TracebackException) -> str:
        """Return the text of a traceback, without the frames of other people's code."""
        pending: list[traceback.TracebackException | None] = [shown]
        while pending:
            one = pending.pop()
            if one is not None:
                one.stack[:] = [frame for frame in one.stack if self._is_users(frame.filename)]
                pending += [one.__cause__, one.__context__, *(one.exceptions or ())]
        return "".join(shown.format())[-TRACEBACK_CHARS:]

    def _is_users(self, file: str) -> bool:
        return file in self._sources or Path(file).is_relative_to(self._folder)


class Meter:
    """What is used between two moments: of the processor, by this process and those it waited for, and of memory."""

    def __init__(self) -> None:
        self._status, self._clear = (
            _opened("/proc/self/status", os.O_RDONLY),
            _opened("/proc/self/clear_refs", os.O_WRONLY),
        )
        self._began_s = 0.0

    def begin(self) -> None:
        """Measure from now on."""
        self._began_s = _cpu_s()
        with contextlib.suppress(OSError):
            os.write(self._clear, b"5")  # the peak begins anew: proc(5)

    def read(self) -> dict[str, float]:
        """Return what was used: seconds, and the most bytes at once."""
        peak_nbytes = 0
        with contextlib.suppress(OSError, IndexError, ValueError):
            peak_nbytes = 1024 * int(os.pread(self._status, 4096, 0).partition(b"VmHWM:")[2].split()[0])
        return {"cpu_s": _cpu_s() - self._began_s, "peak_nbytes": peak_nbytes}


def _opened(path: str, flags: int) -> int:
    with contextlib.suppress(OSError):  # not every kernel has them
        return os.open(path, flags)
    return -1


def _cpu_s() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def _virtual_nbytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[0]) * mmap.PAGESIZE


def _limit(which: int, nbytes: int) -> None:
    _, hard = resource.getrlimit(which)
    most = nbytes if hard == resource.RLIM_INFINITY else min(nbytes, hard)
    resource.setrlimit(which, (most, most))


def _reason(error: BaseException) -> str:
    number = error.errno if isinstance(error, OSError) else None
    if isinstance(error, MemoryError) or number == errno.ENOMEM:
        return "memory-limit"
    return "disk-limit" if number in _NO_ROOM_ON_DISK else "user-error"


def _given(value: object) -> object:
    """Return a value as a function has it."""
    if isinstance(value, Plain):
        plain: object = json.loads(value.json)
        return plain
    return bytes(value.data) if isinstance(value, File) else value


def _ask_system() -> None:
    libc = ctypes.CDLL(None)
    libc.prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG: an endless loop ends with whoever started it
    with contextlib.suppress(AttributeError):  # a C library without
        # M_MMAP_THRESHOLD, M_TRIM_THRESHOLD: a block's memory is there again for the next block, without page faults;
        # M_ARENA_MAX: a thread takes no 64 MiB of the addresses that are allowed
        for option, value in ((-3, 2**25), (-1, 2**29), (-8, 1)):
            libc.mallopt(option, value)


def main(in_fd: int, out_fd: int) -> None:
    """Get ready, say so, and run functions until nobody sends frames any more."""
    for fd in (in_fd, out_fd):
        os.set_inheritable(fd, False)  # noqa: FBT003  # Python's own
    _ask_system()
    channel = Channel()
    faulthandler.enable()  # what crashes is in the log
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(line_buffering=True, errors="backslashreplace")  # type: ignore[union-attr]
    for module in ("xarray", "cftime"):
        with contextlib.suppress(ImportError):
            importlib.import_module(module)
    rehearse()
    runner = Runner(channel, in_fd, out_fd)
    gc.collect()
    gc.freeze()  # what is there by now stays: no collection looks at it again
    channel.send({"run": 0, "op": "ready"})
    runner.serve()
    os._exit(0)  # no thread that the function left behind holds this up
