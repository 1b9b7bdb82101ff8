"""Version tokens: text that changes when the bytes of a dataset may have changed.

File: size, modification time in ns, inode; of a series those of each file. zarr store: its inode, its metadata
documents and the newest modification time of a bounded listing. http and S3: ETag, else modification time and length,
of the object or the metadata document. Where the entry says ``immutable``: its href alone. Result of a job: the hash of
its manifest, wherever that is.
"""

import os
from collections.abc import Iterable, Iterator
from errno import EREMOTEIO
from glob import iglob
from hashlib import blake2b
from pathlib import Path
from stat import S_ISDIR
from urllib.parse import urlsplit

from cloudify.catalog.driver import is_parquet, is_url
from cloudify.model.entry import Entry
from cloudify.settings import Settings

Mark = tuple[int, ...]
LISTED = 4096
"""Most files of a zarr store whose modification time is looked at."""

_MARKS = {"zarr": ("zarr.json", ".zmetadata", ".zgroup")}
"""Driver -> what of its sources changes when they do; one of them is there."""
_METADATA = (".zmetadata", "zarr.json", ".zgroup", ".zattrs", ".zarray")


def is_cheap(entry: Entry) -> bool:
    """Whether a token costs no more than looking at one file, so that it may be asked for at every request."""
    if entry.immutable:
        return True
    return not (entry.driver == "series" or is_url(entry.href) or os.path.isdir(entry.href))  # noqa: PTH112  # hot path


def mark_of(entry: Entry) -> Mark:
    """Return what of a source with a cheap token tells that it is the same, at the cost of one system call.

    Raises
    ------
    OSError
        If the source is not there.
    """
    if entry.immutable:
        return ()
    status = os.stat(entry.href)  # noqa: PTH116  # hot path
    return status.st_size, status.st_mtime_ns, status.st_ino


def is_exact(entry: Entry) -> bool:
    """Whether a token, asked for after a read, tells if the source was replaced meanwhile, at a bounded cost."""
    return is_cheap(entry) or entry.driver == "series"


def version_token(entry: Entry, *, timeout_s: float, settings: Settings, seen_ns: int = 0) -> str:
    """Return the version token of an entry as it is now.

    Parameters
    ----------
    seen_ns
        The newest modification time that was met below a directory, which the bounded listing may not reach.

    Raises
    ------
    OSError
        If the source is not there, or cannot be asked.
    """
    href = entry.href
    parts: Iterator[object] = iter(())
    if entry.driver == "result":
        href = Path(href).name
    elif entry.immutable:
        parts = iter(("immutable", href))
    elif is_url(entry.href):
        parts = _of_url(entry, timeout_s, settings)
    elif entry.driver == "series":
        parts = _of_files(local_files(entry))
    else:
        status = os.stat(entry.href)  # noqa: PTH116  # hot path
        is_folder = S_ISDIR(status.st_mode)
        if is_folder:
            parts = _of_folder(Path(entry.href), status.st_ino, seen_ns)
        else:
            parts = iter((status.st_size, status.st_mtime_ns, status.st_ino))
    said = (entry.driver, href, entry.codec, sorted(entry.options.items()), entry.prepare)
    text = "\n".join(map(str, (*said, *parts)))
    return blake2b(text.encode(), digest_size=12).hexdigest()


def glance(entry: Entry) -> tuple[tuple[int, int, int], ...]:
    """Return what a local source looks like from outside, at the cost of a few system calls; ``()`` of a URL."""
    if is_url(entry.href) or not entry.href:
        return ()
    found = []
    for path in local_files(entry):
        for name in ("", *_MARKS["zarr"]):
            try:
                status = os.stat(f"{path}/{name}" if name else path)  # noqa: PTH116
            except (OSError, ValueError):
                continue
            found.append((status.st_size, status.st_mtime_ns, status.st_ino))
    return tuple(found)


def local_files(entry: Entry) -> list[str]:
    """Return the paths that a local entry names: its own, or those of a series."""
    return sorted(iglob(entry.href)) if entry.driver == "series" else [entry.href]  # noqa: PTH207  # hrefs are strings


def _of_files(paths: Iterable[str]) -> Iterator[object]:
    for path in paths:
        status = os.stat(path)  # noqa: PTH116
        yield path, status.st_size, status.st_mtime_ns, status.st_ino


def _of_folder(root: Path, inode: int, seen_ns: int) -> Iterator[object]:
    newest, count = seen_ns, 0
    yield inode
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


def _of_url(entry: Entry, timeout_s: float, settings: Settings) -> Iterator[object]:
    marks = _MARKS.get(entry.driver, ("",))
    if entry.driver == "kerchunk" and is_parquet(entry.href):
        marks = (".zmetadata",)
    if urlsplit(entry.href).scheme == "s3":
        from cloudify.datasets.s3 import S3Objects  # noqa: PLC0415  # only who reads S3 pays for it

        objects = S3Objects(entry.href, entry.options, settings, timeout_s=timeout_s)
        for mark in marks:
            found = objects.head(mark)
            if found is not None:
                yield from (mark, *found)
                return
        raise FileNotFoundError(2, "no such object")
    yield from _of_web(entry.href, marks, timeout_s)


def _of_web(href: str, marks: Iterable[str], timeout_s: float) -> Iterator[object]:
    import httpx  # noqa: PLC0415  # only who reads http pays for it

    try:
        with httpx.Client(timeout=timeout_s, follow_redirects=True) as client:
            for mark in marks:
                answer = client.head(f"{href.rstrip('/')}/{mark}" if mark else href)
                if answer.is_success:
                    tags = ("etag", "last-modified", "content-length")
                    yield [mark, *(answer.headers.get(name, "") for name in tags)]
                    return
                if answer.status_code != httpx.codes.NOT_FOUND:
                    raise OSError(EREMOTEIO, f"the URL answers {answer.status_code}")
    except httpx.HTTPError as error:
        raise OSError(EREMOTEIO, f"the URL cannot be read ({type(error).__name__})") from error
    raise FileNotFoundError(2, "the URL answers 404")
