"""Every failure by name.

::

    CloudifyError
    ├── NotFoundError             what was asked for does not exist
    │   ├── UnknownDatasetError
    │   ├── UnknownGroupError
    │   ├── UnknownKeyError
    │   ├── NoStoredBytesError    a dataset whose source holds no bytes that zarr can express
    │   └── NoSourceFileError     a dataset that is not one netCDF file
    ├── MangledKeyError           a key that was cut at its question mark
    ├── SourceError               what we read from failed
    │   ├── UnreadableDatasetError
    │   ├── UnreadableChunkError
    │   └── SourceChangedError
    ├── TooLargeError             more than a limit allows
    │   ├── BodyTooLargeError
    │   ├── ChunkTooLargeError
    │   └── TooManyChunksError
    ├── BusyError                 not now; ask again
    │   ├── ClusterUnavailableError
    │   └── NotReadyError
    ├── RefusedHostError          a Host this server does not answer to
    └── UsageError                what the operator gave cannot work
        ├── InvalidIdError
        ├── InvalidSettingError
        ├── InvalidTargetError
        ├── MissingMainGuardError
        ├── PortInUseError
        └── DataDirectoryInUseError

A class has a stable ``code`` (the end of a problem's ``type``) and a message that proposes the next step.
The HTTP status is looked up by family in :mod:`cloudify.http.problems`.
"""

from collections.abc import Iterable
from difflib import get_close_matches
from typing import ClassVar

SUGGEST_AMONG = 500
"""Names are suggested among at most this many, so that a wrong name costs no more in a large catalog."""


class CloudifyError(Exception):
    """A failure we foresaw."""

    code: ClassVar[str] = "error"


class NotFoundError(CloudifyError):
    """What was asked for does not exist."""

    code = "not-found"


class UnknownDatasetError(NotFoundError):
    """No dataset has this id."""

    code = "unknown-dataset"

    def __init__(self, dataset_id: str, known: Iterable[str] = ()) -> None:
        self.dataset_id = dataset_id
        super().__init__(f"no dataset {_short(dataset_id)}{_hint(dataset_id, known, 'GET /datasets lists them')}")


class UnknownGroupError(NotFoundError):
    """A dataset has no group at this path."""

    code = "unknown-group"

    def __init__(self, group: str) -> None:
        self.group = group
        super().__init__(f"no group {_short(group)}; GET .../groups of the dataset lists them")


class UnknownKeyError(NotFoundError):
    """A dataset has no zarr key of this spelling."""

    code = "unknown-key"

    def __init__(self, key: str, reason: str) -> None:
        self.key = key
        super().__init__(f"no key {_short(key)}: {reason}")


class NoStoredBytesError(NotFoundError):
    """A dataset whose source holds no bytes that can be passed on as they are."""

    code = "no-stored-bytes"

    def __init__(self, dataset_id: str, reason: str) -> None:
        self.dataset_id = dataset_id
        super().__init__(
            f"dataset {_short(dataset_id)} has no stored bytes to pass on ({reason}); "
            f"read it at /datasets/{dataset_id[:128]}/zarr"
        )


class NoSourceFileError(NotFoundError):
    """A dataset that is not one netCDF file."""

    code = "no-source-file"

    def __init__(self, dataset_id: str) -> None:
        self.dataset_id = dataset_id
        super().__init__(
            f"dataset {_short(dataset_id)} is not one netCDF file; read it at /datasets/{dataset_id[:128]}/zarr"
        )


class MangledKeyError(CloudifyError):
    """A key that a client cut at its question mark: a 404 would read as fill values."""

    code = "mangled-key"

    def __init__(self, key: str) -> None:
        super().__init__(f"no key {_short(key)}, and the rest of it came as a query: a '?' in a name is written %3F")


class SourceError(CloudifyError):
    """What we read from failed."""

    code = "source-failed"


class UnreadableDatasetError(SourceError):
    """An entry that cannot be opened."""

    code = "unreadable-dataset"

    def __init__(self, dataset_id: str, reason: str) -> None:
        self.dataset_id, self.reason = dataset_id, reason
        super().__init__(f"dataset {_short(dataset_id)} cannot be opened: {reason}")


