"""Parts of the HTTP layer on their own."""

import asyncio
import itertools
import threading
from typing import Any

import httpx
import pytest
import xarray as xr
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import StreamingResponse
from xpublish.plugins import Plugin, hookimpl

from cloudify import Server
from cloudify.errors import BusyError, TooSlowError
from cloudify.http.flights import Flights
from cloudify.http.hosts import root_url
from cloudify.http.offload import Offload
from cloudify.http.problems import Problem
from cloudify.model.stop import StoppedError, go_on
from cloudify.settings import Settings
from cloudify.testing import running


def request(headers: dict[str, str], client: str = "203.0.113.9") -> Request:
    raw = [(name.lower().encode(), value.encode("latin-1")) for name, value in headers.items()]
    scope = {"type": "http", "method": "GET", "scheme": "http", "path": "/", "query_string": b"", "headers": raw}
    return Request(scope | {"client": (client, 1), "server": ("127.0.0.1", 9000), "root_path": ""})


FORWARDED = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "data.example.org", "X-Forwarded-Prefix": "/x"}
TRUST = {"trusted_proxies": "10.0.0.0/8, 127.0.0.1"}


@pytest.mark.parametrize(
    ("settings", "headers", "client", "expected"),
    [
        ({}, {"Host": "here:9000"}, "203.0.113.9", "http://here:9000"),
        ({}, {"Host": "here:9000", **FORWARDED}, "203.0.113.9", "http://here:9000"),
        (TRUST, {"Host": "here", **FORWARDED}, "203.0.113.9", "http://here"),
        (TRUST, {"Host": "here", **FORWARDED}, "10.1.2.3", "https://data.example.org/x"),
        ({"root_url": "https://public.example/"}, {"Host": "evil.example"}, "10.1.2.3", "https://public.example"),
        ({}, {"Host": 'evil"><script>'}, "203.0.113.9", ""),
        ({}, {"Host": "user@evil.example"}, "203.0.113.9", ""),
        (TRUST, {"Host": "here", "X-Forwarded-Proto": "javascript"}, "127.0.0.1", ""),
        (TRUST, {"Host": "here", "X-Forwarded-Prefix": "//evil.example"}, "127.0.0.1", ""),
        ({}, {}, "203.0.113.9", ""),
    ],
)
def test_the_root_of_links(settings: dict[str, str], headers: dict[str, str], client: str, expected: str) -> None:
    assert root_url(request(headers, client), Settings.load(**settings)) == expected


def test_who_is_busy_says_when_to_ask_again() -> None:
    assert Problem.of(BusyError("later")).headers == {"retry-after": "2"}


def test_a_flight_is_joined_and_outlives_who_leaves() -> None:
    calls = 0

    async def work() -> bytes:
        nonlocal calls
        calls += 1
        await asyncio.sleep(0.05)
        return b"done"

    async def main() -> None:
        flights: Flights[bytes] = Flights()
        first = asyncio.ensure_future(flights.join("k", work))
        others = [asyncio.ensure_future(flights.join("k", work)) for _ in range(63)]
        await asyncio.sleep(0)
        first.cancel()
        assert set(await asyncio.gather(*others)) == {b"done"}
        assert await flights.join("k", work) == b"done"

    asyncio.run(main())
    assert calls == 2


def test_a_flight_that_everybody_left_is_stopped_and_whoever_comes_then_starts_anew() -> None:
    ended: list[str] = []

    def work_in_thread(begun: threading.Event) -> bytes:
        begun.set()
        try:
            while True:
                go_on()
        except StoppedError:
            ended.append("stopped")
            raise

    async def main() -> None:
        flights: Flights[bytes] = Flights()
        offload, begun = Offload(1), threading.Event()
        both = [
            asyncio.ensure_future(flights.join("k", lambda: offload(lambda: work_in_thread(begun)))) for _ in range(2)
        ]
        await asyncio.to_thread(begun.wait)
        both[0].cancel()
        await asyncio.sleep(0)
        assert not both[1].done()
        both[1].cancel()
        await asyncio.sleep(0)
        assert await flights.join("k", lambda: offload(lambda: b"new")) == b"new"  # in the only thread there is
        assert ended == ["stopped"]
        assert not flights._under_way

    asyncio.run(main())


def test_work_that_takes_too_long_says_so() -> None:
    async def main() -> None:
        flights: Flights[None] = Flights(limit_s=0.02)
        with pytest.raises(TooSlowError, match=r"not computed within 0\.02 s"):
            await flights.join("k", lambda: Offload(1)(lambda: [go_on() for _ in itertools.count()] and None))

    asyncio.run(main())


def test_a_flight_that_fails_fails_for_all_and_is_forgotten() -> None:
    async def work() -> bytes:
        raise OSError("no")

    async def main() -> None:
        flights: Flights[bytes] = Flights()
        results = await asyncio.gather(*(flights.join("k", work) for _ in range(8)), return_exceptions=True)
        assert all(isinstance(result, OSError) for result in results)
        assert not flights._under_way

    asyncio.run(main())


class Wild(Plugin):
    """Routes that fail in ways nobody foresaw."""

    name: str = "wild"

    @hookimpl
    def app_router(self) -> APIRouter:
        router = APIRouter()

        def boom() -> None:
            raise RuntimeError("a secret at /some/path")

        def half() -> StreamingResponse:
            def body() -> Any:
                yield b"x" * 10
                raise RuntimeError("too late")

            return StreamingResponse(body(), headers={"content-length": "20"})

        def typed(n: int) -> int:
            return n

        router.add_api_route("/boom", boom)
        router.add_api_route("/half", half)
        router.add_api_route("/typed", typed)
        return router


@pytest.fixture(scope="module")
def wild() -> Any:
    server = Server({"a": xr.Dataset()})
    server.rest.register_plugin(Wild())
    server.rest._app = None
    server.app = server._wrap()
    with running(server.app) as url:
        yield url


def test_what_nobody_foresaw_is_a_500_without_a_word_of_it(wild: str, caplog: pytest.LogCaptureFixture) -> None:
    answer = httpx.get(f"{wild}/boom", headers={"Origin": "https://x.example"})
    assert answer.status_code == 500
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "secret" not in answer.text
    assert answer.json()["request-id"] == answer.headers["x-request-id"]
    (record,) = [record for record in caplog.records if record.message == "unforeseen failure"]
    assert record.exc_info is not None


def test_an_answer_that_breaks_is_cut_and_never_looks_whole(wild: str) -> None:
    with pytest.raises(httpx.RemoteProtocolError):
        httpx.get(f"{wild}/half")


def test_a_wrong_parameter_is_422_naming_it(wild: str) -> None:
    answer = httpx.get(f"{wild}/typed?n=x")
    assert answer.status_code == 422
    assert answer.json()["detail"].startswith("query n: Input should be a valid integer")
