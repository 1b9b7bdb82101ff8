"""What goes to a function and what comes of it."""

from dataclasses import dataclass
from typing import TypeAlias

import xarray as xr

from cloudify.compute.child.inside.arrays import Array
from cloudify.compute.child.inside.packing import File, Plain, pack
from cloudify.compute.child.judge import read_value
from cloudify.model.job import Failure, Reason, Usage
from cloudify.model.outcome import Emitted

Value: TypeAlias = xr.Dataset | xr.DataArray | Array | Plain | File
"""What a function returns; numbers, texts, lists and objects are `Plain`, bytes and paths a `File`."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one run of a function may use."""

    wall_s: float = 60.0
    memory_nbytes: int = 512 * 2**20
    """Of all its processes, besides the block, a result, and what Python and xarray take."""
    slot_nbytes: int = 64 * 2**20
    """Largest block, and largest result."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a slice is."""

    time: float
    """Seconds since 1970."""
    fraction: float | None = None
    """From 0 to 1; None where the function only says that it is alive."""


@dataclass(frozen=True, slots=True)
class Returned:
    """What one run of a function gave."""

    value: Value
    usage: Usage
    emitted: tuple[Emitted, ...] = ()
    log: str = ""
    log_is_cut: bool = False


class SliceFailedError(Exception):
    """A run of a function that gave no value."""

    def __init__(
        self,
        failure: Failure,
        usage: Usage = Usage(),  # noqa: B008  # frozen
        emitted: tuple[Emitted, ...] = (),
        log: str = "",
        *,
        log_is_cut: bool = False,
    ) -> None:
        super().__init__(f"{failure.reason}: {failure.message}")
        self.failure, self.usage, self.emitted = failure, usage, emitted
        self.log, self.log_is_cut = log, log_is_cut


class BrokenError(Exception):
    """A process that is of no use any more, and why; whoever is told ends it."""

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.failure = Failure(reason, message)


def dump(value: Value) -> bytes:
    """Return a value as bytes, for `load`."""
    memory = bytearray()

    def room(nbytes: int) -> memoryview:
        memory.extend(bytes(nbytes))
        return memoryview(memory)

    pack([value], room)
    return bytes(memory)


def load(data: bytes | memoryview) -> Value:
    """Return the value of `dump`; its arrays are views of `data`, and read-only if that is.

    Raises
    ------
    ValueError
        If these bytes are of no value.
    """
    value: Value = read_value(memoryview(data))
    return value
