"""Failures of what we read from."""

from cloudify.errors.families import SourceError, quote


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


class SourceChangedError(SourceError):
    """The source was replaced while one of its chunks was being read."""

    code = "source-changed"

    def __init__(self, key: str, what: str = "chunk") -> None:
        self.key = key
        super().__init__(f"the source changed while {what} {quote(key)} was read; open the dataset again")
