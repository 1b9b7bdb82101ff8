"""Blobs that are written in parts, and a note of all that a result has besides what its slices stored."""

import os
from hashlib import sha256
from secrets import token_hex
from typing import Self

from cloudify.compute.store.blobs import TEMPORARY, Blobs, own_failures, sync
from cloudify.model.blob import Blob, blob_path

BLOCK_NBYTES = 2**20


class Noted:
    """A folder of blobs, and the names of those that were put into it by way of this."""

    def __init__(self, blobs: Blobs) -> None:
        self.blobs = blobs
        self.names: set[str] = set()

    def put(self, data: bytes) -> Blob:
        """Have a blob on disk (`Blobs.put`)."""
        return self.note(Blob(*self.blobs.put(data)))

    def note(self, blob: Blob) -> Blob:
        """Note one that is there."""
        self.names.add(blob.sha256)
        return blob


class LargeBlob:
    """A blob that is written in parts, in any order: ``with LargeBlob(noted, nbytes) as blob: ...; blob.seal()``.

    What is not written is zeros. Left without `seal`, nothing remains of it.

    Raises
    ------
    StoreUnavailableError
        If the disk is full, or the folder closed to us.
    """

    def __init__(self, noted: Noted, nbytes: int = 0) -> None:
        self._noted, self._folder = noted, noted.blobs.folder
        self._path = self._folder / f"{TEMPORARY}{token_hex(12)}"
        with own_failures():
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
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
        with own_failures():
            while left:
                written = os.pwrite(self._handle, left, offset)
                left, offset = left[written:], offset + written

    def read(self, nbytes: int, offset: int) -> bytes:
        """Return a part of what was written."""
        with own_failures():
            return os.pread(self._handle, nbytes, offset)

    def seal(self) -> Blob:
        """Give it its name, once it is on disk; return that."""
        whole, nbytes = sha256(), 0
        while data := self.read(BLOCK_NBYTES, nbytes):
            whole.update(data)
            nbytes += len(data)
        final = blob_path(self._folder, whole.hexdigest())
        with own_failures():
            os.fsync(self._handle)
            final.parent.mkdir(mode=0o700, exist_ok=True)
            self._path.replace(final)  # if it is there already, its time begins anew: nobody removes it as an old one
            for folder in (final.parent, self._folder):  # the second for the name of the first
                sync(folder)
        return self._noted.note(Blob(final.name, nbytes))
