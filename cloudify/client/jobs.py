"""A job of a server, from any process that has its id."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from urllib.parse import parse_qsl, quote, urlsplit

import httpx

from cloudify.client.events import Event, follow
from cloudify.client.progress import display
from cloudify.client.refusals import as_json
from cloudify.client.results import fetch
from cloudify.client.session import Query, Session
from cloudify.client.status import Slices, Status, mapping, text
from cloudify.client.waiting import goes_on, wait
from cloudify.errors import InvalidCallError
from cloudify.model.job import Usage

JOBS = "/ogc-api/jobs"
PAGE = 100
"""Jobs that are asked for at once."""
END_ONLY: Query = {"hide": "false"}
"""Of a job that has ended by itself meanwhile nothing is hidden."""


class Job:
    """One execution of a process. It goes on when this object, or this process, ends."""

    def __init__(self, session: Session, status: Status) -> None:
        self._session, self._known = session, status
        self._path = job_path(status.id)

    @property
    def id(self) -> str:
        """Its name: ``server.job(id)`` comes back to it from anywhere."""
        return self._known.id

    @property
    def status(self) -> str:
        """accepted, running, successful, failed or dismissed, by now."""
        return self._look().state

    @property
    def progress(self) -> float:
        """How much of what is planned so far is done, from 0 to 1: of slices that run, what the function says."""
        return self._look().percent / 100

    @property
    def slices(self) -> Slices:
        """How many there are, done, failed and reused."""
        return self._look().slices

    @property
    def usage(self) -> Usage:
        """What it used so far."""
        return self._look().usage

    def describe(self) -> dict[str, object]:
        """Return all that the server says of it."""
        return dict(self._look().document)

    def wait(self, timeout: float | None = None) -> "Job":
        """Show how far it is until it has ended; return it, whatever became of it.

        Ctrl-C ends the waiting, not the job.

        Raises
        ------
        StillRunningError
            If it has not ended after `timeout` seconds.
        """
        shown = display()
        try:
            self._known = wait(self._known, self._look_once, shown, timeout)
        except KeyboardInterrupt:
            shown.leave(goes_on(self.id))
            raise
        return self

    def result(self, timeout: float | None = None) -> object:
        """Wait for the end and return what it left: a lazy dataset, a list of values, or a list of files.

        Raises
        ------
        JobFailedError
            If it failed, with the slice, its region and the traceback of the function; or was dismissed.
        StillRunningError
            If it has not ended after `timeout` seconds.
        """
        if not self._look().is_terminal:
            self.wait(timeout)
        if self._known.state != "successful":
            raise self._known.failure()
        return fetch(self._session, self._path)

    def events(self, after: int = 0) -> Iterator[Event]:
        """Yield what happened and happens, to the end of the job; `after`: only what has a higher ``seq``."""
        return follow(self._session, self._path, after)

    def log(self, slice: int | None = None) -> str:  # noqa: A002  # the word of jobs
        """Return what the function printed, of one slice or of all."""
        query: Query = {"f": "text"} if slice is None else {"f": "text", "slice": slice}
        return self._session.get(f"{self._path}/log", query).text

    def log_lines(self, slice: int | None = None) -> list[object]:  # noqa: A002
        """Return the same as objects: ``slice``, ``attempt``, ``text``, ``truncated``."""
        query: Query = {"f": "json"} if slice is None else {"f": "json", "slice": slice}
        told = mapping(self._session.read(f"{self._path}/log", query)).get("log")
        return told if isinstance(told, list) else []

    def cancel(self) -> "Job":
        """End it now; what it left is discarded. One that has ended stays as it is."""
        if not self._known.is_terminal:
            self._known = self._read(self._session.delete(self._path, END_ONLY))
        return self

    def add(
        self, data: Iterable[object] | None = None, *, regions: Iterable[Mapping[str, Sequence[int]]] | None = None
    ) -> "Job":
        """Add slices to an open job: data, or regions ``{dim: [lo, hi]}`` of its dataset."""
        if (data is None) == (regions is None):
            raise InvalidCallError("expected `data` or `regions` to add to the job, one of them")
        added = {"data": list(data)} if data is not None else {"regions": list(regions or ())}
        return self._tell("slices", added, is_repeatable=False)

    def close(self) -> "Job":
        """Say that nothing more is added: the job ends with what it has."""
        return self._tell("close", {}, is_repeatable=True)

    def __repr__(self) -> str:
        known = self._known
        return f"<Job {known.id} {known.state}, {known.slices.settled}/{known.slices.total} slices>"

    def _tell(self, what: str, body: Mapping[str, object], *, is_repeatable: bool) -> "Job":
        answer = self._session.post(f"{self._path}/{what}", body, is_repeatable=is_repeatable)
        self._known = self._read(answer)
        return self

    def _read(self, answer: httpx.Response) -> Status:
        return Status.of(as_json(answer, self._session.url))

    def _look(self) -> Status:
        """Return its status by now; one that has ended never changes."""
        if not self._known.is_terminal:
            self._known = Status.of(self._session.read(self._path))
        return self._known

    def _look_once(self, timeout_s: float) -> Status:
        return Status.of(self._session.read(self._path, tries=1, timeout_s=timeout_s))


def job_path(job_id: str) -> str:
    """Return where a job is, whatever its id has in it."""
    return f"{JOBS}/{quote(job_id, safe='')}"


def find_job(session: Session, job_id: str) -> Job:
    """Return a job of one's own by its id.

    Raises
    ------
    NotThereError
        If there is none.
    """
    if not job_id:
        raise InvalidCallError("expected the id of a job; server.jobs() lists them")
    return Job(session, Status.of(session.read(job_path(job_id))))


def list_jobs(session: Session, query: Query, limit: int) -> Iterator[Job]:
    """Yield one's own jobs, the newest first."""
    asked: dict[str, str | int] = {**query, "limit": max(1, min(limit, PAGE))}
    while limit > 0:
        page = mapping(session.read(JOBS, asked))
        listed = page.get("jobs")
        for said in (listed if isinstance(listed, list) else [])[:limit]:
            yield Job(session, Status.of(said))
            limit -= 1
        following = _next(page)
        if not following:
            return
        asked = following


def _next(page: Mapping[str, object]) -> dict[str, str | int]:
    """Return the query of the next page, empty at the end; its address is ours, whatever the link says."""
    links = page.get("links")
    for link in map(mapping, links if isinstance(links, list) else []):
        if text(link.get("rel")) == "next":
            return dict(parse_qsl(urlsplit(text(link.get("href"))).query))
    return {}
