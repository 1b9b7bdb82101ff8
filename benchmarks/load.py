"""Load: one run of wrk against one server, and what it cost the server."""

import json
import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.failures import RowError
from benchmarks.processes import Running, cpu_seconds, find_program

KEYS_LUA = """\
local paths = {%s}
local requests = {}
init = function()
  math.randomseed(1)
  for i, path in ipairs(paths) do requests[i] = wrk.format("GET", path) end
end
request = function() return requests[math.random(#requests)] end
done = function(summary, latency)
  local e = summary.errors
  print(string.format("figures %%d %%d %%d %%d %%d", summary.requests, summary.duration,
    latency:percentile(50), latency:percentile(99), e.connect + e.read + e.write + e.status + e.timeout))
end
"""
_FIGURES = re.compile(r"^figures (\d+) (\d+) (\d+) (\d+) (\d+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Sample:
    """What one run showed."""

    cpu_us: float
    """CPU time of the server's processes per answered request, in microseconds."""
    rate_hz: float
    """Answered requests per second."""
    p50_ms: float
    p99_ms: float


def write_script(file: Path, paths: Sequence[str]) -> Path:
    """Write a wrk script that asks for `paths` at random, in the same order in every run, and return it."""
    file.write_text(KEYS_LUA % ", ".join(map(json.dumps, paths)), encoding="utf-8")
    return file


def measure(server: Running, script: Path, *, connections: int, seconds: int) -> Sample:
    """Load a server with one thread of wrk.

    Raises
    ------
    MissingProgramError
        If wrk is not installed.
    RowError
        If a request failed, or none was answered.
    """
    command = [find_program("wrk"), "-t1", f"-c{connections}", f"-d{seconds}s", "-s", str(script), server.url]
    pids = server.pids()
    before = cpu_seconds(pids)
    run = subprocess.run(command, capture_output=True, text=True, check=False, timeout=seconds + 60)
    spent_s = cpu_seconds(pids) - before
    match = _FIGURES.search(run.stdout)
    if run.returncode or match is None:
        raise RowError(f"wrk ended with status {run.returncode}: {run.stderr.strip()[:200]}")
    requests, duration_us, p50_us, p99_us, errors = map(int, match.groups())
    if errors or not requests:
        raise RowError(f"{errors} of {requests} requests failed at {connections} connections")
    return Sample(spent_s * 1e6 / requests, requests * 1e6 / duration_us, p50_us / 1e3, p99_us / 1e3)
