"""Load: one run of wrk against one server, and what it cost the server."""

import json
import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep

from benchmarks.failures import RowError
from benchmarks.processes import Running, cpu_seconds, find_program

KEYS_LUA = """\
local paths = {%s}
local requests = {}
init = function()
  math.randomseed(1)
  for i, path in ipairs(paths) do requests[i] = wrk.format("GET", path, {%s}) end
end
request = function() return requests[math.random(#requests)] end
done = function(summary, latency)
  local e = summary.errors
  print(string.format("figures %%d %%d %%d %%d %%d %%d", summary.requests, summary.duration,
    latency:percentile(50), latency:percentile(99), e.connect + e.read + e.write + e.timeout, e.status))
end
"""
TIMEOUT_S = 30
"""How long wrk waits for an answer: slow peers let 64 connections wait for seconds."""
REST_S, LOOK_S, REST_CPU_S = 10.0, 0.1, 0.02
"""A server rests that uses no more than two ticks of the CPU's clock while it is looked at."""
_FIGURES = re.compile(r"^figures (\d+) (\d+) (\d+) (\d+) (\d+) (\d+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Sample:
    """What one run showed."""

    cpu_us: float
    """CPU time of the server's processes per answered request, in microseconds."""
    rate_hz: float
    """Answered requests per second."""
    p50_ms: float
    p99_ms: float


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked for."""

    script: Path
    """Of wrk."""
    is_refused: bool = False
    """Whether every answer is to be a failure, 404 for example, else none."""


def ask_for(
    file: Path, paths: Sequence[str], headers: Mapping[str, str] | None = None, *, is_refused: bool = False
) -> Asked:
    """Write a wrk script that asks for `paths` at random, in the same order in every run."""
    quoted = [f"[{json.dumps(name)}] = {json.dumps(value)}" for name, value in (headers or {}).items()]
    file.write_text(KEYS_LUA % (", ".join(map(json.dumps, paths)), ", ".join(quoted)), encoding="utf-8")
    return Asked(file, is_refused)


def measure(server: Running, asked: Asked, *, connections: int, seconds: int) -> Sample:
    """Load a server with one thread of wrk.

    Raises
    ------
    MissingProgramError
        If wrk is not installed.
    RowError
        If a request failed that is not meant to, or none was answered.
    """
    command = [find_program("wrk"), "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", f"{TIMEOUT_S}s"]
    pids = server.pids()
    before = cpu_seconds(pids)
    run = subprocess.run(
        [*command, "-s", str(asked.script), server.url],
        capture_output=True, text=True, check=False, timeout=seconds + 60,
    )  # fmt: skip
    spent_s = cpu_seconds(pids) - before
    match = _FIGURES.search(run.stdout)
    if run.returncode or match is None:
        raise RowError(f"wrk ended with status {run.returncode}: {run.stderr.strip()[:200]}")
    requests, duration_us, p50_us, p99_us, broken, refused = map(int, match.groups())
    if broken or not requests or refused != (requests if asked.is_refused else 0):
        raise RowError(f"of {requests} requests at {connections} connections {broken} broke, {refused} were refused")
    return Sample(spent_s * 1e6 / requests, requests * 1e6 / duration_us, p50_us / 1e3, p99_us / 1e3)


def settle(server: Running) -> None:
    """Wait until a server has done what was asked of it, so that it takes no time from whoever is next.

    Raises
    ------
    RowError
        If it goes on working.
    """
    end = monotonic() + REST_S
    pids = server.pids()
    before = cpu_seconds(pids)
    while monotonic() < end:
        sleep(LOOK_S)
        now = cpu_seconds(pids)
        if now - before <= REST_CPU_S:
            return
        before = now
    raise RowError(f"the server still worked {REST_S:.0f} s after its load")
