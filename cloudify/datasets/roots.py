"""Where the targets of a reference set may lie.

A reference set is data from elsewhere that names files: without a rule it could have the server hand out
``/etc/passwd`` or what answers on its loopback address. By default targets lie beside the set: a
local one's in its folder and below, a remote one's at its origin (scheme, host and port; of S3 its bucket). The entry's
option ``roots`` names more.
"""

from collections.abc import Iterable
from functools import lru_cache
from os.path import realpath
from pathlib import Path
from urllib.parse import unquote, urlsplit

from cloudify.catalog.driver import is_url
from cloudify.datasets.source import RefusedError

SCHEMES = frozenset({"http", "https", "s3"})


class Roots:
    """Tells allowed targets from others.

    >>> roots = Roots("https://example.org/sets/", ["/data"])
    >>> roots.resolve("a.nc"), roots.resolve("/data/x/../b.nc")
    ('https://example.org/sets/a.nc', '/data/b.nc')
    >>> roots.resolve("/data/../etc/passwd")
    Traceback (most recent call last):
    ...
    cloudify.datasets.source.RefusedError: its reference set has a target outside the folders and servers it may name
    """

    def __init__(self, folder: str, more: Iterable[str] = ()) -> None:
        self._folder = folder
        if is_url(folder):
            parts = urlsplit(folder)
            own = f"{parts.scheme}://{parts.netloc}/"
        else:
            own = folder or "/"
        allowed = [own, *more]
        self._urls = [_split(root.rstrip("/") + "/") for root in allowed if not _is_local(root)]
        self._folders = [realpath(_local(root)).rstrip("/") + "/" for root in allowed if _is_local(root)]
        self.resolve = lru_cache(maxsize=65536)(self._resolve)

    def _resolve(self, url: str) -> str:
        """Return a target as an absolute path without links, or as a URL.

        Raises
        ------
        RefusedError
            If it lies elsewhere, or has a scheme that is not read.
        """
        if "::" in url or "\0" in url:
            raise RefusedError("its reference set has a target that is a chain of protocols")
        if not is_url(url) and not url.startswith("/") and is_url(self._folder):
            url = self._folder.rstrip("/") + "/" + url
        if _is_local(url):
            path = realpath(Path(self._folder or "/", _local(url)))
            if any(path.startswith(root) for root in self._folders):
                return path
        elif urlsplit(url).scheme not in SCHEMES:
            raise RefusedError("its reference set has a target with a scheme that is not read here")
        else:
            given = _split(url)
            if any(given[:2] == root[:2] and f"{given[2]}/".startswith(root[2]) for root in self._urls):
                return url
        raise RefusedError("its reference set has a target outside the folders and servers it may name")


def _is_local(url: str) -> bool:
    return not is_url(url) or urlsplit(url).scheme == "file"


def _local(url: str) -> str:
    if not is_url(url):
        return url
    parts = urlsplit(url)
    if parts.netloc not in {"", "localhost"}:
        raise RefusedError("its reference set has a file of another machine as a target")
    return unquote(parts.path)


def _split(url: str) -> tuple[str, str, str]:
    """Return scheme, origin and path of a URL; a root's path ends in a slash, or is a single file."""
    parts = urlsplit(url)
    path = unquote(parts.path) or "/"
    if any(part in {".", ".."} for part in path.split("/")) or "@" in parts.netloc or "\\" in url:
        raise RefusedError("its reference set has a target whose URL is not plain")
    return parts.scheme, parts.netloc.lower(), path
