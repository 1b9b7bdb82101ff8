"""What a stranger may send: every answer is a problem, says what is true, and leaks nothing."""

import http.client
import json
import socket
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil
import pytest

PROJECT = Path(__file__).parents[2]
TAS = "/datasets/mpi-esm-tas/zarr"

NO_SUCH_THING = {
    "unknown dataset": "/datasets/mpi-esm-taz/zarr/zarr.json",
    "unknown dataset, xpublish's route": "/datasets/mpi-esm-taz/info",
    "unknown group": "/datasets/mpi-esm-tas/groups/deep/info",
    "unknown variable": f"{TAS}/pr/zarr.json",
    "chunk of an unknown variable": f"{TAS}/pr/c/0/0/0",
    "chunk out of range": f"{TAS}/tas/c/1/0/0",
    "v2 chunk out of range": f"{TAS}/tas/0.0.1",
    "negative": f"{TAS}/tas/c/-1/0/0",
    "plus": f"{TAS}/tas/c/+0/0/0",
    "leading zero": f"{TAS}/tas/c/00/0/0",
    "v2 leading zero": f"{TAS}/tas/0.00.0",
    "wrong rank": f"{TAS}/tas/c/0/0",
    "v2 wrong rank": f"{TAS}/tas/0.0.0.0",
    "number beyond any array": f"{TAS}/tas/c/{'9' * 5000}/0/0",
    "digits of another script": f"{TAS}/tas/c/%D9%A0/0/0",
    "the chunks of all": f"{TAS}/tas/c",
    "half a metadata name": f"{TAS}/zarr.jso",
    "metadata name with more": f"{TAS}/zarr.json/x",
    "no key": f"{TAS}/",
    "dots": f"{TAS}/../../../etc/passwd",
    "dots at the end": f"{TAS}/tas/..",
    "encoded dots": f"{TAS}/%2e%2e%2f%2e%2e%2fetc/passwd",
    "encoded slash": f"{TAS}/..%2f..%2fetc%2fpasswd",
    "encoded twice": f"{TAS}/%252e%252e/zarr.json",
    "double slash": f"{TAS}//zarr.json",
    "double slash before": "/datasets//mpi-esm-tas/zarr/zarr.json",
    "absolute": f"{TAS}//etc/passwd",
    "NUL": f"{TAS}/tas%00/c/0/0/0",
    "NUL in the id": "/datasets/mpi%00esm/zarr/zarr.json",
    "backslash": f"{TAS}/..%5c..%5cetc",
    "unicode dots": f"{TAS}/%E2%80%A5/zarr.json",
    "slash in the id": "/datasets/mpi-esm-tas%2fx/zarr/zarr.json",
    "dots as id": "/datasets/%2e%2e/zarr/zarr.json",
    "10 kB of key": f"{TAS}/{'x' * 10_000}",
    "10 kB of id": f"/datasets/{'x' * 10_000}/zarr/zarr.json",
    "no route": "/nothing/here",
}


