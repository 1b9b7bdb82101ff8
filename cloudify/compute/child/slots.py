"""Memory shared with a process that runs functions; sealed, so that it cannot be taken away from under us."""

import mmap
import os
from contextlib import suppress
from fcntl import F_ADD_SEALS, F_SEAL_GROW, F_SEAL_SEAL, F_SEAL_SHRINK, fcntl

_FUTURE_WRITE = 0x0010
"""F_SEAL_FUTURE_WRITE of linux/fcntl.h: whoever maps it from now on cannot write; we have mapped it before."""


class Slot:
    """One memory. It has no size until it is opened, so that a process can have it before it is known for what."""

    def __init__(self, name: str) -> None:
        self.fd = os.memfd_create(name, os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        self.view = memoryview(b"")
        self._map: mmap.mmap | None = None

    def reader(self) -> int:
        """Return a descriptor that only reads; the caller closes it."""
        return os.open(f"/proc/self/fd/{self.fd}", os.O_RDONLY | os.O_CLOEXEC)

    def open(self, nbytes: int, *, is_input: bool) -> None:
        """Give it its size for good; pages are taken when they are written."""
        os.ftruncate(self.fd, nbytes)
        self._map = mmap.mmap(self.fd, nbytes)
        self.view = memoryview(self._map)
        only_ours = _FUTURE_WRITE if is_input else 0
        fcntl(self.fd, F_ADD_SEALS, only_ours | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL)

    def close(self) -> None:
        """Give it back."""
        with suppress(BufferError):  # held by an exception; it goes with that
            self.view.release()
            if self._map is not None:
                self._map.close()
        os.close(self.fd)
