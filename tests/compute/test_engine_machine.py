"""Whatever workers, owners, the store and the system do, in any order: the engine keeps what it must (D-21).

The engine is the real one, on a real store; workers are played. What the store does by itself has a machine of its own
(`store/test_machine.py`): here it is what the engine makes of it, and that every job ends once workers do what they are
told.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from cloudify.compute.batch import Alive, Batch, Report, Told, Work
from cloudify.compute.engine import Engine
from cloudify.compute.executor import DiedError, LostError
from cloudify.compute.feeding import Feeder
from cloudify.compute.flight import SPARED
from cloudify.compute.jobs import Asked
from cloudify.compute.news import Landed
from cloudify.compute.restarts import Restarts
from cloudify.compute.service import Service
from cloudify.compute.store.store import Store
from cloudify.errors import BusyError, JobClosedError, StoreUnavailableError
from cloudify.model.job import Failure, Job
from cloudify.model.outcome import Emitted, Outcome
from cloudify.settings import Settings

SOURCE = {"source": "def f(value):\n    return value\n", "entry": "f"}
FAILURES = {
    "done": None, "wrong": Failure("user-error", "wrong"), "lost": Failure("worker-lost", "lost"),
    "no-room": Failure("no-room", "full"),
}  # fmt: skip


dices = st.randoms(use_true_random=True)
"""What is drawn of these is as likely as anything else."""


class Model:
    """What must be true of the jobs, whatever happened."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.jobs: list[str] = []
        self.ended: dict[str, Job] = {}
        self.settled: dict[tuple[str, int], tuple[str, str | None]] = {}
        self.told: dict[tuple[str, int], set[str]] = {}
        self.progress: dict[str, tuple[int, int]] = {}
        """Of each job: its slices so far, and percent."""
        self.blames: Counter[tuple[str, int]] = Counter()
        self.spared: Counter[tuple[str, int]] = Counter()
        self.wrong: set[tuple[str, int]] = set()

    def may_run(self, batch: Batch) -> None:
        """A slice that is settled never runs again."""
        for item in batch.items:
            assert (batch.work.job_id, item.number) not in self.settled

    def check(self) -> None:
        for job_id in self.jobs:
            record = self.store.jobs.get(job_id)
            assert record is not None
            if record.job.is_terminal:
                assert self.ended.setdefault(job_id, record.job) == record.job
            self._check_slices(record.job)
            self._check_progress(record.job)

    def _check_progress(self, job: Job) -> None:
        """It goes back only where slices are added; of what does not run nothing is counted."""
        total, percent = self.progress.get(job.id, (job.total, 0))
        assert job.progress >= percent or job.total > total
        self.progress[job.id] = job.total, job.progress
        running = self.store.jobs.slices(job.id, state="leased", limit=999)
        counted = sum((each.permille or 0) * (each.last - each.first + 1) for each in running)
        assert job.is_terminal or job.running_permille == counted

    def _check_slices(self, job: Job) -> None:
        values = dict(self.store.jobs.values(job.id, 1, 999))
        states = {
            n: each for each in self.store.jobs.slices(job.id, limit=999) for n in range(each.first, each.last + 1)
        }
        now = {n: (each.state, values.get(n)) for n, each in states.items() if each.state in {"done", "failed"}}
        for number, settled in now.items():
            assert self.settled.setdefault((job.id, number), settled) == settled
            if settled[0] == "done":
                assert settled[1] in self.told[job.id, number]
            else:
                place = job.id, number
                assert place in self.wrong or self.blames[place] > 1 or self.spared[place] > SPARED
        assert {n for each, n in self.settled if each == job.id} == set(now)
        assert (job.done, job.failed) == tuple(
            [state for state, _ in now.values()].count(k) for k in ("done", "failed")
        )
        assert all(each.attempt <= 2 for each in states.values())
        assert job.state != "successful" or (len(now) == job.total and not job.is_open)
        is_endless = job.failure is not None and job.failure.reason == "server-restarted"
        assert job.state != "failed" or job.failed or is_endless


class Workers:
    """An executor whose batches wait to be told what becomes of them."""

    slots = 2

    def __init__(self, model: Model) -> None:
        self._model = model
        self.waiting: dict[str, tuple[Batch, Future[Report]]] = {}
        self.stopped: set[str] = set()

    def ready(self) -> bool:
        return True

    def submit(self, batch: Batch) -> "Future[Report]":
        self._model.may_run(batch)
        running = {
            (b.work.job_id, item.number) for b, future in self.waiting.values() for item in b.items if not future.done()
        }
        assert not running & {(batch.work.job_id, item.number) for item in batch.items}
        self.waiting[batch.id] = batch, Future()
        return self.waiting[batch.id][1]

    def stop(self, job_id: str) -> None:
        self.stopped.add(job_id)

    def replace(self, worker: str) -> None:
        assert worker == ""

    def close(self) -> None:
        """End."""


