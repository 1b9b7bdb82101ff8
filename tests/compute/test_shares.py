"""What is written down of what slices say of themselves, and how often."""

import pytest

from cloudify.compute import shares as module
from cloudify.compute.shares import EVENT_S, WRITE_S, Shares
from cloudify.model.outcome import Share


class Clock:
    """Time that a test makes."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(module, "monotonic", clock)
    return clock


def written(shares: Shares) -> tuple[Share, ...]:
    """Write down what is due."""
    due = shares.due()
    if due:
        shares.written(due)
    return due


def test_the_last_that_was_said_is_written_once_a_second_for_all_slices(clock: Clock) -> None:
    shares = Shares()
    assert shares.due() == ()
    shares.hear(1, 1, 0.005)
    assert written(shares) == (Share(1, 1, 5),)
    for fraction in (0.01, 0.02, 0.04):
        shares.hear(1, 1, fraction)
        shares.hear(2, 1, fraction / 2)
    assert shares.due() == ()
    clock.now += WRITE_S
    assert shares.due() == shares.due() == (Share(1, 1, 40), Share(2, 1, 20))  # until it is written
    assert written(shares)
    clock.now += WRITE_S
    shares.hear(1, 1, 0.04)
    assert shares.due() == ()  # it says the same


def test_a_slice_of_an_hour_leaves_twenty_events_at_most_and_a_quick_one_none(clock: Clock) -> None:
    shares = Shares()
    events = []
    for second in range(3601):
        clock.now += 1.0
        shares.hear(1, 1, second / 3600)
        shares.hear(2 + second, 1, 0.1)  # each second another, which is done then
        shares.hear(2 + second, 1, 0.9)
        events += [share for share in written(shares) if share.is_event]
        shares.forget([2 + second])
    assert {share.number for share in events} == {1}
    assert [share.permille for share in events] == list(range(50, 1001, 50))


def test_what_gains_much_at_once_leaves_one_event_of_it(clock: Clock) -> None:
    shares = Shares()
    shares.hear(1, 1, 0.0)
    written(shares)
    clock.now += EVENT_S - 0.1
    shares.hear(1, 1, 0.5)
    assert [share.is_event for share in written(shares)] == [False]
    clock.now += WRITE_S
    assert written(shares) == (Share(1, 1, 500, is_event=True),)  # though it has said nothing more
    clock.now += EVENT_S
    assert shares.due() == ()
    shares.hear(1, 1, 0.2)  # it begins with something else
    assert [share.is_event for share in written(shares)] == [False]


def test_of_what_runs_again_nothing_is_done(clock: Clock) -> None:
    shares = Shares()
    shares.hear(1, 1, 0.5)
    shares.hear(2, 1, 0.5)
    written(shares)
    shares.begin_anew([1, 7])
    shares.forget([2])
    clock.now += WRITE_S
    assert written(shares) == (Share(1, 1, None),)
    clock.now += WRITE_S
    assert shares.due() == ()
    shares.hear(1, 2, 0.1)
    assert written(shares) == (Share(1, 2, 100),)
