"""Every failure by name.

::

    CloudifyError
    ├── NotFoundError             what was asked for does not exist
    │   ├── UnknownDatasetError
    │   ├── UnknownGroupError
    │   ├── UnknownKeyError
    │   ├── UnknownVariableError
    │   ├── NoStoredBytesError    a dataset whose source holds no bytes that zarr can express
    │   ├── NoSourceFileError     a dataset that is not one netCDF file
    │   └── UnknownTileError
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
    │   ├── ResultTooLargeError
    │   └── SubsetTooLargeError
    ├── BusyError                 not now; ask again
    │   ├── ClusterUnavailableError
    │   ├── DeadlineError
    │   ├── DrawingBusyError
    │   ├── NoRoomError           a file that cannot be written for want of disk
    │   ├── NotReadyError
    │   └── QueueFullError
    ├── RefusedHostError          a Host this server does not answer to
    ├── ImpossibleError           what cannot be done to this data
    │   ├── BadMapRequestError
    │   ├── BadOptionError
    │   ├── BadSelectionError
    │   ├── NoMapError
    │   ├── NoPlaceError
    │   ├── DrawingFailedError
    │   ├── DrawingTooSlowError
    │   ├── InvalidFunctionError
    │   ├── TooSlowError
    │   ├── UnknownColormapError
    │   └── UnknownGroupingError
    └── UsageError                what the operator gave cannot work
        ├── InvalidIdError
        ├── InvalidSettingError
        ├── InvalidTargetError
        ├── MissingMainGuardError
        ├── PortInUseError
        ├── DataDirectoryInUseError
        └── WorkerFailedError

A class has a stable ``code`` (the end of a problem's ``type``) and a message that proposes the next step.
The HTTP status is looked up by family in :mod:`cloudify.http.problems`.
"""

from cloudify.errors.busy import (
    ClusterUnavailableError,
    DeadlineError,
    DrawingBusyError,
    NoRoomError,
    NotReadyError,
    QueueFullError,
)
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
from cloudify.errors.functions import InvalidFunctionError
from cloudify.errors.maps import BadMapRequestError, UnknownTileError
from cloudify.errors.requests import (
    BadOptionError,
    BadSelectionError,
    BodyTooLargeError,
    ChunkTooLargeError,
    DiagnosticTooLargeError,
    DrawingFailedError,
    DrawingTooSlowError,
    MangledKeyError,
    NoMapError,
    NoPlaceError,
    NoSourceFileError,
    NoStoredBytesError,
    PictureTooLargeError,
    RefusedHostError,
    ResultTooLargeError,
    SubsetTooLargeError,
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
    WorkerFailedError,
)

__all__ = [
    "SUGGEST_AMONG",
    "BadMapRequestError",
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
    "InvalidFunctionError",
    "InvalidIdError",
    "InvalidSettingError",
    "InvalidTargetError",
    "MangledKeyError",
    "MissingMainGuardError",
    "NoMapError",
    "NoPlaceError",
    "NoRoomError",
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
    "SubsetTooLargeError",
    "TooLargeError",
    "TooManyChunksError",
    "TooSlowError",
    "UnknownColormapError",
    "UnknownDatasetError",
    "UnknownGroupError",
    "UnknownGroupingError",
    "UnknownKeyError",
    "UnknownTileError",
    "UnknownVariableError",
    "UnreadableChunkError",
    "UnreadableDatasetError",
    "UsageError",
    "WorkerFailedError",
]
