"""Row ``start``: from nothing to the first chunk, against the imports of what cannot be done without."""

import subprocess
import sys
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from http import HTTPStatus
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic

from benchmarks.failures import RowError
from benchmarks.load import Sample
from benchmarks.noise import SMALL
from benchmarks.processes import cpu_seconds, plain_environment
from benchmarks.rows import Effort, Outcome, Row, Target, figures_of
from benchmarks.servers import serve
from benchmarks.wire import Request, Wire

IMPORT = "import xpublish, zarr, os; print(sum(os.times()[:2]), flush=True)"
Start = Callable[[], Sample]
IMPORTS, OURS = "python -c 'import xpublish, zarr'", "cloudify serve, its first chunk"


def run(effort: Effort) -> Outcome:
    """Start each in turn, round by round, after both were started once."""
    with TemporaryDirectory(prefix="cloudify-bench-") as folder:
        store = SMALL.write(Path(folder))
        peers: dict[str, Start] = {IMPORTS: _import, OURS: partial(_serve, store)}
        samples: dict[str, list[Sample]] = {name: [] for name in peers}
        for begin in peers.values():
            begin()
        for _ in range(effort.rounds):
            for name, begin in peers.items():
                samples[name].append(begin())
    figures = [figures_of(name, 1, taken, samples[IMPORTS]) for name, taken in samples.items()]
    return Outcome(
        "a request is one start, both until they have what they are started for; what was compiled and read before is "
        "still there",
        figures,
    )


def _import() -> Sample:
    """Import, and stop the clocks there: a server is not measured to its end either, which takes a quarter as long."""
    began = monotonic()
    command = [sys.executable, "-c", IMPORT]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=plain_environment()) as process:
        if process.stdout is None:
            raise RowError("no pipe")
        used_s = process.stdout.readline()
        elapsed_s = monotonic() - began
    return _sample(float(used_s), elapsed_s)


def _serve(store: Path) -> Sample:
    began = monotonic()
    with ExitStack() as stack:
        server = stack.enter_context(serve(store))
        with Wire(server.url) as wire:  # httpx would read certificates first, which takes as long as many an import
            answer = wire.ask(Request("GET", SMALL.paths()[0]))
        elapsed_s = monotonic() - began
        if answer.status != HTTPStatus.OK:
            raise RowError(f"the first chunk is answered with {answer.status}")
        return _sample(cpu_seconds(server.pids()), elapsed_s)


def _sample(used_s: float, elapsed_s: float) -> Sample:
    return Sample(used_s * 1e6, 1 / elapsed_s, elapsed_s * 1e3, elapsed_s * 1e3)


ROW = Row(IMPORTS, run, {OURS: Target(cpu=1.5, throughput=round(1 / 1.5, 2))})
