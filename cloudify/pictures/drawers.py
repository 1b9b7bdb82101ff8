"""The processes that draw with matplotlib: few, kept warm, and ended where one takes too long.

matplotlib holds Python's lock while it draws, so threads would wait for each other and everybody for them; and a
drawing that hangs in a thread can never be stopped.
"""

import atexit
import logging
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Any

from cloudify.errors import DrawingBusyError, DrawingFailedError, DrawingTooSlowError, TooLargeError
from cloudify.pictures.drawing import Drawing, Form
from cloudify.pictures.remote_drawer import RemoteDrawer
from cloudify.pictures.turns import Turns
from cloudify.pictures.view import Array
from cloudify.pictures.wire import MAX_BODY_NBYTES, EndedError, pack
from cloudify.settings import Settings

MAX_PIXELS = 4_000_000
"""Of a picture: 16 MB as it is drawn."""
MAX_VALUES_NBYTES = MAX_BODY_NBYTES // 4
"""Of the values of a drawing, 8 million numbers of double precision: what is more has been thinned before."""
MAX_SIDE = 10_000
WAIT_S = 30.0
"""Longest wait for a turn."""

log = logging.getLogger(__name__)


class Drawers:
    """All processes of one server that draw. Safe to use from many threads.

    Parameters
    ----------
    processes
        Most processes at once. They are started when they are needed, and kept.
    seconds
        Longest time for one picture.
    nbytes
        Most memory for one picture.
    queue
        Most requests that wait for their turn.
    folder
        Where matplotlib keeps its list of fonts.
    """

    def __init__(self, processes: int, *, seconds: float, nbytes: int, queue: int, folder: Path) -> None:
        self._seconds, self._nbytes, self._folder = seconds, nbytes, folder
        self._turns = Turns(processes, queue)
        self._lock = Lock()
        self._idle: list[RemoteDrawer] = []
        self._all: set[RemoteDrawer] = set()
        self._endings = 0

    def draw(self, drawing: Drawing, form: Form, width: int, height: int) -> bytes:
        """Draw a picture in a process of its own. Blocks.

        Parameters
        ----------
        width, height
            In pixels; of a map those of its view and the `map_image.margins` around it.

        Raises
        ------
        TooLargeError
            If picture or drawing are too large to begin with.
        DrawingTooSlowError
            If it takes too long; its process is ended.
        DrawingFailedError
            If it fails, or needs too much memory.
        DrawingBusyError
            If too many wait already, or the turn does not come in time.
        """
        if width * height > MAX_PIXELS or max(width, height) > MAX_SIDE:
            raise TooLargeError(
                f"a picture of {width} x {height} pixels is too large; "
                f"it may have {MAX_PIXELS} pixels, and {MAX_SIDE} on a side"
            )
        content, arrays = pack(drawing)
        nbytes = sum(array.nbytes for array in arrays)
        if nbytes > MAX_VALUES_NBYTES:
            raise TooLargeError(
                f"the values of this picture take {nbytes} bytes, and {MAX_VALUES_NBYTES} are drawn; "
                "choose a smaller part of the data"
            )
        order = {
            "drawing": content, "form": form, "width": width, "height": height,
            "seconds": self._seconds, "nbytes": self._nbytes,
        }  # fmt: skip
        endings = self._endings
        with self._turns.turn(WAIT_S):
            return self._draw(order, arrays, endings)

    def end(self) -> None:
        """End all processes, and all waiting for them. Who comes later has new ones started."""
        with self._lock:
            self._endings += 1
            idle, busy = self._idle, self._all.difference(self._idle)
            self._idle, self._all = [], set()
        for drawer in busy:
            drawer.kill()  # its thread closes the connection
        for drawer in idle:
            drawer.end()

    def pids(self) -> list[int]:
        """Return the ids of the processes."""
        with self._lock:
            return [drawer.pid for drawer in self._all]

    def _draw(self, order: dict[str, Any], arrays: Sequence[Array], endings: int) -> bytes:
        while self._endings == endings:
            with self._drawer() as drawer:
                was_fresh = not drawer.drawn
                try:
                    return drawer.draw(order, arrays)
                except TimeoutError:
                    raise DrawingTooSlowError(self._seconds) from None
                except EndedError:
                    log.warning("a process that draws has ended", extra={"had_drawn": not was_fresh})
                    if was_fresh and self._endings == endings:
                        raise DrawingFailedError("the process that drew it has ended") from None
            # one that had drawn before may have been ended by somebody: once more, in another
        raise DrawingBusyError("the server is about to end")

    @contextmanager
    def _drawer(self) -> Iterator[RemoteDrawer]:
        """Lend a process; one that did not draw to the end is ended."""
        drawer = self._take()
        count = drawer.drawn
        try:
            yield drawer
        finally:
            with self._lock:
                is_kept = drawer.drawn > count and drawer in self._all
                if is_kept:
                    self._idle.append(drawer)
                else:
                    self._all.discard(drawer)
            if not is_kept:
                drawer.end()

    def _take(self) -> RemoteDrawer:
        """Return a process that waits, or start one."""
        with self._lock:
            if self._idle:
                return self._idle.pop()
        try:
            drawer = RemoteDrawer(self._folder)
        except OSError as error:
            raise DrawingBusyError(f"no process that draws can be started ({error.strerror}); ask again") from error
        with self._lock:
            self._all.add(drawer)
        try:
            drawer.wait_until_ready()
        except (TimeoutError, EndedError) as error:
            with self._lock:
                self._all.discard(drawer)
            drawer.end()
            raise DrawingBusyError("a process that draws did not start; ask again") from error
        return drawer


_made: dict[Settings, Drawers] = {}
_making = Lock()


def drawers_of(settings: Settings) -> Drawers:
    """Return the drawers of this process, the same ones for the same settings. No process is started."""
    with _making:
        if settings not in _made:
            _made[settings] = Drawers(
                settings.drawing_processes or len(os.sched_getaffinity(0)),
                seconds=settings.drawing_timeout_s,
                nbytes=settings.drawing_nbytes,
                queue=settings.drawing_queue,
                folder=settings.data_dir / "matplotlib",
            )
        return _made[settings]


def end_drawers() -> None:
    """End all processes that draw, as when a server ends: nobody waits for them any longer."""
    with _making:
        every = list(_made.values())
    for drawers in every:
        drawers.end()


atexit.register(end_drawers)
