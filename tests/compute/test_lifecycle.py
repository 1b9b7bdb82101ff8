"""The life of a job as lists of happenings."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudify.compute.lifecycle import (
    Assemble,
    Assembled,
    Began,
    Broken,
    Closed,
    Dismissed,
    Effect,
    Extended,
    Happening,
    Progressed,
    Say,
    SliceDone,
    SliceFailed,
    Stop,
    advance,
    runs_again,
)
from cloudify.model.job import Failure, Job, Usage

WRONG = Failure("user-error", "ZeroDivisionError: division by zero")


def made(**given_: object) -> Job:
    return replace(Job("j1", "anna", "map", created=0.0), **given_)  # type: ignore[arg-type]


def live(job: Job, *happenings: Happening) -> tuple[Job, list[Effect]]:
    effects: list[Effect] = []
    for happening in happenings:
        job, more = advance(job, happening)
        effects += more
    return job, effects


def done(number: int, at: float = 2.0, **given_: object) -> SliceDone:
    return SliceDone(at=at, number=number, **given_)  # type: ignore[arg-type]


def types(effects: list[Effect]) -> list[str]:
    return [effect.type if isinstance(effect, Say) else type(effect).__name__ for effect in effects]


def test_a_job_of_two_slices_runs_is_put_together_and_is_successful() -> None:
    job, effects = live(made(total=2), Began(at=1.0), done(2), done(1), Assembled(at=5.0, result="abc"))

    assert (job.state, job.started, job.finished, job.done, job.result) == ("successful", 1.0, 5.0, 2, "abc")
    assert types(effects) == ["started", "slice-done", "slice-done", "Assemble", "successful"]
    assert job.progress == 100


def test_the_first_failure_ends_a_job_that_stops_and_names_its_slice() -> None:
    job, effects = live(made(total=9), Began(at=1.0), done(1), SliceFailed(at=3.0, number=4, failure=WRONG), done(5))

    assert (job.state, job.done, job.failed, job.finished) == ("failed", 1, 1, 3.0)
    assert job.failure == Failure("user-error", "slice 4: ZeroDivisionError: division by zero")
    assert types(effects) == ["started", "slice-done", "slice-failed", "failed", "Stop"]


def test_a_job_that_skips_ends_with_a_gap() -> None:
    job, effects = live(
        made(total=2, on_error="skip"), Began(at=1.0), SliceFailed(at=2.0, number=1, failure=WRONG), done(2)
    )

    assert (job.state, job.done, job.failed) == ("running", 1, 1)
    assert isinstance(effects[-1], Assemble)


def test_a_job_that_skips_all_its_slices_has_failed() -> None:
    job, _ = live(made(total=1, on_error="skip"), Began(at=1.0), SliceFailed(at=2.0, number=1, failure=WRONG))

    assert job.state == "failed"
    assert job.failure is not None
    assert job.failure == replace(WRONG, message=f"all 1 slices failed, the last with {WRONG.message}")


def test_an_open_job_waits_for_more_until_it_is_closed() -> None:
    job, effects = live(made(is_open=True, total=1), Began(at=1.0), done(1), Extended(at=3.0, count=1), done(2))
    assert (job.state, job.total, job.progress) == ("running", 2, 99)
    assert not any(isinstance(effect, Assemble) for effect in effects)

    job, effects = live(job, Closed(at=4.0), Closed(at=4.5))
    assert types(effects) == ["closed", "Assemble"]
    assert not job.is_open


def test_a_closed_job_takes_no_more_slices() -> None:
    job, _ = live(made(is_open=True, total=1), Began(at=1.0), Closed(at=2.0))

    with pytest.raises(ValueError, match="takes no more"):
        advance(job, Extended(at=3.0, count=1))


def test_an_engine_that_takes_up_a_job_of_one_before_it_says_nothing_twice() -> None:
    job, effects = live(made(total=2), Began(at=1.0), done(1), Began(at=9.0))

    assert job.started == 1.0
    assert types(effects) == ["started", "slice-done"]


def test_an_engine_that_takes_up_a_job_with_nothing_left_has_it_put_together() -> None:
    _, effects = live(made(total=1, done=1, state="running"), Began(at=9.0))

    assert types(effects) == ["Assemble"]


def test_what_running_slices_say_of_their_progress_counts_and_never_goes_back() -> None:
    """Two slices: 40 % of one is done, then 90 %, then it is lost and runs again; the other is done meanwhile."""
    job, effects = live(made(total=2), Began(at=1.0), Progressed(at=2.0, permille=400, told=((1, 400),)))
    assert (job.progress, effects[-1]) == (20, Say("progress", {"fraction": 0.4}, slice=1))
    seen = []
    for happening in (
        Progressed(at=3.0, permille=500),
        Progressed(at=4.0, permille=-900),
        Progressed(at=5.0, permille=100),
        done(2),
        Progressed(at=6.0, permille=850),
        done(1, permille=950),
    ):
        job, effects = live(job, happening)
        seen.append(job.progress)
    assert seen == [45, 45, 45, 55, 97, 99]
    assert job.running_permille == 0
    assert types(effects) == ["slice-done", "Assemble"]


def test_progress_goes_back_where_slices_are_added() -> None:
    job, _ = live(made(is_open=True, total=1), Began(at=1.0), Progressed(at=2.0, permille=800))
    assert job.progress == 80
    job, _ = live(job, Extended(at=3.0, count=3))
    assert job.progress == 20


def test_usage_adds_up_its_peak_is_the_highest_and_each_slice_says_its_own() -> None:
    job, effects = live(
        made(total=3, on_error="skip"), Began(at=1.0),
        done(1, usage=Usage(1.0, 50, 10, 1)), done(2, usage=Usage(2.0, 70, 10, 1), is_reused=True),
        SliceFailed(at=2.0, number=3, failure=WRONG, usage=Usage(0.5, 60, 10, 0)),
    )  # fmt: skip

    assert (job.usage, job.reused) == (Usage(3.5, 70, 30, 2), 1)
    told = {say.slice: say.payload["usage"] for say in effects if isinstance(say, Say) and say.slice}
    assert told == {
        1: {"cpu_s": 1.0, "peak_bytes": 50, "bytes_in": 10, "bytes_out": 1},
        2: {"cpu_s": 2.0, "peak_bytes": 70, "bytes_in": 10, "bytes_out": 1},
        3: {"cpu_s": 0.5, "peak_bytes": 60, "bytes_in": 10, "bytes_out": 0},
    }


@pytest.mark.parametrize(
    ("reason", "attempt", "again"),
    [("worker-lost", 1, True), ("worker-lost", 2, False), ("timeout", 1, False), ("user-error", 1, False)],
)
def test_only_a_slice_whose_worker_was_lost_runs_again_and_once(reason: str, attempt: int, again: bool) -> None:
    assert runs_again(Failure(reason, "..."), attempt) is again  # type: ignore[arg-type]


HAPPENINGS = st.one_of(
    st.builds(Began, at=st.just(1.0)),
    st.builds(Closed, at=st.just(2.0)),
    st.builds(Dismissed, at=st.just(3.0)),
    st.builds(Assembled, at=st.just(4.0), result=st.just("abc")),
    st.builds(Broken, at=st.just(5.0), failure=st.just(WRONG)),
    st.builds(SliceDone, at=st.just(6.0), number=st.integers(1, 5)),
    st.builds(SliceFailed, at=st.just(7.0), number=st.integers(1, 5), failure=st.just(WRONG)),
)


@given(st.lists(HAPPENINGS, max_size=12), st.sampled_from(["stop", "skip"]), st.booleans())
def test_what_has_ended_never_changes_whatever_comes(happenings: list[Happening], on_error: str, is_open: bool) -> None:
    job = made(total=5, on_error=on_error, is_open=is_open)
    for happening in happenings:
        after, effects = advance(job, happening)
        if job.is_terminal:
            assert after == job
            assert effects == ()
        assert not after.is_terminal or after.finished is not None
        assert not any(isinstance(effect, Stop) for effect in effects) or after.is_terminal
        job = after
