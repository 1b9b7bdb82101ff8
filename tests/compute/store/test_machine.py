"""Anything may happen to jobs in any order, the server killed in between: the store says what a small model says.

Security.md, D-21.
"""

from collections.abc import Callable
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from cloudify.compute.lifecycle import Assemble, Assembled, Began, Closed, Dismissed, Extended
from cloudify.compute.store.store import Store
from cloudify.errors import JobClosedError
from cloudify.model.job import Failure, Job
from cloudify.model.outcome import Emitted, Outcome, Piece, Share

LOST, WRONG = Failure("worker-lost", "killed"), Failure("user-error", "wrong")
ENDED = {"successful", "failed", "dismissed"}
_ids = count()

often = st.sampled_from([True, True, True, False])


class Machine(RuleBasedStateMachine):
    """One job. Of each slice the model has its state, its attempt, and who leased it."""

    def __init__(self, reopen: Callable[[], Store]) -> None:
        super().__init__()
        self.reopen, self.store = reopen, reopen()
        self.boot, self.boots = "boot 0", count(1)
        self.state = ""
        self.tokens = count()

    @initialize(skips=often)
    def first(self, *, skips: bool) -> None:
        self._add(total=4, is_open=False, skips=skips)
        self.begin()

    @precondition(lambda self: self.state in ENDED)
    @rule(total=st.integers(0, 4), is_open=st.booleans(), skips=often, begins=often)
    def add(self, *, total: int, is_open: bool, skips: bool, begins: bool) -> None:
        self._add(total=total, is_open=is_open, skips=skips)
        if begins:
            self.begin()

    def _add(self, *, total: int, is_open: bool, skips: bool) -> None:
        self.id, self.state, self.is_open, self.skips = f"job-{next(_ids)}", "accepted", is_open, skips
        self.slices: dict[int, tuple[str, int, str]] = dict.fromkeys(range(1, total + 1), ("pending", 1, ""))
        self.left: dict[int, str] = {}
        self.begun: set[int] = set()
        self.last_seq = 0
        self.shares: dict[int, int] = {}
        """Thousandths that are done of slices which run."""
        self.percent = 0
        self.inputs = {number: f'"{number}"' for number in self.slices}
        job = Job(self.id, "ann", "map", 1.0, total=total, is_open=is_open, on_error="skip" if skips else "stop")
        self.store.jobs.add(job, "{}", "{}", self.inputs.values())

    @rule(what=st.sampled_from(["begin", "extend", "extend", "close", "dismiss"]), more=st.integers(1, 2))
    def happen(self, what: str, more: int) -> None:
        if what == "begin":
            self.begin()
        elif what == "extend":
            self.extend(more)
        elif what == "close":
            self.is_open = self.is_open and self.state in ENDED
            self._fails_if_all_have()
            self._happens(Closed(at=4.0))
        else:
            self.state = self.state if self.state in ENDED else "dismissed"
            self._happens(Dismissed(at=5.0))

    def begin(self) -> None:
        if self.state == "accepted":
            self.state = "running"
        self._happens(Began(at=2.0))

    def extend(self, more: int) -> None:
        first = len(self.slices) + 1
        new = {number: f'"{number}"' for number in range(first, first + more)}
        try:
            self.store.jobs.happen(self.id, Extended(at=3.0, count=more), inputs=new.values())
        except JobClosedError:
            assert self.state in ENDED or not self.is_open
            return
        assert self.state not in ENDED
        assert self.is_open
        self.slices |= dict.fromkeys(new, ("pending", 1, ""))
        self.inputs |= new
        self.percent = 0  # of more slices

    @precondition(lambda self: self.state == "running" and self.slices)
    @rule(data=st.data())
    def lease(self, data: st.DataObject) -> None:
        self._leases(data.draw(st.sets(st.sampled_from(sorted(self.slices)), min_size=1)))

    def _leases(self, wanted: set[int]) -> None:
        pairs = [(number, self.slices[number][1]) for number in sorted(wanted)]
        self.store.jobs.lease(self.id, pairs, self.boot)
        self.begun |= wanted
        for number, attempt in pairs:
            if self.slices[number][0] == "pending":
                self.slices[number] = ("leased", attempt, self.boot)

    @precondition(lambda self: self.state == "running" and self.slices)
    @rule(data=st.data(), is_right=often)
    def run(self, data: st.DataObject, *, is_right: bool) -> None:
        self._leases(set(self.slices))
        self._settle(data, [0], is_right=is_right)

    @precondition(lambda self: self.slices)
    @rule(data=st.data(), is_right=often)
    def settle(self, data: st.DataObject, *, is_right: bool) -> None:
        self._settle(data, [-1, 0, 0, 1], is_right=is_right)

    @precondition(lambda self: self.slices)
    @rule(data=st.data(), is_right=often)
    def progress(self, data: st.DataObject, *, is_right: bool) -> None:
        """Tell how far slices are, of some that do not run, of another attempt, or by an engine that is gone."""
        told = data.draw(st.sets(st.sampled_from(sorted(self.slices)), min_size=1))
        boot = self.boot if is_right else f"boot {next(self.boots)}"
        sent = []
        for number in sorted(told):
            attempt = self.slices[number][1] + data.draw(st.sampled_from([0, 0, 0, 1]))
            permille = data.draw(st.one_of(st.none(), st.integers(0, 1000)))
            sent.append(Share(number, attempt, permille))
            if self.state not in ENDED and self.slices[number] == ("leased", attempt, boot):
                self.shares[number] = permille or 0
        self.store.jobs.progress(self.id, sent, boot=boot, at=6.0)

    def _settle(self, data: st.DataObject, off: list[int], *, is_right: bool) -> None:
        """Tell of slices, of some twice, of another attempt, or by an engine that is gone."""
        told = data.draw(st.lists(st.sampled_from(sorted(self.slices)), min_size=1, max_size=5))
        boot = self.boot if is_right else f"boot {next(self.boots)}"
        sent = []
        for number in told:
            attempt = self.slices[number][1] + data.draw(st.sampled_from(off))
            kind = data.draw(st.sampled_from(["done", "done", "wrong", "lost"]))
            token = next(self.tokens)
            failure = {"done": None, "wrong": WRONG, "lost": LOST}[kind]
            piece = Piece("t", f"{token:064x}", token)
            said = (Emitted(0, 1.0, f"said {attempt}", "0"),)
            sent.append(Outcome(number, attempt, (piece,), f"{token}", failure, emitted=said))
            self._settles(number, attempt, kind, boot, f"{token}")
        _, effects = self.store.jobs.settle(self.id, sent, boot=boot, at=6.0)
        if Assemble() in effects:
            assert self._is_settled()

    @precondition(lambda self: self.state in ENDED)
    @rule()
    def come_late(self) -> None:
        """Nothing that is told of a job that has ended changes it."""
        self.store.jobs.lease(self.id, [(number, 1) for number in range(1, 9)], self.boot)
        late = [Outcome(number, attempt, value="late") for number in self.slices for attempt in (1, 2)]
        assert self.store.jobs.settle(self.id, late, boot=self.boot, at=9.0)[1] == ()
        for number in self.slices:
            self.store.jobs.emit(self.id, number, 1, [Emitted(9, 1.0, "late", "0")])

    @precondition(lambda self: self.state == "running" and self._is_settled())
    @rule()
    def assemble(self) -> None:
        self.state = "successful"
        self._happens(Assembled(at=7.0, result="ab" * 32))

    @rule()
    def kill(self) -> None:
        """Of the process nothing is left but what was acknowledged."""
        self.store = self.reopen()
        if self.state not in ENDED:
            self.shares = {}
        self.boot = f"boot {next(self.boots)}"
        self.store.jobs.reclaim(self.boot)
        self.slices = {
            number: ("pending", attempt, "") if state == "leased" else (state, attempt, boot)
            for number, (state, attempt, boot) in self.slices.items()
        }

    @invariant()
    def says_what_the_model_says(self) -> None:
        record = self.store.jobs.get(self.id)
        assert record is not None
        states = [state for state, _, _ in self.slices.values()]
        job = record.job
        assert (job.state, job.is_open, job.total) == (self.state, self.is_open, len(states))
        assert (job.done, job.failed) == (states.count("done"), states.count("failed"))
        self._check_progress(job)
        shown = [
            (state.state, state.attempt)
            for state in self.store.jobs.slices(self.id, limit=99)
            for _ in range(state.first, state.last + 1)
        ]
        assert shown == [(state, attempt) for state, attempt, _ in self.slices.values()]
        assert dict(self.store.jobs.values(self.id, 1, 99)) == self.left
        assert [f"{piece.nbytes}" for piece in self.store.jobs.pieces(self.id)] == [
            self.left[number] for number in sorted(self.left)
        ]
        again = {n: attempt for n, (state, attempt, _) in self.slices.items() if state == "pending" and n in self.begun}
        assert dict(self.store.jobs.pending(self.id, 0, 99)) == again
        assert self.store.jobs.inputs(self.id, range(1, 99)) == self.inputs
        assert (self.id in self.store.jobs.unfinished()) == (self.state not in ENDED)
        self._check_events()

    def _check_progress(self, job: Job) -> None:
        """It is never less than what is done, and never less than it was, but where slices were added."""
        settled = job.done + job.failed + sum(self.shares.values()) / 1000
        assert job.running_permille == sum(self.shares.values())
        assert job.progress >= min(99, int(100 * settled / max(job.total, 1) + 1e-9))
        assert self.percent <= job.progress <= 100
        assert (job.progress == 100) == (job.state == "successful")
        self.percent = job.progress
        if self.state not in ENDED:
            ranges = self.store.jobs.slices(self.id, state="leased", limit=99)
            shown = {n: each.permille or 0 for each in ranges for n in range(each.first, each.last + 1)}
            assert shown == dict.fromkeys(shown, 0) | self.shares

    def _check_events(self) -> None:
        events = self.store.events.after(self.id, 0, 999)
        types = [event.type for event in events]
        assert types.count("accepted") == 1
        assert [kind for kind in types if kind in ENDED] == ([self.state] if self.state in ENDED else [])
        settled = sorted(
            event.slice for event in events if event.type in {"slice-done", "slice-failed"} and event.slice
        )
        assert settled == [n for n, (state, _, _) in self.slices.items() if state in {"done", "failed"}]
        assert events[-1].seq >= self.last_seq
        if self.state in ENDED:
            assert types[-1] == self.state
        self.last_seq = events[-1].seq

    def _happens(self, happening: Any) -> None:
        job, _ = self.store.jobs.happen(self.id, happening)
        assert job.state == self.state

    def _is_settled(self) -> bool:
        states = {state for state, _, _ in self.slices.values()}
        return not self.is_open and states <= {"done", "failed"} and states != {"failed"}

    def _settles(self, number: int, attempt: int, kind: str, boot: str, value: str) -> None:
        if self.state in ENDED or self.slices.get(number) != ("leased", attempt, boot):
            return
        self.shares.pop(number, None)
        if kind == "done":
            self.slices[number] = ("done", attempt, boot)
            self.left[number] = value
        elif kind == "lost" and attempt == 1:
            self.slices[number] = ("pending", 2, "")
        else:
            self.slices[number] = ("failed", attempt, boot)
            if not self.skips:
                self.state = "failed"
        self._fails_if_all_have()

    def _fails_if_all_have(self) -> None:
        if self.state == "running" and not self.is_open and {s for s, _, _ in self.slices.values()} == {"failed"}:
            self.state = "failed"


@pytest.mark.durability("D-21")
def test_whatever_happens_the_store_says_what_the_model_says(
    reopen: Callable[[], Store], url: str | None, counts: int, record_property: Callable[[str, object], None]
) -> None:
    opened: list[Store] = []
    examples = (14 if url is None else 4) * {1: 1, 2: 4, 3: 20}[counts]
    record_property("runs", examples)

    def anew() -> Store:
        while opened:
            opened.pop().close()
        opened.append(reopen())
        return opened[-1]

    run_state_machine_as_test(
        lambda: Machine(anew),
        settings=settings(
            max_examples=examples,
            stateful_step_count=20,
            deadline=None,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        ),
    )
