"""Failures of what jobs leave."""

from cloudify.errors.families import OGC_PROCESSES, GoneError, NotFoundError, quote


class ResultNotReadyError(NotFoundError):
    """The result of a job that has not ended."""

    code = "result-not-ready"
    uri = f"{OGC_PROCESSES}result-not-ready"

    def __init__(self, job_id: str, state: str) -> None:
        super().__init__(
            f"the job {quote(job_id)} is {state}, and has no result yet; its status and events say how far it is"
        )


class JobDismissedError(GoneError):
    """The result of a job that was dismissed."""

    code = "job-dismissed"

    def __init__(self, job_id: str) -> None:
        super().__init__(f"the job {quote(job_id)} was dismissed, and what it left is discarded; execute it again")


class UnknownFileError(NotFoundError):
    """A result has no file of this name."""

    code = "unknown-file"

    def __init__(self, name: str) -> None:
        super().__init__(f"the result has no file {quote(name)}; .../results lists what there is")
