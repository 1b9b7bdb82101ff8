"""A job as a ``statusInfo``: the words of OGC API - Processes, and ours beside them."""

from typing import Any, Final

from cloudify.http.ogc.links import REL, iso, link
from cloudify.http.problems import MEDIA_TYPE as PROBLEM
from cloudify.model.job import Failure, Job

TITLES: Final = {
    "timeout": "a slice took too long",
    "memory-limit": "a slice needed too much memory",
    "process-limit": "a slice started too many processes",
    "disk-limit": "a slice wrote too much",
    "user-error": "the function raised",
    "invalid-result": "what the function returned cannot be part of the result",
    "result-too-large": "what the function returned is too large",
    "worker-lost": "a worker was lost",
    "server-restarted": "the server was restarted",
    "server-failed": "something went wrong in the server",
    "source-failed": "what the slices read failed",
    "source-changed": "the dataset has changed",
    "no-room": "there was no room for the result",
    "dismissed": "it was dismissed",
}


LAST_TIME: Final = 253_402_300_799.0
"""Of the year 9999, the last that has a name."""


def status_info(job: Job, base: str, exception: dict[str, Any] | None = None, *, keep_s: float = 0) -> dict[str, Any]:
    """Return what is said of a job.

    Parameters
    ----------
    base
        Root of the API in links.
    keep_s
        How long it is kept from its end on, in seconds; 0: for ever.
    exception
        Why it failed, where more is known of that than the job itself says.
    """
    at = f"{base}/jobs/{job.id}"
    links = [link(at, "self"), link(at, "monitor"), link(f"{base}/jobs", "up")]
    if job.state == "successful":
        links.append(link(f"{at}/results", f"{REL}results"))
    if job.state == "failed":
        links.append(link(f"{at}/results", f"{REL}exceptions", PROBLEM))
    said: dict[str, Any] = {
        "jobID": job.id,
        "id": job.id,
        "type": "process",
        "processingEntityType": "ogc-api-processes",
        "processID": job.process,
        "status": job.state,
        "message": _message(job),
        "progress": job.progress,
        "created": iso(job.created),
        "updated": iso(job.updated if job.updated is not None else job.created),
        "open": job.is_open and not job.is_terminal,
        "slices": {"total": job.total, "done": job.done, "failed": job.failed, "reused": job.reused},
        "usage": job.usage.to_json(),
        "isolation": job.isolation,
        "owner": job.owner,
        "links": links,
    }
    if job.started is not None:
        said["started"] = iso(job.started)
    if job.finished is not None:
        said["finished"] = iso(job.finished)
        if 0 < keep_s < LAST_TIME - job.finished:
            said["expires"] = iso(job.finished + keep_s)
    if job.failure is not None:
        said["exception"] = exception or exception_info(job.failure)
    return said


def exception_info(
    failure: Failure, number: int | None = None, region: dict[str, list[int]] | None = None
) -> dict[str, Any]:
    """Return why something failed.

    Parameters
    ----------
    number, region
        Of the slice that did, if one did.
    """
    detail = failure.message if number is None else failure.message.removeprefix(f"slice {number}: ")
    said: dict[str, Any] = {"type": failure.reason, "title": TITLES[failure.reason], "detail": detail}
    if number is not None:
        said["slice"] = number
    if region is not None:
        said["region"] = region
    if failure.traceback:
        said["traceback"] = failure.traceback
    return said


def _message(job: Job) -> str:
    if job.failure is not None:
        return job.failure.message
    counted = f"{job.done} of {job.total} slices done" + (f", {job.failed} failed" if job.failed else "")
    if job.state == "accepted":
        return "waits to be run"
    return f"{counted}; more may be added" if job.is_open and not job.is_terminal else counted