def ask(url: str, method: str, path: str, headers: dict[str, str] | None = None) -> tuple[int, dict[str, str], bytes]:
    """Send a path as it is: no client library tidies it up."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=30)
    try:
        connection.putrequest(method, path, skip_accept_encoding=True)
        for name, value in (headers or {}).items():
            connection.putheader(name, value)
        connection.endheaders()
        answer = connection.getresponse()
        return answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read()
    finally:
        connection.close()


def check_problem(status: int, headers: dict[str, str], body: bytes) -> dict[str, Any]:
    """A problem of RFC 9457, without a traceback or a path of the server."""
    assert headers["content-type"] == "application/problem+json"
    problem: dict[str, Any] = json.loads(body)
    assert {"type", "title", "status", "detail", "instance", "request-id"} == set(problem)
    assert problem["status"] == status
    assert problem["request-id"] == headers["x-request-id"]
    assert problem["detail"]
    assert problem["title"]
    text = body.decode()
    assert "Traceback" not in text
    assert str(PROJECT) not in text
    assert len(body) < 3000
    assert headers["access-control-allow-origin"] == "*"
    return problem


@pytest.mark.parametrize("path", NO_SUCH_THING.values(), ids=NO_SUCH_THING.keys())
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_what_does_not_exist_is_a_404_problem(demo: Any, method: str, path: str) -> None:
    status, headers, body = ask(demo.url, method, path)
    assert status == 404
    if method == "HEAD":
        assert body == b""
        assert int(headers["content-length"]) > 0
    else:
        check_problem(status, headers, body)


def test_a_wrong_id_is_answered_with_the_near_one(demo: Any) -> None:
    for path in ("/datasets/mpi-esm-taz/zarr/zarr.json", "/datasets/mpi-esm-taz/info"):
        problem = check_problem(*ask(demo.url, "GET", path))
        assert problem["type"] == "urn:cloudify:problems/unknown-dataset"
        assert problem["detail"] == "no dataset 'mpi-esm-taz'; did you mean 'mpi-esm-tas'?"


def test_a_browser_gets_the_problem_as_a_page(demo: Any) -> None:
    status, headers, body = ask(demo.url, "GET", f"{TAS}/%3Cscript%3Ealert(1)%3C/script%3E", {"Accept": "text/html"})
    assert (status, headers["content-type"]) == (404, "text/html; charset=utf-8")
    assert b"<script>alert" not in body
    assert b"&lt;script&gt;alert(1)" in body
    assert headers["content-security-policy"].startswith("default-src 'self'")
    assert "access-control-allow-origin" not in headers


@pytest.mark.parametrize("path", [f"{TAS}/zarr.json", f"{TAS}/nothing", "/datasets", "/health", "/", "/plugins"])
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "PROPFIND"])
def test_a_wrong_method_is_405_with_allow(demo: Any, method: str, path: str) -> None:
    status, headers, body = ask(demo.url, method, path)
    problem = check_problem(status, headers, body)
    assert status == 405
    assert headers["allow"] == "GET, HEAD, OPTIONS"
    assert method in problem["detail"]


@pytest.mark.parametrize(
    "line", ["BREW / HTTP/1.1", "GET /a b HTTP/1.1", "GET /\0 HTTP/1.1", "GET / HTTP/9", "\x16\x03\x01"]
)
def test_what_is_not_http_is_a_400_problem(demo: Any, line: str) -> None:
    parts = urlsplit(demo.url)
    with socket.create_connection((parts.hostname, parts.port), timeout=30) as sock:
        sock.sendall(line.encode("latin-1") + b"\r\nHost: 127.0.0.1\r\n\r\n")
        answer = http.client.HTTPResponse(sock)
        answer.begin()
        assert (answer.status, answer.headers["content-type"]) == (400, "application/problem+json")
        assert json.loads(answer.read())["type"] == "urn:cloudify:problems/bad-request"


SENDERS = {"with Content-Length": False, "without Content-Length": True}


@pytest.mark.parametrize("chunked", SENDERS.values(), ids=SENDERS.keys())
@pytest.mark.parametrize("path", ["/datasets", f"{TAS}/zarr.json"])
def test_a_body_of_200_mb_is_413_and_costs_no_memory(demo: Any, path: str, chunked: bool) -> None:
    process = psutil.Process(demo.process.pid)
    before = process.memory_info().rss
    parts = urlsplit(demo.url)
    piece = b"x" * 2**20
    framing = b"Transfer-Encoding: chunked" if chunked else b"Content-Length: %d" % (200 * len(piece))
    with socket.create_connection((parts.hostname, parts.port), timeout=60) as sock:
        sock.sendall(b"POST %s HTTP/1.1\r\nHost: 127.0.0.1\r\n%s\r\n\r\n" % (path.encode(), framing))
        for _ in range(200):
            sock.sendall(b"%x\r\n%s\r\n" % (len(piece), piece) if chunked else piece)
        if chunked:
            sock.sendall(b"0\r\n\r\n")
        answer = http.client.HTTPResponse(sock)
        answer.begin()
        headers = {k.lower(): v for k, v in answer.getheaders()}
        problem = check_problem(answer.status, headers, answer.read())
    assert answer.status == 413
    assert problem["type"] == "urn:cloudify:problems/body-too-large"
    assert process.memory_info().rss - before < 20 * 2**20


def test_who_asks_before_sending_is_told_before(demo: Any) -> None:
    parts = urlsplit(demo.url)
    with socket.create_connection((parts.hostname, parts.port), timeout=30) as sock:
        head = (
            b"POST /datasets HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 200000000\r\nExpect: 100-continue\r\n\r\n"
        )
        sock.sendall(head)
        assert sock.recv(65536).startswith(b"HTTP/1.1 413 ")


def test_a_body_within_the_limit_reaches_the_route(demo: Any) -> None:
    parts = urlsplit(demo.url)
    with socket.create_connection((parts.hostname, parts.port), timeout=30) as sock:
        sock.sendall(
            b"POST /datasets HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
        )
        assert sock.recv(65536).startswith(b"HTTP/1.1 405 ")


def test_an_unknown_host_is_refused_on_loopback(demo: Any) -> None:
    parts = urlsplit(demo.url)
    for host in ("evil.example", "127.0.0.1.evil.example", "", "a b", "[::1"):
        with socket.create_connection((parts.hostname, parts.port), timeout=30) as sock:
            sock.sendall(b"GET /datasets HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n" % host.encode())
            answer = http.client.HTTPResponse(sock)
            answer.begin()
            assert answer.status == 421, host
            assert json.loads(answer.read())["type"] == "urn:cloudify:problems/refused-host"
    for host in ("localhost", "LOCALHOST:80", "[::1]:9000", f"127.0.0.1:{parts.port}"):
        with socket.create_connection((parts.hostname, parts.port), timeout=30) as sock:
            sock.sendall(b"GET /health HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n" % host.encode())
            assert sock.recv(65536).startswith(b"HTTP/1.1 200 "), host


def test_a_redirect_stays_on_this_server(demo: Any) -> None:
    status, headers, _ = ask(demo.url, "GET", "/datasets/mpi-esm-tas/zarr?x=1")
    assert status == 307
    assert headers["location"] == "/datasets/mpi-esm-tas/zarr/?x=1"
