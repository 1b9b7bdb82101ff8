"""The engine: the one place that acts on jobs. What is decided is decided elsewhere (`lifecycle`, `flight`, `hearing`).

One thread takes up jobs, submits batches of their slices, and writes down what became of them, all that came back
meanwhile in one transaction. A slice counts when that transaction is committed; nothing else is kept of it here.

Whatever goes wrong with one job ends that job. A store that cannot be written ends nothing: what is known waits in
the `Ledger` (docs/decisions/0032).
"""

import logging
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from itertools import count
from time import monotonic, sleep, time

from cloudify.compute.assembling import Assembler
from cloudify.compute.batch import Batch
from cloudify.compute.executor import Executor
from cloudify.compute.feeding import Feeder
from cloudify.compute.flight import Flight, Numbered
from cloudify.compute.hearing import Hearing, failed
from cloudify.compute.ledger import Ledger
from cloudify.compute.lifecycle import Assemble, Broken, Effect, Stop, runs_again
from cloudify.compute.news import Assembled, Inbox, Landed, TakenUp
from cloudify.compute.restarts import EndlessRestartsError, Restarts
from cloudify.compute.store.store import Store
from cloudify.datasets.source import explain, failures
from cloudify.errors import BusyError, CloudifyError
from cloudify.model.job import Failure, Job
from cloudify.model.outcome import Outcome

POLL_S = 0.25
"""How often the store is looked at, if nobody rings."""
AHEAD = 2
"""Batches that are submitted for each that can run: none waits for the engine."""
RELEASE_S = 1.0
"""How long the engine waits for a store that cannot be written."""

log = logging.getLogger(__name__)


