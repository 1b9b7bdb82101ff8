"""What news mean for the jobs on their way. Nothing is written here, so that nothing that was heard can be lost."""

import logging
from collections.abc import Callable, Sequence
from time import monotonic, time
from typing import cast

from cloudify.compute.batch import Alive, Report, Told
from cloudify.compute.executor import DiedError, LostError
from cloudify.compute.flight import Flight, Numbered, UnderWay
from cloudify.compute.ledger import Ledger
from cloudify.compute.lifecycle import Assembled, Began, Broken
from cloudify.compute.news import Assembled as PutTogether
from cloudify.compute.news import Landed, News, TakenUp
from cloudify.compute.restarts import MOST, EndlessRestartsError
from cloudify.errors import BusyError, CloudifyError, CombineFailedError
from cloudify.model.job import Failure, Reason
from cloudify.model.outcome import Outcome

FULL_PAUSE_S, LONGEST_FULL_S = 2.0, 60.0
"""How often, and how long, is tried again what there is no room for."""
LOST_PAUSE_S = 1.0
"""How long nothing is submitted after what ran was lost."""
PUT_BACK = frozenset({"no-room", "server-restarted"})
"""Reasons that pass, and are no fault of the function: such a slice runs again as if nothing was."""

ENDLESS = Failure(
    "server-restarted",
    f"the server ended {MOST} times while this job ran, and none of its slices was done in between: does the function "
    "end what runs it?",
)

log = logging.getLogger(__name__)


