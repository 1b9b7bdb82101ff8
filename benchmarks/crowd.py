"""Row ``crowd``: a thousand clients at once ask one process for everything, and are answered or asked to come again."""

import asyncio
import resource
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from time import monotonic

import numpy as np

from benchmarks.ending import end_in_time
from benchmarks.failures import RowError
from benchmarks.health import Health
from benchmarks.keys import read_known
from benchmarks.mixed import Kind, kinds_of
from benchmarks.servers import serve
from benchmarks.tally import Tally
from benchmarks.truth import COMPUTED, write_truth
from benchmarks.wire import Wire
from cloudify.cli.serve import DEMO

CLIENTS = 1_000
CHUNK_CACHE_NBYTES = 2**21
"""Less than there are chunks: many have to be read or computed."""
FILES = 4 * CLIENTS
"""Descriptors that both sides may need at most."""
WEIGHTS = {"stored": 35, "metadata": 25, "computed": 20, "absent": 10, "picture": 4, "new picture": 4, "figure": 2}
"""Kind of `mixed` -> how often it is asked for."""
PROMISED = ("stored", "metadata")
LEAST = 0.95
"""Of what is promised that is to be answered with 2xx."""
PASSING = frozenset({429, 503})
ANSWER_S = 120.0
"""Longest wait for an answer; none at all is a failure."""
READ_NBYTES = 2**18
Taken = tuple[str, int, float]
"""Kind, status (0: no answer), seconds."""


def run(seconds: float, seed: int) -> Tally:
    """Have every client ask again as soon as it was answered, for so many seconds."""
    tally = Tally()
    _allow_files()
    with TemporaryDirectory(prefix="cloudify-bench-") as folder, ExitStack() as ends:
        targets = write_truth(Path(folder)).targets
        server = ends.enter_context(serve(DEMO, *targets, settings={"chunk_cache_nbytes": CHUNK_CACHE_NBYTES}))
        with Wire(server.url) as wire:
            kinds = [kind for kind in kinds_of(read_known(wire), COMPUTED) if kind.name in WEIGHTS]
        with Health(server.url, tally):
            begun = monotonic()
            taken = asyncio.run(_crowd(server.url, kinds, seconds, seed))
            took_s = monotonic() - begun
        judge(taken, {kind.name: kind.status for kind in kinds}, tally)
        tally.notes.append(f"{len(taken) / took_s:.0f} answers a second")
        end_in_time(server, tally)
    return tally


def judge(taken: Sequence[Taken], right: dict[str, int], tally: Tally) -> None:
    """Count the answers, and what is wrong with them.

    Parameters
    ----------
    right
        Kind -> the status of its answers, unless the server is too busy.
    """
    for kind, status, _ in taken:
        tally.answered(f"{kind} {status or 'none'}")
    wrong = Counter(f"{kind} {status or 'none'}" for kind, status, _ in taken if status not in PASSING | {right[kind]})
    for what, number in sorted(wrong.items()):
        tally.failed(f"{number} answers were {what}, neither as they should be nor 429 or 503")
    for kind in PROMISED:
        of_kind = [status for name, status, _ in taken if name == kind]
        share = sum(status == right[kind] for status in of_kind) / max(1, len(of_kind))
        tally.notes.append(f"{kind}: {100 * share:.1f} % of {len(of_kind)} were 2xx")
        if share < LEAST:
            tally.failed(f"{kind}: {100 * share:.1f} % of {len(of_kind)} answers were 2xx, less than {100 * LEAST:.0f}")
    p50, p99 = np.percentile([took_s for *_, took_s in taken], [50, 99])
    tally.notes.append(f"answers took p50 {p50:.2f} s, p99 {p99:.2f} s")


def _allow_files() -> None:
    """Let this process, and the server that it starts, have as many connections as there are clients.

    Raises
    ------
    RowError
        If the system does not.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < FILES and hard != resource.RLIM_INFINITY:
        raise RowError(f"a process may have {hard} open files here, and {FILES} are needed: ulimit -Hn")
    if soft < FILES:
        resource.setrlimit(resource.RLIMIT_NOFILE, (FILES, hard))


async def _crowd(url: str, kinds: Sequence[Kind], seconds: float, seed: int) -> list[Taken]:
    taken: list[Taken] = []
    until = monotonic() + seconds
    clients = (_client(url, kinds, Random(f"{seed}-{i}"), until, taken) for i in range(CLIENTS))  # noqa: S311
    await asyncio.gather(*clients)
    return taken


async def _client(url: str, kinds: Sequence[Kind], random: Random, until: float, taken: list[Taken]) -> None:
    """Ask for one thing after the other on one connection, and on another where that was closed."""
    weights = [WEIGHTS[kind.name] for kind in kinds]
    host, port = url.removeprefix("http://").split(":")
    streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
    while monotonic() < until:
        (kind,) = random.choices(kinds, weights)
        begun, status = monotonic(), 0
        try:
            async with asyncio.timeout(ANSWER_S):
                streams = streams or await asyncio.open_connection(host, int(port), limit=READ_NBYTES)
                status, is_open = await _ask(*streams, f"{host}:{port}", kind.target(random))
        except (OSError, EOFError, ValueError):  # TimeoutError is of them
            is_open = False
        taken.append((kind.name, status, monotonic() - begun))
        if not is_open and streams is not None:
            streams[1].close()
            streams = None
    if streams is not None:
        streams[1].close()


async def _ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, host: str, target: str) -> tuple[int, bool]:
    """Return the status of an answer and whether the connection stays, after all of the body has come."""
    writer.write(f"GET {target} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode("latin-1"))
    first, *lines = (await reader.readuntil(b"\r\n\r\n")).lower().split(b"\r\n")
    headers = dict(line.split(b": ", 1) for line in lines if line)
    await reader.readexactly(int(headers[b"content-length"]))
    return int(first.split(b" ")[1]), headers.get(b"connection") != b"close"