class UnreadableChunkError(SourceError):
    """A chunk that exists but cannot be read."""

    code = "unreadable-chunk"

    def __init__(self, key: str, reason: str) -> None:
        self.key = key
        super().__init__(
            f"chunk {_short(key)} exists but could not be read ({reason}); its values are unknown, not missing"
        )


class SourceChangedError(SourceError):
    """The source was replaced while one of its chunks was being read."""

    code = "source-changed"

    def __init__(self, key: str) -> None:
        self.key = key
        super().__init__(f"the source changed while chunk {_short(key)} was read; open the dataset again")


class TooLargeError(CloudifyError):
    """More than a limit allows."""

    code = "too-large"


class BodyTooLargeError(TooLargeError):
    """A request body above the limit."""

    code = "body-too-large"

    def __init__(self, limit_nbytes: int) -> None:
        super().__init__(f"the request body is larger than {limit_nbytes} bytes, the most this server reads")


class ChunkTooLargeError(TooLargeError):
    """A chunk above the limit."""

    code = "chunk-too-large"

    def __init__(self, variable: str, nbytes: int, limit_nbytes: int) -> None:
        super().__init__(
            f"one chunk of {_short(variable)} is {nbytes} bytes, above the limit of {limit_nbytes}; "
            "rechunk the source, or raise max_chunk_nbytes"
        )


class TooManyChunksError(TooLargeError):
    """More chunks than one reference document can list."""

    code = "too-many-chunks"

    def __init__(self, limit: int) -> None:
        super().__init__(
            f"the dataset has more chunks than the {limit} that a reference document may list; "
            'open the same URL with engine="zarr", which needs no document'
        )


class BusyError(CloudifyError):
    """Not now; ask again."""

    code = "busy"
    retry_after_s: ClassVar[int] = 2


class ClusterUnavailableError(BusyError):
    """The Dask cluster that computes chunks cannot be reached, is lost, or does not answer in time."""

    code = "cluster-unavailable"
    retry_after_s = 5


class NotReadyError(BusyError):
    """The server lives but cannot do its work yet."""

    code = "not-ready"


class RefusedHostError(CloudifyError):
    """A Host this server does not answer to."""

    code = "refused-host"

    def __init__(self, host: str) -> None:
        super().__init__(
            f"this server listens on the loopback address and does not answer to the host {_short(host)}; "
            "start it with --root-url to serve under a name"
        )


class UsageError(CloudifyError):
    """What the operator gave cannot work."""

    code = "usage"


class InvalidIdError(UsageError):
    """A dataset id that cannot be part of a URL."""

    code = "invalid-id"

    def __init__(self, dataset_id: str, suggestion: str) -> None:
        self.dataset_id, self.suggestion = dataset_id, suggestion
        super().__init__(
            f"{_short(dataset_id)} cannot be a dataset id: expected 1 to 128 of A-Z a-z 0-9 . _ -, "
            f"a letter or digit first, no '..'; {suggestion!r} would do"
        )


class InvalidSettingError(UsageError):
    """A setting with a value that cannot be."""

    code = "invalid-setting"


class InvalidTargetError(UsageError):
    """A TARGET that names nothing we can serve."""

    code = "invalid-target"


class MissingMainGuardError(UsageError):
    """A host script that would start a cluster in each worker of its cluster."""

    code = "missing-main-guard"


class PortInUseError(UsageError):
    """Another program listens on the port."""

    code = "port-in-use"

    def __init__(self, port: int, free: int) -> None:
        self.port, self.free = port, free
        super().__init__(f"port {port} is in use; port {free} is free: --port {free}")


class DataDirectoryInUseError(UsageError):
    """Another server holds the data directory."""

    code = "data-directory-in-use"

    def __init__(self, path: str, free: str) -> None:
        super().__init__(f"another cloudify server uses the data directory {path}; use another one: --data-dir {free}")


def _short(text: str, longest: int = 100) -> str:
    """Quote a name that a stranger sent: one line, bounded."""
    return repr(text if len(text) <= longest else f"{text[:longest]}...")


def _hint(name: str, known: Iterable[str], otherwise: str) -> str:
    names = list(known)
    near = get_close_matches(name[:128], names, n=1) if len(names) <= SUGGEST_AMONG else []
    return f"; did you mean {near[0]!r}?" if near else f"; {otherwise}"
