"""Arrays as parts of memory: what a header says of one, and what lies behind it. Texts and dates have own forms."""

import re
import sys
from collections.abc import Callable, Sequence
from math import prod
from typing import Any, TypeAlias

import numpy as np

MOST_OBJECTS = 2**20
"""Texts and dates of one array: as objects each takes far more memory than it does here."""

Array: TypeAlias = np.ndarray[Any, np.dtype[Any]]
Spec: TypeAlias = dict[str, Any]
"""What a header says of an array: its type, its shape, of dates their calendar."""

_ALIGNED = 64
_DTYPE = re.compile(r"[<>|](b1|[iu][1248]|f[248]|c8|c16|[SU][1-9]\d{0,6}|[mM]8(\[\d{0,6}(Y|M|W|D|h|m|s|ms|us|ns)\])?)")
_EPOCH = "microseconds since 1970-01-01"
_DAY_US, _SECOND_US = 86_400_000_000, 1_000_000


class UnfitError(ValueError):
    """A value that cannot be passed on, in words for who wrote the function."""


def aligned(offset: int) -> int:
    """Return the first place from `offset` on where a part may begin."""
    return -(-offset // _ALIGNED) * _ALIGNED


class Reader:
    """Takes one part of memory after the other.

    Parameters
    ----------
    look
        Called with each of them.
    """

    def __init__(self, memory: memoryview, start: int, look: Callable[[Array], None]) -> None:
        self._memory, self._start, self._look = memory, start, look

    def take(self, dtype: str, shape: Sequence[int]) -> Array:
        """Return the next part, a view.

        Raises
        ------
        UnfitError
            If there is none like that.
        """
        if not _DTYPE.fullmatch(dtype) or any(type(size) is not int or size < 0 for size in shape):
            raise UnfitError("an array has no such type or shape")
        count = prod(shape)
        if count * np.dtype(dtype).itemsize > self._memory.nbytes - self._start:
            raise UnfitError("an array is said to be larger than what there is")
        array: Array = np.frombuffer(self._memory, dtype, count, self._start).reshape(shape)
        self._start = aligned(self._start + array.nbytes)
        self._look(array)
        return array


def describe(data: object, what: str, parts: list[Array]) -> Spec:
    """Return what a header says of an array, and add to `parts` what lies behind it.

    Raises
    ------
    UnfitError
        If it cannot be passed on; `what` says in words which it is.
    """
    array = np.asarray(data)
    if array.dtype.kind in "OT":
        return _describe_objects(array, what, parts)
    if array.dtype.itemsize == 0:  # texts without a character
        array = array.astype(f"{array.dtype.kind}1")
    if not _DTYPE.fullmatch(array.dtype.str):
        raise UnfitError(f"{what} is of the type {array.dtype}, which is not passed on; convert it by `.astype(...)`")
    parts.append(array)
    return {"type": array.dtype.str, "shape": array.shape}


def _describe_objects(array: Array, what: str, parts: list[Array]) -> Spec:
    items: list[Any] = array.ravel().tolist()
    if len(items) > MOST_OBJECTS:
        raise UnfitError(f"{what} holds {len(items)} objects; {MOST_OBJECTS} are passed on")
    if all(isinstance(item, str) for item in items):
        raws = [item.encode() for item in items]
        parts += [np.array([len(raw) for raw in raws], "<i8"), np.frombuffer(b"".join(raws), np.uint8)]
        return {"type": "texts", "shape": array.shape}
    cftime = sys.modules.get("cftime")
    if cftime and all(isinstance(item, cftime.datetime) for item in items):
        said = {"calendar": items[0].calendar, "has_year_zero": items[0].has_year_zero}
        if any((item.calendar, item.has_year_zero) != tuple(said.values()) for item in items):
            raise UnfitError(f"{what} holds dates of several calendars")
        epoch = cftime.datetime(1970, 1, 1, **said)
        since = [item - epoch for item in items]
        parts.append(np.array([t.days * _DAY_US + t.seconds * _SECOND_US + t.microseconds for t in since], "<i8"))
        return {"type": "dates", "shape": array.shape, **said}
    kinds = ", ".join(sorted({type(item).__name__ for item in items[:1000]})[:5])
    hint = "`.unstack()` it" if kinds == "tuple" else "convert it, e.g. by `.astype(str)`"
    raise UnfitError(f"{what} holds Python objects ({kinds}); numbers, booleans, texts and dates are passed on: {hint}")


def take_parts(spec: Spec, reader: Reader) -> list[Array]:
    """Return what lies behind an array, views."""
    kind, shape = spec["type"], spec["shape"]
    if kind not in {"texts", "dates"}:
        return [reader.take(kind, shape)]
    if prod(shape) > MOST_OBJECTS:
        raise UnfitError(f"an array of texts or dates has more than {MOST_OBJECTS}")
    numbers = reader.take("<i8", shape)
    if kind == "dates":
        return [numbers]
    lengths = numbers.ravel().tolist()
    if min(lengths, default=0) < 0:
        raise UnfitError("a text is shorter than nothing")
    return [numbers, reader.take("|u1", [sum(lengths)])]


def of_parts(spec: Spec, parts: Sequence[Array]) -> Array:
    """Return the array that lies behind."""
    if spec["type"] not in {"texts", "dates"}:
        return parts[0]
    array = np.empty(parts[0].size, object)
    if spec["type"] == "texts":
        ends = np.cumsum(parts[0].ravel()).tolist()
        raw = parts[1].tobytes()
        array[:] = [str(raw[start:end], "utf-8") for start, end in zip([0, *ends], ends, strict=False)]
    elif array.size:
        import cftime

        numbers = parts[0].ravel()
        array[:] = cftime.num2date(numbers, _EPOCH, calendar=spec["calendar"], has_year_zero=spec["has_year_zero"])
    return array.reshape(spec["shape"])
