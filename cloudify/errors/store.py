"""Failures of where jobs and processes are kept."""

from cloudify.errors.families import OGC_DEPLOY, BusyError, ConflictError, ImpossibleError, UsageError, quote


class IdempotencyConflictError(ImpossibleError):
    """A key that stood for another request."""

    code = "idempotency-conflict"

    def __init__(self, key: str) -> None:
        super().__init__(
            f"the Idempotency-Key {quote(key)} was sent with another body less than a day ago; "
            "repeat that request as it was, or take a new key for this one"
        )


class ProcessExistsError(ConflictError):
    """An id that a process has already."""

    code = "process-exists"
    uri = f"{OGC_DEPLOY}duplicated-process"

    def __init__(self, process_id: str) -> None:
        super().__init__(f"there is a process {quote(process_id)} already; deploy this one under another id")


class StoreUnavailableError(BusyError):
    """The store of jobs cannot be read or written now. Nothing is half done.

    Where the connection to a database was lost while it confirmed, it may have been done.
    """

    code = "store-unavailable"
    retry_after_s = 5

    def __init__(self, reason: str, *, has_no_room: bool = False) -> None:
        self.has_no_room = has_no_room
        super().__init__(f"the store of jobs {reason}; ask again")


class StoreSchemaError(UsageError):
    """A database that is not as this version writes it."""

    code = "store-schema"
