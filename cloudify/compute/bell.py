"""How a process that has stored a job wakes the engine: a named pipe in the data directory.

It carries no news, only that there are some. The engine looks by itself too: a bell that nobody hears delays a job, and
loses nothing.
"""

import errno
import os
from contextlib import suppress
from pathlib import Path
from select import select

NAME = "engine.bell"
_GONE = {errno.ENXIO, errno.ENOENT, errno.EAGAIN, errno.EACCES}


def ring(data_dir: Path) -> None:
    """Wake the engine of a data directory, if there is one. Never blocks."""
    try:
        pipe = os.open(data_dir / NAME, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        if error.errno in _GONE:  # no engine runs, which looks when it starts
            return
        raise
    try:
        with suppress(BlockingIOError, BrokenPipeError):  # full of rings, or an engine that ends
            os.write(pipe, b"!")
    finally:
        os.close(pipe)


class Bell:
    """The engine's end."""

    def __init__(self, data_dir: Path) -> None:
        path = data_dir / NAME
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        with suppress(FileExistsError):
            os.mkfifo(path, 0o600)
        self._pipe = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)  # never at its end: we write to it too

    def wait(self, timeout_s: float) -> bool:
        """Whether it rings within a time."""
        readable, _, _ = select([self._pipe], [], [], timeout_s)
        if readable:
            with suppress(BlockingIOError):
                os.read(self._pipe, 65536)
        return bool(readable)

    def close(self) -> None:
        """Hear nothing more."""
        os.close(self._pipe)
