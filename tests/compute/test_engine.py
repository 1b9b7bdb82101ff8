"""The engine step by step, with workers that are played; what it survives as a whole is in `faults/compute`."""

import tracemalloc
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path
from time import monotonic, thread_time
from typing import Any

import numpy as np
import pytest
import xarray as xr
from engines import Site
from playing import until

from cloudify.compute import flight as flights
from cloudify.compute import news as inboxes
from cloudify.compute import shares as sharing
from cloudify.compute.batch import Alive, Batch, Report, Told
from cloudify.compute.engine import Engine
from cloudify.compute.executor import DiedError, LostError
from cloudify.compute.feeding import Feeder
from cloudify.compute.flight import LEASE_S, SPARED, Flight
from cloudify.compute.news import Inbox
from cloudify.compute.restarts import MOST, NAME, Restarts
from cloudify.compute.store.records import SliceRange
from cloudify.errors import ClusterUnavailableError, StoreUnavailableError
from cloudify.model.outcome import Emitted, Outcome


class Workers:
    """An executor whose batches a test ends."""

    def __init__(self, slots: int = 2) -> None:
        self.slots = slots
        self.batches: list[tuple[Batch, Future[Report]]] = []
        self.ended: list[str] = []
        self.is_there = True

    def ready(self) -> bool:
        return True

    def submit(self, batch: Batch) -> "Future[Report]":
        if not self.is_there:
            raise ClusterUnavailableError("away")
        self.batches.append((batch, Future()))
        return self.batches[-1][1]

    def finish(self) -> int:
        """Have all slices done that were begun; returns how many."""
        batches, self.batches = self.batches, []
        for batch, future in batches:
            if future.set_running_or_notify_cancel():
                future.set_result(Report(tuple(done(item.number, item.attempt) for item in batch.items), (), 1e-4))
        return sum(len(batch.items) for batch, _ in batches)

    def stop(self, job_id: str) -> None:
        self.ended.append(job_id)

    def replace(self, worker: str) -> None:
        self.ended.append(worker)

    def close(self) -> None:
        """End."""


class Nothing:
    """Puts nothing together."""

    def assemble(self, _work: object) -> str:
        return ""


def done(number: int, attempt: int = 1) -> Outcome:
    return Outcome(number, attempt, value=str(number), template="{}")


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    made = Site(tmp_path / "site")
    yield made
    made.close()


@pytest.fixture
def make(site: Site) -> Iterator[Callable[..., tuple[Engine, Workers]]]:
    """Make an engine and its workers."""
    made: list[Engine] = []

    def make(boot: str = "boot", slots: int = 2) -> tuple[Engine, Workers]:
        workers, assembler = Workers(slots), Nothing()
        feeder = Feeder(site.store, site.opened, site.settings)
        made.append(Engine(site.store, feeder, workers, assembler, boot, Restarts(site.folder)))  # type: ignore[arg-type]
        return made[-1], workers

    yield make
    for engine in made:
        engine.close()


def go(engine: Engine, condition: Callable[[], Any], seconds: float = 20) -> None:
    def step() -> Any:
        engine.step()
        return condition()

    engine.ring()
    until(step, seconds)


def test_a_million_slices_are_planned_without_a_list_of_them_and_without_a_pause(site: Site, make: Any) -> None:
    count = 1_000_000
    long = xr.Dataset({"t": ("time", np.zeros(count, "int8"))}, {"time": np.arange(count, dtype="float64")})
    long.to_netcdf(site.entry.href)
    job = site.ask(chunks={"time": 1})
    assert job.total == count
    engine, workers = make()
    go(engine, lambda: workers.batches)
    workers.finish()
    go(engine, lambda: site.job(job.id).done)
    settled, longest_s = 1, 0.0
    while settled < 5000:
        began = thread_time()  # how slow a disk is does not matter here
        settled += workers.finish()
        engine.step()
        longest_s = max(longest_s, thread_time() - began)
    assert longest_s < 1
    tracemalloc.start()
    while settled < 10_000:
        settled += workers.finish()
        engine.step()
    _, peak_nbytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak_nbytes < 30 * 2**20
    began = monotonic()
    site.dismiss(job.id)
    go(engine, lambda: job.id in workers.ended)
    assert monotonic() - began < 1


