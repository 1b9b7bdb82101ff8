"""What the handlers of all routes need: who asks, for which job, and threads for whatever blocks."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from starlette.requests import Request
from starlette.responses import JSONResponse

from cloudify.errors import UnknownJobError
from cloudify.http.access import keep_private, who_asks
from cloudify.http.auth import require
from cloudify.http.hosts import root_url
from cloudify.http.lookup import Lookup
from cloudify.http.offload import Offload
from cloudify.http.ogc.compute import Compute
from cloudify.http.ogc.status import status_info
from cloudify.model.job import Job
from cloudify.settings import Settings

T = TypeVar("T")
PATH = "/ogc-api"
KIND = "jobs"
THREADS, SUBMITTING = 4, 2
"""Who submits has a dataset opened, which may take long: that keeps nobody from looking at jobs."""
LONGEST_ID = 64


@dataclass(frozen=True, slots=True)
class Desk:
    """Belongs to one event loop."""

    compute: Compute
    settings: Settings
    lookup: Lookup
    work: Offload = field(default_factory=lambda: Offload(THREADS, kind=KIND))
    submitting: Offload = field(default_factory=lambda: Offload(SUBMITTING, kind=KIND))

    def root(self, request: Request) -> str:
        """Return the root of the server in links."""
        return root_url(request, self.settings)

    def base(self, request: Request) -> str:
        """Return the root of the API in links."""
        return self.root(request) + PATH

    def status(self, job: Job, base: str, exception: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return what is said of a job (`status_info`)."""
        return status_info(job, base, exception, keep_s=self.settings.keep_jobs_s)

    async def do(self, what: Callable[[], T]) -> T:
        """Do what blocks."""
        return await self.work(what)


def owner_with(scope: str) -> str:
    """Return who asks, if their token is for this; what they are answered is for them alone.

    Raises
    ------
    TokenNeededError, ScopeMissingError
        If it is not.
    """
    who = who_asks()
    require(who, scope)
    keep_private()
    return who.user


def checked_id(job_id: str) -> str:
    """Return what may be the id of a job.

    Raises
    ------
    UnknownJobError
        If it cannot be: no database is asked.
    """
    if not (job_id.isascii() and job_id.isalnum() and len(job_id) <= LONGEST_ID):
        raise UnknownJobError(job_id)
    return job_id


def json_answer(content: object, status: int = 200, headers: dict[str, str] | None = None) -> JSONResponse:
    """Write a document."""
    return JSONResponse(content, status, headers)
