"""Workers and the scheduler of a Dask cluster are lost: what was done stays, the rest runs again."""

import os
import signal
from collections.abc import Callable
from pathlib import Path
from random import Random
from time import monotonic
from typing import Any

import psutil
import pytest
from engines import SLICES, Site, numbers, reaches, running
from playing import is_gone, until

from cloudify.compute import flight


def workers(site: Site) -> list[int]:
    """Return the processes of the workers of a site's own cluster."""
    cluster = site.service._cluster
    assert cluster is not None
    return [nanny.pid for nanny in cluster.workers.values() if nanny.pid is not None]


def attempts(site: Site, job_id: str) -> dict[int, int]:
    return {n: each.attempt for each in site.store.jobs.slices(job_id, limit=9999) for n in numbers([each])}


@pytest.mark.durability("D-02")
def test_a_job_completes_whose_workers_are_killed(
    on_dask: Site, counts: int, record_property: Callable[[str, object], None]
) -> None:
    random, rounds = Random(9), {1: 1, 2: 5, 3: 10}[counts]  # noqa: S311  # moments
    record_property("runs", rounds)
    for _ in range(rounds):
        job = on_dask.ask(args={"pause": 0.02})
        reaches(on_dask, job.id, random.randrange(10, 150))
        os.kill(random.choice(workers(on_dask)), signal.SIGKILL)
        on_dask.wait(job.id, 60)
        on_dask.check_whole(job.id)
        assert set(attempts(on_dask, job.id).values()) <= {1, 2}


@pytest.mark.durability("D-04")
def test_a_worker_that_hangs_loses_its_slice_which_runs_once_more(
    on_dask: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After 20 s; the test does not wait so long."""
    monkeypatch.setattr(flight, "LEASE_S", 5.0)
    job = on_dask.ask(args={"pause": 0.05})
    reaches(on_dask, job.id, 20)
    victim = workers(on_dask)[0]
    os.kill(victim, signal.SIGSTOP)
    try:
        on_dask.wait(job.id, 60)
    finally:
        if psutil.pid_exists(victim):
            os.kill(victim, signal.SIGCONT)
    on_dask.check_whole(job.id)
    again = {n for n, attempt in attempts(on_dask, job.id).items() if attempt > 1}
    assert again
    assert set(attempts(on_dask, job.id).values()) == {1, 2}
    assert all(times == 1 for n, times in on_dask.runs(job.id).items() if n not in again)
    assert all(on_dask.runs(job.id)[n] <= 2 for n in again)
    until(lambda: is_gone(victim), 20)  # another has taken its place


@pytest.mark.durability("D-05")
def test_a_slice_that_ends_its_worker_each_time_fails_and_the_others_finish(on_dask: Site) -> None:
    data = list(range(1, 31))
    job = on_dask.ask("deadly", data=data, on_error="skip", args={"victim": "SIGKILL", "which": 7})
    ended = on_dask.wait(job.id, 90)
    assert (ended.state, ended.done, ended.failed) == ("successful", 29, 1)
    (lost,) = on_dask.store.jobs.slices(job.id, state="failed", limit=9)
    assert (lost.first, lost.last, lost.attempt, lost.failure.reason) == (7, 7, 2, "worker-lost")
    assert [n for n, _ in on_dask.store.jobs.values(job.id, 1, 99)] == [n for n in data if n != 7]


@pytest.mark.durability("D-06")
def test_the_slots_of_workers_are_free_when_a_job_is_dismissed(on_dask: Site) -> None:
    job = on_dask.ask("loops", data=list(range(20)))
    slots = len(workers(on_dask))
    until(lambda: len(on_dask.runs(job.id)) == 1 + slots, 30)
    begun, pids = on_dask.runs(job.id), on_dask.pids(job.id)
    began = monotonic()
    on_dask.dismiss(job.id)
    until(lambda: all(map(is_gone, pids)), 2)
    assert monotonic() - began < 2
    following = on_dask.ask("slow", data=[1], args={"seconds": 0})
    assert on_dask.wait(following.id, 20).state == "successful"
    assert on_dask.job(job.id).state == "dismissed"
    assert on_dask.runs(job.id) == begun


def test_what_functions_say_on_workers_is_kept_in_order(on_dask: Site) -> None:
    job = on_dask.ask("talks", data=[7, 8], args={"count": 1000})
    assert on_dask.wait(job.id).state == "successful"
    said = [(event.slice, event.payload) for event in on_dask.store.events.after(job.id, 0, 10_000) if event.is_emitted]
    for number in (1, 2):
        mine = [payload for each, payload in said if each == number]
        assert mine == [f'{{"slice": {number}, "index": {index}}}' for index in range(1000)]


COMBINES = """
import os, signal, time
from pathlib import Path

def add(a, b):
    if not Path({flag!r}).exists():
        Path({flag!r}).touch()
        os.kill(os.getppid(), signal.SIGKILL)
        time.sleep(60)
    return a + b
"""


@pytest.mark.durability("D-02")
def test_results_are_combined_though_a_worker_dies_meanwhile(on_dask: Site, tmp_path: Path) -> None:
    combine = {"source": COMBINES.format(flag=str(tmp_path / "flag")), "entry": "add"}
    job = on_dask.ask("slow", data=list(range(100)), combine=combine, args={"seconds": 0})
    assert on_dask.wait(job.id, 60).state == "successful"
    assert (tmp_path / "flag").exists()
    assert int(on_dask.result(job.id)["slow"]) == 4950  # 0 + 1 + ... + 99


@pytest.mark.durability("D-03")
def test_a_job_completes_though_the_scheduler_is_lost_and_what_was_done_is_kept(
    cluster: Any, tmp_path: Path, counts: int, record_property: Callable[[str, object], None]
) -> None:
    kills = {1: 1, 2: 3, 3: 6}[counts]
    record_property("runs", kills)
    site = Site(tmp_path / "site", dask="auto", dask_address=cluster.address, dask_connect_s=2.0)
    with running(site):
        job = site.ask(args={"pause": 0.03})
        for kill in range(kills):
            reaches(site, job.id, 30 + 20 * kill)
            cluster.kill()
            done, runs = site.done(job.id), site.runs(job.id)
            cluster.start()
        site.wait(job.id, 90)
        site.check_whole(job.id)
    assert attempts(site, job.id) == dict.fromkeys(range(1, SLICES + 1), 1)
    assert {n: site.runs(job.id)[n] for n in done} == {n: runs[n] for n in done}
    site.close()
