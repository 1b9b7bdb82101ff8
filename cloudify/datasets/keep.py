"""Files that the server keeps for itself, and could make again: bounded in bytes, whole or not there."""

import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from shutil import disk_usage
from tempfile import NamedTemporaryFile
from weakref import finalize

from cloudify.errors import NoRoomError

RESERVE_NBYTES = 2**26
"""Of the disk that files which can be made again never take."""

log = logging.getLogger(__name__)


@contextmanager
def _own_failures() -> Iterator[None]:
    """Give what the disk refuses a name, without the path that its message has."""
    try:
        yield
    except OSError as error:
        raise NoRoomError(error.strerror or "its folder cannot be used") from error


class KeptFile:
    """An open file that stays as it is, whatever becomes of its name; it is closed when nobody holds it any more.

    Safe to use from many threads.
    """

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        finalize(self, os.close, self._descriptor)
        self.nbytes = os.fstat(self._descriptor).st_size

    def read(self, start: int, stop: int) -> bytes:
        """Return some of its bytes."""
        return os.pread(self._descriptor, stop - start, start)

    def sync(self) -> None:
        """Have it on the disk: a name must not outlive a loss of power without its bytes."""
        os.fsync(self._descriptor)


class Keep:
    """A folder of files that may be lost. Safe to use from many threads and processes.

    Parameters
    ----------
    limit_nbytes
        Most bytes of all files, give or take a sixteenth, after which they are counted; those used least recently go
        first.
    """

    def __init__(self, folder: Path, limit_nbytes: int) -> None:
        self._folder, self._limit_nbytes = folder, limit_nbytes
        self._unseen_nbytes = limit_nbytes
        """Written since the files were counted; all of them, at first."""

    def get(self, name: str) -> bytes | None:
        """Return what was put under `name`, None where it is not there or cannot be read."""
        path = self._folder / name
        try:
            data = path.read_bytes()
            os.utime(path)
        except OSError:
            return None
        return data

    def put(self, name: str, data: bytes) -> None:
        """Keep `data`, if there is room for it: a full disk costs the work of making it again, and nothing else."""
        if len(data) > self._limit_nbytes:
            return
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            with NamedTemporaryFile(dir=self._folder, suffix=".part", delete=False) as file:
                try:
                    file.write(data)
                    file.close()
                    Path(file.name).replace(self._folder / name)
                except OSError:
                    Path(file.name).unlink(missing_ok=True)
                    raise
            self._count(len(data))
        except OSError as error:
            log.warning("cannot keep a file", extra={"name_": name, "reason": error.strerror})

    def open(self, name: str) -> KeptFile | None:
        """Open the file `name`, None where it is not there."""
        path = self._folder / name
        try:
            file = KeptFile(path)
            os.utime(path)
        except OSError:
            return None
        return file

    def make(self, name: str, write: Callable[[Path], None]) -> KeptFile:
        """Have a file written, and open it; it is kept if it is no larger than all files may be. Blocks.

        Raises
        ------
        NoRoomError
            If it cannot be kept or opened. What `write` raises is raised too; in both cases nothing is left behind.
        """
        with _own_failures():
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            with NamedTemporaryFile(dir=self._folder, suffix=".part", delete=False) as held:
                path = Path(held.name)
        try:
            write(path)
            with _own_failures():
                file = KeptFile(path)
                if file.nbytes <= self._limit_nbytes:
                    file.sync()
                    path.replace(self._folder / name)
                    self._count(file.nbytes)
        finally:
            path.unlink(missing_ok=True)  # there no longer if it is kept
        return file

    def check_room(self, nbytes: int) -> None:
        """Return if the disk has room for so many bytes and leaves some for others.

        Raises
        ------
        NoRoomError
            If it has not.
        """
        with _own_failures():
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            free_nbytes = disk_usage(self._folder).free
        if free_nbytes - RESERVE_NBYTES < nbytes:
            raise NoRoomError("its disk is nearly full")

    def _count(self, nbytes: int) -> None:
        """Take note of a file that was written; all are counted now and then."""
        self._unseen_nbytes += nbytes
        if self._unseen_nbytes > self._limit_nbytes // 16:
            self._unseen_nbytes = 0
            self._prune()

    def _prune(self) -> None:
        found = []
        for item in os.scandir(self._folder):
            with suppress(FileNotFoundError):  # another process prunes too
                status = item.stat()
                found.append((status.st_mtime_ns, status.st_size, item.path))
        total = sum(size for _, size, _ in found)
        for _, size, path in sorted(found):
            if total <= self._limit_nbytes:
                return
            Path(path).unlink(missing_ok=True)
            total -= size