def test_slices_that_another_engine_took_meanwhile_are_found_again(site: Site, make: Any) -> None:
    """Two engines work on one database after it was away; the first is not heard, and goes on with what is left."""
    job = site.ask("slow", data=list(range(5)))
    first, workers = make("first")
    go(first, lambda: workers.batches)
    site.store.jobs.reclaim("second")
    site.store.jobs.lease(job.id, [(1, 1)], "second")
    workers.finish()
    go(first, lambda: not workers.batches)
    assert site.job(job.id).done == 0
    site.store.jobs.settle(job.id, [done(1)], boot="second", at=1.0, template="{}")
    go(first, lambda: site.job(job.id).state == "successful" or workers.finish() < 0)
    assert site.store.jobs.values(job.id, 1, 9) == [(n, str(n)) for n in range(1, 6)]


def test_a_cluster_that_is_away_costs_no_slice(site: Site, make: Any) -> None:
    job = site.ask("slow", data=[1])
    engine, workers = make()
    workers.is_there = False
    go(engine, lambda: engine._hearing.resume_at)
    assert site.store.jobs.highest(job.id) == 1
    workers.is_there, engine._hearing.resume_at = True, 0.0
    go(engine, lambda: workers.batches)
    assert [(item.number, item.attempt) for item in workers.batches[0][0].items] == [(1, 1)]


def test_batches_that_wait_are_cancelled_when_their_job_ends(site: Site, make: Any) -> None:
    job = site.ask("slow", data=list(range(40)))
    engine, workers = make()
    go(engine, lambda: workers.batches)
    workers.finish()
    go(engine, lambda: len(workers.batches) == 4)  # two for each slot
    site.dismiss(job.id)
    go(engine, lambda: job.id in workers.ended)
    assert all(future.cancelled() for _, future in workers.batches)


