"""Documents of catalogs, from disk or from a web server: bounded in bytes, number and time."""

import os
from collections.abc import Callable
from stat import S_ISREG
from threading import Lock
from time import monotonic
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

from cloudify.catalog.driver import is_url
from cloudify.catalog.unfit import UnfitError, shown
from cloudify.settings import Settings

if TYPE_CHECKING:
    import httpx

MAX_NBYTES = 2**28
"""Of all documents of one target."""
MAX_S = 60.0
"""For all documents of one target; each has the time of any remote source besides."""
MAX_REDIRECTS = 5
TOLD_NBYTES = 2**16
"""Beginning of a document by which its kind may be told."""


class Fetch:
    """Reads the documents of one target. Safe to use from many threads."""

    def __init__(self, settings: Settings) -> None:
        self._timeout_s = settings.remote_timeout_s
        self._end = monotonic() + MAX_S
        self._left_nbytes = MAX_NBYTES
        self._lock = Lock()
        self._client: httpx.Client | None = None

    def read(
        self, href: str, *, limit_nbytes: int, redirects: int = 0,
        stop: Callable[[bytes], bool] | None = None,
    ) -> tuple[bytes, str]:  # fmt: skip
        """Return a document, and the URL or path where it was found.

        Parameters
        ----------
        redirects
            Most that are followed: none where a stranger named the URL.
        stop
            Told the beginning of a document from a web server; the rest is not read if it says so.

        Raises
        ------
        UnfitError
            If it is not there, is too large, or takes too long.
        """
        data, found = (
            self._get(href, redirects, limit_nbytes, stop) if is_url(href) else (_read(href, limit_nbytes), href)
        )
        with self._lock:
            self._left_nbytes -= len(data)
            if self._left_nbytes < 0:
                raise UnfitError(f"at most {MAX_NBYTES} bytes of documents in all", "more")
        return data, found

    def close(self) -> None:
        """Let go of connections."""
        if self._client is not None:
            self._client.close()

    def _get(
        self, url: str, redirects: int, limit_nbytes: int, stop: Callable[[bytes], bool] | None
    ) -> tuple[bytes, str]:
        import httpx  # noqa: PLC0415  # only who reads http pays for it

        with self._lock:
            if self._client is None:
                self._client = httpx.Client(timeout=self._timeout_s, headers={"accept-encoding": "identity"})
        end = min(self._end, monotonic() + self._timeout_s)
        try:
            for _ in range(redirects + 1):
                if monotonic() > end:
                    break
                with self._client.stream("GET", url) as answer:
                    if answer.is_redirect:
                        url = _redirected(url, answer)
                        continue
                    if not answer.is_success:
                        raise UnfitError("a document", f"the status {answer.status_code}")
                    return _collect(answer, limit_nbytes, end, stop), url
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise UnfitError("a document", type(error).__name__) from None  # its text has the URL
        if monotonic() > end:
            raise _too_slow()
        raise UnfitError(f"a document after at most {redirects} redirects", "another redirect")


def _redirected(url: str, answer: "httpx.Response") -> str:
    target = urljoin(url, str(answer.headers.get("location", "")))
    if urlsplit(target).scheme not in {"http", "https"}:
        raise UnfitError("a redirect to an http or https URL", shown(target))
    return target


def _collect(answer: "httpx.Response", limit_nbytes: int, end: float, stop: Callable[[bytes], bool] | None) -> bytes:
    coding = answer.headers.get("content-encoding", "identity")
    if coding != "identity":
        raise UnfitError("a document as it is, as was asked for", f"the coding {coding[:40]!r}")  # it might inflate
    out = bytearray()
    for piece in answer.iter_raw():
        begins = len(out) < TOLD_NBYTES
        out += piece
        if len(out) > limit_nbytes:
            raise UnfitError(f"a document of at most {limit_nbytes} bytes", "a larger one")
        if monotonic() > end:
            raise _too_slow()
        if stop is not None and begins and len(out) >= TOLD_NBYTES and stop(bytes(out)):
            break
    return bytes(out)


def _read(path: str, limit_nbytes: int) -> bytes:
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)  # a pipe must not make us wait
        with os.fdopen(handle, "rb") as file:
            if not S_ISREG(os.fstat(handle).st_mode):
                raise UnfitError("a file", "something else")
            data = file.read(limit_nbytes + 1)
    except OSError as error:
        raise UnfitError("a readable file", error.strerror or type(error).__name__) from error
    if len(data) > limit_nbytes:
        raise UnfitError(f"a file of at most {limit_nbytes} bytes", "a larger one")
    return data


def _too_slow() -> UnfitError:
    return UnfitError("a document in time", "one that takes too long")
