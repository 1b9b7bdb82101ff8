"""Programs of our own that do in a process what could hold up or crash the server's."""

import subprocess
import sys
from atexit import register
from weakref import WeakSet

from cloudify.datasets.source import RefusedError

_running: WeakSet[subprocess.Popen[bytes]] = WeakSet()


class ChildError(RuntimeError):
    """A program that ended with another status than 0; its words are for the operator's log."""


def run_child(module: str, request: bytes, *, limit_s: float) -> bytes:
    """Run ``python -m module`` with `request` as its standard input and return its standard output. Blocks.

    Raises
    ------
    RefusedError
        If it takes longer than `limit_s`.
    ChildError
        If it fails.
    """
    with subprocess.Popen(  # noqa: S603  # our own program
        [sys.executable, "-m", module], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as child:
        _running.add(child)
        try:
            out, said = child.communicate(request, timeout=limit_s)
        except subprocess.TimeoutExpired:
            child.kill()
            raise RefusedError(f"to look through it takes longer than {limit_s:.0f} s") from None
    if child.returncode:
        raise ChildError(said.decode(errors="replace")[-1000:])
    return out


@register
def _end_children() -> None:
    for child in list(_running):
        child.kill()
