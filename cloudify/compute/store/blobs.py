"""Blobs: bytes in files named by their SHA-256. Written once, never changed, whole or not there."""

import errno
import fcntl
import os
from collections.abc import Callable, Iterable, Iterator
from collections.abc import Set as AbstractSet
from contextlib import contextmanager, suppress
from hashlib import sha256
from itertools import islice
from pathlib import Path
from secrets import token_hex
from time import monotonic, sleep, time

from cloudify.errors import StoreUnavailableError
from cloudify.model.blob import BLOBS, blob_path, is_sha256

GRACE_S = 86_400.0
"""How long after it was put a blob stays though nothing refers to it: the row that will may not be written yet, and
a reader may still be at it. Longer than a clock is ever set by."""
TEMPORARY_S = 3600.0
"""After this nobody writes a temporary file any more."""
TEMPORARY = ".tmp-"
BATCH = 500
LOCK_S = 1.0
"""How long who removes blobs waits for those who put them, each of which holds them up for microseconds."""

NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT})


class Blobs:
    """The blobs under a data directory. Safe to use from many threads and processes."""

    def __init__(self, data_dir: Path) -> None:
        self.folder = data_dir / BLOBS

    def path(self, sha256: str) -> Path:
        """Return where the blob of this hash is, or would be.

        Raises
        ------
        ValueError
            If it is no hash.
        """
        return blob_path(self.folder, sha256)

    def read(self, sha256: str) -> bytes:
        """Return a blob.

        Raises
        ------
        OSError
            If it is not there, or cannot be read.
        """
        return self.path(sha256).read_bytes()

    def put(self, data: bytes | memoryview) -> tuple[str, int]:
        """Have a blob on the disk; returns its hash and its size in bytes. What is there already is not written again.

        Raises
        ------
        StoreUnavailableError
            If it cannot be written; nothing is left behind.
        """
        view = memoryview(data).cast("B")
        name = sha256(view).hexdigest()
        path = os.fspath(self.path(name))
        folder = os.path.dirname(path)  # noqa: PTH120  # hot path
        with own_failures():
            if not self._is_there(path, view.nbytes):
                self._write(path, folder, view)
            sync(folder)  # also for the one that is there: who wrote it may not have come so far
        return name, view.nbytes

    def sweep_temporaries(self, older_than_s: float = TEMPORARY_S) -> int:
        """Remove what writers left that were killed; returns how many files it was."""
        return sweep(self.folder, older_than_s)

    def remove_unreferenced(
        self,
        referenced: Callable[[list[str]], AbstractSet[str]],
        *,
        among: Iterable[str] | None = None,
        grace_s: float = GRACE_S,
    ) -> int:
        """Remove blobs that nothing refers to any more; returns how many it was.

        While others keep all (`kept`), fewer go, or none: those are found again the next time all are asked for.

        Parameters
        ----------
        referenced
            Says which of some hashes are referred to.
        among
            Hashes to ask for; all blobs by default, however many there are.
        grace_s
            A blob that was put later than so many seconds ago stays.
        """
        removed = 0
        names = iter(self._names() if among is None else among)
        while batch := list(islice(names, BATCH)):
            unwanted = sorted(set(batch) - referenced(batch))
            if not unwanted:
                continue
            try:
                with self._locked(fcntl.LOCK_EX, LOCK_S):
                    removed += sum(_remove(self.path(name), grace_s) for name in unwanted)
            except BlockingIOError:
                break
        return removed

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Have no blob removed until the block ends."""
        with own_failures(), self._locked(fcntl.LOCK_SH):
            yield

    def copy(self, to: "Blobs") -> None:
        """Have all blobs elsewhere too: by links on the same file system, where they cost nothing.

        Raises
        ------
        StoreUnavailableError
            If one cannot be read or written.
        """
        with own_failures():
            for name in self._names():
                source, target = self.path(name), to.path(name)
                if not target.exists():
                    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                    try:
                        os.link(source, target)
                    except OSError:
                        to.put(source.read_bytes())

    def _names(self) -> Iterator[str]:
        for folder in _listed(self.folder):
            if len(folder.name) == 2:  # noqa: PLR2004  # the first byte of a hash
                yield from (item.name for item in _listed(Path(folder)) if is_sha256(item.name))

    def _is_there(self, path: str, nbytes: int) -> bool:
        """Whether a blob is there; its time begins anew. Not while another removes blobs."""
        if not os.path.exists(path):  # noqa: PTH110  # hot path
            return False
        with self._locked(fcntl.LOCK_SH), suppress(FileNotFoundError):
            if os.stat(path).st_size == nbytes:  # noqa: PTH116
                os.utime(path)
                return True
        return False

    def _write(self, path: str, folder: str, view: memoryview) -> None:
        if not os.path.isdir(folder):  # noqa: PTH112  # hot path
            os.makedirs(folder, mode=0o700, exist_ok=True)  # noqa: PTH103
            sync(self.folder)
        temporary = f"{self.folder}/{TEMPORARY}{token_hex(12)}"
        try:
            _write_down(temporary, view)
            os.replace(temporary, path)  # noqa: PTH105
        except OSError:
            with suppress(OSError):
                os.unlink(temporary)  # noqa: PTH108
            raise

    @contextmanager
    def _locked(self, how: int, longest_s: float | None = None) -> Iterator[None]:
        """Hold the lock of all blobs; who waits longer than he may raises BlockingIOError."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            _lock(descriptor, how, longest_s)
            yield
        finally:
            os.close(descriptor)


@contextmanager
def own_failures() -> Iterator[None]:
    """Give what the disk refuses a name, without the path that its message has."""
    try:
        yield
    except OSError as error:
        if error.errno in NO_ROOM:
            raise StoreUnavailableError("has no room: its disk is full", has_no_room=True) from error
        raise StoreUnavailableError(f"cannot be written ({error.strerror})") from error


def sweep(folder: Path, older_than_s: float = TEMPORARY_S) -> int:
    """Remove temporary files from a folder; returns how many it was."""
    removed = 0
    for item in _listed(folder):
        if item.name.startswith(TEMPORARY) and _age(item) >= older_than_s:
            with suppress(FileNotFoundError):
                Path(item).unlink()
                removed += 1
    return removed


def sync(path: Path | str) -> None:
    """Have a file, or the names in a folder, on the disk."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _write_down(path: str, view: memoryview) -> None:
    """Have bytes on the disk, in a file that is not there yet."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        while view:
            view = view[os.write(descriptor, view) :]
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _lock(descriptor: int, how: int, longest_s: float | None) -> None:
    if longest_s is None:
        fcntl.flock(descriptor, how)
        return
    deadline = monotonic() + longest_s
    while True:
        try:
            fcntl.flock(descriptor, how | fcntl.LOCK_NB)
        except BlockingIOError:
            if monotonic() > deadline:
                raise
            sleep(0.01)
        else:
            return


def _listed(folder: Path) -> Iterator["os.DirEntry[str]"]:
    with suppress(FileNotFoundError, NotADirectoryError), os.scandir(folder) as items:
        yield from items


def _age(item: "os.DirEntry[str]") -> float:
    """Return how long ago a file was written, in seconds; none where it is gone."""
    try:
        return time() - item.stat().st_mtime
    except FileNotFoundError:
        return float("-inf")


def _remove(path: Path, grace_s: float) -> bool:
    with suppress(FileNotFoundError):
        if time() - path.stat().st_mtime >= grace_s:
            path.unlink()
            return True
    return False
