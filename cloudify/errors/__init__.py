"""Every failure by name.

::

    CloudifyError
    ├── NotFoundError                 what was asked for does not exist
    │   ├── UnknownDatasetError
    │   ├── UnknownGroupError
    │   ├── UnknownKeyError
    │   ├── UnknownPoolError
    │   ├── UnknownVariableError
    │   ├── UnknownJobError
    │   ├── NoStoredBytesError        a dataset whose source holds no bytes that zarr can express
    │   ├── NoSourceFileError         a dataset that is not one netCDF file
    │   ├── UnknownTileError
    │   ├── UnknownFileError
    │   ├── UnknownProcessError
    │   └── ResultNotReadyError
    ├── GoneError                     what there was, and will not be again
    │   └── JobDismissedError
    ├── MalformedBodyError            a body that is not what it says to be
    ├── UnsupportedError              a form in which nothing is taken
    │   ├── EncodedBodyError          a body that is compressed
    │   └── UnsupportedBodyError
    ├── MangledKeyError               a key that was cut at its question mark
    ├── SourceError                   what we read from failed
    │   ├── UnreadableDatasetError
    │   ├── UnreadableChunkError
    │   ├── IncompleteResultError     a result of a job of which chunks are lost
    │   ├── SourceChangedError
    │   └── SourceMovedOnError
    ├── TooLargeError                 more than a limit allows
    │   ├── BlockTooLargeError
    │   ├── BodyTooLargeError
    │   ├── ChunkTooLargeError
    │   ├── TooManyChunksError
    │   ├── PictureTooLargeError
    │   ├── DiagnosticTooLargeError
    │   ├── ResultTooLargeError
    │   ├── SubsetTooLargeError
    │   └── ValueTooLongError
    ├── BusyError                     not now; ask again
    │   ├── ClusterUnavailableError
    │   ├── DeadlineError
    │   ├── DrawingBusyError
    │   ├── NoRoomError               a file that cannot be written for want of disk
    │   ├── NotReadyError
    │   ├── QueueFullError
    │   ├── StoreUnavailableError     the job store cannot be read or written
    │   ├── DirectoryInUseError
    │   └── NoSandboxError
    ├── UnidentifiedError             who asks is not known
    │   ├── InvalidTokenError
    │   └── TokenNeededError
    ├── ForbiddenError                what whoever asks may not do
    │   └── ScopeMissingError
    ├── ConflictError                 what cannot be done as things stand by now
    │   └── ProcessExistsError
    ├── RefusedHostError              a Host this server does not answer to
    ├── ImpossibleError               what cannot be done to this data
    │   ├── BadInputError
    │   ├── BadMapRequestError
    │   ├── BadOptionError
    │   ├── BadSelectionError
    │   ├── InvalidResultError        what a function returned
    │   ├── NoMapError
    │   ├── NoPlaceError
    │   ├── DrawingFailedError
    │   ├── DrawingTooSlowError
    │   ├── IdempotencyConflictError
    │   ├── JobClosedError
    │   ├── InvalidFunctionError
    │   ├── TooSlowError
    │   ├── UnknownColormapError
    │   ├── UnknownGroupingError
    │   └── CombineFailedError
    ├── RemoteError                   what a client did not get from a server
    │   ├── UnreachableError
    │   ├── ServerSaysError
    │   │   ├── TokenRefusedError
    │   │   ├── NotThereError
    │   │   └── ServerBusyError
    │   ├── JobFailedError
    │   └── StillRunningError
    └── UsageError                    what the operator gave cannot work
        ├── InvalidCallError
        ├── InvalidIdError
        ├── InvalidSettingError
        ├── InvalidTargetError
        ├── MissingMainGuardError
        ├── PortInUseError
        ├── UnsendableFunctionError
        ├── DataDirectoryInUseError
        ├── StoreSchemaError
        ├── UnknownTokenError
        └── WorkerFailedError

A class has a stable ``code`` (the end of a problem's ``type``) and a message that proposes the next step.
The HTTP status is looked up by family in :mod:`cloudify.http.problems`.
"""

