"""Why a job failed: the slice, its region, the traceback; and that as a problem."""

from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from cloudify.http.ogc.status import TITLES, exception_info
from cloudify.http.problems import Problem

if TYPE_CHECKING:
    from cloudify.compute.store.records import Record
    from cloudify.compute.store.store import Store
    from cloudify.model.job import Reason

STATUS: "Final[dict[Reason, HTTPStatus]]" = {
    "source-failed": HTTPStatus.BAD_GATEWAY,
    "source-changed": HTTPStatus.BAD_GATEWAY,
    "worker-lost": HTTPStatus.INTERNAL_SERVER_ERROR,
    "server-restarted": HTTPStatus.INTERNAL_SERVER_ERROR,
    "server-failed": HTTPStatus.INTERNAL_SERVER_ERROR,
    "no-room": HTTPStatus.INSUFFICIENT_STORAGE,
}
"""Reason -> status of its result; any other is the function's doing."""


def exception_of(record: "Record", store: "Store") -> dict[str, Any] | None:
    """Return why a job failed, None if it did not. Blocks."""
    job = record.job
    if job.failure is None:
        return None
    if job.on_error != "stop" or not job.failed:  # no slice is why
        return exception_info(job.failure)
    number = store.jobs.failed_numbers(job.id)[0]
    return exception_info(job.failure, number, Regions(record, store).of(number))


class Regions:
    """The regions of the slices of a job. Blocks where cells were added one by one."""

    def __init__(self, record: "Record", store: "Store") -> None:
        from cloudify.compute.planned import Planned  # noqa: PLC0415  # with jobs, and not before

        self._planned, self._job_id, self._store = Planned.from_json(record.plan), record.job.id, store

    def of(self, number: int) -> dict[str, list[int]] | None:
        """Return the region of a slice, ``{dim: [first, one after the last]}``; None for one of data."""
        if not self._planned.dataset:
            return None
        added = self._store.jobs.inputs(self._job_id, [number]).get(number)
        return self._planned.cells.region(int(added) if added is not None else number)


def problem_of(exception: dict[str, Any], uri: str) -> Problem:
    """Return a failure of a job as the answer to who asks for its result.

    Parameters
    ----------
    uri
        Of the job.
    """
    reason = exception["type"]
    more: dict[str, object] = {name: exception[name] for name in ("slice", "region", "traceback") if name in exception}
    status = STATUS.get(reason, HTTPStatus.UNPROCESSABLE_ENTITY)
    return Problem(
        reason, status, f"the job failed: {TITLES[reason]}: {exception['detail']}", more={**more, "job": uri}
    )
