"""Bytes by key, from a folder, a web server or an object store; blocking, bounded in bytes and time."""

import os
from collections.abc import Mapping
from contextlib import suppress
from errno import EOPNOTSUPP
from pathlib import Path
from time import sleep, time_ns
from typing import Any, NamedTuple, Protocol
from urllib.parse import urlsplit
from weakref import finalize

from cloudify.catalog.driver import is_url
from cloudify.datasets.settle import missing_s, settling
from cloudify.datasets.source import ChangedError, RefusedError
from cloudify.settings import Settings

ACCESS_OPTIONS = {"headers", "endpoint_url", "region", "access_key_id", "secret_access_key", "anonymous"}
"""Options of an entry that say how its source is reached; the others are arguments for xarray."""

_READ = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK  # a pipe must not make us wait


def reader_options(options: Mapping[str, object], *own: str) -> dict[str, Any]:
    """Return those options of an entry that are arguments for xarray: without access, and without an opener's `own`."""
    return {name: value for name, value in options.items() if name not in ACCESS_OPTIONS and name not in own}


class Part(NamedTuple):
    """A part of an object."""

    offset: int
    """From the end where it is negative."""
    length: int | None = None
    """None for all of the rest."""


def cut(data: bytes, part: Part | None) -> bytes:
    """Return a part of bytes that are there as a whole."""
    if part is None:
        return data
    start = max(0, len(data) + part.offset) if part.offset < 0 else part.offset
    return data[start:] if part.length is None else data[start : start + part.length]


class Objects(Protocol):
    """Where a source is kept. Safe to use from many threads."""

    def read(self, key: str, part: Part | None = None, *, limit_nbytes: int) -> bytes | None:
        """Return the bytes of an object or of a part of it, fewer where it ends before; None where there is none.

        Parameters
        ----------
        key
            Relative, parts joined by ``/``; ``""`` is the root itself. The caller has looked at it.

        Raises
        ------
        RefusedError
            If there are more than `limit_nbytes`.
        OSError, httpx.HTTPError
            If the source fails, or takes longer than its timeout.
        """
        ...

    def size(self, key: str) -> int | None:
        """Return how many bytes an object has, None where there is none; failures as of `read`."""
        ...


def objects_at(
    href: str, options: Mapping[str, object], settings: Settings, *, timeout_s: float, follow: bool = True
) -> Objects:
    """Return what is below a path or URL.

    Parameters
    ----------
    options
        Of the entry: ``headers`` for http, ``endpoint_url`` and so on for s3.
    follow
        Whether redirects are followed.

    Raises
    ------
    RefusedError
        If nothing here reads URLs of its scheme.
    """
    if not is_url(href):
        return FolderObjects(href, settings.settle_s) if Path(href).is_dir() else LocalObjects(href)
    scheme = urlsplit(href).scheme
    if scheme in {"http", "https"}:
        from cloudify.datasets.web import WebObjects  # noqa: PLC0415  # only who reads http pays for it

        return WebObjects(href, headers=_texts(options.get("headers")), timeout_s=timeout_s, follow=follow)
    if scheme == "s3":
        from cloudify.datasets.s3 import S3Objects  # noqa: PLC0415

        return S3Objects(href, options, settings, timeout_s=timeout_s)
    raise RefusedError("its URL has a scheme that is not read here; there are http, https and s3")


def too_large() -> RefusedError:
    """Return the failure of an object above its limit."""
    return RefusedError("a stored object is far larger than its metadata declares")


class LocalObjects:
    """Files below a folder, read with ``pread``."""

    def __init__(self, root: str) -> None:
        self.root = root

    def read(self, key: str, part: Part | None = None, *, limit_nbytes: int) -> bytes | None:
        """Return the bytes of a file or of a part of it (`Objects.read`)."""
        try:
            handle = os.open(f"{self.root}/{key}" if key else self.root, _READ)
        except (FileNotFoundError, NotADirectoryError):
            return None
        with _closing(handle):
            return _read(handle, part, limit_nbytes)

    def size(self, key: str) -> int | None:
        """Return how many bytes a file has (`Objects.size`)."""
        try:
            return os.stat(f"{self.root}/{key}" if key else self.root).st_size  # noqa: PTH116  # hot path
        except (FileNotFoundError, NotADirectoryError):
            return None


