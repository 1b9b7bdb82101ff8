"""Many requests from several threads to one server, which must be well afterwards and end as it should."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from math import inf
from pathlib import Path
from random import Random
from threading import Event
from time import monotonic

from benchmarks.ending import end_in_time
from benchmarks.memory import Watch
from benchmarks.processes import Running
from benchmarks.report import ROOT
from benchmarks.tally import Tally
from benchmarks.wire import Request, Wire, WireError

THREADS = 4
MOST_FAILURES = 1_000
"""A row that fails this often has said enough."""
Ask = Callable[[Wire, Random, Tally], None]
"""Sends one request or a few that belong together, and counts what is wrong."""


def endure(server: Running, ask: Ask, tally: Tally, *, until: float, seed: int, most: float = inf) -> None:
    """Ask until a time or a number of requests is reached, then see whether the server is as it was, and end it."""

    def goes_on() -> bool:
        is_early = monotonic() < until and tally.requests < most
        return is_early and tally.failures < MOST_FAILURES and server.process.poll() is None

    with Watch(server, tally):
        _ask_in_threads(server, ask, tally, goes_on, [f"{seed}-{i}" for i in range(THREADS)])
    _look_at_server(server, tally)
    end_in_time(server, tally)
    if not tally.requests:
        tally.failed("no request was sent: the budget is shorter than the server's start")


def secrets(server: Running) -> list[str]:
    """Return what no answer may say: tracebacks, and where the server and its files are."""
    folders = [f"{folder}/" for folder in (ROOT, Path.home()) if folder != Path("/")]
    return ["Traceback (most recent call last)", 'File "', *folders, str(server.folder)]


def show(request: Request) -> str:
    """Show a request in one line, long targets shortened in the middle."""
    target = request.target if len(request.target) <= 300 else f"{request.target[:150]}...{request.target[-150:]}"  # noqa: PLR2004
    headers = {name: value[:80] for name, value in request.headers.items()}
    return f"{request.method} {target!r} ({len(request.target)} characters) {headers}"


def _ask_in_threads(server: Running, ask: Ask, tally: Tally, goes_on: Callable[[], bool], seeds: Sequence[str]) -> None:
    stopped = Event()

    def repeat(seed: str) -> None:
        random = Random(seed)  # noqa: S311  # to be repeated, not to be secret
        with Wire(server.url) as wire:
            while goes_on() and not stopped.is_set():
                ask(wire, random, tally)

    with ThreadPoolExecutor(len(seeds)) as pool:
        try:
            for done in [pool.submit(repeat, seed) for seed in seeds]:
                done.result()
        finally:
            stopped.set()


def _look_at_server(server: Running, tally: Tally) -> None:
    if server.process.poll() is not None:
        tally.failed(f"the server ended by itself, with status {server.process.returncode}")
        return
    with Wire(server.url) as wire:
        try:
            answer = wire.ask(Request("GET", "/health"))
        except WireError as error:
            tally.failed(f"GET /health at the end: {error}")
            return
    if answer.status != HTTPStatus.OK:
        tally.failed(f"GET /health at the end: {answer.status}")
