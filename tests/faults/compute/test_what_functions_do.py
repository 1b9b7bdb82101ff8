"""What a function does to its process, what its owner does to its job: the engine, and the other jobs, go on."""

import json
import os
from time import monotonic
from typing import Any

import numpy as np
import pytest
from engines import SLICES, Site, numbers, ramp, reaches, running
from playing import is_gone, until
from sqlalchemy import update

from cloudify.compute.lifecycle import Dismissed
from cloudify.compute.store.schema import jobs
from cloudify.errors import JobClosedError

SLOTS = os.cpu_count() or 1


def failed(site: Site, job_id: str) -> list[tuple[int, int, int, str, str]]:
    found = site.store.jobs.slices(job_id, state="failed", limit=99)
    return [(each.first, each.last, each.attempt, each.failure.reason, each.failure.message) for each in found]


@pytest.mark.durability("D-05")
def test_a_slice_whose_process_ends_runs_once_more_and_the_others_once(inline: Site) -> None:
    job = inline.ask("deadly", data=list(range(8)), args={"victim": "self", "which": 5, "once": True})
    assert inline.wait(job.id).state == "successful"
    assert inline.store.jobs.values(job.id, 1, 99) == [(n, str(n - 1)) for n in range(1, 9)]
    assert inline.runs() == {n: 2 if n == 5 else 1 for n in range(1, 9)}
    attempts = {n: each.attempt for each in inline.store.jobs.slices(job.id, limit=99) for n in numbers([each])}
    assert attempts == {n: 2 if n == 5 else 1 for n in range(1, 9)}


@pytest.mark.durability("D-05")
def test_a_slice_that_ends_its_process_each_time_fails_and_says_how(inline: Site) -> None:
    job = inline.ask("deadly", data=list(range(8)), on_error="skip", args={"victim": "self", "which": 5})
    ended = inline.wait(job.id)
    assert (ended.state, ended.done, ended.failed) == ("successful", 7, 1)
    ((first, last, attempt, reason, message),) = failed(inline, job.id)
    assert (first, last, attempt, reason) == (5, 5, 2, "worker-lost")
    assert "status 3" in message
    assert inline.runs() == {n: 2 if n == 5 else 1 for n in range(1, 9)}


@pytest.mark.durability("D-14")
def test_a_function_that_takes_too_much_memory_is_judged_within_30_s(inline: Site) -> None:
    began = monotonic()
    ended = inline.wait(inline.ask("greedy", data=[1], limits={"memory": 200 * 2**20}).id, 30)
    assert ended.failure is not None
    assert (ended.state, ended.failure.reason) == ("failed", "memory-limit")
    assert monotonic() - began < 30


@pytest.mark.durability("D-06")
def test_a_job_that_has_all_slots_frees_them_when_it_is_dismissed(inline: Site) -> None:
    job = inline.ask("loops", data=list(range(8 * SLOTS)))
    until(lambda: len(inline.runs()) == 1 + SLOTS, 30)
    begun, pids = inline.runs(), inline.pids()
    began = monotonic()
    inline.dismiss(job.id)
    until(lambda: all(map(is_gone, pids)), 2)
    assert monotonic() - began < 2
    assert inline.runs() == begun  # what waited behind them was never begun
    assert inline.job(job.id).state == "dismissed"
    following = inline.ask("slow", data=[1], args={"seconds": 0})
    assert inline.wait(following.id, 20).state == "successful"
    assert inline.job(job.id).done == 1


def test_what_a_function_says_is_kept_once_and_in_order_also_when_it_runs_again(inline: Site) -> None:
    job = inline.ask("talks", data=[7, 8], args={"count": 1000, "dies": True})
    assert inline.wait(job.id).state == "successful"
    said: dict[int, list[int]] = {1: [], 2: []}
    for event in inline.store.events.after(job.id, 0, 10_000):
        if event.type == "step":
            payload = json.loads(event.payload)
            assert payload["slice"] == event.slice
            said[event.slice].append(payload["index"])
    assert said == {1: [*range(500), *range(1000)], 2: [*range(1000)]}


