"""Runs that take seconds and several processes: each is measured once in a round."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from resource import RUSAGE_CHILDREN, getrusage
from time import monotonic, process_time, sleep

import psutil

from benchmarks.failures import RowError
from benchmarks.load import REST_CPU_S, Sample
from benchmarks.rows import Effort, Figures, figures_of
from cloudify.compute.child.watch import cpu_s

REST_S, LOOK_S = 30.0, 0.25
"""How long processes may go on after a run, and how often they are looked at."""


@dataclass(frozen=True, slots=True)
class Peer:
    """What does something to every chunk of a field, and where it leaves what it made."""

    run: Callable[[], object]
    folder: Path
    chunks: int


def compare_peers(peers: Mapping[str, Peer], effort: Effort, *, limit: str) -> list[Figures]:
    """Run each peer once in each round, in turn, after each was run once."""
    samples: dict[str, list[Sample]] = {name: [] for name in peers}
    for peer in peers.values():
        measure_run(peer)
    for _ in range(effort.rounds):
        for name, peer in peers.items():
            samples[name].append(measure_run(peer))
    return [figures_of(name, 1, taken, samples[limit]) for name, taken in samples.items()]


def measure_run(peer: Peer) -> Sample:
    """Run a peer once, and say what a chunk took of this process and of those below it that were there before."""
    for path in [path for path in peer.folder.glob("**/*") if path.is_file()]:
        path.unlink()
    pids = wait_for_rest()
    before, began = used_s(pids), monotonic()
    peer.run()
    elapsed_s, taken_s = monotonic() - began, used_s(pids) - before
    each_ms = elapsed_s / peer.chunks * 1e3
    return Sample(taken_s / peer.chunks * 1e6, peer.chunks / elapsed_s, each_ms, each_ms)


def wait_for_rest() -> list[int]:
    """Wait until the processes below this one are idle: those that start are ready by then. Return their ids."""
    deadline, before = monotonic() + REST_S, -REST_S
    while monotonic() < deadline:
        pids = [one.pid for one in psutil.Process().children(recursive=True)]
        now = sum(map(cpu_s, pids))
        if now - before < REST_CPU_S:
            return pids
        before = now
        sleep(LOOK_S)
    raise RowError(f"processes still worked {REST_S:.0f} s after a job")


def used_s(pids: list[int]) -> float:
    """Return the CPU time of this process and of some below it, in seconds; of those that ended, too."""
    while any(map(_is_ending, pids)):
        sleep(0.01)
    ended = getrusage(RUSAGE_CHILDREN)
    return process_time() + ended.ru_utime + ended.ru_stime + sum(cpu_s(pid) + _ended_s(pid) for pid in pids)


def _ended_s(pid: int) -> float:
    """Return the CPU time of those that a process started, had end and was told of."""
    with suppress(psutil.NoSuchProcess):
        times = psutil.Process(pid).cpu_times()
        return float(times.children_user + times.children_system)
    return 0.0


def _is_ending(pid: int) -> bool:
    """Whether a process has ended and nobody has been told yet what it used."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
