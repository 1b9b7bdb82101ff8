"""Objects of a web server."""

from collections.abc import Mapping
from errno import EIO, ETIMEDOUT
from time import monotonic
from urllib.parse import quote, urlsplit, urlunsplit

import httpx

from cloudify.datasets.objects import Part, cut, too_large

MAX_SKIPPED_NBYTES = 2**26
"""Most bytes read for nothing where a server sends the whole file instead of the part we asked for."""


class WebObjects:
    """Files below a URL.

    Parameters
    ----------
    follow
        Whether a redirect is followed; not where the URL comes from a reference set, as it could lead anywhere.
    """

    def __init__(self, base: str, *, headers: Mapping[str, str], timeout_s: float, follow: bool = True) -> None:
        self._base, self._timeout_s = urlsplit(base), timeout_s
        own = {"accept-encoding": "identity"}  # what is stored, not what a proxy makes of it
        self._client = httpx.Client(timeout=timeout_s, follow_redirects=follow, headers=own | dict(headers))

    def read(self, key: str, part: Part | None = None, *, limit_nbytes: int) -> bytes | None:
        """Return the bytes of a file or of a part of it (`Objects.read`).

        404 and 410 mean that there is none; every other status but 2xx is a failure.
        """
        return self.fetch(self._url(key), part, limit_nbytes=limit_nbytes)

    def size(self, key: str) -> int | None:
        """Return how many bytes a file has (`Objects.size`)."""
        return self.measure(self._url(key))

    def fetch(self, url: str, part: Part | None, *, limit_nbytes: int) -> bytes | None:
        """Return the bytes at a whole URL, as `read` does."""
        deadline = monotonic() + self._timeout_s
        try:
            with self._client.stream("GET", url, headers=_range(part)) as answer:
                if answer.status_code in {httpx.codes.NOT_FOUND, httpx.codes.GONE}:
                    return None
                if answer.status_code == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE:
                    return b""
                if not answer.is_success:
                    raise OSError(EIO, f"the other server answered {answer.status_code}")
                whole = part is not None and answer.status_code != httpx.codes.PARTIAL_CONTENT
                data = self._collect(answer, part if whole else None, limit_nbytes, deadline)
                return cut(data, part) if whole else data
        except httpx.HTTPError as error:
            raise OSError(EIO, f"the other server failed ({type(error).__name__})") from None  # its text has the URL

    def measure(self, url: str) -> int | None:
        """Return how many bytes there are at a whole URL, as `size` does."""
        try:
            answer = self._client.head(url)
        except httpx.HTTPError as error:
            raise OSError(EIO, f"the other server failed ({type(error).__name__})") from None  # its text has the URL
        if answer.status_code in {httpx.codes.NOT_FOUND, httpx.codes.GONE}:
            return None
        length = answer.headers.get("content-length", "")
        if not answer.is_success or not length.isdecimal():
            raise OSError(EIO, f"the other server answered {answer.status_code} without a length")
        return int(length)

    def _url(self, key: str) -> str:
        path = f"{self._base.path.rstrip('/')}/{quote(key)}" if key else self._base.path
        return urlunsplit(self._base._replace(path=path, fragment=""))

    @staticmethod
    def _collect(answer: httpx.Response, part: Part | None, limit_nbytes: int, deadline: float) -> bytes:
        """Read an answer; of one that is not partial, although we asked, as much as has the part in it."""
        most = limit_nbytes
        stop = None
        if part is not None:
            stop = part.offset + part.length if part.offset >= 0 and part.length is not None else None
            most = max(limit_nbytes, stop or 0)
            if most > limit_nbytes + MAX_SKIPPED_NBYTES:
                raise OSError(EIO, "the other server does not answer with parts of files")
        out = bytearray()
        for piece in answer.iter_bytes():  # as it comes: a fixed size would wait for a slow server
            out += piece
            if stop is not None and len(out) >= stop:
                break
            if len(out) > most:
                raise too_large()
            if monotonic() > deadline:
                raise OSError(ETIMEDOUT, "the other server is too slow")
        return bytes(out)


def _range(part: Part | None) -> dict[str, str]:
    if part is None:
        return {}
    if part.offset < 0:
        return {"range": f"bytes={part.offset}"}
    last = "" if part.length is None else part.offset + part.length - 1
    return {"range": f"bytes={part.offset}-{last}"}