class Hearing:
    """Belongs to the engine's thread.

    Parameters
    ----------
    give_up
        Ends a job that the server failed at.
    replace
        Has another worker take the place of one that hangs.
    """

    def __init__(
        self,
        flights: dict[str, Flight],
        ledger: Ledger,
        give_up: Callable[[str, BaseException], None],
        replace: Callable[[str], None],
    ) -> None:
        self._flights, self._ledger, self._give_up, self._replace = flights, ledger, give_up, replace
        self.taking_up: set[str] = set()
        """Jobs that are being opened."""
        self.resume_at = 0.0
        """Before this, in monotonic time, no batch is submitted."""

    def hear(self, news: Sequence[News]) -> None:
        """Take news, and give up the batches of which there were none for too long."""
        for item in news:
            if isinstance(item, TakenUp):
                self._taken_up(item)
            elif item.job_id in self._flights:  # else it has ended
                self._hear_of(self._flights[item.job_id], item)
        for job_id, flight in self._flights.items():
            for batch in flight.overdue():
                way = flight.under_way.pop(batch)
                way.landing.cancel()
                self._replace(way.worker)
                self._lost(job_id, flight, way, "nothing was heard of the worker for too long")

    def _hear_of(self, flight: Flight, news: Landed | PutTogether | Told | Alive) -> None:
        if isinstance(news, Landed):
            self._landed(news, flight)
        elif isinstance(news, PutTogether):
            self._put_together(news, flight)
        elif news.batch in flight.under_way:
            way = flight.hear(news.batch)
            if isinstance(news, Alive):
                way.worker = news.worker
                return
            if news.progress is not None:
                flight.shares.hear(news.number, news.attempt, news.progress)
            if news.emitted:
                self._ledger.add(news.job_id, news)

    def pause(self, seconds: float) -> None:
        """Have no batch submitted for a while."""
        self.resume_at = monotonic() + seconds

    def _taken_up(self, taken: TakenUp) -> None:
        self.taking_up.discard(taken.job_id)
        if taken.flight.cancelled():
            return
        error = taken.flight.exception()
        if error is None:
            flight = taken.flight.result()
            if flight is not None:
                self._flights[taken.job_id] = flight
                self._ledger.add(taken.job_id, Began(at=time()))
        elif isinstance(error, BusyError):
            log.warning("a job waits to be taken up", extra={"job": taken.job_id, "why": str(error)})
        elif isinstance(error, EndlessRestartsError):
            self._ledger.add(taken.job_id, Broken(at=time(), failure=ENDLESS))
        elif isinstance(error, CloudifyError):
            self._ledger.add(taken.job_id, Broken(at=time(), failure=Failure("source-failed", str(error))))
        else:
            self._give_up(taken.job_id, error)

    def _landed(self, landed: Landed, flight: Flight) -> None:
        way = flight.under_way.pop(landed.batch, None)
        if way is None:
            return  # given up before
        error = landed.outcome.exception() if not landed.outcome.cancelled() else LostError()
        if isinstance(error, LostError | BusyError):
            flight.give_back(way.slices)
            self.pause(error.retry_after_s if isinstance(error, BusyError) else LOST_PAUSE_S)
        elif isinstance(error, DiedError):
            self._lost(landed.job_id, flight, way, "the worker died; it may have had too little memory")
        elif error is not None:
            log.error("a batch has failed", extra={"job": landed.job_id}, exc_info=error)
            why = f"the worker failed ({type(error).__name__})"
            self._ledger.add(landed.job_id, *failed(way.slices, Failure("worker-lost", why)))
        else:
            self._reported(landed.job_id, flight, way, landed.outcome.result())

    def _lost(self, job_id: str, flight: Flight, way: UnderWay, why: str) -> None:
        self._ledger.add(job_id, *failed(flight.blamed(way), Failure("worker-lost", why)))

    def _reported(self, job_id: str, flight: Flight, way: UnderWay, report: Report) -> None:
        """Take what became of a batch; put back what was not begun, and what there was no room for."""
        back = [one for one in report.outcomes if one.failure is not None and one.failure.reason in PUT_BACK]
        told = [one for one in report.outcomes if one not in back]
        settled = {one.number for one in told}
        flight.note(report.elapsed_s, len(report.outcomes))
        flight.give_back(pair for pair in way.slices if pair[0] not in settled)
        self._ledger.add(job_id, *told)
        if back and back[0].failure is not None:
            self._wait_for_room(job_id, flight, back[0].failure)
        elif told:
            flight.full_since = None

    def _wait_for_room(self, job_id: str, flight: Flight, failure: Failure) -> None:
        """Try again in a while what there was no room for; give up when there is none for long."""
        now = monotonic()
        flight.full_since, flight.resume_at = flight.full_since or now, now + FULL_PAUSE_S
        if now - flight.full_since > LONGEST_FULL_S:
            self._ledger.add(job_id, Broken(at=time(), failure=failure))

    def _put_together(self, done: PutTogether, flight: Flight) -> None:
        if done.result.cancelled():
            return
        error = done.result.exception()
        if error is None:
            self._ledger.add(done.job_id, Assembled(at=time(), result=done.result.result()))
            return
        flight.is_assembling = False  # begun again when the job is looked at, if it still runs then
        if isinstance(error, BusyError):
            log.warning("a result waits to be put together", extra={"job": done.job_id, "why": str(error)})
            flight.resume_at = monotonic() + FULL_PAUSE_S
            if getattr(error, "has_no_room", False):
                self._wait_for_room(done.job_id, flight, Failure("no-room", "there is no room for the result"))
            return
        if isinstance(error, CloudifyError):  # its owner is told
            log.info("a result cannot be put together", extra={"job": done.job_id, "why": str(error)})
        else:
            log.error("a result cannot be put together", extra={"job": done.job_id}, exc_info=error)
        self._ledger.add(done.job_id, Broken(at=time(), failure=_of_result(error)))


def failed(slices: Sequence[Numbered], failure: Failure) -> list[Outcome]:
    """Return slices as failed."""
    return [Outcome(number, attempt, failure=failure) for number, attempt in slices]


def _of_result(error: BaseException) -> Failure:
    """Return why a result cannot be put together."""
    if isinstance(error, CombineFailedError):
        return Failure(cast("Reason", error.reason), str(error), error.traceback)
    if isinstance(error, CloudifyError):
        return Failure("invalid-result", str(error))
    return Failure("server-failed", f"the result could not be put together ({type(error).__name__}); the log has more")
