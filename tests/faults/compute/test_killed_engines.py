"""An engine is killed, or told to end: nothing that was acknowledged is lost, nothing counts twice."""

import os
import signal
from collections.abc import Callable
from random import Random
from time import monotonic, sleep

import pytest
from engines import SLICES, EngineProcess, Site, reaches
from playing import is_gone, until

Start = Callable[..., EngineProcess]


@pytest.mark.durability("D-01")
def test_an_engine_is_killed_at_random_and_every_slice_counts_once(site: Site, engine: Start, counts: int) -> None:
    kills = {1: 3, 2: 20, 3: 50}[counts]
    random = Random(8)
    job = site.ask(args={"pause": 0.02})
    running = engine(site)
    for kill in range(kills):
        at = SLICES * kill // kills + random.randrange(max(1, SLICES // kills))
        reaches(site, job.id, min(at, SLICES - 1))
        sleep(random.random() * 0.05)
        running.kill()
        before, begun = site.done(job.id), site.runs()
        assert len(before) == site.job(job.id).done
        running.start()
        if kill:
            continue
        until(lambda: site.job(job.id).done > len(before), 60)
        assert {n: site.runs()[n] for n in before} == {n: begun[n] for n in before}
    site.wait(job.id, 120)
    site.check_whole(job.id)
    assert {each.attempt for each in site.store.jobs.slices(job.id, limit=999)} == {1}
