"""A process that draws, as the server sees it: `drawer` is its other end."""

import logging
import os
import socket
import subprocess
import sys
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from time import monotonic
from typing import Any

from cloudify.errors import DrawingFailedError
from cloudify.pictures.view import Array
from cloudify.pictures.wire import Channel
from cloudify.settings.environment import child_environment

START_S = 60.0
"""Longest start of a process: on a busy machine the libraries take ten seconds."""

log = logging.getLogger(__name__)


class RemoteDrawer:
    """A process that draws, for one thread at a time."""

    def __init__(self, folder: Path) -> None:
        own = {"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "OPENBLAS_NUM_THREADS": "1"}
        with suppress(OSError):  # where nothing can be written, matplotlib looks for a folder itself
            folder.mkdir(parents=True, exist_ok=True)
            own["MPLCONFIGDIR"] = str(folder)
        ours, theirs = socket.socketpair()
        self._channel = Channel(ours)
        with theirs, ExitStack() as stack:
            stack.callback(self._channel.close)
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "cloudify.pictures.drawer"],
                stdin=theirs.fileno(), stdout=subprocess.DEVNULL, env=child_environment(own),
            )  # fmt: skip
            stack.pop_all()
        self.drawn = 0
        """Number of pictures that it has drawn."""

    @property
    def pid(self) -> int:
        """Its process id."""
        return int(self._process.pid)

    def wait_until_ready(self) -> None:
        """Wait until its libraries are loaded.

        Raises
        ------
        TimeoutError, EndedError
            If it does not start.
        """
        self._channel.receive(end=monotonic() + START_S)

    def draw(self, order: dict[str, Any], arrays: Sequence[Array]) -> bytes:
        """Have a picture drawn; `order` is what `drawer` expects, with the packed drawing.

        Raises
        ------
        TimeoutError
            If it takes longer than it may.
        EndedError
            If the process ended.
        DrawingFailedError
            If it said that the drawing fails; it has ended, too.
        """
        end = monotonic() + order["seconds"]
        self._channel.send(order, arrays, end=end)
        answer, picture = self._channel.receive(end=end)
        if answer != "drawn":
            log.error("a picture could not be drawn", extra={"why": answer["failed"]})
            raise DrawingFailedError("it needs too much memory" if answer["is_memory"] else "the server's log has why")
        self.drawn += 1
        return picture

    def kill(self) -> None:
        """End the process, whatever it does; who waits for it sees the end. Does nothing to one that has ended."""
        self._process.kill()
        self._process.wait()

    def end(self) -> None:
        """End the process; nobody waits for it."""
        self.kill()
        self._channel.close()
