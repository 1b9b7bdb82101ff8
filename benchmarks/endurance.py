"""Many requests from several threads to one server, which must be well afterwards and end as it should."""

import subprocess
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from pathlib import Path
from random import Random
from threading import Event
from time import monotonic

from benchmarks.memory import Watch
from benchmarks.processes import Running
from benchmarks.report import ROOT
from benchmarks.tally import Tally
from benchmarks.wire import Request, Wire, WireError

THREADS = 4
END_S = 5.0
MOST_FAILURES = 1_000
"""A row that fails this often has said enough."""
Ask = Callable[[Wire, Random, Tally], None]
"""Sends one request or a few that belong together, and counts what is wrong."""


def endure(server: Running, ask: Ask, tally: Tally, *, until: float, seed: int) -> None:
    """Ask until a time is reached, then see whether the server is as it was, and end it."""
    with Watch(server, tally):
        _ask_in_threads(server, ask, tally, until=until, seeds=[f"{seed}-{i}" for i in range(THREADS)])
    _look_at_server(server, tally)
    _end_server(server.process, tally)
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


def _ask_in_threads(server: Running, ask: Ask, tally: Tally, *, until: float, seeds: Sequence[str]) -> None:
    stopped = Event()

    def repeat(seed: str) -> None:
        random = Random(seed)  # noqa: S311  # to be repeated, not to be secret
        with Wire(server.url) as wire:
            while _goes_on(server, tally, until) and not stopped.is_set():
                ask(wire, random, tally)

    with ThreadPoolExecutor(len(seeds)) as pool:
        try:
            for done in [pool.submit(repeat, seed) for seed in seeds]:
                done.result()
        finally:
            stopped.set()


def _goes_on(server: Running, tally: Tally, until: float) -> bool:
    return monotonic() < until and tally.failures < MOST_FAILURES and server.process.poll() is None


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


def _end_server(process: subprocess.Popen[bytes], tally: Tally) -> None:
    if process.poll() is not None:
        return
    start = monotonic()
    process.terminate()
    try:
        status = process.wait(END_S)
    except subprocess.TimeoutExpired:
        tally.failed(f"SIGTERM did not end the server within {END_S:.0f} s")
        return
    tally.notes.append(f"ended {monotonic() - start:.1f} s after SIGTERM")
    if status:
        tally.failed(f"after SIGTERM the server ended with status {status}")
