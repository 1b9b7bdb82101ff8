"""What is kept of jobs, on both databases: nothing acknowledged is lost, nothing counts twice."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from cloudify.compute.lifecycle import Assemble, Assembled, Began, Broken, Closed, Dismissed, Extended, Say, Stop
from cloudify.compute.store.records import Idempotency, SliceLog, SliceRange
from cloudify.compute.store.store import Store
from cloudify.errors import BadOptionError, IdempotencyConflictError, JobClosedError, UnknownJobError
from cloudify.model.job import Failure, Job, Usage
from cloudify.model.outcome import Emitted, Outcome, Piece

A = "a" * 64
B = "b" * 64
LOST = Failure("worker-lost", "the worker was killed")
WRONG = Failure("user-error", "division by zero", "line 1")


def job(job_id: str = "j1", **given: object) -> Job:
    return replace(Job(job_id, "ann", "map", 100.0, total=3), **given)  # type: ignore[arg-type]


def running(store: Store, job_id: str = "j1", **given: object) -> Job:
    """A job that runs, with all slices leased by the engine "e1"."""
    made = store.jobs.add(job(job_id, **given), "{}", "{}")
    store.jobs.happen(job_id, Began(at=101.0))
    store.jobs.lease(job_id, [(number, 1) for number in range(1, made.total + 1)], "e1")
    return made


def types(store: Store, job_id: str = "j1") -> list[tuple[str, int | None]]:
    return [(event.type, event.slice) for event in store.events.after(job_id, 0, 1000)]


def done(number: int, attempt: int = 1, **given: object) -> Outcome:
    return Outcome(number, attempt, **given)  # type: ignore[arg-type]


def settle(store: Store, *outcomes: Outcome, boot: str = "e1", job_id: str = "j1") -> Job:
    return store.jobs.settle(job_id, outcomes, boot=boot, at=102.0)[0]


def test_a_job_is_read_as_it_was_added(store: Store, reopen: Callable[[], Store]) -> None:
    made = job(
        process_version="1.2", is_open=True, on_error="skip", isolation="bwrap", usage=Usage(1.5, 2**40, 3, 4),
        failure=WRONG, started=1.25, updated=2.5, finished=3.75, state="failed", result=A, done=1, failed=1, reused=1,
    )  # fmt: skip
    assert store.jobs.add(made, '{"a": 1}', '{"b": 2}') == made
    record = reopen().jobs.get("j1")
    assert record is not None
    assert (record.job, record.request, record.plan, record.template) == (made, '{"a": 1}', '{"b": 2}', "")
    assert not record.hidden
    assert store.jobs.get("j2") is None


def test_what_happens_is_written_with_its_events(store: Store, reopen: Callable[[], Store]) -> None:
    running(store)
    first, second, third = (done(n, usage=Usage(1.0, 10 * n, 5, 5)) for n in (1, 2, 3))
    assert settle(store, first, second).done == 2
    after, effects = store.jobs.settle("j1", [third], boot="e1", at=103.0)
    assert (after.done, after.state, after.usage) == (3, "running", Usage(3.0, 30, 15, 15))
    used = {"cpu_s": 1.0, "peak_bytes": 30, "bytes_in": 5, "bytes_out": 5}
    assert effects == (Say("slice-done", {"usage": used}, slice=3), Assemble())
    after, effects = store.jobs.happen("j1", Assembled(at=104.0, result=A))
    assert (after.state, after.finished, after.result) == ("successful", 104.0, A)
    assert effects == (Say("successful"),)
    record = reopen().jobs.get("j1")
    assert record is not None
    assert record.job == after
    assert types(store) == [
        ("accepted", None), ("started", None), ("slice-done", 1), ("slice-done", 2), ("slice-done", 3),
        ("successful", None),
    ]  # fmt: skip
    assert [event.time for event in store.events.after("j1", 0, 10)] == [100.0, 101.0, 102.0, 102.0, 103.0, 104.0]


def test_a_job_that_has_ended_never_changes(store: Store) -> None:
    running(store)
    ended, effects = store.jobs.happen("j1", Dismissed(at=103.0))
    assert effects == (Say("dismissed"), Stop())
    seen = types(store)
    for happening in (Began(at=9.0), Assembled(at=9.0, result=A), Broken(at=9.0, failure=WRONG), Dismissed(at=9.0)):
        assert store.jobs.happen("j1", happening) == (ended, ())
    late = done(1, pieces=(Piece("t/c/0", A, 5),), value="1", log="x", emitted=(Emitted(0, 1.0, "t", "1"),))
    assert store.jobs.settle("j1", [late], boot="e1", at=9.0, template="{}") == (ended, ())
    store.jobs.emit("j1", 2, 1, [Emitted(0, 1.0, "t", "1")])
    store.jobs.lease("j1", [(9, 1)], "e1")
    with pytest.raises(JobClosedError):
        store.jobs.happen("j1", Extended(at=9.0, count=1), inputs=["1"])
    assert types(store) == seen
    assert list(store.jobs.pieces("j1")) == store.jobs.values("j1", 1, 9) == store.jobs.log("j1") == []
    assert store.jobs.highest("j1") == 3
    record = store.jobs.get("j1")
    assert record is not None
    assert (record.job, record.template) == (ended, "")


def test_the_first_attempt_to_be_told_of_wins(store: Store) -> None:
    running(store)
    settle(store, done(1, pieces=(Piece("t/c/0", A, 5),)), done(1, pieces=(Piece("t/c/0", B, 6),)))
    settle(store, done(1, pieces=(Piece("t/c/0", B, 6),), value="2"), done(1, failure=WRONG))
    assert list(store.jobs.pieces("j1")) == [Piece("t/c/0", A, 5)]
    assert store.jobs.values("j1", 1, 9) == []
    record = store.jobs.get("j1")
    assert record is not None
    assert (record.job.done, record.job.failed) == (1, 0)
    assert types(store).count(("slice-done", 1)) == 1


def test_an_engine_that_is_gone_is_not_heard(store: Store) -> None:
    running(store)
    store.jobs.reclaim("e2")
    assert store.jobs.pending("j1", 0, 10) == [(1, 1), (2, 1), (3, 1)]  # a restart is no attempt
    assert settle(store, done(1)).done == 0
    store.jobs.lease("j1", [(1, 1), (2, 1)], "e2")
    assert settle(store, done(1)).done == 0
    assert settle(store, done(1), boot="e2").done == 1
    store.jobs.reclaim("e2")
    assert store.jobs.pending("j1", 0, 10) == [(3, 1)]
    assert store.jobs.pending("j1", 3, 10) == []


def test_a_slice_whose_worker_was_lost_runs_once_more(store: Store) -> None:
    running(store, on_error="skip")
    assert settle(store, done(2, failure=LOST, log="before")).failed == 0
    assert store.jobs.pending("j1", 0, 10) == [(2, 2)]
    assert settle(store, done(2)).done == 0  # of the attempt that was given up
    store.jobs.lease("j1", [(2, 2)], "e1")
    assert settle(store, done(2)).done == 0
    assert settle(store, done(2, 2, failure=LOST, log="again")).failed == 1
    assert store.jobs.failed_numbers("j1") == [2]
    assert store.jobs.log("j1") == [SliceLog(2, 1, "before", is_cut=False), SliceLog(2, 2, "again", is_cut=False)]
    assert store.jobs.slices("j1", limit=9) == [
        SliceRange(1, 1, "leased", 1), SliceRange(2, 2, "failed", 2, LOST), SliceRange(3, 3, "leased", 1),
    ]  # fmt: skip


def test_a_failure_ends_the_job_and_what_comes_after_it_in_the_batch_does_not_count(store: Store) -> None:
    running(store)
    job_, effects = store.jobs.settle("j1", [done(1), done(2, failure=WRONG), done(3)], boot="e1", at=102.0)
    assert (job_.state, job_.done, job_.failed) == ("failed", 1, 1)
    assert effects[-1] == Stop()
    assert job_.failure == Failure("user-error", "slice 2: division by zero", "line 1")
    assert [each.state for each in store.jobs.slices("j1", limit=9)] == ["done", "failed", "leased"]
    assert store.jobs.unfinished() == []


def test_a_lease_takes_no_slice_from_who_has_it(store: Store) -> None:
    running(store)
    settle(store, done(1))
    store.jobs.lease("j1", [(1, 1), (2, 1), (4, 1)], "e2")
    assert settle(store, done(2)).done == 2
    assert store.jobs.highest("j1") == 4
    assert [(each.first, each.last, each.state) for each in store.jobs.slices("j1", limit=9)] == [
        (1, 2, "done"), (3, 4, "leased"),
    ]  # fmt: skip


def test_the_first_template_stays(store: Store) -> None:
    running(store)
    store.jobs.settle("j1", [done(9)], boot="e1", at=1.0, template="of a slice that was not leased")
    store.jobs.settle("j1", [done(1)], boot="e1", at=1.0, template="first")
    store.jobs.settle("j1", [done(2)], boot="e1", at=1.0, template="second")
    record = store.jobs.get("j1")
    assert record is not None
    assert record.template == "first"


def test_values_pieces_and_logs_are_read_in_order(store: Store) -> None:
    running(store, total=4)
    settle(
        store,
        done(3, value="[3]", log="three"),
        done(1, value="null", pieces=(Piece("b/c/0", B, 2), Piece("a/c/0", A, 1), Piece("B/c/0", A, 1)), log="one"),
    )
    settle(store, done(2, value='"zwei"', pieces=(Piece("a/c/1", A, 1),)), done(4, log="x", log_is_cut=True))
    assert store.jobs.values("j1", 1, 2) == [(1, "null"), (2, '"zwei"')]
    assert store.jobs.values("j1", 3, 2) == [(3, "[3]")]
    assert store.jobs.values("j1", 1, 9, 9) == [(1, "null")]
    assert store.jobs.values("j1", 1, 9, 1) == [(1, "null")]  # one at least, however long it is
    assert [event.seq for event in store.events.after("j1", 0, 9, 3)] == [1]
    assert [piece.key for piece in store.jobs.pieces("j1")] == ["B/c/0", "a/c/0", "b/c/0", "a/c/1"]
    assert [log.slice for log in store.jobs.log("j1", limit=2)] == [1, 3]
    assert store.jobs.log("j1", after=3, limit=2) == [SliceLog(4, 1, "x", is_cut=True)]
    assert store.jobs.log("j1", 3) == [SliceLog(3, 1, "three", is_cut=False)]


def test_pieces_are_read_page_by_page(store: Store) -> None:
    count = 4500
    running(store, total=count)
    settle(store, *(done(number, pieces=(Piece(f"t/c/{number}", A, number),)) for number in range(1, count + 1)))
    assert [piece.nbytes for piece in store.jobs.pieces("j1")] == list(range(1, count + 1))


def test_inputs_belong_to_their_slices_and_are_added_to_open_jobs(store: Store) -> None:
    data = [f'"{number}"' for number in range(1, 2501)]
    store.jobs.add(job(is_open=True, total=2500), "{}", "{}", inputs=iter(data))
    store.jobs.happen("j1", Began(at=1.0))
    after, _ = store.jobs.happen("j1", Extended(at=2.0, count=2), inputs=["[1.0]", "\u00e9"])
    assert after.total == 2502
    assert store.jobs.inputs("j1", [2502, 2501, 1000, 1001, 1, 9999]) == {
        1: '"1"', 1000: '"1000"', 1001: '"1001"', 2501: "[1.0]", 2502: "\u00e9",
    }  # fmt: skip
    store.jobs.happen("j1", Closed(at=3.0))
    with pytest.raises(JobClosedError):
        store.jobs.happen("j1", Extended(at=4.0, count=1), inputs=["5"])
    assert store.jobs.inputs("j1", [2503]) == {}
    assert store.jobs.inputs("j1", []) == {}
    assert [event.type for event in store.events.after("j1", 1, 9)] == ["started", "extended", "closed"]


def test_what_a_function_says_is_kept_once(store: Store) -> None:
    running(store)
    said = [Emitted(index, 5.0 + index, "found", f'{{"n": {index}}}') for index in range(3)]
    store.jobs.emit("j1", 1, 1, said[:1])
    store.jobs.emit("j1", 1, 1, said[:2])
    store.jobs.emit("j1", 1, 2, said)  # of an attempt that was not leased
    store.jobs.emit("j1", 7, 1, said)
    settle(store, done(1, emitted=tuple(said)))
    store.jobs.emit("j1", 1, 1, [Emitted(9, 5.0, "late", "1")])
    events = store.events.after("j1", 2, 99)
    assert [(event.type, event.payload, event.slice, event.is_emitted) for event in events] == [
        ("found", '{"n": 0}', 1, True), ("found", '{"n": 1}', 1, True), ("found", '{"n": 2}', 1, True),
        ("slice-done", '{"usage":{"cpu_s":0.0,"peak_bytes":0,"bytes_in":0,"bytes_out":0}}', 1, False),
    ]  # fmt: skip
    numbers = [event.seq for event in store.events.after("j1", 0, 99)]
    assert numbers == sorted(set(numbers))
    assert [event.seq for event in store.events.after("j1", numbers[2], 1)] == [numbers[3]]


def test_a_repeated_request_is_one_job(store: Store) -> None:
    asked = Idempotency("k", "hash")
    first = store.jobs.add(job("j1"), "{}", "{}", ["1"], asked)
    store.jobs.happen("j1", Began(at=101.0))
    again = store.jobs.add(job("j2"), "{}", "{}", ["1"], asked)
    assert (again.id, again.state) == (first.id, "running")
    assert store.jobs.get("j2") is None
    with pytest.raises(IdempotencyConflictError, match="'k'"):
        store.jobs.add(job("j3"), "{}", "{}", (), Idempotency("k", "other"))
    assert store.jobs.add(job("j4", owner="bob"), "{}", "{}", (), asked).id == "j4"
    next_day = 100.0 + 24 * 3600
    assert store.jobs.add(job("j5", created=next_day), "{}", "{}", (), asked).id == "j1"
    assert store.jobs.add(job("j6", created=next_day + 1), "{}", "{}", (), Idempotency("k", "other")).id == "j6"
    assert store.jobs.unfinished() == ["j1", "j4", "j6"]


def test_jobs_are_listed_in_pages_newest_first(store: Store) -> None:
    for number in range(5):
        store.jobs.add(job(f"j{number}", created=100.0 + number, process="map" if number % 2 else "echo"), "{}", "{}")
    store.jobs.add(job("other", owner="bob"), "{}", "{}")
    store.jobs.happen("j0", Began(at=110.0))
    store.jobs.happen("j1", Began(at=110.0))
    store.jobs.happen("j1", Dismissed(at=112.0))
    store.jobs.hide("j2")
    page = store.jobs.list("ann", limit=2, now=120.0)
    assert [each.id for each in page.items] == ["j4", "j3"]
    page = store.jobs.list("ann", limit=2, after=page.next, now=120.0)
    assert ([each.id for each in page.items], page.next) == (["j1", "j0"], None)

    def ids(**asked: object) -> list[str]:
        return [each.id for each in store.jobs.list("ann", limit=9, now=120.0, **asked).items]  # type: ignore[arg-type]

    assert ids(states=["running", "accepted"]) == ["j4", "j3", "j0"]
    assert ids(processes=["echo"]) == ["j4", "j0"]
    assert ids(created_from=101.0, created_to=103.0) == ["j3", "j1"]
    assert ids(min_duration_s=10.0) == ["j0"]
    assert ids(max_duration_s=2.0) == ["j1"]
    for after in ("x", "-1", "\0", "9" * 40, "\u0663"):
        with pytest.raises(BadOptionError):
            ids(after=after)


def test_a_hidden_job_is_still_there(store: Store) -> None:
    store.jobs.add(job(), "{}", "{}")
    store.jobs.hide("j1")
    store.jobs.hide("j1")
    record = store.jobs.get("j1")
    assert record is not None
    assert record.hidden


def test_hostile_texts_are_kept_and_looked_for(store: Store) -> None:
    """A NUL, and half of a pair of surrogates, are in no database: a mark stands for each."""
    nasty = "a\0b\ud800c\U0001f600'\"; DROP TABLE jobs"
    kept = "a\ufffdb\ufffdc\U0001f600'\"; DROP TABLE jobs"
    running(store, on_error="skip", owner=nasty)
    failure = Failure("user-error", nasty, nasty)
    settle(store, done(1, failure=failure, log=nasty, emitted=(Emitted(0, 1.0, nasty, nasty),)), done(2, value=nasty))
    assert store.jobs.log("j1")[0].text == store.jobs.values("j1", 1, 1)[0][1] == kept
    assert store.jobs.slices("j1", state="failed", limit=1)[0].failure == Failure("user-error", kept, kept)
    assert [each.id for each in store.jobs.list(nasty, limit=1, now=1.0).items] == ["j1"]
    assert store.jobs.get(nasty) is None
    assert store.jobs.slices("j1", after=10**30, limit=1) == []
    assert store.jobs.values("j1", 10**30, 1) == store.jobs.log("j1", -1) == store.jobs.log("j1", after=10**30) == []
    assert store.events.after("j1", 10**30, 1) == []


def test_a_job_that_is_not_there_is_said(store: Store) -> None:
    for ask in (
        lambda: store.jobs.happen("x", Began(at=1.0)),
        lambda: store.jobs.lease("x", [(1, 1)], "e"),
        lambda: settle(store, job_id="x"),
        lambda: store.jobs.slices("x", limit=1),
        lambda: list(store.jobs.pieces("x")),
        lambda: store.jobs.hide("x"),
        lambda: store.events.after("x", 0, 1),
    ):
        with pytest.raises(UnknownJobError):
            ask()