from cloudify.errors.bodies import EncodedBodyError, MalformedBodyError, UnsupportedBodyError
from cloudify.errors.busy import (
    ClusterUnavailableError,
    DeadlineError,
    DrawingBusyError,
    NoRoomError,
    NotReadyError,
    QueueFullError,
)
from cloudify.errors.compute import (
    CombineFailedError,
    DirectoryInUseError,
    JobClosedError,
    NoSandboxError,
    SourceMovedOnError,
    UnknownJobError,
    UnknownProcessError,
)
from cloudify.errors.families import (
    SUGGEST_AMONG,
    BusyError,
    CloudifyError,
    ConflictError,
    ForbiddenError,
    GoneError,
    ImpossibleError,
    NotFoundError,
    SourceError,
    TooLargeError,
    UnidentifiedError,
    UnsupportedError,
    UsageError,
)
from cloudify.errors.functions import InvalidFunctionError
from cloudify.errors.maps import BadMapRequestError, UnknownTileError
from cloudify.errors.plans import BadInputError, BlockTooLargeError, InvalidResultError, UnknownPoolError
from cloudify.errors.remote import (
    InvalidCallError,
    JobFailedError,
    NotThereError,
    RemoteError,
    ServerBusyError,
    ServerSaysError,
    StillRunningError,
    TokenRefusedError,
    UnreachableError,
    UnsendableFunctionError,
)
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
from cloudify.errors.results import JobDismissedError, ResultNotReadyError, UnknownFileError
from cloudify.errors.rights import InvalidTokenError, ScopeMissingError, TokenNeededError
from cloudify.errors.sources import (
    IncompleteResultError,
    SourceChangedError,
    UnreadableChunkError,
    UnreadableDatasetError,
    ValueTooLongError,
)
from cloudify.errors.store import (
    IdempotencyConflictError,
    ProcessExistsError,
    StoreSchemaError,
    StoreUnavailableError,
)
from cloudify.errors.usage import (
    DataDirectoryInUseError,
    InvalidIdError,
    InvalidSettingError,
    InvalidTargetError,
    MissingMainGuardError,
    PortInUseError,
    UnknownTokenError,
    WorkerFailedError,
)

__all__ = [
    "SUGGEST_AMONG",
    "BadInputError",
    "BadMapRequestError",
    "BadOptionError",
    "BadSelectionError",
    "BlockTooLargeError",
    "BodyTooLargeError",
    "BusyError",
    "ChunkTooLargeError",
    "CloudifyError",
    "ClusterUnavailableError",
    "CombineFailedError",
    "ConflictError",
    "DataDirectoryInUseError",
    "DeadlineError",
    "DiagnosticTooLargeError",
    "DirectoryInUseError",
    "DrawingBusyError",
    "DrawingFailedError",
    "DrawingTooSlowError",
    "EncodedBodyError",
    "ForbiddenError",
    "GoneError",
    "IdempotencyConflictError",
    "ImpossibleError",
    "IncompleteResultError",
    "InvalidCallError",
    "InvalidFunctionError",
    "InvalidIdError",
    "InvalidResultError",
    "InvalidSettingError",
    "InvalidTargetError",
    "InvalidTokenError",
    "JobClosedError",
    "JobDismissedError",
    "JobFailedError",
    "MalformedBodyError",
    "MangledKeyError",
    "MissingMainGuardError",
    "NoMapError",
    "NoPlaceError",
    "NoRoomError",
    "NoSandboxError",
    "NoSourceFileError",
    "NoStoredBytesError",
    "NotFoundError",
    "NotReadyError",
    "NotThereError",
    "PictureTooLargeError",
    "PortInUseError",
    "ProcessExistsError",
    "QueueFullError",
    "RefusedHostError",
    "RemoteError",
    "ResultNotReadyError",
    "ResultTooLargeError",
    "ScopeMissingError",
    "ServerBusyError",
    "ServerSaysError",
    "SourceChangedError",
    "SourceError",
    "SourceMovedOnError",
    "StillRunningError",
    "StoreSchemaError",
    "StoreUnavailableError",
    "SubsetTooLargeError",
    "TokenNeededError",
    "TokenRefusedError",
    "TooLargeError",
    "TooManyChunksError",
    "TooSlowError",
    "UnidentifiedError",
    "UnknownColormapError",
    "UnknownDatasetError",
    "UnknownFileError",
    "UnknownGroupError",
    "UnknownGroupingError",
    "UnknownJobError",
    "UnknownKeyError",
    "UnknownPoolError",
    "UnknownProcessError",
    "UnknownTileError",
    "UnknownTokenError",
    "UnknownVariableError",
    "UnreachableError",
    "UnreadableChunkError",
    "UnreadableDatasetError",
    "UnsendableFunctionError",
    "UnsupportedBodyError",
    "UnsupportedError",
    "UsageError",
    "ValueTooLongError",
    "WorkerFailedError",
]