def test_slices_are_added_to_a_job_that_runs_and_none_when_it_is_closed(inline: Site) -> None:
    owner = inline.service.jobs
    job = inline.ask("slow", data=[0, 1], is_open=True, args={"seconds": 0})
    reaches(inline, job.id, 2)
    assert inline.job(job.id).state == "running"  # it waits
    assert owner.extend("ann", job.id, {"data": [2, 3, 4]}).total == 5
    reaches(inline, job.id, 3)
    assert owner.close("ann", job.id).is_open is False
    with pytest.raises(JobClosedError):
        owner.extend("ann", job.id, {"data": [5]})
    ended = inline.wait(job.id)
    assert (ended.state, ended.total, ended.done) == ("successful", 5, 5)
    assert inline.store.jobs.values(job.id, 1, 9) == [(n, str(n - 1)) for n in range(1, 6)]
    with pytest.raises(JobClosedError):
        owner.extend("ann", job.id, {"data": [5]})


def test_cells_are_added_in_any_order_and_the_others_read_as_fill(inline: Site) -> None:
    owner = inline.service.jobs
    job = inline.ask(is_open=True)
    for times in ([150, 3], [77]):
        owner.extend("ann", job.id, {"regions": [{"time": [n, n + 1], "y": [0, 8], "x": [0, 8]} for n in times]})
    owner.close("ann", job.id)
    ended = inline.wait(job.id)
    assert (ended.state, ended.total, ended.done) == ("successful", 3, 3)
    values = inline.result(job.id)["t"].values
    expected = np.full_like(values, np.nan)
    expected[[3, 77, 150]] = 2 * ramp()["t"].values[[3, 77, 150]]
    np.testing.assert_array_equal(values, expected)


def test_slices_that_fail_are_skipped_read_as_fill_and_are_listed(inline: Site) -> None:
    job = inline.ask("fails", on_error="skip", args={"which": [1, 50, 51, 200]})
    ended = inline.wait(job.id)
    assert (ended.state, ended.done, ended.failed) == ("successful", SLICES - 4, 4)
    assert [each[:4] for each in failed(inline, job.id)] == [
        (1, 1, 1, "user-error"), (50, 50, 1, "user-error"), (51, 51, 1, "user-error"), (200, 200, 1, "user-error"),
    ]  # fmt: skip
    result = inline.result(job.id)
    expected = 2 * ramp()["t"].values
    expected[[0, 49, 50, 199]] = np.nan
    np.testing.assert_array_equal(result["t"].values, expected)
    assert result.attrs["cloudify:failed_slices"] == [1, 50, 51, 200]


@pytest.mark.parametrize("column", ["plan", "request"])
def test_a_job_that_the_engine_cannot_make_out_ends_alone(site: Site, column: str) -> None:
    """Its rows were written by another version, say."""
    poisonous, other = site.ask(data=[1]), site.ask("slow", data=[2], args={"seconds": 0})
    with site.store.jobs._database.writing() as connection:
        connection.execute(update(jobs).where(jobs.c.id == poisonous.id).values({column: "[]"}))
    with running(site):
        failure = site.wait(poisonous.id).failure
        assert site.wait(other.id).state == "successful"
    assert failure is not None
    assert failure.reason == "server-failed"
    assert "TypeError" in failure.message


def test_a_job_whose_rows_cannot_be_written_ends_alone(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    poisonous, other = site.ask("slow", data=[1], args={"seconds": 0}), site.ask("slow", data=[2], args={"seconds": 0})
    settle = site.store.jobs.settle

    def refuse(job_id: str, *given: Any, **rest: Any) -> Any:
        if job_id == poisonous.id:
            raise OverflowError("an integer that no database takes")
        return settle(job_id, *given, **rest)

    monkeypatch.setattr(site.store.jobs, "settle", refuse)
    with running(site):
        failure = site.wait(poisonous.id).failure
        assert site.wait(other.id).state == "successful"
    assert failure is not None
    assert failure.reason == "server-failed"
    assert site.store.jobs.happen(poisonous.id, Dismissed(at=1.0))[0].state == "failed"
