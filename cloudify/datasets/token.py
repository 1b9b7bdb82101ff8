"""Version tokens: text that changes when the bytes of a dataset may have changed.

File: size, modification time in ns, inode. zarr store: its metadata documents and the newest modification time of a
bounded listing. http: ETag, else Last-Modified and length. Where the entry says ``immutable``: its href alone.
"""

import os
from collections.abc import Iterator
from hashlib import blake2b
from pathlib import Path

import httpx

from cloudify.catalog.driver import is_url
from cloudify.model.entry import Entry

LISTED = 4096
"""Most files of a zarr store whose modification time is looked at."""

_METADATA = (".zmetadata", "zarr.json", ".zgroup", ".zattrs", ".zarray")


def is_cheap(entry: Entry) -> bool:
    """Whether a token costs one system call, so that it may be asked for at every request."""
    return entry.immutable or not (is_url(entry.href) or os.path.isdir(entry.href))  # noqa: PTH112  # hot path


def version_token(entry: Entry, *, timeout_s: float) -> str:
    """Return the version token of an entry as it is now.

    Raises
    ------
    OSError, httpx.HTTPError
        If the source is not there.
    """
    if entry.immutable:
        parts: Iterator[object] = iter(("immutable", entry.href))
    elif is_url(entry.href):
        parts = _of_url(entry, timeout_s)
    else:
        status = os.stat(entry.href)  # noqa: PTH116  # hot path
        is_folder = os.path.isdir(entry.href)  # noqa: PTH112
        parts = _of_folder(Path(entry.href)) if is_folder else iter((status.st_size, status.st_mtime_ns, status.st_ino))
    text = "\n".join(map(str, (entry.driver, entry.codec, sorted(entry.options.items()), *parts)))
    return blake2b(text.encode(), digest_size=12).hexdigest()


def _of_folder(root: Path) -> Iterator[object]:
    newest, count = 0, 0
    for folder, names, files in os.walk(root):
        names.sort()
        for name in _METADATA:
            if name in files:
                yield name
                yield Path(folder, name).read_bytes()
        for name in ["", *files]:
            newest = max(newest, os.stat(os.path.join(folder, name)).st_mtime_ns)  # noqa: PTH116, PTH118
            count += 1
        if count > LISTED:
            break
    yield newest


def _of_url(entry: Entry, timeout_s: float) -> Iterator[object]:
    marks = ("zarr.json", ".zmetadata", ".zgroup") if entry.driver == "zarr" else ("",)
    with httpx.Client(timeout=timeout_s, follow_redirects=True) as client:
        for mark in marks:
            answer = client.head(f"{entry.href.rstrip('/')}/{mark}" if mark else entry.href)
            if answer.is_success:
                tags = ("etag", "last-modified", "content-length")
                yield [mark, *(answer.headers.get(name, "") for name in tags)]
                return
            if answer.status_code != httpx.codes.NOT_FOUND:
                answer.raise_for_status()
    raise FileNotFoundError(2, "the URL answers 404")
