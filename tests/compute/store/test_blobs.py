"""Blobs are whole or not there, written once, and removed only when nothing has them."""

import fcntl
import os
import subprocess
import sys
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from threading import Thread
from time import time

import numpy as np
import pytest

from cloudify.compute.store.blobs import Blobs
from cloudify.errors import StoreUnavailableError


@pytest.fixture
def blobs(tmp_path: Path) -> Blobs:
    return Blobs(tmp_path)


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file() and path.name != "lock")


def age(path: Path, seconds: float) -> None:
    os.utime(path, (time() - seconds, time() - seconds))


@pytest.mark.parametrize("data", [b"", b"x", bytes(2**20), memoryview(np.arange(6, dtype="<i4").reshape(2, 3))])
def test_a_blob_is_read_as_it_was_put(blobs: Blobs, tmp_path: Path, data: bytes | memoryview) -> None:
    name, nbytes = blobs.put(data)
    assert (name, nbytes) == (sha256(bytes(data)).hexdigest(), len(bytes(data)))
    assert blobs.read(name) == bytes(data)
    assert blobs.path(name) == tmp_path / "blobs" / name[:2] / name
    assert blobs.path(name).stat().st_mode & 0o777 == 0o600
    assert files(tmp_path) == [name]


def test_what_is_there_is_not_written_again_but_what_is_cut_off_is(blobs: Blobs) -> None:
    name, _ = blobs.put(b"value")
    age(blobs.path(name), 1000)
    before = blobs.path(name).stat()
    blobs.put(b"value")
    after = blobs.path(name).stat()
    assert after.st_ino == before.st_ino
    assert after.st_mtime > time() - 100  # its time begins anew
    blobs.path(name).write_bytes(b"val")
    blobs.put(b"value")
    assert blobs.read(name) == b"value"


@pytest.mark.parametrize("name", ["", "../../etc/passwd", "A" * 64, "a" * 63, "a" * 64 + "\n"])
def test_a_name_that_is_no_hash_leads_nowhere(blobs: Blobs, name: str) -> None:
    with pytest.raises(ValueError, match="64 hexadecimal digits"):
        blobs.path(name)


def test_blobs_that_nothing_has_are_removed_after_a_grace(
    blobs: Blobs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cloudify.compute.store.blobs.BATCH", 10)
    names = [blobs.put(str(number).encode())[0] for number in range(60)]
    wanted = set(names[::3])
    asked: list[int] = []

    def referenced(batch: list[str]) -> set[str]:
        asked.append(len(batch))
        return wanted & set(batch)

    assert blobs.remove_unreferenced(referenced) == 0
    for name in names:
        age(blobs.path(name), 100)
    blobs.put(b"1")  # again: somebody is about to refer to it
    assert blobs.remove_unreferenced(referenced, grace_s=50, among=names[1:3]) == 1
    assert blobs.remove_unreferenced(referenced, grace_s=50) == 60 - 20 - 2
    assert files(tmp_path) == sorted({*wanted, names[1]})
    assert max(asked) <= 10  # however many there are


def test_no_blob_is_removed_while_all_are_kept(blobs: Blobs, tmp_path: Path) -> None:
    name, _ = blobs.put(b"x")
    with blobs.kept():
        blobs.put(b"x")
        blobs.put(b"y")
        assert blobs.remove_unreferenced(lambda _: set(), grace_s=0) == 0
        assert len(files(tmp_path)) == 2
    assert blobs.remove_unreferenced(lambda _: set(), grace_s=0) == 2
    assert not blobs.path(name).exists()


WRITER = """
import sys
from pathlib import Path
from cloudify.compute.store.blobs import Blobs
blobs = Blobs(Path(sys.argv[1]))
print("begin", flush=True)
number = 0
while True:
    name, _ = blobs.put(b"%d" % number * 20_000)
    print(name, flush=True)
    number += 1
"""


def test_a_killed_writer_leaves_no_half_of_a_blob(tmp_path: Path) -> None:
    """What it was told to be there is there."""
    for moment in range(4):
        data = tmp_path / str(moment)
        writer = subprocess.Popen([sys.executable, "-c", WRITER, str(data)], stdout=subprocess.PIPE, text=True)
        assert writer.stdout is not None
        assert writer.stdout.readline() == "begin\n"
        told = [writer.stdout.readline().strip() for _ in range(3 + 7 * moment)]
        writer.kill()
        told += [line.strip() for line in writer.stdout.readlines() if line.endswith("\n")]
        writer.stdout.close()
        writer.wait()
        blobs = Blobs(data)
        for name in told:
            assert sha256(blobs.read(name)).hexdigest() == name
        assert blobs.sweep_temporaries() == 0  # too young
        blobs.sweep_temporaries(older_than_s=0)
        left = files(data)
        assert len(left) - len(told) in {0, 1}
        assert all(sha256(blobs.read(name)).hexdigest() == name for name in left)


def test_a_blob_that_is_put_while_it_is_about_to_be_removed_stays(blobs: Blobs) -> None:
    name, _ = blobs.put(b"x")
    age(blobs.path(name), 100)

    def referenced(batch: list[str]) -> set[str]:
        assert batch == [name]
        blobs.put(b"x")  # by another process, whose row is not written yet
        return set()

    assert blobs.remove_unreferenced(referenced, grace_s=50) == 0
    assert blobs.read(name) == b"x"


def test_who_puts_a_blob_waits_for_its_removal_and_writes_it_again(blobs: Blobs) -> None:
    name, _ = blobs.put(b"x")
    putting = Thread(target=blobs.put, args=(b"x",))
    with blobs._locked(fcntl.LOCK_EX):  # who removes blobs is at it
        putting.start()
        putting.join(0.1)
        assert putting.is_alive()
        blobs.path(name).unlink()
    putting.join()
    assert blobs.read(name) == b"x"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 2 MB."""
    folder = tmp_path / "small"
    folder.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if made.returncode:
        pytest.skip("a file system for the test cannot be mounted: not root")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_is_said_and_leaves_nothing(small_disk: Path) -> None:
    blobs = Blobs(small_disk)
    small, _ = blobs.put(b"small")
    with pytest.raises(StoreUnavailableError, match="its disk is full") as raised:
        blobs.put(os.urandom(3 * 2**20))
    assert raised.value.has_no_room
    assert str(small_disk) not in str(raised.value)
    assert files(small_disk) == [small]
    blobs.put(os.urandom(2**20))


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "blobs").write_bytes(b"")
    with pytest.raises(StoreUnavailableError, match="cannot be written") as raised:
        Blobs(tmp_path).put(b"x")
    assert not raised.value.has_no_room
