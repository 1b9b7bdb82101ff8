"""Every failure by name.

::

    CloudifyError
    ├── NotFoundError             what was asked for does not exist
    │   ├── UnknownDatasetError
    │   ├── UnknownGroupError
    │   ├── UnknownKeyError
    │   ├── UnknownVariableError
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
    │   ├── TooManyChunksError
    │   ├── PictureTooLargeError
    │   ├── DiagnosticTooLargeError
    │   └── ResultTooLargeError
    ├── BusyError                 not now; ask again
    │   ├── ClusterUnavailableError
    │   ├── DeadlineError
    │   ├── DrawingBusyError
    │   ├── NotReadyError
    │   └── QueueFullError
    ├── RefusedHostError          a Host this server does not answer to
    ├── ImpossibleError           what cannot be done to this data
    │   ├── BadOptionError
    │   ├── BadSelectionError
    │   ├── NoMapError
    │   ├── NoPlaceError
    │   ├── DrawingFailedError
    │   ├── DrawingTooSlowError
    │   ├── TooSlowError
    │   ├── UnknownColormapError
    │   └── UnknownGroupingError
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

from cloudify.errors.families import (
    SUGGEST_AMONG,
    BusyError,
    CloudifyError,
    ImpossibleError,
    NotFoundError,
    SourceError,
    TooLargeError,
    UsageError,
)
from cloudify.errors.requests import (
    BadOptionError,
    BadSelectionError,
    BodyTooLargeError,
    ChunkTooLargeError,
    ClusterUnavailableError,
    DeadlineError,
    DiagnosticTooLargeError,
    DrawingBusyError,
    DrawingFailedError,
    DrawingTooSlowError,
    MangledKeyError,
    NoMapError,
    NoPlaceError,
    NoSourceFileError,
    NoStoredBytesError,
    NotReadyError,
    PictureTooLargeError,
    QueueFullError,
    RefusedHostError,
    ResultTooLargeError,
    TooManyChunksError,
    TooSlowError,
    UnknownColormapError,
    UnknownDatasetError,
    UnknownGroupError,
    UnknownGroupingError,
    UnknownKeyError,
    UnknownVariableError,
)
from cloudify.errors.sources import (
    SourceChangedError,
    UnreadableChunkError,
    UnreadableDatasetError,
)
from cloudify.errors.usage import (
    DataDirectoryInUseError,
    InvalidIdError,
    InvalidSettingError,
    InvalidTargetError,
    MissingMainGuardError,
    PortInUseError,
)

__all__ = [
    "SUGGEST_AMONG",
    "BadOptionError",
    "BadSelectionError",
    "BodyTooLargeError",
    "BusyError",
    "ChunkTooLargeError",
    "CloudifyError",
    "ClusterUnavailableError",
    "DataDirectoryInUseError",
    "DeadlineError",
    "DiagnosticTooLargeError",
    "DrawingBusyError",
    "DrawingFailedError",
    "DrawingTooSlowError",
    "ImpossibleError",
    "InvalidIdError",
    "InvalidSettingError",
    "InvalidTargetError",
    "MangledKeyError",
    "MissingMainGuardError",
    "NoMapError",
    "NoPlaceError",
    "NoSourceFileError",
    "NoStoredBytesError",
    "NotFoundError",
    "NotReadyError",
    "PictureTooLargeError",
    "PortInUseError",
    "QueueFullError",
    "RefusedHostError",
    "ResultTooLargeError",
    "SourceChangedError",
    "SourceError",
    "TooLargeError",
    "TooManyChunksError",
    "TooSlowError",
    "UnknownColormapError",
    "UnknownDatasetError",
    "UnknownGroupError",
    "UnknownGroupingError",
    "UnknownKeyError",
    "UnknownVariableError",
    "UnreadableChunkError",
    "UnreadableDatasetError",
    "UsageError",
]
