"""Failures that pass: ask again."""

from cloudify.errors.families import BusyError


class ClusterUnavailableError(BusyError):
    """The Dask cluster that computes chunks cannot be reached, is lost, or does not answer in time."""

    code = "cluster-unavailable"
    retry_after_s = 5


class QueueFullError(BusyError):
    """More of one kind waits than there is room for."""

    code = "queue-full"

    def __init__(self) -> None:
        super().__init__("too many requests of this kind are waiting; ask again")


class DeadlineError(BusyError):
    """A chunk that was not there in time."""

    code = "deadline"
    retry_after_s = 5

    def __init__(self, seconds: float) -> None:
        super().__init__(f"this was not there within {seconds:g} s; ask again, or for less")


class NotReadyError(BusyError):
    """The server lives but cannot do its work yet."""

    code = "not-ready"


class DrawingBusyError(BusyError):
    """Too many pictures wait to be drawn."""

    code = "drawing-busy"


class NoRoomError(BusyError):
    """A file that the server cannot write: its disk is full, or its folder is closed to it."""

    code = "no-room"
    retry_after_s = 60

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"the server has no room for the file of this subset ({reason}); ask for less, or as csv or json, or open "
            "the dataset at .../zarr"
        )
