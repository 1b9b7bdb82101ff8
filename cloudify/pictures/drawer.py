"""A process that draws: ``python -m cloudify.pictures.drawer``, started by `drawers`, with a socket as its input.

It ends when the other end of the socket is closed, however that came about; while it draws, a timer ends it.
Whatever goes wrong in a drawing ends it too, after it said what: the next drawing finds a new process.
"""

import resource
import signal
import socket
import sys
import traceback
import warnings
from collections.abc import Callable
from contextlib import suppress
from math import ceil
from pathlib import Path
from types import TracebackType

import numpy as np
from matplotlib import rcdefaults

from cloudify.pictures.draw import draw
from cloudify.pictures.drawing import Caption, HistDrawing
from cloudify.pictures.wire import Channel, EndedError, unpack

GRACE_S = 2
"""How long after the other end has given up the process ends itself, where nobody is left to end it."""
_REASON = 2000


def main() -> None:
    """Draw what comes until nobody is there any more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C in a terminal comes to the server, which ends us
    warnings.simplefilter("ignore")
    rcdefaults()  # whatever somebody has put into a matplotlibrc
    channel = Channel(socket.socket(fileno=sys.stdin.fileno()), poll_s=None)
    sys.excepthook = _say_why(channel)
    draw(HistDrawing(np.ones(1), np.arange(2.0), Caption("what is slow the first time")), "png", 400, 300)
    libraries_nbytes = _address_nbytes()
    try:
        channel.send("ready")
        while True:
            _draw_one(channel, libraries_nbytes)
    except EndedError:
        return


def _draw_one(channel: Channel, libraries_nbytes: int) -> None:
    order, body = channel.receive()
    _limit(order["seconds"], libraries_nbytes + order["nbytes"])
    picture = draw(unpack(order["drawing"], memoryview(body)), order["form"], order["width"], order["height"])
    channel.send("drawn", [picture])
    signal.alarm(0)


def _limit(seconds: float, nbytes: int) -> None:
    """Set an end to the next drawing: in time, in processor time, in memory."""
    signal.alarm(ceil(seconds) + GRACE_S)
    used = resource.getrusage(resource.RUSAGE_SELF)
    _set(resource.RLIMIT_CPU, ceil(used.ru_utime + used.ru_stime + seconds) + GRACE_S)
    _set(resource.RLIMIT_AS, nbytes)


def _set(limit: int, value: int) -> None:
    hard = resource.getrlimit(limit)[1]
    resource.setrlimit(limit, (value if hard == resource.RLIM_INFINITY else min(value, hard), hard))


def _address_nbytes() -> int:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    return pages * resource.getpagesize()


def _say_why(channel: Channel) -> Callable[[type[BaseException], BaseException, TracebackType | None], None]:
    """Return what is done about a failure: the other end has it in its log."""

    def say(kind: type[BaseException], error: BaseException, where: TracebackType | None) -> None:
        reason = "".join(traceback.format_exception(kind, error, where))[-_REASON:]
        with suppress(EndedError):
            channel.send({"failed": reason, "is_memory": issubclass(kind, MemoryError)})

    return say


if __name__ == "__main__":
    main()