def test_a_worker_of_which_nothing_is_heard_is_replaced_and_its_slice_runs_again(
    site: Site, make: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.ask("slow", data=[1])
    engine, workers = make()
    go(engine, lambda: workers.batches)
    ((batch, future),) = workers.batches
    engine.tell(Alive(batch.work.job_id, batch.id, "tcp://1"))
    engine.step()
    now = monotonic()
    monkeypatch.setattr(flights, "monotonic", lambda: now + LEASE_S - 1)
    engine.tell(Alive(batch.work.job_id, batch.id, "tcp://1"))  # heard in time
    engine.step()
    monkeypatch.setattr(flights, "monotonic", lambda: now + 2 * LEASE_S - 2)
    engine.step()
    assert not future.cancelled()
    monkeypatch.setattr(flights, "monotonic", lambda: now + 2 * LEASE_S)
    go(engine, lambda: len(workers.batches) == 2)
    assert future.cancelled()
    assert workers.batches[1][0].items[0].attempt == 2
    assert workers.ended == ["tcp://1"]


def test_a_batch_that_waits_for_its_turn_is_not_given_up(
    site: Site, make: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Others have all workers for a while."""
    site.ask("slow", data=[1])
    engine, workers = make()
    go(engine, lambda: workers.batches)
    now = monotonic()
    monkeypatch.setattr(flights, "monotonic", lambda: now + 600)
    engine.step()
    assert len(workers.batches) == 1
    assert not workers.batches[0][1].cancelled()


def test_who_has_not_begun_is_not_blamed_for_the_end_of_a_worker_but_not_for_ever(site: Site, make: Any) -> None:
    job = site.ask("slow", data=[1])
    engine, workers = make()
    attempts = []
    for _ in range(SPARED + 2):
        go(engine, lambda: workers.batches)
        ((batch, future),) = workers.batches
        workers.batches.clear()
        attempts.append(batch.items[0].attempt)
        future.set_exception(DiedError())
    assert attempts == [*[1] * (SPARED + 1), 2]
    go(engine, lambda: site.job(job.id).state == "failed")


def test_what_is_said_while_too_much_is_unread_is_left_out_to_the_end_of_its_batch(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Else it would be kept in another order than it was said in."""
    monkeypatch.setattr(inboxes, "MOST", 3)
    inbox = Inbox()
    said = [Told("j", "b", 1, 1, (Emitted(index, 1.0, "step", "0"),)) for index in range(9)]
    for each in said[:6]:
        inbox.tell(each)
    assert inbox.unread(0) == said[:4]
    inbox.tell(said[6])
    inbox.tell(Alive("j", "b"))
    other = Told("j", "c", 2, 1)
    inbox.tell(other)
    assert inbox.unread(0) == [Alive("j", "b"), other]


def says(engine: Engine, batch: Batch, fraction: float | None) -> None:
    """Have the function of the first slice of a batch say how far it is."""
    engine.tell(Told(batch.work.job_id, batch.id, batch.items[0].number, batch.items[0].attempt, (), fraction))


def test_what_a_slice_says_of_its_progress_is_seen_and_counts_in_that_of_its_job(
    site: Site, make: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sharing, "WRITE_S", 0.0)
    monkeypatch.setattr(sharing, "EVENT_S", 0.0)
    job = site.ask("slow", data=[1])
    engine, workers = make()
    go(engine, lambda: workers.batches)
    ((batch, future),) = workers.batches
    seen = []
    for fraction in (None, 0.1, 0.12, 0.5, 0.3, 0.96):
        says(engine, batch, fraction)
        engine.step()
        (running,) = site.store.jobs.slices(job.id, limit=9)
        seen.append((site.job(job.id).progress, running.permille))
    assert seen == [(0, None), (10, 100), (12, 120), (50, 500), (50, 300), (96, 960)]
    future.set_result(Report((done(1),), (), 1.0))
    says(engine, batch, 0.97)  # it comes late
    go(engine, lambda: site.job(job.id).state == "successful")
    assert site.store.jobs.slices(job.id, limit=9) == [SliceRange(1, 1, "done", 1)]
    assert site.job(job.id).progress == 100
    told = [(event.type, event.slice, event.payload) for event in site.store.events.after(job.id, 0, 99)]
    fractions = [(1, f'{{"fraction":{fraction}}}') for fraction in (0.1, 0.5, 0.96)]
    assert told[2:-2] == [("progress", *each) for each in fractions]
    assert [kind for kind, _, _ in told if kind != "progress"] == ["accepted", "started", "slice-done", "successful"]


@pytest.mark.parametrize("error", [LostError, DiedError])
def test_of_a_slice_that_runs_again_nothing_is_done_but_its_job_does_not_go_back(
    site: Site, make: Any, monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    monkeypatch.setattr(sharing, "WRITE_S", 0.0)
    job = site.ask("slow", data=[1])
    engine, workers = make()
    go(engine, lambda: workers.batches)
    ((batch, future),) = workers.batches
    says(engine, batch, 0.8)
    engine.step()
    workers.batches.clear()
    future.set_exception(error())
    go(engine, lambda: workers.batches)
    engine.step()
    (running,) = site.store.jobs.slices(job.id, limit=9)
    assert (running.state, running.permille) == ("leased", None)
    assert (site.job(job.id).progress, site.job(job.id).running_permille) == (80, 0)
    says(engine, workers.batches[0][0], 0.9)
    engine.step()
    assert site.job(job.id).progress == 90


def test_the_next_engine_begins_with_nothing_done_of_what_ran(site: Site, make: Any) -> None:
    job = site.ask("slow", data=[1, 2])
    engine, workers = make("first")
    go(engine, lambda: workers.batches)
    says(engine, workers.batches[0][0], 0.5)
    engine.step()
    assert site.job(job.id).progress == 25
    second, workers = make("second")  # the first was killed
    go(second, lambda: workers.batches)
    (running, _) = site.store.jobs.slices(job.id, limit=9)
    assert (running.state, running.permille) == ("leased", None)
    assert (site.job(job.id).progress, site.job(job.id).running_permille) == (25, 0)
    go(second, lambda: workers.finish() and site.job(job.id).done)
    assert site.job(job.id).progress == 50


def test_what_is_said_is_not_lost_where_the_store_is_busy(
    site: Site, make: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = site.ask("slow", data=[1])
    engine, workers = make()
    go(engine, lambda: workers.batches)
    progress, refusals = site.store.jobs.progress, [StoreUnavailableError("is busy")]

    def refuse(*given: Any, **named: Any) -> None:
        if refusals:
            raise refusals.pop()
        progress(*given, **named)

    monkeypatch.setattr(site.store.jobs, "progress", refuse)
    says(engine, workers.batches[0][0], 0.5)
    with pytest.raises(StoreUnavailableError):
        engine.step()
    engine.step()
    assert site.job(job.id).progress == 50


def test_quick_slices_that_say_much_cost_a_change_a_second_and_no_event(
    site: Site, make: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = site.ask("slow", data=list(range(100)))
    engine, workers = make()
    changes: list[int] = []
    progress = site.store.jobs.progress

    def count(*given: Any, **named: Any) -> None:
        changes.append(len(given[1]))
        progress(*given, **named)

    monkeypatch.setattr(site.store.jobs, "progress", count)
    began = monotonic()

    def run() -> bool:
        for batch, _ in workers.batches:
            for tenth in range(10):
                says(engine, batch, tenth / 10)
        engine.step()
        workers.finish()
        return bool(site.job(job.id).state == "successful")

    go(engine, run)
    assert len(changes) <= 1 + (monotonic() - began) / sharing.WRITE_S
    assert "progress" not in {event.type for event in site.store.events.after(job.id, 0, 999)}
    assert site.job(job.id).running_permille == 0


def test_slices_that_were_tried_before_run_alone(site: Site, make: Any) -> None:
    site.ask("slow", data=list(range(40)))
    engine, workers = make()
    go(engine, lambda: workers.batches)
    workers.finish()
    go(engine, lambda: workers.batches)
    (flight,) = engine._flights.values()
    assert isinstance(flight, Flight)
    flight.give_back([(1, 1), (2, 2), (3, 1)])
    taken = [flight.take(1) for _ in range(3)]
    assert taken[0][0] == (1, 1)
    assert all((2, 2) not in slices or slices == ((2, 2),) for slices in taken)
    assert ((2, 2),) in taken


def test_a_job_that_ends_every_engine_fails_in_the_end(site: Site, make: Any) -> None:
    """Its function kills what runs it."""
    deadly = site.ask("slow", data=[1, 2])
    for number in range(MOST):
        engine, workers = make(f"boot{number}")
        go(engine, lambda there=workers.batches: there)
        assert site.job(deadly.id).state == "running"
    other = site.ask("slow", data=[3])
    engine, workers = make("last")
    go(engine, lambda: site.job(deadly.id).is_terminal)
    failure = site.job(deadly.id).failure
    assert failure is not None
    assert failure.reason == "server-restarted"
    go(engine, lambda: workers.finish() + 1 and site.job(other.id).state == "successful")


def test_jobs_that_may_end_engines_run_one_by_one_until_something_of_them_is_done(tmp_path: Path) -> None:
    def begin(*leased: tuple[str, str]) -> Restarts:
        restarts = Restarts(tmp_path)  # of a new process
        restarts.note(leased)
        return restarts

    jobs = {"a": 1, "b": 2, "c": 3}
    assert list(begin(("a", "1"), ("b", "1")).running(jobs)) == ["a", "b", "c"]
    assert list(begin(("a", "1"), ("b", "1")).running(jobs)) == ["a", "b", "c"]  # it was killed before it began
    restarts = begin(("a", "2"), ("b", "2"))
    assert list(restarts.running(jobs)) == ["a"]
    restarts.forget("a")  # a slice of it is done
    assert list(restarts.running(jobs)) == ["b"]
    assert list(Restarts(tmp_path).running(jobs)) == ["b"]
    for boot in range(3, MOST + 1):
        assert not begin(("b", f"{boot - 1}")).is_too_often("b")
        restarts = begin(("b", f"{boot}"))
    assert restarts.is_too_often("b")
    assert list(begin().running(jobs)) == ["a", "b", "c"]  # the last one ended as it should
    (tmp_path / NAME).write_text("half of a fi")
    assert list(begin().running(jobs)) == ["a", "b", "c"]
