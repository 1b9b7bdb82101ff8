"""One server, as its client reaches it: everything that goes over the network, but chunks, goes through here.

Whatever may be asked twice is asked again when the server is busy or the connection is lost, a few times; what may
not is never sent twice. Redirects are not followed, so that a token goes to the server it was meant for.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from time import sleep
from urllib.parse import urlsplit

import httpx

from cloudify.client.payload import encode
from cloudify.client.refusals import as_json, refusal, retry_after_s
from cloudify.client.token import Token, is_this_machine
from cloudify.errors import InvalidCallError, UnreachableError

CONNECT_S, ANSWER_S = 10.0, 60.0
"""Longest wait for a connection, and for the next bytes of an answer."""
TRIES = 5
LONGEST_PAUSE_S = 30.0
"""A server that asks to come again later than this is not asked again."""
FIRST_PAUSE_S = 0.2
"""After a lost connection; twice as long with each."""
BUSY = frozenset({429, 503})

Query = Mapping[str, str | int]


class Session:
    """The URL of a server, a token, and connections. Safe to use from many threads."""

    def __init__(self, url: str, token: Token | None) -> None:
        self.url = _checked(url)
        self.token = token
        self.is_local = is_this_machine(self.url)
        headers = {"accept": "application/json", "user-agent": "cloudify", **self.authorization()}
        self._client = httpx.Client(
            headers=headers,
            timeout=httpx.Timeout(ANSWER_S, connect=CONNECT_S),
            trust_env=not self.is_local,  # no proxy between this machine and itself: it would be shown the token
        )

    def authorization(self) -> dict[str, str]:
        """Return the header that shows the token, none without one."""
        return {"Authorization": f"Bearer {self.token.text}"} if self.token else {}

    def get(
        self, path: str, query: Query | None = None, *, tries: int = TRIES, timeout_s: float = ANSWER_S
    ) -> httpx.Response:
        """Ask for something, again if the server is busy or the connection is lost.

        Raises
        ------
        UnreachableError
            If nobody answers.
        ServerSaysError
            If the server refuses.
        """
        return self._ask("GET", path, tries=tries, params=dict(query or {}), timeout=_timeout(timeout_s))

    def read(self, path: str, query: Query | None = None, *, tries: int = TRIES, timeout_s: float = ANSWER_S) -> object:
        """Return a document of JSON, as `get`."""
        return as_json(self.get(path, query, tries=tries, timeout_s=timeout_s), self.url)

    def post(
        self, path: str, body: Mapping[str, object], headers: Mapping[str, str] | None = None, *, is_repeatable: bool
    ) -> httpx.Response:
        """Send a document.

        Parameters
        ----------
        is_repeatable
            Whether the server takes the same twice for once.

        Raises
        ------
        InvalidCallError
            If it is not JSON.
        UnreachableError
            If nobody answers.
        ServerSaysError
            If the server refuses.
        """
        sent = {"content-type": "application/json", **(headers or {})}
        return self._ask("POST", path, tries=TRIES if is_repeatable else 1, content=encode(body), headers=sent)

    def delete(self, path: str, query: Query) -> httpx.Response:
        """Ask for an end of something, which may be asked for twice. Raises as `get`."""
        return self._ask("DELETE", path, tries=TRIES, params=dict(query))

    @contextmanager
    def stream(self, path: str, headers: Mapping[str, str], *, silence_s: float) -> Iterator[httpx.Response]:
        """Ask for something that is read while it comes; once.

        Parameters
        ----------
        silence_s
            Longest wait for the next bytes.

        Raises
        ------
        UnreachableError
            If nobody answers, or the connection is lost within the block.
        ServerSaysError
            If the server refuses.
        """
        try:
            url, timeout = self.url + path, _timeout(silence_s)
            with self._client.stream("GET", url, headers=dict(headers), timeout=timeout) as answer:
                if not answer.is_success:
                    answer.read()
                    raise refusal(answer, self.token)
                yield answer
        except (httpx.HTTPError, httpx.StreamError) as error:
            raise UnreachableError(self.url, _told(error)) from error

    def close(self) -> None:
        """Let go of connections."""
        self._client.close()

    def _ask(self, method: str, path: str, *, tries: int, **options: object) -> httpx.Response:
        pause_s = FIRST_PAUSE_S
        for left in reversed(range(tries)):
            try:
                answer = self._client.request(method, self.url + path, **options)  # type: ignore[arg-type]  # httpx's own
            except httpx.HTTPError as error:
                if not left or isinstance(error, httpx.ConnectError):
                    raise UnreachableError(self.url, _told(error)) from error
            else:
                if answer.is_success:
                    return answer
                asked_s = retry_after_s(answer)
                if answer.status_code not in BUSY or not left or asked_s > LONGEST_PAUSE_S:
                    raise refusal(answer, self.token)
                pause_s = max(pause_s, asked_s)
            sleep(pause_s)
            pause_s = FIRST_PAUSE_S * 2 ** (tries - left)
        raise AssertionError("the last try returns or raises")


def _timeout(seconds: float) -> httpx.Timeout:
    return httpx.Timeout(seconds, connect=min(CONNECT_S, seconds))


def _told(error: Exception) -> str:
    """Say what happened to a connection, without addresses of objects."""
    words = {
        httpx.ConnectTimeout: f"no connection within {CONNECT_S:g} s",
        httpx.TimeoutException: "it did not answer in time",
        httpx.RemoteProtocolError: "the connection was lost",
        httpx.ReadError: "the connection was lost",
    }
    known = next((text for kind, text in words.items() if isinstance(error, kind)), "")
    return known or re.sub(r"^\[Errno -?\d+\] ", "", str(error)).lower() or type(error).__name__


def _checked(url: str) -> str:
    """Return the root URL of a server, without a slash at its end."""
    try:
        parts = urlsplit(url)
        is_good = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
        httpx.URL(url)
    except (ValueError, httpx.InvalidURL):
        is_good = False
    if not is_good or parts.query or parts.fragment or parts.username is not None:
        raise InvalidCallError(f"{url!r} is no URL of a server: expected e.g. http://127.0.0.1:9000")
    return url.rstrip("/")
