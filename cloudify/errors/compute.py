"""Failures of jobs and processes, before a slice of them runs."""

from cloudify.errors.families import ImpossibleError, NotFoundError, quote


class UnknownJobError(NotFoundError):
    """No job of this id, or somebody else's."""

    code = "no-such-job"

    def __init__(self, job_id: str) -> None:
        super().__init__(f"no job {quote(job_id)}; /ogc-api/jobs lists yours")


class JobClosedError(ImpossibleError):
    """A job that takes no more slices."""

    code = "job-closed"

    def __init__(self, job_id: str) -> None:
        super().__init__(
            f'the job {quote(job_id)} takes no more slices: it is closed, or was not begun with "open": true'
        )