class Engine:
    """Runs all jobs of a store. Belongs to one thread, but for `ring`, `tell` and `stop`.

    Parameters
    ----------
    feeder
        Makes batches of slices.
    boot
        What tells this engine from those before it.
    restarts
        Which jobs ended those.
    """

    def __init__(
        self,
        store: Store,
        feeder: Feeder,
        executor: Executor,
        assembler: Assembler,
        boot: str,
        restarts: Restarts,
    ) -> None:
        self._store, self._feeder, self._executor, self._boot = store, feeder, executor, boot
        self._assembler, self._restarts = assembler, restarts
        self._flights: dict[str, Flight] = {}
        self._given_up: set[str] = set()
        """Jobs that this engine has failed at."""
        self._inbox, self._ledger = Inbox(), Ledger(store, self._settle)
        self._hearing = Hearing(self._flights, self._ledger, self._give_up, self._replace)
        self.ring, self.tell = self._inbox.ring, self._inbox.tell
        self._batches = count(1)
        self._opening = ThreadPoolExecutor(4, thread_name_prefix="cloudify-opening")
        self._assembling = ThreadPoolExecutor(2, thread_name_prefix="cloudify-assembling")
        self._ending = ThreadPoolExecutor(4, thread_name_prefix="cloudify-ending")
        self._stopping = self._has_begun = False
        self._looked_at = 0.0
        """When the store was looked at, in monotonic time."""

    def run(self) -> None:
        """Run jobs until `stop` is called from another thread."""
        while not self._stopping:
            try:
                self.step()
            except BusyError as error:  # the store cannot be used: nothing of what is known is lost
                log.warning("the engine waits", extra={"why": str(error)})
                sleep(RELEASE_S)
        with suppress(BusyError):
            self._hearing.hear(self._inbox.unread(0))
            self._write()
            self._store.jobs.release(self._boot)

    def stop(self) -> None:
        """Have `run` return. What is under way is pending then."""
        self._stopping = True
        self.ring()

    def close(self) -> None:
        """End what is under way."""
        self._executor.close()
        for pool in (self._opening, self._assembling, self._ending):
            pool.shutdown(wait=False, cancel_futures=True)

    def step(self) -> None:
        """Do once all there is to do; if there is nothing, wait a little for news.

        Raises
        ------
        BusyError
            If the store cannot be used now. Nothing is lost; the next step goes on.
        """
        if not self._has_begun:
            self._restarts.note(self._store.jobs.leased())
            self._store.jobs.reclaim(self._boot)
            self._has_begun = True
        if self._inbox.is_rung or monotonic() - self._looked_at >= POLL_S:
            self._look()
        self._submit()
        self._hearing.hear(self._inbox.unread(POLL_S))
        self._write()

    def _look(self) -> None:
        """Take up what is new, and see what owners did to what is not."""
        self._inbox.is_rung, self._looked_at = False, monotonic()
        jobs = {job.id: job for job in self._store.jobs.unfinished_jobs()}
        self._given_up &= jobs.keys()
        for job_id in self._flights.keys() - jobs.keys():
            self._land(job_id)
        for job_id, job in jobs.items():
            flight = self._flights.get(job_id)
            if flight is not None:
                flight.total = job.total
                self._complete(job, flight)
            elif job_id not in self._hearing.taking_up | self._given_up:
                self._hearing.taking_up.add(job_id)
                self._inbox.beside(self._opening, partial(TakenUp, job_id), partial(self._take_up, job_id))

    def _take_up(self, job_id: str) -> Flight | None:
        """Return what is to be done of a job, None of one that has ended. Blocks; in a thread of its own."""
        record = self._store.jobs.get(job_id)
        if record is None or record.job.is_terminal:
            return None
        if self._restarts.is_too_often(job_id):
            raise EndlessRestartsError
        flight = Flight(self._feeder.work_of(record), self._store.jobs.highest(job_id), record.job.total)
        above = 0
        while page := self._store.jobs.pending(job_id, above, 1000):
            flight.give_back(page)
            above = page[-1][0]
        return flight

    def _complete(self, job: Job, flight: Flight) -> None:
        """See to a job of which nothing is left to run."""
        if not flight.is_idle or job.id in self._ledger or monotonic() < flight.resume_at:
            return
        if job.done + job.failed < job.total:
            log.warning("slices of a job went astray", extra={"job": job.id})  # another engine had the store meanwhile
            self._store.jobs.release(self._boot, job.id)
            del self._flights[job.id]
        elif not job.is_open:  # its last slice was settled when it was still open, or it could not be put together
            self._act(job.id, Assemble())

    def _submit(self) -> None:
        if not self._flights or monotonic() < self._hearing.resume_at or not self._executor.ready():
            return
        room = AHEAD * self._executor.slots - sum(len(flight.under_way) for flight in self._flights.values())
        waiting = [(job_id, self._flights[job_id]) for job_id in self._restarts.running(self._flights)]
        while room > 0 and waiting:
            for job_id, flight in list(waiting):  # in turns
                is_due = room > 0 and monotonic() >= flight.resume_at
                slices = flight.take(self._executor.slots) if is_due else ()
                if not slices:
                    waiting.remove((job_id, flight))
                    continue
                room -= 1
                with self._alone(job_id):
                    if not self._launch(job_id, flight, slices):
                        return

    def _launch(self, job_id: str, flight: Flight, slices: tuple[Numbered, ...]) -> bool:
        """Submit a batch; returns whether others can be."""
        batch = f"{self._boot}-{next(self._batches)}"
        try:
            self._store.jobs.lease(job_id, slices, self._boot)
            made = self._made(batch, flight, slices)
            if isinstance(made, Failure):
                self._ledger.add(job_id, *failed(slices, made))
                return True
            landing = self._executor.submit(made)
        except BusyError as error:
            flight.give_back(slices)
            self._hearing.pause(error.retry_after_s)
            log.warning("no batch can be submitted", extra={"why": str(error)})
            return False
        flight.begin(batch, slices, landing)
        landing.add_done_callback(lambda future: self._inbox.put(Landed(job_id, batch, future)))
        return True

    def _made(self, batch: str, flight: Flight, slices: tuple[Numbered, ...]) -> Batch | Failure:
        """Return a batch, or why its values cannot be read."""
        try:
            return self._feeder.batch(batch, flight, slices)
        except BusyError:
            raise
        except CloudifyError as error:
            return Failure("source-failed", str(error))
        except failures() as error:
            return Failure("source-failed", f"its values cannot be read ({explain(error)})")

    def _write(self) -> None:
        for job_id in self._ledger.jobs():
            with self._alone(job_id):
                for effect in self._ledger.write(job_id):
                    self._act(job_id, effect)
        for job_id, flight in list(self._flights.items()):
            if shares := flight.shares.due():
                with self._alone(job_id):
                    self._store.jobs.progress(job_id, shares, boot=self._boot, at=time())
                    flight.shares.written(shares)

    def _settle(self, job_id: str, outcomes: Sequence[Outcome]) -> Sequence[Effect]:
        """Write down what became of slices, in one transaction."""
        flight = self._flights.get(job_id)
        if flight is None:
            return ()
        self._restarts.forget(job_id)
        template = next((one.template for one in outcomes if one.template is not None), None)
        if template is not None and flight.work.template is None:
            template = self._feeder.complete(flight.work, template)
        _, effects = self._store.jobs.settle(job_id, outcomes, boot=self._boot, at=time(), template=template)
        flight.shares.forget(one.number for one in outcomes)
        if template is not None and flight.work.template is None:
            record = self._store.jobs.get(job_id)  # an outcome that came late has not fixed it
            flight.work = replace(flight.work, template=(record and record.template) or None)
        flight.give_back(
            (one.number, one.attempt + 1)
            for one in outcomes
            if one.failure is not None and runs_again(one.failure, one.attempt)
        )
        return effects

    def _act(self, job_id: str, effect: Effect) -> None:
        flight = self._flights.get(job_id)
        if isinstance(effect, Stop):
            self._land(job_id)
        elif isinstance(effect, Assemble) and flight is not None and not flight.is_assembling:
            flight.is_assembling = True
            assemble = partial(self._assembler.assemble, flight.work)
            self._inbox.beside(self._assembling, partial(Assembled, job_id), assemble)

    def _land(self, job_id: str) -> None:
        """Let go of a job that has ended, and end what runs of it."""
        self._feeder.forget(job_id)
        self._restarts.forget(job_id)
        flight = self._flights.pop(job_id, None)
        if flight is not None:
            for way in flight.under_way.values():
                way.landing.cancel()
            self._ending.submit(self._executor.stop, job_id)

    def _replace(self, worker: str) -> None:
        """Have another take the place of a worker that hangs, which may have batches that it has not begun."""
        self._ending.submit(self._executor.replace, worker)

    @contextmanager
    def _alone(self, job_id: str) -> Iterator[None]:
        """Have what goes wrong with a job end that job, and no other."""
        try:
            yield
        except BusyError:
            raise
        except Exception as error:  # noqa: BLE001  # rows, plans and templates of one job: the others go on
            self._give_up(job_id, error)

    def _give_up(self, job_id: str, error: BaseException) -> None:
        """End a job that the server has failed at; where that fails, too, leave it to the next engine."""
        log.error("a job cannot be run", extra={"job": job_id}, exc_info=error)
        self._ledger.forget(job_id)
        self._land(job_id)
        if job_id not in self._given_up:
            self._given_up.add(job_id)
            why = f"the server failed at this job ({type(error).__name__}); its log has more"
            self._ledger.add(job_id, Broken(at=time(), failure=Failure("server-failed", why)))
