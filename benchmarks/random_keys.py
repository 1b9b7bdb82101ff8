"""Row ``random-keys``: random and mutated keys against the demo, each answer checked."""

import subprocess
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from pathlib import Path
from random import Random
from threading import Event
from time import monotonic

from benchmarks.invariants import Context, breaches, twin_breaches
from benchmarks.keys import read_known
from benchmarks.mutations import random_request
from benchmarks.processes import Running, resident_nbytes
from benchmarks.report import ROOT
from benchmarks.servers import demo
from benchmarks.tally import Tally
from benchmarks.wire import Request, Wire, WireError

THREADS = 4
WARM_UP_SHARE = 0.2
GROWTH_NBYTES = 64 * 2**20
END_S = 5.0
MOST_FAILURES = 1_000
"""A row that fails this often has said enough."""
MIB = 2**20


def run(budget_s: float, seed: int) -> Tally:
    """Ask for keys until the budget is used up, then see whether the server is as it was, and ends as it should."""
    end = monotonic() + budget_s
    tally = Tally()
    with demo() as server:
        with Wire(server.url) as wire:
            known = read_known(wire)
        context = Context(known, _secrets(server))
        warm = monotonic() + (end - monotonic()) * WARM_UP_SHARE
        _ask_in_threads(server, context, tally, until=warm, seeds=[f"{seed}-warm-{i}" for i in range(THREADS)])
        before = resident_nbytes(server.pids())
        _ask_in_threads(server, context, tally, until=end, seeds=[f"{seed}-{i}" for i in range(THREADS)])
        _look_at_server(server, before, tally)
        _end_server(server.process, tally)
    if not tally.requests:
        tally.failed("no request was sent: the budget is shorter than the server's start")
    return tally


def _ask_in_threads(server: Running, context: Context, tally: Tally, *, until: float, seeds: Sequence[str]) -> None:
    stopped = Event()

    def ask(seed: str) -> None:
        random = Random(seed)  # noqa: S311  # to be repeated, not to be secret
        with Wire(server.url) as wire:
            while _goes_on(server, tally, until) and not stopped.is_set():
                _ask_one(wire, random_request(random, context.known), context, tally)

    with ThreadPoolExecutor(len(seeds)) as pool:
        try:
            for done in [pool.submit(ask, seed) for seed in seeds]:
                done.result()
        finally:
            stopped.set()


def _goes_on(server: Running, tally: Tally, until: float) -> bool:
    return monotonic() < until and tally.failures < MOST_FAILURES and server.process.poll() is None


def _ask_one(wire: Wire, request: Request, context: Context, tally: Tally) -> None:
    """Send a request, a HEAD followed by the same as GET, and count what is wrong."""
    requests = [request, request.as_whole_get()] if request.method == "HEAD" else [request]
    answers = []
    for one in requests:
        try:
            answer = wire.ask(one)
        except WireError as error:
            tally.answered("none")
            tally.failed(f"{_show(one)}: {error}")
            return
        tally.answered(str(answer.status))
        answers.append(answer)
        for breach in breaches(one, answer, context):
            tally.failed(f"{_show(one)}: {answer.status} {answer.media_type}, {breach}")
    if len(answers) > 1:
        for breach in twin_breaches(*answers):
            tally.failed(f"{_show(request)}: {breach}")


def _look_at_server(server: Running, before_nbytes: int, tally: Tally) -> None:
    if server.process.poll() is not None:
        tally.failed(f"the server ended by itself, with status {server.process.returncode}")
        return
    after_nbytes = resident_nbytes(server.pids())
    tally.notes.append(f"resident {before_nbytes / MIB:.0f} MiB after warm-up, {after_nbytes / MIB:.0f} MiB at the end")
    if after_nbytes > before_nbytes + GROWTH_NBYTES:
        tally.failed(f"memory grew by {(after_nbytes - before_nbytes) / MIB:.0f} MiB")
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


def _secrets(server: Running) -> list[str]:
    """Return what no answer may say: tracebacks, and where the server and its files are."""
    folders = [f"{folder}/" for folder in (ROOT, Path.home()) if folder != Path("/")]
    return ["Traceback (most recent call last)", 'File "', *folders, str(server.folder)]


def _show(request: Request) -> str:
    """Show a request in one line, long targets shortened in the middle."""
    target = request.target if len(request.target) <= 300 else f"{request.target[:150]}...{request.target[-150:]}"  # noqa: PLR2004
    headers = {name: value[:80] for name, value in request.headers.items()}
    return f"{request.method} {target!r} ({len(request.target)} characters) {headers}"
