"""One server per data directory."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cloudify.errors import DataDirectoryInUseError, UsageError


@contextmanager
def hold(data_dir: Path) -> Iterator[None]:
    """Hold the data directory, making it if need be, until the block ends or the process does.

    Raises
    ------
    DataDirectoryInUseError
        If another server holds it; it names a free one.
    UsageError
        If it cannot be written.
    """
    try:
        data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        file = os.open(data_dir / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise UsageError(
            f"the data directory {data_dir} cannot be written ({error.strerror}); choose another one: --data-dir DIR"
        ) from error
    try:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DataDirectoryInUseError(str(data_dir), str(_free_sibling(data_dir))) from None
        yield
    finally:
        os.close(file)


def _free_sibling(data_dir: Path) -> Path:
    number = 2
    while data_dir.with_name(f"{data_dir.name}-{number}").exists():
        number += 1
    return data_dir.with_name(f"{data_dir.name}-{number}")
