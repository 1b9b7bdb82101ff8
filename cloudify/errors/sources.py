"""Failures of what we read from."""

from cloudify.errors.families import SourceError, TooLargeError, quote


class UnreadableDatasetError(SourceError):
    """An entry that cannot be opened."""

    code = "unreadable-dataset"

    def __init__(self, dataset_id: str, reason: str) -> None:
        self.dataset_id, self.reason = dataset_id, reason
        super().__init__(f"dataset {quote(dataset_id)} cannot be opened: {reason}")


class UnreadableChunkError(SourceError):
    """A chunk that exists but cannot be read."""

    code = "unreadable-chunk"

    def __init__(self, key: str, reason: str) -> None:
        self.key = key
        super().__init__(
            f"chunk {quote(key)} exists but could not be read ({reason}); its values are unknown, not missing"
        )


class IncompleteResultError(SourceError):
    """A result that cannot be put together: what slices stored is not there."""

    code = "incomplete-result"

    def __init__(self, path: str, missing: int) -> None:
        super().__init__(
            f"{missing} chunks of {quote(path)} are missing though their slices are done; run the job again"
        )


class ValueTooLongError(TooLargeError):
    """A plain value of a slice that is too long for a table."""

    code = "value-too-long"

    def __init__(self, nbytes: int, limit_nbytes: int) -> None:
        super().__init__(
            f"a slice returned a value of up to {nbytes} bytes of text and {limit_nbytes} are possible in a table; "
            "return bytes or a path, which become a file"
        )


class SourceChangedError(SourceError):
    """The source was replaced while one of its chunks was being read."""

    code = "source-changed"

    def __init__(self, key: str, what: str = "chunk") -> None:
        self.key = key
        super().__init__(f"the source changed while {what} {quote(key)} was read; open the dataset again")
