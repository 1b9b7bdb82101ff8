"""Files of a folder that are read without waiting, and those that are not."""

import errno
import os
from pathlib import Path

import pytest

from cloudify.datasets.objects import FolderObjects

CONTENT = b"x" * 5000


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a file that nobody has written for long."""
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "0").write_bytes(CONTENT)
    os.utime(tmp_path / "a" / "0", (1, 1))
    handle = os.open(tmp_path / "a" / "0", os.O_RDONLY)
    try:
        os.preadv(handle, [bytearray(1)], 0, os.RWF_NOWAIT)
    except OSError as error:
        if error.errno == errno.EOPNOTSUPP:
            pytest.skip("the file system of the tests cannot tell what is in memory")
        raise
    finally:
        os.close(handle)
    return tmp_path


def test_a_file_in_memory_is_at_hand_if_it_is_not_too_large(folder: Path) -> None:
    objects = FolderObjects(str(folder), 0)
    assert objects.at_hand("a/0", limit_nbytes=5000) == CONTENT == objects.read("a/0", limit_nbytes=5000)
    assert objects.at_hand("a/0", limit_nbytes=4999) is None
    assert objects.at_hand("a/1", limit_nbytes=5000) is None
    assert objects.at_hand("a/0", limit_nbytes=5000) == CONTENT
    os.mkfifo(folder / "pipe")
    for odd in ("a", "pipe"):
        assert FolderObjects(str(folder), 0).at_hand(odd, limit_nbytes=5000) is None


def test_a_file_that_was_written_since_is_not_at_hand(folder: Path) -> None:
    objects = FolderObjects(str(folder), 0)
    (folder / "a" / "0").write_bytes(CONTENT)
    assert objects.at_hand("a/0", limit_nbytes=5000) is None
    os.utime(folder / "a" / "0", (1, 1))
    assert objects.at_hand("a/0", limit_nbytes=5000) == CONTENT


def test_a_file_that_has_not_rested_is_not_at_hand(folder: Path) -> None:
    (folder / "a" / "0").write_bytes(CONTENT)
    FolderObjects(str(folder), 60)  # it was read before, so it must rest for a minute now
    assert FolderObjects(str(folder), 60).at_hand("a/0", limit_nbytes=5000) is None


def test_a_file_that_is_on_disk_only_is_not_at_hand(folder: Path) -> None:
    path = folder / "a" / "1"
    path.write_bytes(CONTENT)
    handle = os.open(path, os.O_RDONLY)
    os.fsync(handle)
    os.utime(path, (1, 1))
    objects = FolderObjects(str(folder), 0)
    os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
    assert objects.at_hand("a/1", limit_nbytes=5000) is None
    assert os.pread(handle, 5000, 0) == CONTENT  # reads it into memory
    assert objects.at_hand("a/1", limit_nbytes=5000) == CONTENT
    os.close(handle)


def test_a_file_system_that_cannot_tell_is_not_asked_again(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def refuse(handle: int, *_: object) -> int:
        asked.append(handle)
        raise OSError(errno.EOPNOTSUPP, "Operation not supported")

    monkeypatch.setattr(os, "preadv", refuse)
    objects = FolderObjects(str(folder), 0)
    assert [objects.at_hand("a/0", limit_nbytes=5000) for _ in range(3)] == [None, None, None]
    assert len(asked) == 1
    assert objects.read("a/0", limit_nbytes=5000) == CONTENT