class FolderObjects(LocalObjects):
    """Files below a folder as it is when this is made: what was written or removed since is a failure, not data.

    The folder itself is held, so that one that is moved away goes on being read, and not what takes its place.

    Parameters
    ----------
    settle_s
        How long a file must not have been written, where the folder was read before.
    """

    def __init__(self, root: str, settle_s: float) -> None:
        super().__init__(root)
        self._folder = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        finalize(self, os.close, self._folder)
        self._rest_s = settling.rest_s(root, os.fstat(self._folder), settle_s)
        self._since_ns = time_ns()
        self._tells = hasattr(os, "RWF_NOWAIT")
        """Whether its file system can tell what is in memory; those over a network rarely can."""

    def read(self, key: str, part: Part | None = None, *, limit_nbytes: int) -> bytes | None:
        """Return the bytes of a file or of a part of it (`Objects.read`).

        Raises
        ------
        ChangedError
            If it was written since, or is absent from where files were added or removed since.
        """
        try:
            handle = os.open(key or ".", _READ, dir_fd=self._folder)
        except (FileNotFoundError, NotADirectoryError):
            self._check_absence(key)
            return None
        with _closing(handle):
            data = _read(handle, part, limit_nbytes)
            wait_s = missing_s(self._unchanged(os.fstat(handle)), self._rest_s)
            if wait_s:
                sleep(wait_s)
                data = _read(handle, part, limit_nbytes)
                self._unchanged(os.fstat(handle))
            return data

    def at_hand(self, key: str, *, limit_nbytes: int) -> bytes | None:
        """Return a file that can be read without waiting for a disk or a writer; None for any other (`read`)."""
        if not self._tells:
            return None
        try:
            handle = os.open(key, _READ, dir_fd=self._folder)
        except OSError:
            return None
        with _closing(handle):
            try:
                nbytes = os.fstat(handle).st_size
                data = _read_at_once(handle, nbytes) if nbytes <= limit_nbytes else None
                return data if not missing_s(self._unchanged(os.fstat(handle)), self._rest_s) else None
            except OSError as error:  # also of what is not in memory, and of what was changed
                self._tells = error.errno != EOPNOTSUPP
                return None

    def size(self, key: str) -> int | None:
        """Return how many bytes a file has; raises as `read`."""
        try:
            return self._unchanged(os.stat(key or ".", dir_fd=self._folder)).st_size
        except (FileNotFoundError, NotADirectoryError):
            self._check_absence(key)
            return None

    def _check_absence(self, key: str) -> None:
        while key:
            key = key.rpartition("/")[0]
            try:
                self._unchanged(os.stat(key or ".", dir_fd=self._folder))
            except (FileNotFoundError, NotADirectoryError):
                continue
            return

    def _unchanged(self, status: os.stat_result) -> os.stat_result:
        """Return a status that is older than this; of times in the future nothing follows."""
        if self._since_ns <= status.st_mtime_ns <= time_ns():
            raise ChangedError(status.st_mtime_ns)
        return status


def _read(handle: int, part: Part | None, limit_nbytes: int) -> bytes:
    size = os.fstat(handle).st_size
    offset, length = part or Part(0)
    start = max(0, size + offset) if offset < 0 else min(offset, size)
    wanted = size - start if length is None else min(length, size - start)
    if wanted > limit_nbytes:
        raise too_large()
    pieces: list[bytes] = []
    while wanted > 0 and (piece := os.pread(handle, wanted, start)):
        pieces.append(piece)
        start, wanted = start + len(piece), wanted - len(piece)
    return b"".join(pieces)


def _read_at_once(handle: int, nbytes: int) -> bytes | None:
    """Return the first bytes of a file if all are in memory.

    Raises
    ------
    OSError
        If none are, or the file system cannot tell (`EOPNOTSUPP`).
    """
    data = bytearray(nbytes)
    return bytes(data) if os.preadv(handle, [data], 0, os.RWF_NOWAIT) == nbytes else None


class _closing:  # noqa: N801  # reads like contextlib's
    def __init__(self, handle: int) -> None:
        self._handle = handle

    def __enter__(self) -> None:
        return None

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):
            os.close(self._handle)


def _texts(value: object) -> dict[str, str]:
    return {str(name): str(text) for name, text in value.items()} if isinstance(value, Mapping) else {}
