"""Where the bytes of results are kept, and how what is too large for memory gets there."""

import os
from hashlib import sha256
from pathlib import Path
from secrets import token_hex
from typing import Protocol, Self

from cloudify.model.blob import Blob, blob_path

TEMPORARY = ".tmp-"
"""What the names of files begin with that are being written; who starts sweeps them."""
BLOCK_NBYTES = 2**20


class Blobs(Protocol):
    """A folder of blobs (`cloudify.compute.store.blobs`). Safe to use from many threads and processes."""

    def put(self, data: bytes | memoryview) -> tuple[str, int]:
        """Keep bytes, on disk when this returns; return their hash and number."""
        ...

    def path(self, sha256: str) -> Path:
        """Return where a blob is."""
        ...


def folder_of(blobs: Blobs) -> Path:
    """Return the folder of all blobs."""
    return blobs.path("0" * 64).parent.parent


class LargeBlob:
    """A blob that is written in parts, in any order: ``with LargeBlob(folder, nbytes) as blob: ...; blob.seal()``.

    What is not written is zeros. Left without `seal`, nothing remains of it.

    Raises
    ------
    OSError
        If the disk is full, or the folder closed to us.
    """

    def __init__(self, folder: Path, nbytes: int = 0) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._folder, self._path = folder, folder / f"{TEMPORARY}{token_hex(8)}"
        self._handle = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            os.truncate(self._handle, nbytes)
        except OSError:
            self.__exit__()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._handle)
        self._path.unlink(missing_ok=True)

    def write(self, data: bytes | bytearray, offset: int) -> None:
        """Write a part."""
        left = memoryview(data)
        while left:
            written = os.pwrite(self._handle, left, offset)
            left, offset = left[written:], offset + written

    def read(self, nbytes: int, offset: int) -> bytes:
        """Return a part of what was written."""
        return os.pread(self._handle, nbytes, offset)

    def seal(self) -> Blob:
        """Give it its name, once it is on disk; return that."""
        os.fsync(self._handle)
        whole, nbytes = sha256(), 0
        while data := self.read(BLOCK_NBYTES, nbytes):
            whole.update(data)
            nbytes += len(data)
        final = blob_path(self._folder, whole.hexdigest())
        final.parent.mkdir(mode=0o700, exist_ok=True)
        self._path.replace(final)  # if it is there already, its time begins anew: nobody removes it as an old one
        for folder in (final.parent, self._folder):  # the second for the name of the first
            _sync(folder)
        return Blob(final.name, nbytes)


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
