"""Row ``start``: from nothing to the first chunk, against the imports of what cannot be done without."""

import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic

from benchmarks.answers import fetch
from benchmarks.load import Sample
from benchmarks.noise import SMALL
from benchmarks.processes import cpu_seconds
from benchmarks.rows import Effort, Outcome, Row, Target, figures_of
from benchmarks.servers import serve

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
    return Outcome("a request is one start; what was compiled and read before is still there", figures)


def _import() -> Sample:
    began, before = monotonic(), os.times()
    subprocess.run([sys.executable, "-c", "import xpublish, zarr"], check=True, timeout=60)
    after = os.times()
    used_s = after.children_user + after.children_system - before.children_user - before.children_system
    return _sample(used_s, monotonic() - began)


def _serve(store: Path) -> Sample:
    began = monotonic()
    with ExitStack() as stack:
        server = stack.enter_context(serve(store))
        fetch(server.url, SMALL.paths()[:1])
        elapsed_s = monotonic() - began
        return _sample(cpu_seconds(server.pids()), elapsed_s)


def _sample(used_s: float, elapsed_s: float) -> Sample:
    return Sample(used_s * 1e6, 1 / elapsed_s, elapsed_s * 1e3, elapsed_s * 1e3)


ROW = Row(IMPORTS, run, {OURS: Target(cpu=1.5, throughput=round(1 / 1.5, 2))})
