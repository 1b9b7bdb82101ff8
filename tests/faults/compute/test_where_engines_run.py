"""Clocks that jump, a second engine, a backup: jobs go on as if nothing was."""

import signal
from collections.abc import Callable
from pathlib import Path
from time import time
from typing import Any

import pytest
from engines import SLICES, EngineProcess, Site, reaches, running
from sqlalchemy import select

from cloudify.compute.lock import hold
from cloudify.compute.store import schema
from cloudify.errors import DirectoryInUseError

Start = Callable[..., EngineProcess]


@pytest.mark.program("faketime")
@pytest.mark.durability("D-15")
def test_a_clock_that_jumps_by_two_hours_changes_nothing_but_the_times_that_are_told(
    site: Site, engine: Start, tmp_path: Path
) -> None:
    clock = tmp_path / "clock"
    clock.write_text("+0")
    (library,) = Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1")
    env = {
        "LD_PRELOAD": str(library), "FAKETIME_TIMESTAMP_FILE": str(clock), "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }  # fmt: skip
    job = site.ask(args={"pause": 0.01})
    engine(site, env=env)
    for done, jump in ((30, "+2h"), (90, "-2h")):
        reaches(site, job.id, done)
        clock.write_text(jump)
    ended = site.wait(job.id)
    site.check_whole(job.id)
    assert site.runs(job.id) == dict.fromkeys(range(1, SLICES + 1), 1)  # nothing was taken for lost
    assert ended.finished is not None
    assert abs(ended.finished - time() + 7200) < 600
    told = [event.time - time() for event in site.store.events.after(job.id, 0, 10_000)]
    assert max(told) > 6000


@pytest.mark.durability("D-18")
def test_a_second_engine_on_one_data_directory_refuses(tmp_path: Path) -> None:
    site = Site(tmp_path / "site", runs_engine=True)
    with hold(site.settings.data_dir), pytest.raises(DirectoryInUseError):
        site.ask(data=[1])
    assert site.store.jobs.unfinished() == []
    assert site.wait(site.ask("slow", data=[1], args={"seconds": 0}).id).state == "successful"
    site.close()


@pytest.mark.program("postgres")
@pytest.mark.durability("D-18")
def test_on_postgresql_a_second_engine_stands_by_and_takes_over(postgres: Any, tmp_path: Path, engine: Start) -> None:
    site = Site(tmp_path / "site", database_url=postgres.new())
    job = site.ask(args={"pause": 0.02})
    first = engine(site)
    reaches(site, job.id, 20)
    second = engine(site)
    reaches(site, job.id, 120)
    assert set(boots(site, job.id)) == {boots(site, job.id)[0]}  # the second one waits
    first.kill()
    acknowledged, runs = site.done(job.id), site.runs(job.id)
    site.wait(job.id)
    site.check_whole(job.id)
    assert len(set(boots(site, job.id))) == 2
    assert {n: site.runs(job.id)[n] for n in acknowledged} == {n: runs[n] for n in acknowledged}
    second.send(signal.SIGTERM)
    assert second.ended() == 0
    site.close()


def boots(site: Site, job_id: str) -> list[str]:
    """Return which engine ran each slice that is done."""
    slices, jobs = schema.slices, schema.jobs
    found = select(slices.c.boot).where(slices.c.job == jobs.c.serial, jobs.c.id == job_id, slices.c.state == "done")
    with site.store._database.reading() as connection:
        return list(connection.execute(found).scalars())


@pytest.mark.durability("D-20")
def test_a_backup_that_is_taken_while_a_job_runs_goes_on_elsewhere(tmp_path: Path) -> None:
    site = Site(tmp_path / "site")
    job = site.ask(args={"pause": 0.03})
    with running(site):
        reaches(site, job.id, 60)
        site.store.backup(tmp_path / "restored" / "data")
        site.wait(job.id)
    site.check_whole(job.id)
    restored = Site(tmp_path / "restored")
    restored.entry = site.entry
    before = restored.done(job.id)
    assert 60 <= len(before) < SLICES
    trace = site.runs(job.id)
    with running(restored):
        restored.wait(job.id)
    restored.check_whole(job.id)
    again = site.runs(job.id) - trace  # its functions leave their traces where they were told
    assert set(again) == set(range(1, SLICES + 1)) - set(before)
    for each in (site, restored):
        each.close()
