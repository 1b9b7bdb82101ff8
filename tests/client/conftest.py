"""A stand-in for the engine: what a server answers about jobs, in the shapes of the OGC routes.

It computes nothing but `map` over data, at once, by the source text that came. Datasets are served by the real server.
The engine itself is tried with this client in the tests of the engine.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import numpy as np
import pytest
import xarray as xr
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.types import ASGIApp, Receive, Scope, Send

import cloudify
from cloudify import Server
from cloudify.client.connect import RemoteServer
from cloudify.testing import running

TOKEN = "cld_abcd1234_good"  # noqa: S105
EX = "http://www.opengis.net/def/exceptions/ogcapi-processes-1/1.0/"
TERMINAL = {"successful", "failed", "dismissed"}

Answer = Callable[[Request], Response]


class Cut(Exception):  # noqa: N818
    """The connection is dropped instead of answering."""


def problem(status: int, kind: str, detail: str, **headers: str) -> JSONResponse:
    content = {"type": kind, "title": "No", "status": status, "detail": detail, "request-id": "f00d"}
    return JSONResponse(content, status, headers, "application/problem+json")


class StandIn:
    """Jobs as they are told to be."""

    cut, problem = Cut, staticmethod(problem)

    def __init__(self, datasets: ASGIApp) -> None:
        self._datasets = datasets
        self.jobs: dict[str, dict[str, Any]] = {}
        self.events: dict[str, list[dict[str, Any]]] = {}
        self.results: dict[str, Any] = {}
        self.files: dict[str, bytes] = {}
        self.logs: dict[str, str] = {}
        self.keys: dict[str, str] = {}
        self.asked: list[tuple[str, str, dict[str, str], Any]] = []
        """Method, path with query, headers, body."""
        self.instead: dict[tuple[str, str], list[Any]] = {}
        """Answers in place of the real ones, one after the other: a response, `cut`, or None for the real one."""
        self.cuts: list[int] = []
        """After how many events each connection to a stream is cut, in the middle of the next one."""
        self.holds = False
        """Whether a job stays as it is at first."""
        self.app = Starlette(
            routes=[
                Route("/ogc-api/processes/{process}/execution", self._execute, methods=["POST"]),
                Route("/ogc-api/processes", self._deploy, methods=["POST"]),
                Route("/ogc-api/jobs", self._list),
                Route("/ogc-api/jobs/{job}", self._job, methods=["GET", "DELETE"]),
                Route("/ogc-api/jobs/{job}/slices", self._add, methods=["POST"]),
                Route("/ogc-api/jobs/{job}/close", self._close, methods=["POST"]),
                Route("/ogc-api/jobs/{job}/events", self._events),
                Route("/ogc-api/jobs/{job}/log", self._log),
                Route("/ogc-api/jobs/{job}/results", self._results),
                Route("/ogc-api/jobs/{job}/results/{name}", self._file),
                Mount("/", self._data),
            ]
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith("/ogc-api"):
            await self.app(scope, receive, send)
            return
        request = Request(scope, receive)
        body = await request.body()
        path = scope["path"] + (f"?{request.url.query}" if request.url.query else "")
        headers = dict(request.headers)
        self.asked.append((request.method, path, headers, json.loads(body) if body else None))
        waiting = self.instead.get((request.method, scope["path"]), [])
        instead = waiting.pop(0) if waiting else None
        if isinstance(instead, Response):
            await instead(scope, receive, send)
        elif headers.get("authorization") != f"Bearer {TOKEN}":
            await problem(401, "urn:cloudify:problems/token-needed", "this needs a token")(scope, receive, send)
        else:
            await self.app(scope, _again(body, receive), _deaf if instead is Cut else send)
            if instead is Cut:  # it was done, and nobody is told
                await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"9")]})
                raise Cut

    def add_job(self, job_id: str, status: str = "running", **members: Any) -> dict[str, Any]:
        said = {
            "jobID": job_id, "id": job_id, "type": "process", "processID": "map", "status": status, "progress": 0,
            "created": "2026-01-02T03:04:05Z", "links": [], "open": False, "isolation": "none", "owner": "me",
            "slices": {"total": 10, "done": 0, "failed": 0, "reused": 0},
            "usage": {"cpu_s": 1.5, "peak_bytes": 2_000_000, "bytes_in": 3_000, "bytes_out": 4_000},
        }  # fmt: skip
        self.jobs[job_id] = said | members
        self.events.setdefault(job_id, [])
        return self.jobs[job_id]

    def happen(self, job_id: str, kind: str, **members: Any) -> None:
        told = self.events[job_id]
        told.append(
            {"seq": len(told) + 1, "time": "2026-01-02T03:04:05Z", "job": job_id, "slice": None, "type": kind}
            | {"payload": {}} | members
        )  # fmt: skip

    async def _data(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hide what jobs leave from strangers."""
        headers = dict(scope.get("headers", []))
        if "/job-" in scope["path"] and headers.get(b"authorization") != f"Bearer {TOKEN}".encode():
            scope = {
                **scope,
                "path": "/datasets/nothing/zarr/zarr.json",
                "raw_path": b"/datasets/nothing/zarr/zarr.json",
            }
        others = [pair for pair in scope.get("headers", []) if pair[0] != b"authorization"]  # a token of ours alone
        await self._datasets({**scope, "headers": others}, receive, send)

    async def _execute(self, request: Request) -> Response:
        key = request.headers["idempotency-key"]
        if key not in self.keys:
            self.keys[key] = job_id = f"j{len(self.jobs) + 1}"
            body = await request.json()
            inputs, is_open = body["inputs"], body.get("open", False)
            self.add_job(job_id, processID=request.path_params["process"], open=is_open)
            self._take(job_id, inputs)
        said = self.jobs[self.keys[key]]
        return JSONResponse(said, 201, {"location": f"/ogc-api/jobs/{said['jobID']}"})

    def _take(self, job_id: str, inputs: dict[str, Any]) -> None:
        job = self.jobs[job_id]
        if "data" not in inputs:
            self.results[job_id] = {"href": "http://x/datasets/job-result/zarr", "type": "application/vnd+zarr"}
            return self._end(job_id, 1)
        names: dict[str, Any] = {}
        exec(inputs["function"]["source"], names)  # noqa: S102  # written by the tests
        entry = names[inputs["function"]["entry"]]
        values = self.results.setdefault(job_id, [])
        values += [entry(datum, **inputs.get("args", {})) for datum in inputs["data"]]
        job["inputs"] = inputs
        return self._end(job_id, len(values))

    def _end(self, job_id: str, total: int) -> None:
        job = self.jobs[job_id]
        job["slices"] = job["slices"] | {"total": total, "done": 0 if self.holds else total}
        if not self.holds and not job["open"]:
            job |= {"status": "successful", "progress": 100}

    async def _add(self, request: Request) -> Response:
        job = self.jobs[request.path_params["job"]]
        self._take(job["jobID"], job["inputs"] | await request.json())
        return JSONResponse(job)

    async def _close(self, request: Request) -> Response:
        job = self.jobs[request.path_params["job"]]
        job["open"] = False
        self._end(job["jobID"], job["slices"]["total"])
        return JSONResponse(job)

    async def _deploy(self, request: Request) -> Response:
        description = (await request.json())["processDescription"]
        return JSONResponse({"id": description["id"], "version": description["version"]}, 201)

    async def _list(self, request: Request) -> Response:
        """Give two a page, whatever is asked for."""
        after = int(request.query_params.get("after", "0"))
        wanted = request.query_params.get("status")
        listed = [job for job in reversed(self.jobs.values()) if wanted in {None, job["status"]}]
        following = {"rel": "next", "href": f"http://elsewhere.example/ogc-api/jobs?limit=2&after={after + 2}"}
        links = [following] if after + 2 < len(listed) else []
        return JSONResponse({"jobs": listed[after : after + 2], "links": links})

    async def _job(self, request: Request) -> Response:
        job = self.jobs.get(request.path_params["job"])
        if job is None:
            return problem(404, f"{EX}no-such-job", f"no job {request.path_params['job']!r} of yours")
        if request.method == "DELETE" and job["status"] not in TERMINAL:
            job["status"] = "dismissed"
        elif request.method == "DELETE" and request.query_params.get("hide") != "false":
            del self.jobs[job["jobID"]]
        return JSONResponse(job)

    async def _events(self, request: Request) -> Response:
        after = int(request.headers.get("last-event-id", "0"))
        return StreamingResponse(self._tell(request.path_params["job"], after), media_type="text/event-stream")

    async def _tell(self, job_id: str, after: int) -> AsyncIterator[bytes]:
        left = self.cuts.pop(0) if self.cuts else None
        yield b": a heartbeat\n\n"
        told = 0
        while True:
            for event in self.events[job_id][told:]:
                told += 1
                if event["seq"] is None or event["seq"] > after:
                    frame = (
                        f"id: {event['seq']}\nevent: {event['type']}\ndata: {json.dumps(event, ensure_ascii=False)}\n\n"
                    )
                    if left == 0:
                        yield frame.encode()[:-5]
                        raise Cut
                    left = None if left is None else left - 1
                    yield frame.encode()
            if self.jobs[job_id]["status"] in TERMINAL:
                return
            await asyncio.sleep(0.01)

    async def _log(self, request: Request) -> Response:
        text = self.logs[request.path_params["job"]]
        if request.query_params["f"] == "json":
            return JSONResponse({"log": [{"slice": 1, "attempt": 1, "text": text, "truncated": False}]})
        only = request.query_params.get("slice")
        lines = [line for line in text.splitlines(keepends=True) if only is None or line.startswith(f"[slice {only}]")]
        return PlainTextResponse("".join(lines))

    async def _results(self, request: Request) -> Response:
        return JSONResponse({"result": self.results[request.path_params["job"]]})

    async def _file(self, request: Request) -> Response:
        return Response(self.files[request.path_params["name"]], media_type="application/octet-stream")


