"""Calls of functions as a load: how often in a second, and what they cost this process and its helpers."""

import os
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from time import monotonic

import numpy as np

from benchmarks.load import Sample
from benchmarks.processes import cpu_seconds
from benchmarks.rows import WARM_UP_S, Effort, Figures, figures_of


def compare_calls(
    peers: Mapping[str, tuple[Callable[[], object], int]],
    effort: Effort,
    *,
    limit: str,
    each_round: Callable[[], None] = lambda: None,
    clock: Callable[[], float] = lambda: cpu_seconds([os.getpid()]),
) -> list[Figures]:
    """Call each peer in turn, round by round.

    Parameters
    ----------
    peers
        Name -> function, and how many threads call it at once.
    limit
        The peer that the others are multiples of.
    each_round
        What else is to be done in each round.
    clock
        CPU time that was used, in seconds: of this process and all below it.
    """
    samples: dict[str, list[Sample]] = {name: [] for name in peers}
    for call, at_once in peers.values():
        _load(call, at_once, WARM_UP_S, clock)
    for _ in range(effort.rounds):
        each_round()
        for name, (call, at_once) in peers.items():
            samples[name].append(_load(call, at_once, effort.seconds, clock))
    return [figures_of(name, peers[name][1], taken, samples[limit]) for name, taken in samples.items()]


def _load(call: Callable[[], object], at_once: int, seconds: float, clock: Callable[[], float]) -> Sample:
    took: list[float] = []
    end = monotonic() + seconds

    def repeat(_number: int) -> None:
        while monotonic() < end:
            began = monotonic()
            call()
            took.append(monotonic() - began)

    before, began = clock(), monotonic()
    with ThreadPoolExecutor(at_once) as threads:
        list(threads.map(repeat, range(at_once)))
    elapsed, used = monotonic() - began, clock() - before
    p50, p99 = np.percentile(took, [50, 99]) * 1e3
    return Sample(used / len(took) * 1e6, len(took) / elapsed, float(p50), float(p99))
