"""HTTP/1.1 as bytes on a socket: sends what no client library would, and sees what none would show."""

import re
import select
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from http import HTTPStatus
from types import TracebackType
from typing import Self
from urllib.parse import unquote, urlsplit

ANSWER_S = 30.0
READ_NBYTES = 65_536
MAX_HEAD_NBYTES = 262_144
MAX_TARGET_LENGTH = 65_535
"""A longer one may be refused unread: uvicorn's parser counts in 16 bits. RFC 9112 asks for 8000."""
_STATUS_LINE = re.compile(rb"HTTP/1\.1 ([1-5][0-9]{2}) ?[^\r\n]*")
_ORIGIN_FORM = re.compile(
    r"/(?:[A-Za-z0-9._~!$&'()*+,;=:@/-]++|%[0-9A-Fa-f]{2})*+"  # path
    r"(?:\?(?:[A-Za-z0-9._~!$&'()*+,;=:@/?-]++|%[0-9A-Fa-f]{2})*+)?"  # query
)
_BODILESS = frozenset({204, 304})


class WireError(Exception):
    """The connection did not bring an answer, or brought more than one."""


@dataclass(frozen=True)  # without slots: cached_property needs a place
class Request:
    """What is sent. Characters of the target are bytes (latin-1)."""

    method: str
    target: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    @cached_property
    def path(self) -> str:
        """The target's path as servers see it: without query, percent-decoded once."""
        return unquote(re.split(r"[?#]", self.target, maxsplit=1)[0])

    @cached_property
    def is_valid(self) -> bool:
        """Whether the target is one that HTTP allows (RFC 9112, section 3.2.1) and servers must be able to read."""
        return len(self.target) <= MAX_TARGET_LENGTH and _ORIGIN_FORM.fullmatch(self.target) is not None

    def encode(self, host: str) -> bytes:
        """Return the bytes of the request."""
        lines = [f"{self.method} {self.target} HTTP/1.1", f"Host: {host}"]
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        if self.body:
            lines.append(f"Content-Length: {len(self.body)}")
        return "\r\n".join([*lines, "", ""]).encode("latin-1") + self.body

    def as_whole_get(self) -> "Request":
        """Return the same request as GET for the whole body."""
        return replace(self, method="GET", headers={k: v for k, v in self.headers.items() if k != "Range"})


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. Names of headers are lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def media_type(self) -> str:
        """The content type without parameters."""
        return self.headers.get("content-type", "").split(";")[0].strip().lower()


class Wire:
    """One connection, kept alive as long as the server lets it. For one thread."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._host, self._address = parts.netloc, (parts.hostname or "", parts.port or 80)
        self._sock: socket.socket | None = None
        self._buffer = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def ask(self, request: Request) -> Answer:
        """Send a request and return its answer.

        Raises
        ------
        WireError
            If there is none, it is cut short, or bytes come that belong to no answer.
        """
        try:
            self._drop_if_ended()
            if self._sock is None:
                self._sock = socket.create_connection(self._address, ANSWER_S)
                self._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._sock.sendall(request.encode(self._host))
            answer = self._answer(request)
        except (OSError, WireError) as error:
            self.close()
            raise WireError(f"{type(error).__name__}: {error}") from error
        left = self._buffer[:100]
        if left or not request.is_valid or _ends(answer.headers):
            self.close()
        if left:
            raise WireError(f"bytes after the answer {answer.status}: {left!r}")
        return answer

    def close(self) -> None:
        """Close the connection; the next request opens another."""
        if self._sock is not None:
            self._sock.close()
        self._sock, self._buffer = None, b""

    def _drop_if_ended(self) -> None:
        """Let go of a connection that the server closed while it was idle."""
        if self._sock is None or not select.select([self._sock], [], [], 0)[0]:
            return
        stray = self._sock.recv(100)
        self.close()
        if stray:
            raise WireError(f"bytes that belong to no answer, or to the one before: {stray!r}")

    def _answer(self, request: Request) -> Answer:
        head = self._read_until(b"\r\n\r\n")
        first, *lines = head.split(b"\r\n")
        match = _STATUS_LINE.fullmatch(first)
        if match is None:
            raise WireError(f"not the beginning of an answer: {first[:100]!r}")
        headers: dict[str, str] = {}
        for line in lines:
            name, _, value = line.decode("latin-1").partition(":")
            known = headers.get(name.lower())
            headers[name.lower()] = value.strip() if known is None else f"{known}, {value.strip()}"
        status = int(match[1])
        # a server that cannot read a request need not know that it was a HEAD
        is_unread = not request.is_valid and status == HTTPStatus.BAD_REQUEST and _ends(headers)
        bodiless = (request.method == "HEAD" and not is_unread) or status in _BODILESS
        if bodiless and _ends(headers):
            self._buffer = self._read_to_end()
        return Answer(status, headers, b"" if bodiless else self._body(headers))

    def _body(self, headers: Mapping[str, str]) -> bytes:
        if headers.get("transfer-encoding", "").lower() == "chunked":
            parts: list[bytes] = []
            while size := int(self._read_until(b"\r\n"), 16):
                parts.append(self._read(size + 2)[:-2])
            self._read_until(b"\r\n")
            return b"".join(parts)
        if "content-length" in headers:
            return self._read(int(headers["content-length"]))
        if _ends(headers):
            return self._read_to_end()
        raise WireError("an answer with neither Content-Length, nor chunks, nor an end")

    def _read(self, nbytes: int) -> bytes:
        while len(self._buffer) < nbytes:
            self._fill()
        data, self._buffer = self._buffer[:nbytes], self._buffer[nbytes:]
        return data

    def _read_until(self, mark: bytes) -> bytes:
        while mark not in self._buffer:
            if len(self._buffer) > MAX_HEAD_NBYTES:
                raise WireError("headers without an end")
            self._fill()
        data, _, self._buffer = self._buffer.partition(mark)
        return data

    def _read_to_end(self) -> bytes:
        while self._receive():
            pass
        data, self._buffer = self._buffer, b""
        return data

    def _fill(self) -> None:
        if not self._receive():
            raise WireError(f"the connection ended within an answer, after {self._buffer[:100]!r}")

    def _receive(self) -> bool:
        """Wait for more bytes; False at the end of the connection."""
        if self._sock is None:
            raise WireError("the connection is closed")
        data = self._sock.recv(READ_NBYTES)
        self._buffer += data
        return bool(data)


def _ends(headers: Mapping[str, str]) -> bool:
    """Whether the server ends the connection after this answer."""
    return headers.get("connection", "").lower() == "close"
