"""An engine is killed, or told to end: nothing that was acknowledged is lost, nothing counts twice."""

import signal
from collections.abc import Callable
from random import Random
from time import monotonic, sleep

import pytest
from engines import SLICES, EngineProcess, Site, numbers, reaches
from playing import is_gone

Start = Callable[..., EngineProcess]


@pytest.mark.durability("D-01")
def test_an_engine_is_killed_at_random_and_every_slice_counts_once(
    site: Site, engine: Start, counts: int, record_property: Callable[[str, object], None]
) -> None:
    kills, random, seen = {1: 3, 2: 20, 3: 50}[counts], Random(8), []  # noqa: S311  # moments
    record_property("runs", kills)
    job = site.ask(args={"pause": 0.02})
    running = engine(site)
    for kill in range(kills):
        at = SLICES * kill // kills + random.randrange(SLICES // kills)
        reaches(site, job.id, min(at, SLICES - 1))
        sleep(random.random() * 0.05)
        running.kill()
        seen.append((site.done(job.id), site.runs(job.id)))
        running.start()
    site.wait(job.id, 120)
    site.check_whole(job.id)
    assert {each.attempt for each in site.store.jobs.slices(job.id, limit=999)} == {1}
    for acknowledged, runs in seen:
        assert {n: site.runs(job.id)[n] for n in acknowledged} == {n: runs[n] for n in acknowledged}


@pytest.mark.durability("D-19")
def test_an_engine_that_is_told_to_end_does_in_time_and_what_ran_is_pending(site: Site, engine: Start) -> None:
    job = site.ask(args={"pause": 0.05})
    running = engine(site)
    reaches(site, job.id, 20)
    began = monotonic()
    running.send(signal.SIGTERM)
    assert running.ended(5) == 0
    assert monotonic() - began < 5
    assert all(map(is_gone, site.pids(job.id)))
    done = site.done(job.id)
    pending = numbers(site.store.jobs.slices(job.id, state="pending", limit=999))
    assert sorted(done + pending) == list(range(1, SLICES + 1))
    runs = site.runs(job.id)
    running.start()
    site.wait(job.id)
    site.check_whole(job.id)
    assert {n: site.runs(job.id)[n] for n in done} == {n: runs[n] for n in done}