async def _deaf(_message: Any) -> None:
    """Take an answer that goes nowhere."""


def _again(body: bytes, receive: Receive) -> Receive:
    """Give the body once more, then what comes."""
    left = [{"type": "http.request", "body": body, "more_body": False}]

    async def take() -> Any:
        return left.pop() if left else await receive()

    return take


class Switch:
    """Hands requests to the stand-in of the test that runs: a socket for each would take longer than the tests."""

    def __init__(self) -> None:
        x = xr.Dataset({"v": (("time", "x"), np.arange(12.0).reshape(4, 3))}, {"time": [0, 1, 2, 3]})
        self.datasets = Server({"made": x, "job-result": 2 * x}).app
        self.to: ASGIApp = self.datasets
        self.url = ""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await (self.datasets if scope["type"] == "lifespan" else self.to)(scope, receive, send)


@pytest.fixture(scope="session")
def switch() -> Iterator[Switch]:
    switch = Switch()
    with running(switch) as switch.url:
        yield switch


@pytest.fixture
def stand_in(switch: Switch) -> StandIn:
    stand_in = StandIn(switch.datasets)
    switch.to = stand_in
    return stand_in


@pytest.fixture
def url(stand_in: StandIn, switch: Switch) -> str:
    assert switch.to is stand_in
    return switch.url


@pytest.fixture
def server(url: str) -> Iterator[RemoteServer]:
    with cloudify.connect(url, TOKEN) as server:
        yield server
