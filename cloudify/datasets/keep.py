"""Files that the server keeps for itself, and could make again: bounded in bytes, whole or not there."""

import logging
import os
from contextlib import suppress
from pathlib import Path
from tempfile import NamedTemporaryFile

log = logging.getLogger(__name__)


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
            self._unseen_nbytes += len(data)
            if self._unseen_nbytes > self._limit_nbytes // 16:
                self._unseen_nbytes = 0
                self._prune()
        except OSError as error:
            log.warning("cannot keep a file", extra={"name_": name, "reason": error.strerror})

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
