"""The engine: the one place that acts on jobs. What is decided is decided elsewhere (`lifecycle`, `flight`).

One thread takes up jobs, submits batches of their slices, and writes down what became of them, all that came back
meanwhile in one transaction. A slice counts when that transaction is committed; nothing else is kept of it here.
"""

import logging
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import count
from queue import Empty, SimpleQueue
from time import monotonic, sleep, time

from cloudify.compute.assembling import Assembler
from cloudify.compute.batch import Report, Told
from cloudify.compute.executor import Executor, LostError
from cloudify.compute.feeding import Feeder
from cloudify.compute.flight import Flight, Numbered, UnderWay
from cloudify.compute.lifecycle import Assemble, Assembled, Began, Broken, Effect, Happening, Stop, runs_again
from cloudify.compute.store.store import Store
from cloudify.errors import BusyError, CloudifyError
from cloudify.model.job import Failure, Job
from cloudify.model.outcome import Outcome

POLL_S = 0.25
"""How often the store is looked at, if nobody rings."""
AHEAD = 2
"""Batches that are submitted for each that can run: none waits for the engine."""
FULL_PAUSE_S, LONGEST_FULL_S = 2.0, 60.0
"""How often, and how long, a slice is tried again for whose result there is no room."""
LOST_PAUSE_S = 1.0
"""How long nothing is submitted after what ran was lost."""
RELEASE_S = 1.0
"""How long the engine waits for a store that cannot be written."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Landed:
    """A batch that came back, or did not."""

    job_id: str
    batch: int
    outcome: "Future[Report]"


@dataclass(frozen=True, slots=True)
class _Assembled:
    """A result that was put together, or was not."""

    job_id: str
    result: "Future[str]"


_News = _Landed | _Assembled


class Engine:
    """Runs all jobs of a store.

    Parameters
    ----------
    feeder
        Makes batches of slices.
    boot
        What tells this engine from those before it.
    """

    def __init__(self, store: Store, feeder: Feeder, executor: Executor, assembler: Assembler, boot: str) -> None:
        self._store, self._feeder, self._executor, self._boot = store, feeder, executor, boot
        self._assembler = assembler
        self._flights: dict[str, Flight] = {}
        self._news: SimpleQueue[_News | None] = SimpleQueue()
        self._batches = count(1)
        self._assembling = ThreadPoolExecutor(2, thread_name_prefix="cloudify-assembling")
        self._ending = ThreadPoolExecutor(1, thread_name_prefix="cloudify-ending")
        self._stopping = False
        self._resume_at = 0.0
        """No batch is submitted before, in monotonic time: the cluster is away."""
        self._unsaved: list[tuple[str, Outcome]] = []
        """What became of slices and could not be written down yet."""

    def run(self) -> None:
        """Run jobs until `stop` is called from another thread."""
        self._store.jobs.reclaim(self._boot)
        looked_at = 0.0
        while not self._stopping:
            try:
                if monotonic() - looked_at >= POLL_S:
                    looked_at = monotonic()
                    self._look()
                self._submit()
                self._write(self._gather())
            except BusyError as error:  # the store cannot be written: nothing of what is known is lost
                log.warning("the engine waits", extra={"why": str(error)})
                sleep(RELEASE_S)

    def ring(self) -> None:
        """Have the store looked at now. Safe from any thread."""
        self._news.put(None)

    def stop(self) -> None:
        """Have `run` return. What is under way runs again when an engine starts. Safe from any thread."""
        self._stopping = True
        self._news.put(None)

    def close(self) -> None:
        """End what is under way."""
        self._executor.close()
        for pool in (self._assembling, self._ending):
            pool.shutdown(wait=False, cancel_futures=True)

    def tell(self, told: Told) -> None:
        """Take what a function says while it runs. Safe from any thread; raises nothing that its slice would meet."""
        try:
            if told.emitted:
                self._store.jobs.emit(told.job_id, told.number, told.attempt, told.emitted)
        except BusyError:
            return  # it is in the outcome of the slice, too

    def _look(self) -> None:
        """Take up what is new, and see what owners did to what is not."""
        for job_id in self._store.jobs.unfinished():
            if job_id not in self._flights:
                self._take_up(job_id)
        for job_id, flight in list(self._flights.items()):
            record = self._store.jobs.get(job_id)
            if record is None or record.job.is_terminal:
                self._land(job_id)
                continue
            flight.total = record.job.total
            self._complete(job_id, record.job)

    def _take_up(self, job_id: str) -> None:
        record = self._store.jobs.get(job_id)
        if record is None:
            return
        try:
            work = self._feeder.work_of(record)
        except CloudifyError as error:
            self._happen(job_id, Broken(at=time(), failure=Failure("source-failed", str(error))))
            return
        flight = Flight(work, highest=self._store.jobs.highest(job_id), total=record.job.total)
        above = 0
        while page := self._store.jobs.pending(job_id, above, 1000):
            flight.give_back(page)
            above = page[-1][0]
        self._flights[job_id] = flight
        self._happen(job_id, Began(at=time()))

    def _complete(self, job_id: str, job: Job) -> None:
        """Have a job put together whose last slice was settled when it was still open."""
        if not job.is_open and job.state == "running" and job.done + job.failed >= job.total:
            self._act(job_id, (Assemble(),))

    def _submit(self) -> None:
        if not self._flights or monotonic() < self._resume_at or not self._executor.ready():
            return
        room = AHEAD * self._executor.slots - sum(len(flight.under_way) for flight in self._flights.values())
        waiting = list(self._flights.items())
        while room > 0 and waiting:
            for job_id, flight in list(waiting):  # in turns
                now = monotonic()
                is_full = flight.full_since is not None and now < flight.full_since + FULL_PAUSE_S
                slices = flight.take(self._executor.slots) if room > 0 and not is_full else ()
                if not slices:
                    waiting.remove((job_id, flight))
                    continue
                if not self._launch(job_id, flight, slices):
                    return
                room -= 1

    def _launch(self, job_id: str, flight: Flight, slices: tuple[Numbered, ...]) -> bool:
        batch = next(self._batches)
        try:
            self._store.jobs.lease(job_id, slices, self._boot)
            made = self._feeder.batch(flight, slices)
            landing = self._executor.submit(made)
        except BusyError as error:
            flight.give_back(slices)
            self._resume_at = monotonic() + error.retry_after_s
            log.warning("no batch can be submitted", extra={"why": str(error)})
            return False
        except CloudifyError as error:
            failure = Failure("source-failed", str(error))
            self._settle(job_id, [Outcome(number, attempt, failure=failure) for number, attempt in slices])
            return True
        flight.begin(batch, slices)
        landing.add_done_callback(lambda future: self._news.put(_Landed(job_id, batch, future)))
        return True

    def _gather(self) -> list[_News]:
        """Wait for news, and return all there is."""
        found: list[_News] = []
        try:
            news = self._news.get(timeout=POLL_S)
            while True:
                if news is None:
                    self._look()
                else:
                    found.append(news)
                news = self._news.get_nowait()
        except Empty:
            return found

    def _write(self, news: Sequence[_News]) -> None:
        outcomes = self._unsaved
        for item in news:
            if isinstance(item, _Assembled):
                self._assembled(item)
            else:
                outcomes += [(item.job_id, outcome) for outcome in self._landed(item)]
        outcomes += [(job_id, outcome) for job_id, outcome in self._given_up()]
        self._unsaved = outcomes
        for job_id in dict.fromkeys(job_id for job_id, _ in outcomes):
            self._settle(job_id, [outcome for each, outcome in outcomes if each == job_id])
            self._unsaved = [pair for pair in self._unsaved if pair[0] != job_id]

    def _landed(self, landed: _Landed) -> Sequence[Outcome]:
        flight = self._flights.get(landed.job_id)
        way = flight.under_way.pop(landed.batch, None) if flight is not None else None
        if flight is None or way is None:
            return ()  # given up before, or of a job that has ended
        error = landed.outcome.exception() if not landed.outcome.cancelled() else LostError()
        if isinstance(error, LostError | BusyError):
            flight.give_back(way.slices)
            self._resume_at = monotonic() + (error.retry_after_s if isinstance(error, BusyError) else LOST_PAUSE_S)
            return ()
        if error is not None:
            log.error("a batch has failed", extra={"job": landed.job_id}, exc_info=error)
            return _all_lost(way, f"the worker failed ({type(error).__name__})")
        report = landed.outcome.result()
        flight.note(report.elapsed_s, len(report.outcomes))
        left = set(report.left)
        flight.give_back(pair for pair in way.slices if pair[0] in left)
        return self._with_room(landed.job_id, flight, report.outcomes)

    def _with_room(self, job_id: str, flight: Flight, outcomes: Sequence[Outcome]) -> list[Outcome]:
        """Put slices back for whose results there was no room; give up when there is none for long."""
        full = [one for one in outcomes if one.failure is not None and one.failure.reason == "no-room"]
        if not full:
            if outcomes:
                flight.full_since = None
            return list(outcomes)
        flight.give_back((one.number, one.attempt) for one in full)
        now = monotonic()
        flight.full_since = flight.full_since or now
        if now - flight.full_since > LONGEST_FULL_S and full[0].failure is not None:
            self._happen(job_id, Broken(at=time(), failure=full[0].failure))
        return [one for one in outcomes if one not in full]

    def _given_up(self) -> Iterator[tuple[str, Outcome]]:
        """Yield what became of slices of which nothing was heard for too long."""
        for job_id, flight in self._flights.items():
            for batch in flight.overdue():
                way = flight.under_way.pop(batch)
                for outcome in _all_lost(way, "nothing was heard of the worker for too long"):
                    yield job_id, outcome

    def _settle(self, job_id: str, outcomes: Sequence[Outcome]) -> None:
        flight = self._flights.get(job_id)
        template = next((one.template for one in outcomes if one.template is not None), None)
        if flight is None or flight.work.template is not None:
            template = None
        elif template is not None:
            template = self._feeder.complete(flight.work, template)
        _, effects = self._store.jobs.settle(job_id, outcomes, boot=self._boot, at=time(), template=template)
        if flight is not None:
            if template is not None:
                flight.work = replace(flight.work, template=template)
            flight.give_back(
                (one.number, one.attempt + 1)
                for one in outcomes
                if one.failure is not None and runs_again(one.failure, one.attempt)
            )
        self._act(job_id, effects)

    def _happen(self, job_id: str, happening: Happening) -> None:
        _, effects = self._store.jobs.happen(job_id, happening)
        self._act(job_id, effects)

    def _act(self, job_id: str, effects: Sequence[Effect]) -> None:
        flight = self._flights.get(job_id)
        for effect in effects:
            if isinstance(effect, Stop):
                self._land(job_id)
            elif isinstance(effect, Assemble) and flight is not None and not flight.is_assembling:
                self._assemble(job_id, flight)

    def _land(self, job_id: str) -> None:
        """Let go of a job that has ended, and end what runs of it."""
        self._feeder.forget(job_id)
        if self._flights.pop(job_id, None) is not None:
            self._ending.submit(self._executor.stop, job_id)

    def _assemble(self, job_id: str, flight: Flight) -> None:
        """Have a result put together, in a thread of its own."""
        flight.is_assembling = True
        made = self._assembling.submit(self._assembler.assemble, flight.work)
        made.add_done_callback(lambda future: self._news.put(_Assembled(job_id, future)))

    def _assembled(self, done: _Assembled) -> None:
        flight = self._flights.get(done.job_id)
        if flight is None or done.result.cancelled():
            return
        error = done.result.exception()
        if error is None:
            self._happen(done.job_id, Assembled(at=time(), result=done.result.result()))
        elif isinstance(error, BusyError):
            log.warning("a result waits to be put together", extra={"job": done.job_id, "why": str(error)})
            flight.is_assembling = False  # begun again when the job is looked at next
        else:
            log.error("a result cannot be put together", extra={"job": done.job_id}, exc_info=error)
            why = str(error) if isinstance(error, CloudifyError) else f"the result failed ({type(error).__name__})"
            self._happen(done.job_id, Broken(at=time(), failure=Failure("invalid-result", why)))


def _all_lost(way: UnderWay, why: str) -> list[Outcome]:
    return [Outcome(number, attempt, failure=Failure("worker-lost", why)) for number, attempt in way.slices]
