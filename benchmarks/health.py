"""Whether a server says that it lives, soon enough, whatever else it has to do."""

import json
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from benchmarks.processes import plain_environment
from benchmarks.tally import Tally

P99_S = 1.0
"""Longest time of 99 in 100 answers."""
FEWEST = 20
"""Answers below which nothing can be said."""
END_S = 60.0


class Health:
    """Asks `/health` from a process of its own until its block ends, and judges then how long that took."""

    def __init__(self, url: str, tally: Tally) -> None:
        self._tally = tally
        script = Path(__file__).with_name("health_probe.py")
        self._process = subprocess.Popen(
            [sys.executable, str(script), url],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=plain_environment(),
        )  # fmt: skip

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            printed, _ = self._process.communicate("", timeout=END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            printed, _ = self._process.communicate()
        if error is None:
            judge(json.loads(printed or "[]"), self._tally)


def judge(took_ms: list[float], tally: Tally) -> None:
    """Note how long answers took, in milliseconds, -1 where there was none; count a failure if that is too long."""
    well = [each for each in took_ms if each >= 0]
    for each in took_ms:
        tally.answered("health 200" if each >= 0 else "health none")
    if len(well) < len(took_ms):
        tally.failed(f"/health: {len(took_ms) - len(well)} of {len(took_ms)} requests got no 200")
    if len(well) < FEWEST:
        tally.failed(f"/health: {len(well)} answers are too few to judge by")
        return
    p50, p99 = np.percentile(well, [50, 99])
    tally.notes.append(f"/health p50 {p50:.0f} ms, p99 {p99:.0f} ms, longest {max(well):.0f} ms, of {len(well)}")
    if p99 > P99_S * 1e3:
        tally.failed(f"/health p99 is {p99:.0f} ms, more than {P99_S * 1e3:.0f}")
