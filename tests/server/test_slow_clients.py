"""Clients that never finish do not keep anything from those that do."""

import json
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import httpx
import numpy as np
import psutil
import pytest
import xarray as xr

HEAD_S = 1.0
STALL_S = 2.0
LARGE = 24 * 2**20
ENV = {"CLOUDIFY_HEAD_TIMEOUT_S": str(HEAD_S), "CLOUDIFY_STALL_TIMEOUT_S": str(STALL_S)}
SOON_S = 2.5
"""Connections are looked at once a second, on a machine that may be busy."""


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One chunk of random bytes, which no codec makes smaller."""
    path = tmp_path_factory.mktemp("large") / "x.nc"
    values = np.random.default_rng(1).integers(0, 256, LARGE, dtype="u1")
    encoding = {"a": {"chunksizes": (LARGE,)}}
    xr.Dataset({"a": ("x", values)}).to_netcdf(path, engine="h5netcdf", encoding=encoding)
    return path


@pytest.fixture
def server(start: Any, large: Path) -> Any:
    return start("serve", str(large), env=ENV)


@pytest.fixture
def connect(server: Any) -> Iterator[Any]:
    """Connect to the server: ``connect(b"GET ", receive=4096)`` sends something on a new connection."""
    host, port = server.url.removeprefix("http://").split(":")
    with ExitStack() as ends:

        def connect(said: bytes = b"", receive: int = 0) -> socket.socket:
            sock = ends.enter_context(socket.socket())
            if receive:  # small, so that what is not read stays with the server
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive)
            sock.settimeout(20)
            sock.connect((host, int(port)))
            sock.sendall(said)
            return sock

        yield connect


def seconds_until_cut(sock: socket.socket) -> float:
    """Read until the connection ends."""
    before = monotonic()
    with suppress(ConnectionResetError):
        drain(sock)
    return monotonic() - before


def drain(sock: socket.socket) -> None:
    while sock.recv(2**20):
        pass


def drip(sock: socket.socket, data: bytes) -> None:
    for byte in data:
        sock.sendall(bytes([byte]))
        sleep(0.05)


def request(path: str, *headers: str) -> bytes:
    return "\r\n".join([f"GET {path} HTTP/1.1", "Host: localhost", *headers, "", ""]).encode()


CHUNK = request("/datasets/x/zarr/a/c/0")


def test_300_half_open_connections_are_closed_while_others_are_answered(server: Any, connect: Any) -> None:
    said = [b"", b"GET /health HTTP/1.1\r\nHost: loc", b"\r\n"]
    begun = monotonic()
    socks = [connect(said[number % 3]) for number in range(300)]
    longest = 0.0
    with httpx.Client(base_url=server.url) as client:
        while monotonic() - begun < HEAD_S / 2:
            before = monotonic()
            assert client.get("/health").status_code == 200
            longest = max(longest, monotonic() - before)
    for sock in socks:
        seconds_until_cut(sock)
    assert HEAD_S < monotonic() - begun < HEAD_S + SOON_S
    assert longest < 0.5
    assert len(psutil.Process(server.process.pid).net_connections("tcp")) == 1  # it listens, and nothing else


@pytest.mark.parametrize(
    "first",
    [
        b"",
        request("/health"),
        request("/health", "Content-Length: 1000"),  # answered before the body is there
    ],
)
def test_a_head_that_comes_by_drops_ends_in_time(connect: Any, first: bytes) -> None:
    """Also on a connection that had an answer, where every byte puts off the timeout of idle connections."""
    sock = connect(first)
    if first:
        assert sock.recv(2**16).startswith(b"HTTP/1.1 200")
    begun = monotonic()
    with pytest.raises(ConnectionError):
        drip(sock, b"GET /health HTTP/1.1\r\nX-Long: " + b"x" * 1000)
    assert HEAD_S < monotonic() - begun < HEAD_S + SOON_S


def test_a_body_that_does_not_come_is_waited_for_in_vain_but_once(connect: Any) -> None:
    sock = connect(request("/health", "Transfer-Encoding: chunked") + b"5\r\nhello\r\n")
    assert STALL_S - 0.1 < seconds_until_cut(sock) < STALL_S + SOON_S


def test_who_takes_its_time_between_requests_is_left_alone(connect: Any) -> None:
    """What waits for the next request has a timeout of its own, and each head a time of its own."""
    sock = connect()
    for _ in range(4):
        sleep(HEAD_S * 0.6)
        for part in (request("/health")[:9], request("/health")[9:]):
            sock.sendall(part)
            sleep(0.01)
        answer = b""
        while not answer.endswith(b'{"status":"ok"}'):
            answer += sock.recv(2**16)
        assert answer.startswith(b"HTTP/1.1 200")


def until(condition: Callable[[], bool], trouble: str) -> None:
    """Wait until a condition holds."""
    deadline = monotonic() + 20
    while not condition():
        assert monotonic() < deadline, trouble
        sleep(0.05)


def test_a_reader_that_stalls_is_cut_and_what_was_kept_for_it_is_freed(start: Any, large: Path) -> None:
    server = start("serve", str(large), env=ENV | {"CLOUDIFY_CHUNK_CACHE_NBYTES": "0"})
    host, port = server.url.removeprefix("http://").split(":")
    process = psutil.Process(server.process.pid)
    httpx.get(f"{server.url}/datasets/x/zarr/a/c/0")
    before = process.memory_info().rss
    with ExitStack() as ends:
        socks = [ends.enter_context(socket.socket()) for _ in range(5)]
        for sock in socks:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            sock.settimeout(20)
            sock.connect((host, int(port)))
            sock.sendall(CHUNK)
            assert sock.recv(512).startswith(b"HTTP/1.1 200")  # each has a copy of its own
        until(lambda: process.memory_info().rss > before + 3 * LARGE, "nothing is kept for them")
        until(lambda: len(process.net_connections("tcp")) <= 1, "stalled readers are still connected")
        until(lambda: process.memory_info().rss < before + 2 * LARGE, "what was kept for them is not freed")
        for sock in socks:
            with pytest.raises(ConnectionResetError):
                drain(sock)
    (line,) = server.log.read_text().splitlines()
    assert json.loads(line) | {"event": "slow clients were cut off", "stall": 5} == json.loads(line)


def test_a_slow_and_steady_reader_gets_all(server: Any, connect: Any) -> None:
    """Slower than the kernel's buffers tell of by themselves: a third of them has to be free before more is taken."""
    whole = httpx.get(f"{server.url}/datasets/x/zarr/a/c/0")
    sock = connect(CHUNK, receive=2**16)
    got = bytearray()
    begun = monotonic()
    while monotonic() - begun < STALL_S * 3:  # at about 100 KB/s
        got += sock.recv(2**13)
        sleep(0.08)
    assert len(got) < 2**20
    head, _, body = bytes(got).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200")
    while len(body) < len(whole.content):
        part = sock.recv(2**20)
        assert part, "the connection ended early"
        body += part
    assert body == whole.content
    assert server.log.read_text() == ""
