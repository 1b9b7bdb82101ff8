"""Row ``job-million``: a job of which a million slices are planned, while it runs and when it is dismissed.

What was planned is looked at from outside, as owners do: how soon the first slice begins, how long nothing seems to
happen, and how much memory it takes.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import monotonic, sleep, time

import psutil

from benchmarks.failures import RowError
from benchmarks.jobs import OWNER, SMALL, Field, Jobs, jobs, nbytes_of
from benchmarks.load import Sample
from benchmarks.memory import MIB, growth_nbytes
from benchmarks.report import cores
from benchmarks.rows import Effort, Outcome, Row, Target, figures_of
from benchmarks.runs import Peer, measure_run, used_s, wait_for_rest

FEW, MILLION = 1000, 1_000_000
FEWER, PLANNED = "a slice of a job of 1,000", "a slice of a job of 1,000,000"
SOURCE = """
import time, cloudify.slice

def double(block):
    if cloudify.slice.number == 1:
        cloudify.slice.emit("began", time.time())
    return block["t"] * 2
"""
WATCHED_S, LOOK_S, FIRST_S = 8.0, 0.02, 60.0
MOST_S, MOST_DISMISSED_S = 1.0, 2.0


@dataclass(slots=True)
class Seen:
    """What was seen of jobs of a million slices."""

    first_s: list[float] = field(default_factory=list)
    """How long after a job was asked for its first slice began."""
    pauses_s: list[float] = field(default_factory=list)
    """The longest time of each in which no slice was settled."""
    answers_s: list[float] = field(default_factory=list)
    """The longest time that each job took to be shown."""
    grown_nbytes: list[float] = field(default_factory=list)
    dismissed_s: list[float] = field(default_factory=list)
    """How long it took until nothing of it ran any more."""

    def __str__(self) -> str:
        grown = median(self.grown_nbytes) / MIB
        return (
            f"the first slice began {median(self.first_s):.2f} s after the job was asked for, {max(self.first_s):.2f} "
            f"at most ({MOST_S:g} is allowed); no slice was settled for {max(self.pauses_s):.2f} s at most, and the "
            f"job was shown within {max(self.answers_s):.2f} s ({MOST_S:g} is allowed); memory grew by {grown:.1f} MiB "
            f"in {WATCHED_S:.0f} s; nothing of it ran {max(self.dismissed_s):.2f} s after it was dismissed "
            f"({MOST_DISMISSED_S:g} are allowed)"
        )


def million(effort: Effort) -> Outcome:
    """Compare a slice of very many with one of few, of chunks that were never written."""
    seen = Seen()
    with TemporaryDirectory(prefix="cloudify-bench-") as folder:
        root = Path(folder)
        few, many = (Field.sparse(root / f"n{n}.zarr", SMALL, n) for n in (FEW, MILLION))
        with jobs(few, root / "few") as of_few, jobs(many, root / "many") as of_many:
            peer = Peer(of_few.run, root / "few" / "blobs", FEW)
            measure_run(peer)
            _watch(of_many, Seen())
            taken: dict[str, list[Sample]] = {FEWER: [], PLANNED: []}
            for _ in range(effort.rounds):
                taken[FEWER].append(measure_run(peer))
                taken[PLANNED].append(_watch(of_many, seen))
    figures = [figures_of(name, 1, samples, taken[FEWER]) for name, samples in taken.items()]
    return Outcome(f"`x * 2` over chunks of {nbytes_of(SMALL) / 1e3:.0f} kB that were never written; {seen}", figures)


def _watch(ours: Jobs, seen: Seen) -> Sample:
    """Begin a job, look at it for some seconds, dismiss it; returns what a slice took."""
    pids = wait_for_rest()
    asked = time()
    job_id = ours.submit(SOURCE)
    seen.first_s.append(_first(ours, job_id) - asked)
    before, began, first = used_s(pids), monotonic(), _done(ours, job_id)
    looks = list(_looks(ours, job_id))
    used, elapsed_s, count = used_s(pids) - before, monotonic() - began, _done(ours, job_id) - first
    if not count:
        raise RowError(f"no slice was settled within {WATCHED_S:.0f} s")
    seen.pauses_s.append(_longest_pause(looks))
    seen.answers_s.append(max(look.took_s for look in looks))
    seen.grown_nbytes.append(growth_nbytes([look.resident_nbytes for look in looks]))
    seen.dismissed_s.append(_dismiss(ours, job_id))
    each_ms = elapsed_s / count * 1e3
    return Sample(used / count * 1e6, count / elapsed_s, each_ms, each_ms)


@dataclass(frozen=True, slots=True)
class _Look:
    at: float
    took_s: float
    done: int
    resident_nbytes: int


def _looks(ours: Jobs, job_id: str) -> Iterator[_Look]:
    own, end = psutil.Process(), monotonic() + WATCHED_S
    while monotonic() < end:
        at = monotonic()
        done = _done(ours, job_id)
        yield _Look(at, monotonic() - at, done, own.memory_info().rss)
        sleep(LOOK_S)


def _longest_pause(looks: list[_Look]) -> float:
    """Return the longest time between two looks at which there was more than before."""
    changes = [looks[0].at, *(look.at for last, look in pairwise(looks) if look.done > last.done), looks[-1].at]
    return max(later - earlier for earlier, later in pairwise(changes))


def _first(ours: Jobs, job_id: str) -> float:
    """Wait for the first slice; returns when it began, by its own word."""
    deadline = monotonic() + FIRST_S
    while monotonic() < deadline:
        for event in ours.service.store.events.after(job_id, 0, 100):
            if event.type == "began":
                return float(json.loads(event.payload))
        sleep(LOOK_S)
    raise RowError(f"the first slice did not begin within {FIRST_S:.0f} s")


def _done(ours: Jobs, job_id: str) -> int:
    job = ours.service.jobs.record(OWNER, job_id).job
    if job.state not in {"accepted", "running"}:
        raise RowError(f"the job is {job.state}: {job.failure}")
    return job.done


def _dismiss(ours: Jobs, job_id: str) -> float:
    """Dismiss a job; returns how long it took until the processes were gone that ran it, one for each core."""
    there, began = _below(), monotonic()
    ours.service.jobs.dismiss(OWNER, job_id)
    while monotonic() < began + FIRST_S:
        if len(there - _below()) >= cores():
            return monotonic() - began
        sleep(LOOK_S)
    raise RowError("the processes of a job that was dismissed did not end")


def _below() -> set[int]:
    return {one.pid for one in psutil.Process().children(recursive=True)}


ROW = Row(FEWER, million, {PLANNED: Target(cpu=1.2)})
