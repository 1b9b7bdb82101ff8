"""Bytes by key, from a folder, a web server or an object store; blocking, bounded in bytes and time."""

import os
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, NamedTuple, Protocol
from urllib.parse import urlsplit

from cloudify.catalog.driver import is_url
from cloudify.datasets.source import RefusedError
from cloudify.settings import Settings

ACCESS_OPTIONS = {"headers", "endpoint_url", "region", "access_key_id", "secret_access_key", "anonymous"}
"""Options of an entry that say how its source is reached; the others are arguments for xarray."""


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
        return LocalObjects(href)
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
        path = f"{self.root}/{key}" if key else self.root
        try:
            handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)  # a pipe must not make us wait
        except (FileNotFoundError, NotADirectoryError):
            return None
        with _closing(handle):
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

    def size(self, key: str) -> int | None:
        """Return how many bytes a file has (`Objects.size`)."""
        try:
            return os.stat(f"{self.root}/{key}" if key else self.root).st_size  # noqa: PTH116  # hot path
        except (FileNotFoundError, NotADirectoryError):
            return None


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
