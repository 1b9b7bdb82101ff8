"""Functions for tests of the processes that run them, and how they are run there."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil

from cloudify.compute.child.child import Child
from cloudify.compute.child.launch import INSIDE
from cloudify.compute.child.returned import Returned
from cloudify.model.function import Function

MIB = 2**20

LIGHT = f"""
import runpy, sys

sys.modules["xarray"] = sys.modules["cftime"] = None
sys.argv[0] = {str(INSIDE)!r}
runpy.run_path({str(INSIDE)!r}, run_name="__main__")
"""
"""An environment without xarray, which starts in a fifth of the time."""

SCENES = Path(__file__).with_name("scenes.py").read_text()


def until(condition: Callable[[], Any], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def is_gone(pid: int) -> bool:
    """Whether a process has ended, and nobody has to wait for it."""
    return not psutil.pid_exists(pid)


def is_dead(pid: int) -> bool:
    """Whether a process has ended, though somebody else may still have to wait for it."""
    try:
        return bool(psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def play(child: Child, do: str, value: Any = "1", **rest: Any) -> Returned:
    """Run a scene of `scenes.py`."""
    args = {"do": do, **rest.pop("args", {})}
    return child.run(value, **{"number": 1, "total": 1, "args": json.dumps(args), **rest})


def scenes(entry: str = "play") -> Function:
    return Function(SCENES, entry)
