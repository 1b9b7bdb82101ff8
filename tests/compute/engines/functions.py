"""What functions do in tests of the engine: source text, which is never imported."""

import os
import signal
import time
from pathlib import Path

import numpy as np

import cloudify.slice


def _leave(trace):
    with open(trace, "a") as file:
        file.write(f"{cloudify.slice.number}\n")
    with open(f"{trace}.pids", "a") as file:
        file.write(f"{os.getpid()}\n")


def doubled(block, trace, pause=0.0):
    _leave(trace)
    time.sleep(pause)
    return block * 2


def slow(value, trace, seconds=3600):
    """Take long over every slice."""
    _leave(trace)
    time.sleep(seconds)
    return value


def loops(value, trace):
    """Never end, but in the first slice, which has to show what results look like."""
    _leave(trace)
    while cloudify.slice.number > 1:
        pass
    return value


def deadly(value, trace, victim, which, once=False):
    """End a process in one slice: this one, or the one that started it."""
    _leave(trace)
    if cloudify.slice.number == which and not (once and Path(f"{trace}.dead").exists()):
        Path(f"{trace}.dead").touch()
        if victim == "self":
            os._exit(3)
        os.kill(os.getppid(), getattr(signal, victim))
        time.sleep(60)
    return value


def greedy(value, trace):
    _leave(trace)
    held = []
    while True:
        held.append(np.ones(2**22))


def talks(value, trace, count, dies=False):
    """Emit events; in the first attempt of the first slice end after half of them."""
    _leave(trace)
    for index in range(count):
        if dies and index == count // 2 and not Path(f"{trace}.dead").exists():
            Path(f"{trace}.dead").touch()
            os._exit(3)
        cloudify.slice.emit("step", {"slice": cloudify.slice.number, "index": index})
    return value


def fails(block, trace, which):
    _leave(trace)
    if cloudify.slice.number in which:
        raise ValueError(f"as slice {cloudify.slice.number} was told")
    return block * 2


def writes(value, trace, nbytes):
    """Write a file where functions may."""
    _leave(trace)
    Path("large").write_bytes(bytes(nbytes))
    return value


def added(a, b):
    return a + b
