"""``/jobs`` and ``/jobs/{job_id}``: what becomes of jobs, and their end."""

from time import time
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import Response

from cloudify.http.ogc.desk import Desk, checked_id, json_answer, owner_with
from cloudify.http.ogc.failed import exception_of
from cloudify.http.ogc.query import page_links, read_wanted, whether

if TYPE_CHECKING:
    from cloudify.compute.store.records import Page, Record
    from cloudify.model.job import Job


class JobHandlers:
    """What is asked of jobs as a whole."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def list_jobs(self, request: Request) -> Response:
        """Your jobs, the newest first. `status` and `processID` may be repeated; `datetime` is a time or an interval of
        the creation; `minDuration`, `maxDuration` in seconds. The link `next` leads on.
        """  # noqa: D205  # shown as one paragraph in the API docs
        owner, desk = owner_with("compute"), self._desk
        wanted = read_wanted(request.query_params)

        def find() -> "Page[Job] | None":
            if wanted.is_none:
                return None
            jobs = desk.compute.store.jobs
            return jobs.list(owner, **wanted.filters, limit=wanted.limit, after=wanted.after, now=time())

        page, base = await desk.do(find), desk.base(request)
        listed = [desk.status(job, base) for job in page.items] if page is not None else []
        after = page.next if page is not None else None
        return json_answer({"jobs": listed, "links": page_links(f"{base}/jobs", request.query_params, after)})

    async def show(self, request: Request, job_id: str) -> Response:
        """How far a job is, what it used, and why it failed."""
        owner = owner_with("compute")
        return json_answer(await self._status(request, owner, checked_id(job_id)))

    async def dismiss(self, request: Request, job_id: str) -> Response:
        """End a job; one that has ended is hidden, with what it left, but with `hide=false`. The answer is its last
        status.
        """  # noqa: D205  # shown as one paragraph in the API docs
        owner, desk = owner_with("compute"), self._desk
        checked_id(job_id)
        hides = whether(request.query_params, "hide", default=True)

        def end() -> "tuple[Job, dict[str, Any] | None]":
            record = desk.compute.jobs.record(owner, job_id)
            told = exception_of(record, desk.compute.store)
            return desk.compute.jobs.dismiss(owner, job_id, hides=hides), told

        job, exception = await desk.do(end)
        return json_answer(desk.status(job, desk.base(request), exception))

    async def close(self, request: Request, job_id: str) -> Response:
        """Say that nothing more is added to an open job: it ends with what it has."""
        owner, desk = owner_with("compute"), self._desk
        checked_id(job_id)
        job = await desk.do(lambda: desk.compute.jobs.close(owner, job_id))
        return json_answer(desk.status(job, desk.base(request)))

    async def _status(self, request: Request, owner: str, job_id: str) -> dict[str, Any]:
        desk = self._desk

        def look() -> "tuple[Record, dict[str, Any] | None]":
            record = desk.compute.jobs.record(owner, job_id)
            return record, exception_of(record, desk.compute.store)

        record, exception = await desk.do(look)
        return desk.status(record.job, desk.base(request), exception)
