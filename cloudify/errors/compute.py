"""Failures of jobs and processes, before a slice of them runs."""

from cloudify.errors.families import OGC_PROCESSES, BusyError, ImpossibleError, NotFoundError, SourceError, quote


class NoSandboxError(BusyError):
    """A server that runs no functions: nothing here keeps them apart, and the operator has not said to go without."""

    code = "no-sandbox"
    retry_after_s = 3600

    def __init__(self) -> None:
        super().__init__(
            "this server runs no functions: it has no sandbox for them. Its operator may allow them without one, for "
            "people who are trusted with everything on the machine, by CLOUDIFY_UNSAFE_COMPUTE=1"
        )


class UnknownJobError(NotFoundError):
    """No job of this id, or somebody else's."""

    code = "no-such-job"
    uri = f"{OGC_PROCESSES}no-such-job"

    def __init__(self, job_id: str) -> None:
        super().__init__(f"no job {quote(job_id)}; /ogc-api/jobs lists yours")


class UnknownProcessError(NotFoundError):
    """No process of this id."""

    code = "no-such-process"
    uri = f"{OGC_PROCESSES}no-such-process"

    def __init__(self, process_id: str) -> None:
        super().__init__(f"no process {quote(process_id)}; /ogc-api/processes lists what there is")


class JobClosedError(ImpossibleError):
    """A job that takes no more slices."""

    code = "job-closed"

    def __init__(self, job_id: str) -> None:
        super().__init__(
            f'the job {quote(job_id)} takes no more slices: it is closed, or was not begun with "open": true'
        )


class DirectoryInUseError(BusyError):
    """A data directory that another server has, so that no jobs can be run on it here."""

    code = "data-directory-in-use"
    retry_after_s = 60

    def __init__(self) -> None:
        super().__init__(
            "another server on this machine runs jobs in this data directory; give this one its own by "
            "CLOUDIFY_DATA_DIR, or send the job to the other"
        )


class SourceMovedOnError(SourceError):
    """A dataset that is another by now than when a job was planned."""

    code = "source-moved-on"

    def __init__(self, dataset_id: str) -> None:
        super().__init__(
            f"the dataset {quote(dataset_id)} has changed since the job was planned, so that its slices would not fit "
            "together; run the job again"
        )


class CombineFailedError(ImpossibleError):
    """Results that could not be combined."""

    code = "combine-failed"

    def __init__(self, reason: str, message: str, traceback: str) -> None:
        self.reason, self.traceback = reason, traceback
        super().__init__(f"the results could not be combined: {message}")