class AtOnce(ThreadPoolExecutor):
    """Threads that take no time: what happens is the same each time."""

    def submit(self, work: Callable[..., Any], *given: Any) -> "Future[Any]":  # type: ignore[override]
        future: Future[Any] = Future()
        try:
            future.set_result(work(*given))
        except Exception as error:  # noqa: BLE001  # as those of a thread
            future.set_exception(error)
        return future


class Assembler:
    """Puts nothing together, and sees that it is time for it."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def assemble(self, work: Work) -> str:
        record = self._store.jobs.get(work.job_id)
        assert record is not None
        job = record.job
        assert job.is_terminal or (not job.is_open and job.done + job.failed == job.total)
        return ""


class Machine(RuleBasedStateMachine):
    """Jobs of one owner, engines one after another."""

    def __init__(self, folder: Path, logged: pytest.LogCaptureFixture) -> None:
        super().__init__()
        self.logged = logged
        given = Settings(data_dir=folder, unsafe_compute=True, dask="none")
        self.service = Service(given, runs_engine=False)
        self.store, self.settings = self.service.store, given
        self.model = Model(self.store)
        self.boots, self.tokens, self.refused = count(1), count(1), 0
        self._writing = self.store.jobs._database.writing
        self.store.jobs._database.writing = self._may_write  # type: ignore[method-assign]
        self.over: list[Batch] = []
        self._boot()

    @contextmanager
    def _may_write(self) -> Iterator[Any]:
        if self.refused:
            self.refused -= 1
            raise StoreUnavailableError("is busy")
        with self._writing() as connection:
            yield connection

    def _boot(self) -> None:
        self.workers = Workers(self.model)
        feeder = Feeder(self.store, self.service._opened, self.settings)
        assembler: Any = Assembler(self.store)
        restarts = Restarts(self.settings.data_dir)
        self.engine = Engine(self.store, feeder, self.workers, assembler, f"boot{next(self.boots)}", restarts)
        for name in ("_opening", "_assembling", "_ending"):
            getattr(self.engine, name).shutdown()
            setattr(self.engine, name, AtOnce())

    @initialize(dice=dices)
    def begin(self, dice: Random) -> None:
        self.submit(dice)

    @rule(dice=dices)
    def go_on(self, dice: Random) -> None:
        """Have something happen, the usual more often than the rest."""
        happenings = [self.submit, self.ask, self.refuse, self.hear, self.hear_late, self.kill]
        dice.choices(happenings, [2, 3, 2, 10, 1, 2])[0](dice)

    def submit(self, dice: Random) -> None:
        if len(self.store.jobs.unfinished()) > 2:
            return
        data = list(range(dice.choice([1, 3, 5, 40])))
        asked = {"data": data, "function": SOURCE, "on_error": dice.choice(["skip", "skip", "stop"])}
        with suppress(BusyError):
            job = self.service.jobs.submit("ann", Asked("map", asked, dice.random() < 0.5), self.service._opened)
            self.model.jobs.append(job.id)
        self.step()

    def ask(self, dice: Random) -> None:
        if not self.model.jobs:
            return
        job_id, jobs = dice.choice(self.model.jobs), self.service.jobs
        what = dice.choice(["dismiss", "extend", "extend", "close"])
        with suppress(BusyError, JobClosedError):
            if what == "extend":
                jobs.extend("ann", job_id, {"data": [1, 2]})
            elif what == "close":
                jobs.close("ann", job_id)
            elif not jobs.record("ann", job_id).job.is_terminal:
                jobs.dismiss("ann", job_id)

    def step(self) -> None:
        """Let the engine do all that it can now."""
        for _ in range(3):
            self.engine.ring()
            with suppress(BusyError):
                self.engine.step()

    def refuse(self, dice: Random) -> None:
        """Have the store refuse the next changes."""
        self.refused = dice.randrange(1, 6)

    def hear(self, dice: Random) -> None:
        for _ in range(dice.randint(1, 8)):
            if self.workers.waiting:
                self._hear_of(dice)

    def _hear_of(self, dice: Random) -> None:
        batch, future = dice.choice(list(self.workers.waiting.values()))
        what = dice.choice(["begin", "begin", "say", "lose", "die", "hang", "come back", "come back", "come back"])
        job_id = batch.work.job_id
        flight = self.engine._flights.get(job_id)
        way = flight.under_way.get(batch.id) if flight else None
        if what == "begin":
            self.engine.tell(Alive(job_id, batch.id))
        elif what == "say":
            said = (Emitted(0, 1.0, "said", "0"),)
            number, attempt = batch.items[0].number, batch.items[0].attempt
            self.engine.tell(Told(job_id, batch.id, number, attempt, said, dice.choice([None, dice.random()])))
        elif what == "hang" and way is not None and way.heard is not None:
            way.heard -= 1000
            self._blame(batch, has_begun=True)
        elif what in {"lose", "die"} and future.set_running_or_notify_cancel():
            if what == "die":
                self._blame(batch, has_begun=way is not None and way.heard is not None)
            future.set_exception(LostError() if what == "lose" else DiedError())
        elif what == "come back":
            self._come_back(dice, batch, future)
        self._run_on()

    def _blame(self, batch: Batch, *, has_begun: bool) -> None:
        blames = self.model.blames if has_begun else self.model.spared
        blames.update((batch.work.job_id, item.number) for item in batch.items)

    def _come_back(self, dice: Random, batch: Batch, future: "Future[Report]") -> "Future[Report]":
        done = batch.items[: dice.randint(1, len(batch.items))]
        kinds = dice.choices(list(FAILURES), [8, 1, 3, 1], k=len(done))
        outcomes = [self._outcome(batch.work.job_id, item, kind) for item, kind in zip(done, kinds, strict=True)]
        left = tuple(item.number for item in batch.items[len(done) :])
        if future.set_running_or_notify_cancel():
            future.set_result(Report(tuple(outcomes), left, 0.001))
        return future

    def _outcome(self, job_id: str, item: Any, kind: str) -> Outcome:
        token, place = str(next(self.tokens)), (job_id, item.number)
        self.model.told.setdefault(place, set()).add(token)
        if kind == "wrong":
            self.model.wrong.add(place)
        if kind == "lost":
            self.model.blames[place] += 1
        said = (Emitted(0, 1.0, "said", "0"),)
        return Outcome(item.number, item.attempt, (), token, FAILURES[kind], emitted=said, template="{}")

    def _run_on(self) -> None:
        """Let the engine hear it, and forget what is over."""
        for flight in self.engine._flights.values():
            flight.resume_at = flight.shares._write_at = 0.0  # no test waits
        self.engine._hearing.resume_at = 0.0
        self.step()
        self.over += [batch for batch, future in self.workers.waiting.values() if future.done()]
        self.workers.waiting = {key: one for key, one in self.workers.waiting.items() if not one[1].done()}

    def hear_late(self, dice: Random) -> None:
        """What is told again, or of a batch that was given up, counts for nothing."""
        if not self.over:
            return
        batch = dice.choice(self.over)
        self.engine._inbox.put(Landed(batch.work.job_id, batch.id, self._come_back(dice, batch, Future())))
        self._run_on()

    def kill(self, dice: Random) -> None:
        """End the engine, at once or as it is asked to; of its process nothing is left."""
        if dice.random() < 0.3:
            self.engine.stop()
            self.engine.run()
        self.engine.close()
        self._boot()
        self.step()

    @invariant()
    def keeps_what_it_must(self) -> None:
        self.model.check()

    def teardown(self) -> None:
        """Once workers do what they are told, every job that is closed ends."""
        self.refused = 0
        self._finish(lambda: not self.workers.waiting)
        for job_id in self.model.jobs:
            self.service.jobs.close("ann", job_id)
        self._finish(lambda: not self.store.jobs.unfinished())
        assert self.store.jobs.unfinished() == []
        self.model.check()
        self.engine.close()
        self.store.close()
        assert [line for line in self.logged.messages if "astray" in line or "cannot" in line] == []

    def _finish(self, is_over: Callable[[], bool]) -> None:
        for _ in range(100):
            self._run_on()
            if is_over():
                return
            for batch, future in list(self.workers.waiting.values()):
                if future.set_running_or_notify_cancel():
                    outcomes = [self._outcome(batch.work.job_id, item, "done") for item in batch.items]
                    future.set_result(Report(tuple(outcomes), (), 0.001))


@pytest.mark.durability("D-21")
def test_whatever_happens_nothing_is_lost_or_changed_and_every_job_ends(
    counts: int, caplog: pytest.LogCaptureFixture, record_property: Callable[[str, object], None]
) -> None:
    examples = {1: 12, 2: 60, 3: 300}[counts]
    record_property("runs", examples)
    memory = Path("/dev/shm")  # noqa: S108  # how slow a disk is does not matter here
    with TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        folders = count()
        run_state_machine_as_test(
            lambda: Machine(Path(folder) / str(next(folders)), caplog),
            settings=settings(
                max_examples=examples,
                stateful_step_count=40,
                deadline=None,
                database=None,
                derandomize=counts == 1,
                phases=[Phase.generate],
                suppress_health_check=list(HealthCheck),
            ),
        )
