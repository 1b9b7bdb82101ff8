"""The outermost layer of a server: keys whose answer takes no waiting, past every layer that serves the rest.

What is answered here is answered by the layers too, with the same status, headers and bytes (a test compares them): the
lane takes what is simple, a GET or HEAD for a document, a chunk that is kept, or a key that is none. Ranges, conditions
but the usual one, cookies, pages for browsers, and whatever has to be opened, read or computed go the whole way.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import count
from secrets import token_hex
from typing import Protocol, runtime_checkable

from starlette.types import ASGIApp, Receive, Scope, Send

from cloudify.errors import UnknownKeyError
from cloudify.http.bytes import KeyBytes, Ready
from cloudify.http.cors import MARK
from cloudify.http.problems import HEADERS, MEDIA_TYPE, Problem

MOST_KNOWN = 2**15
"""Most keys whose headers are kept; then all are forgotten, which costs each of them one look-up."""
_CAREFUL = frozenset(
    {b"range", b"if-range", b"if-match", b"cookie", b"x-request-id", b"content-length", b"transfer-encoding", b"expect"}
)
_READS = frozenset({"GET", "HEAD"})
_PROBLEM_HEADERS = tuple(
    (name.encode(), text.encode()) for name, text in {**HEADERS, "content-type": MEDIA_TYPE}.items()
)
Answer = tuple[int, Sequence[tuple[bytes, bytes]], bytes]
"""Status, headers, body."""
_PARTS = 5
"""Of ``/datasets/ID/NAME/KEY``, split at slashes."""


@runtime_checkable
class HasBytePaths(Protocol):
    """A plugin whose keys the lane may answer."""

    def byte_paths(self) -> Mapping[str, KeyBytes]:
        """Return its byte paths by their name below a dataset, after its routes were made."""
        ...


def byte_paths(plugins: Iterable[object]) -> dict[str, KeyBytes]:
    """Return the byte paths of all plugins."""
    return {
        name: keys
        for plugin in plugins
        if isinstance(plugin, HasBytePaths)
        for name, keys in plugin.byte_paths().items()
    }


class FastLane:
    """ASGI layer around all others.

    Parameters
    ----------
    app
        Everything, with all its layers.
    keys
        Name below a dataset, as ``zarr`` -> its byte path.
    is_known
        Whether the server answers to a Host.
    """

    def __init__(self, app: ASGIApp, keys: Mapping[str, KeyBytes], is_known: Callable[[str], bool]) -> None:
        self.app, self._keys, self._is_known = app, dict(keys), is_known
        self._hosts: dict[bytes, bool] = {}
        self._known: dict[tuple[str, bytes | None], tuple[KeyBytes, Ready]] = {}
        self._ids, self._start = count(1), token_hex(12)
        self._names = {keys: name for name, keys in self._keys.items()}
        self._answered: defaultdict[tuple[KeyBytes | None, int], int] = defaultdict(int)
        self.sent_nbytes = 0
        """Bodies sent so far."""

    def answered(self) -> Iterator[tuple[str, int, int]]:
        """Yield name, status and how many were answered so with it so far."""
        for (keys, status), number in self._answered.copy().items():
            if keys is not None:
                yield self._names[keys], status, number

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or pass it on."""
        if scope["type"] != "http" or not scope["path"].startswith("/datasets/") or scope["root_path"]:
            await self.app(scope, receive, send)
            return
        asked: dict[bytes, bytes] = dict(scope["headers"])
        method = scope["method"]
        if method not in _READS or not _CAREFUL.isdisjoint(asked) or not self._answers_to(asked):
            await self.app(scope, receive, send)
            return
        request_id = f"{self._start}{next(self._ids):08x}"
        answer = self._answer(scope, asked, request_id)
        if answer is None:
            await self.app(scope, receive, send)
            return
        status, headers, body = answer
        if method == "HEAD":
            body = b""
        self.sent_nbytes += len(body)
        headers = [*headers, *MARK, (b"x-request-id", request_id.encode())]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    def _answer(self, scope: Scope, asked: dict[bytes, bytes], request_id: str) -> Answer | None:
        path, accept_encoding = scope["path"], asked.get(b"accept-encoding")
        keys, ready = self._known.get((path, accept_encoding), (None, None))
        if keys is None or ready is None or not keys.is_now(ready):
            keys, found = self._find(path, scope["query_string"], accept_encoding)
            if isinstance(found, UnknownKeyError):
                is_plain = not scope["query_string"] and path.isprintable()  # ?f=html; no route has a line break
                wants_page = b"text/html" in asked.get(b"accept", b"")
                self._answered[keys, 404] += is_plain and not wants_page
                return _absent(found, path, request_id) if is_plain and not wants_page else None
            if keys is None or found is None:
                return None
            ready = found
        condition = asked.get(b"if-none-match")
        if condition == ready.etag:
            self._answered[keys, 304] += 1
            return 304, ready.unsent_headers, b""
        body = keys.body_of(ready) if condition is None else None
        if body is None:
            return None
        self._answered[keys, 200] += 1
        return 200, (*ready.headers, (b"content-length", b"%d" % len(body))), body

    def _find(
        self, path: str, query: bytes, accept_encoding: bytes | None
    ) -> tuple[KeyBytes | None, Ready | UnknownKeyError | None]:
        parts = path.split("/", _PARTS - 1)
        keys = self._keys.get(parts[3]) if len(parts) == _PARTS else None
        if keys is None:
            return None, None
        found = keys.ready(parts[2], parts[4], query, accept_encoding)
        if isinstance(found, Ready):
            if len(self._known) >= MOST_KNOWN:
                self._known.clear()
            self._known[path, accept_encoding] = keys, found
        return keys, found

    def _answers_to(self, asked: dict[bytes, bytes]) -> bool:
        host = asked.get(b"host", b"")
        known = self._hosts.get(host)
        if known is None:
            known = self._is_known(host.decode("latin-1"))
            if len(self._hosts) < MOST_KNOWN:
                self._hosts[host] = known
        return known


def _absent(error: UnknownKeyError, path: str, request_id: str) -> Answer:
    problem = Problem.of(error)
    body = problem.body(path, request_id)
    return problem.status, (*_PROBLEM_HEADERS, (b"content-length", b"%d" % len(body))), body
