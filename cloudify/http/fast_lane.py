"""The outermost layer of a server: keys whose answer takes no waiting, past every layer that serves the rest.

What is answered here is answered by the layers too, with the same status, headers and bytes (a test compares them): the
lane takes what is simple, a GET or HEAD for a document, a chunk that is kept, or a key that is none. Ranges, conditions
but the usual one, credentials, pages for browsers, and whatever has to be opened, read or computed go the whole way. So
nobody in particular asks here, and what has an owner is neither found nor kept.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import count
from secrets import token_hex
from typing import Protocol, runtime_checkable

from starlette.types import ASGIApp, Receive, Scope, Send

from cloudify.http.access import visited_by_nobody
from cloudify.http.bytes import Absent, KeyBytes, Ready
from cloudify.http.cors import MARK
from cloudify.http.problems import HEADERS, MEDIA_TYPE, Problem

MOST_KNOWN = 2**15
"""Most keys whose headers are kept; then all are forgotten, which costs each of them one look-up."""
_CAREFUL = frozenset({
    b"authorization", b"range", b"if-range", b"if-match", b"cookie", b"x-request-id", b"content-length",
    b"transfer-encoding", b"expect",
})  # fmt: skip
MOST_ABSENT = 2**12
"""Most keys that are none whose answers are kept; then all are forgotten."""
_SOME_ID = "0" * 32
_END = f'{_SOME_ID}"}}'
"""The last member of a problem is the id of its request."""
_READS = frozenset({"GET", "HEAD"})
_PROBLEM_HEADERS = tuple(
    (name.encode(), text.encode()) for name, text in {**HEADERS, "content-type": MEDIA_TYPE}.items()
)
Headers = Sequence[tuple[bytes, bytes]]
Answer = tuple[int, Headers, bytes]
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
        self._absent: dict[str, tuple[KeyBytes, Absent, Headers, bytes]] = {}
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
        visited_by_nobody()  # the context may be a copy of that of a former request on this connection
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
        known = self._known.get((scope["path"], asked.get(b"accept-encoding")))
        looked = known if known is not None and known[0].is_now(known[1]) else self._look(scope, asked)
        if looked is None:
            return None
        keys, found = looked
        if isinstance(found, Absent):
            return self._refusal(scope["path"], request_id)
        condition = asked.get(b"if-none-match")
        if condition == found.etag:
            self._answered[keys, 304] += 1
            return 304, found.unsent_headers, b""
        body = keys.body_of(found) if condition is None else None
        if body is None:
            return None
        self._answered[keys, 200] += 1
        return 200, (*found.headers, (b"content-length", b"%d" % len(body))), body

    def _look(self, scope: Scope, asked: dict[bytes, bytes]) -> tuple[KeyBytes, Ready | Absent] | None:
        """Return what a path names; of what is no key only what needs no page, and no other route has."""
        path, query = scope["path"], scope["query_string"]
        is_plain = not query and b"text/html" not in asked.get(b"accept", b"")  # nor ?f=html
        if is_plain and path in self._absent:
            its_keys, absent, *_ = self._absent[path]
            if its_keys.is_now(absent):
                return its_keys, absent
        parts = path.split("/", _PARTS - 1)
        keys = self._keys.get(parts[3]) if len(parts) == _PARTS else None
        found = keys.ready(parts[2], parts[4], query, asked.get(b"accept-encoding")) if keys is not None else None
        if keys is None or found is None:
            return None
        if isinstance(found, Absent):
            if not is_plain or not path.isprintable():  # no route has a line break
                return None
            self._refuse(path, keys, found)
        else:
            self._keep(path, asked, keys, found)
        return keys, found

    def _keep(self, path: str, asked: dict[bytes, bytes], keys: KeyBytes, found: Ready) -> None:
        if len(self._known) >= MOST_KNOWN:
            self._known.clear()
        self._known[path, asked.get(b"accept-encoding")] = keys, found

    def _refuse(self, path: str, keys: KeyBytes, absent: Absent) -> None:
        """Keep what is said of a key that is none, but for the id of the request."""
        body = Problem.of(absent.error).body(path, _SOME_ID)
        if len(self._absent) >= MOST_ABSENT:
            self._absent.clear()
        headers = (*_PROBLEM_HEADERS, (b"content-length", b"%d" % len(body)))
        self._absent[path] = keys, absent, headers, body[: -len(_END)]

    def _refusal(self, path: str, request_id: str) -> Answer:
        keys, _, headers, start = self._absent[path]
        self._answered[keys, 404] += 1
        return 404, headers, b'%b%b"}' % (start, request_id.encode())

    def _answers_to(self, asked: dict[bytes, bytes]) -> bool:
        host = asked.get(b"host", b"")
        known = self._hosts.get(host)
        if known is None:
            known = self._is_known(host.decode("latin-1"))
            if len(self._hosts) < MOST_KNOWN:
                self._hosts[host] = known
        return known
