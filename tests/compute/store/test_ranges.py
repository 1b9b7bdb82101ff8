"""Ranges of slices say of each slice what its row says, however many there are."""

import tracemalloc
from itertools import groupby
from random import Random
from time import monotonic

import pytest
from sqlalchemy import text

from cloudify.compute.lifecycle import Began
from cloudify.compute.store import schema
from cloudify.compute.store.records import SliceRange, SliceState
from cloudify.compute.store.rows import failure_values
from cloudify.compute.store.store import Store
from cloudify.model.job import Failure, Job
from cloudify.model.outcome import Outcome, Share

WRONG = Failure("user-error", "division by zero", "line 1")
OTHER = Failure("timeout", "took longer than 60 s")
STATES: tuple[SliceState | None, ...] = (None, "pending", "leased", "done", "failed")

MILLION = """
    WITH RECURSIVE counted(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM counted WHERE n < 1000000)
    INSERT INTO slices (job, number, state, attempt, boot)
    SELECT 1, n, CASE WHEN n IN (1, 500000, 500001, 999999) THEN 'leased' ELSE 'done' END, 1, 'e' FROM counted
"""

Said = tuple[SliceState, int, Failure | None]


def made_at_random(store: Store, seed: int, total: int) -> list[Said]:
    """A job whose slices are in any state, some of which were never leased; returns what became of each."""
    random = Random(seed)  # noqa: S311
    kinds: list[Said] = [
        ("pending", 1, None), ("pending", 2, None), ("leased", 1, None), ("leased", 2, None), ("done", 1, None),
        ("done", 2, None), ("failed", 1, WRONG), ("failed", 1, OTHER), ("failed", 2, OTHER),
    ]  # fmt: skip
    said: list[Said] = []
    while len(said) < total - 3:
        said += [random.choice(kinds)] * random.choice([1, 1, 2, 5])
    said[total - 3 :] = [("pending", 1, None)] * 3  # not begun yet
    store.jobs.add(Job("j", "ann", "map", 1.0, total=total), "{}", "{}")
    with store.jobs._database.writing() as connection:
        for number, (state, attempt, failure) in enumerate(said[:-3], 1):
            if (state, attempt) != ("pending", 1) or random.random() < 0.5:
                values = failure_values(failure) | {"job": 1, "number": number, "state": state, "attempt": attempt}
                connection.execute(schema.slices.insert().values(values | {"boot": "e"}))
    return said


def by_hand(said: list[Said]) -> list[SliceRange]:
    numbered = enumerate(said, 1)
    found = []
    for kind, group in groupby(numbered, key=lambda each: each[1]):
        numbers = [number for number, _ in group]
        found.append(SliceRange(numbers[0], numbers[-1], *kind))
    return found


@pytest.mark.parametrize("seed", range(3))
def test_ranges_are_those_of_a_list_of_all_slices(store: Store, seed: int) -> None:
    total = 60
    said = made_at_random(store, seed, total)
    expected = by_hand(said)
    assert len({kind[:2] for kind in said}) > 5
    for state in STATES:
        wanted = [each for each in expected if state in {None, each.state}]
        assert store.jobs.slices("j", state=state, limit=1000) == wanted
        for limit in (1, 2, 7):
            paged: list[SliceRange] = []
            while page := store.jobs.slices("j", state=state, after=paged[-1].last if paged else 0, limit=limit):
                assert len(page) <= limit
                paged += page
            assert paged == wanted, (state, limit)
    assert store.jobs.slices("j", after=total, limit=9) == []
    middle = next(each for each in expected if each.last > each.first)
    cut = store.jobs.slices("j", after=middle.first, limit=1)
    assert cut == [SliceRange(middle.first + 1, middle.last, middle.state, middle.attempt, middle.failure)]


def test_slices_that_are_as_far_as_each_other_are_one_range(store: Store) -> None:
    store.jobs.add(Job("j", "ann", "map", 1.0, total=9), "{}", "{}")
    store.jobs.happen("j", Began(at=2.0))
    store.jobs.lease("j", [(number, 1) for number in range(1, 8)], "e")
    told = [Share(number, 1, permille) for number, permille in ((2, 0), (3, 500), (4, 500), (5, 750))]
    store.jobs.progress("j", told, boot="e", at=3.0)
    running = [
        SliceRange(1, 1, "leased", 1),
        SliceRange(2, 2, "leased", 1, None, 0),
        SliceRange(3, 4, "leased", 1, None, 500),
        SliceRange(5, 5, "leased", 1, None, 750),
        SliceRange(6, 7, "leased", 1),
    ]
    assert store.jobs.slices("j", state="leased", limit=9) == running
    assert store.jobs.slices("j", limit=9) == [*running, SliceRange(8, 9, "pending", 1)]
    store.jobs.settle("j", [Outcome(3, 1)], boot="e", at=4.0)
    store.jobs.reclaim("another engine")
    assert store.jobs.slices("j", limit=9) == [
        SliceRange(1, 2, "pending", 1), SliceRange(3, 3, "done", 1), SliceRange(4, 9, "pending", 1),
    ]  # fmt: skip


def test_a_job_that_was_never_begun_is_one_range(store: Store) -> None:
    store.jobs.add(Job("j", "ann", "map", 1.0, total=10**6), "{}", "{}")
    assert store.jobs.slices("j", limit=5) == [SliceRange(1, 10**6, "pending", 1)]
    assert store.jobs.slices("j", state="done", limit=5) == []
    store.jobs.add(Job("open", "ann", "map", 1.0, is_open=True), "{}", "{}")
    assert store.jobs.slices("open", limit=5) == []


def test_a_million_slices_cost_neither_memory_nor_time(store: Store, url: str | None) -> None:
    """A few among them were not done at once: those are found as fast as if there were no others."""
    total, failing = 10**6, [1, 500_000, 500_001]
    store.jobs.add(Job("j", "ann", "map", 1.0, total=total, on_error="skip"), "{}", "{}")
    store.jobs.happen("j", Began(at=2.0))
    with store.jobs._database.writing() as connection:
        if url is not None:
            connection.execute(text("SET LOCAL session_replication_role = replica"))  # no look-up of the job a row
        connection.execute(text(MILLION))
    failed = [Outcome(number, 1, failure=WRONG) for number in failing]
    store.jobs.settle("j", failed, boot="e", at=3.0)
    tracemalloc.start()
    began = monotonic()
    assert store.jobs.slices("j", limit=100) == [
        SliceRange(1, 1, "failed", 1, WRONG),
        SliceRange(2, 499_999, "done", 1),
        SliceRange(500_000, 500_001, "failed", 1, WRONG),
        SliceRange(500_002, 999_998, "done", 1),
        SliceRange(999_999, 999_999, "leased", 1),
        SliceRange(1_000_000, 1_000_000, "done", 1),
    ]
    assert store.jobs.slices("j", state="done", after=600_000, limit=1) == [SliceRange(600_001, 999_998, "done", 1)]
    assert store.jobs.failed_numbers("j") == failing
    assert (store.jobs.pending("j", 0, 10), store.jobs.highest("j")) == ([], total)
    elapsed_s, (_, peak_nbytes) = monotonic() - began, tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert elapsed_s < 2.0
    assert peak_nbytes < 2 * 2**20
