"""Values as bytes, the same on both sides of shared memory: the standard library and numpy, xarray where it is met.

The length of a header in eight bytes, the header as JSON, then the arrays that it tells of, one after the other, each at
a multiple of 64 bytes. The header says no places, so that nothing overlaps.
"""

import json
import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import prod
from typing import Any

import numpy as np

MOST_OBJECTS = 2**20
"""Texts and dates of one array: as objects each takes far more memory than it does here."""
TEXT_CHARS = 1000
"""Of an attribute that has no form of its own."""

Array = np.ndarray[Any, np.dtype[Any]]
Spec = dict[str, Any]
_ALIGNED = 64
_DTYPE = re.compile(r"[<>|](b1|[iu][1248]|f[248]|c8|c16|[SU][1-9]\d{0,6}|[mM]8(\[\d{0,6}(Y|M|W|D|h|m|s|ms|us|ns)\])?)")
_EPOCH = "microseconds since 1970-01-01"
_DAY_US = 86_400_000_000
_ITSELF = "\0"
"""Stands for the name of a DataArray, which may be that of one of its coordinates."""
_KEPT_NBYTES = 2**16
"""Longest coordinates whose index is kept: blocks of a grid share most of theirs."""


class UnfitError(ValueError):
    """A value that cannot be passed on, in words for who wrote the function."""


class NoRoomError(Exception):
    """A value larger than the memory that it is to be written to."""


@dataclass(frozen=True, slots=True)
class Plain:
    """A number, a text, a list or an object."""

    json: str


@dataclass(frozen=True, slots=True)
class File:
    """A file."""

    name: str
    data: memoryview


def pack(values: Iterable[object], room: Callable[[int], memoryview]) -> int:
    """Write values into the memory that `room` gives for a number of bytes; return that number.

    Raises
    ------
    UnfitError
        If one of them cannot be passed on.
    """
    parts: list[Array] = []
    try:
        header = json.dumps([_described(value, parts) for value in values], ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise UnfitError("a name, an attribute or a value holds characters that are no text (surrogates)") from None
    offsets, end = [], _aligned(8 + len(header))
    for part in parts:
        offsets.append(end)
        end = _aligned(end + part.nbytes)
    memory = room(end)
    memory[:8] = len(header).to_bytes(8, "little")
    memory[8 : 8 + len(header)] = header
    for offset, part in zip(offsets, parts, strict=True):
        np.copyto(np.frombuffer(memory, part.dtype, part.size, offset).reshape(part.shape), part)
    return end


def unpack(memory: memoryview, most_header_nbytes: int, look: Callable[[Array], None] = lambda _: None) -> list[Any]:
    """Return the values that were packed; arrays are views of `memory`. No claim is believed before it is checked.

    Parameters
    ----------
    look
        Called with each array, as it lies in memory.

    Raises
    ------
    ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RecursionError
        If these are no packed values.
    """
    length = int.from_bytes(memory[:8], "little")
    if not 0 < length <= min(most_header_nbytes, memory.nbytes - 8):
        raise UnfitError(f"its names and attributes take {length} bytes, and {most_header_nbytes} are passed on")
    reader = _Reader(memory, _aligned(8 + length), look)
    return [_restored(spec, reader) for spec in json.loads(str(memory[8 : 8 + length], "utf-8"))]


def _aligned(offset: int) -> int:
    return -(-offset // _ALIGNED) * _ALIGNED


class _Reader:
    """Takes one array after the other."""

    def __init__(self, memory: memoryview, start: int, look: Callable[[Array], None]) -> None:
        self._memory, self._start, self._look = memory, start, look

    def take(self, dtype: str, shape: Sequence[int]) -> Array:
        if not _DTYPE.fullmatch(dtype) or any(type(size) is not int or size < 0 for size in shape):
            raise UnfitError("an array has no such type or shape")
        count = prod(shape)
        if count * np.dtype(dtype).itemsize > self._memory.nbytes - self._start:
            raise UnfitError("an array is said to be larger than what was returned")
        array = np.frombuffer(self._memory, dtype, count, self._start).reshape(shape)
        self._start = _aligned(self._start + array.nbytes)
        self._look(array)
        return array


def _described(value: object, parts: list[Array]) -> Spec:
    """Return what the header says of a value; its arrays are added to `parts`."""
    if isinstance(value, Plain):
        return {"kind": "plain", "of": _part(np.frombuffer(value.json.encode(), np.uint8), "", parts)}
    if isinstance(value, File):
        return {"kind": "file", "name": value.name, "of": _part(np.frombuffer(value.data, np.uint8), "", parts)}
    if isinstance(value, np.ma.MaskedArray) and np.ma.is_masked(value):
        raise UnfitError(
            "some of its values are masked: return `value.filled(numpy.nan)`, or filled with another number"
        )
    if isinstance(value, np.ndarray):
        return {"kind": "array", "of": _part(value, "the array", parts)}
    variables = dict(value.coords.variables)  # type: ignore[attr-defined]  # xarray's from here on
    coords = set(variables)
    if hasattr(value, "data_vars"):
        variables = dict(value.variables)
        own, attrs = {}, _attrs(value.attrs)  # type: ignore[attr-defined]
    else:
        own, attrs = {_ITSELF: value.variable}, {}  # type: ignore[attr-defined]
    described = [
        [
            _text(name),
            [_text(dim) for dim in of.dims],
            _part(of.data, f"{name!r}", parts),
            _attrs(of.attrs),
            name in coords,
        ]
        for name, of in (*own.items(), *variables.items())
    ]
    if not own:
        return {"kind": "dataset", "variables": described, "attrs": attrs}
    return {"kind": "dataarray", "variables": described, "name": _text(value.name or "")}  # type: ignore[attr-defined]


def _restored(spec: Spec, reader: _Reader) -> object:
    kind = spec["kind"]
    if kind == "plain":
        return Plain(str(_array(spec["of"], reader).tobytes(), "utf-8"))
    if kind == "file":
        return File(_text(spec["name"]), _array(spec["of"], reader).data.cast("B"))
    if kind == "array":
        return _array(spec["of"], reader)
    dataset = _dataset(spec["variables"], spec.get("attrs", {}), reader)
    if kind == "dataset":
        return dataset
    array = dataset[_ITSELF]
    array.name = _text(spec["name"]) or None
    return array


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise UnfitError(f"names are texts, and {value!r} is a {type(value).__name__}")
    return value


def _part(data: object, what: str, parts: list[Array]) -> Spec:
    """Return what the header says of an array, and add it to `parts`."""
    array = np.asarray(data)
    if array.dtype.kind in "OT":
        return _objects(array, what, parts)
    if array.dtype.itemsize == 0:  # texts without a character
        array = array.astype(f"{array.dtype.kind}1")
    if not _DTYPE.fullmatch(array.dtype.str):
        raise UnfitError(f"{what} is of the type {array.dtype}, which is not passed on; convert it by `.astype(...)`")
    parts.append(array)
    return {"type": array.dtype.str, "shape": array.shape}


def _objects(array: Array, what: str, parts: list[Array]) -> Spec:
    items = array.ravel().tolist()
    if len(items) > MOST_OBJECTS:
        raise UnfitError(f"{what} holds {len(items)} objects; {MOST_OBJECTS} are passed on")
    if all(isinstance(item, str) for item in items):
        raws = [item.encode() for item in items]
        parts += [np.array([len(raw) for raw in raws], "<i8"), np.frombuffer(b"".join(raws), np.uint8)]
        return {"type": "texts", "shape": array.shape}
    cftime = sys.modules.get("cftime")
    if cftime and all(isinstance(item, cftime.datetime) for item in items):
        first = items[0]
        said = {"calendar": first.calendar, "has_year_zero": first.has_year_zero}
        if any((item.calendar, item.has_year_zero) != tuple(said.values()) for item in items):
            raise UnfitError(f"{what} holds dates of several calendars")
        since = [item - cftime.datetime(1970, 1, 1, **said) for item in items]
        parts.append(np.array([t.days * _DAY_US + t.seconds * 1_000_000 + t.microseconds for t in since], "<i8"))
        return {"type": "dates", "shape": array.shape, **said}
    kinds = ", ".join(sorted({type(item).__name__ for item in items[:1000]})[:5])
    raise UnfitError(f"{what} holds Python objects ({kinds}): numbers, booleans, texts and dates are passed on")


def _array(spec: Spec, reader: _Reader) -> Array:
    return _of_parts(spec, _parts(spec, reader))


def _parts(spec: Spec, reader: _Reader) -> list[Array]:
    """Take the arrays that a spec speaks of."""
    kind, shape = spec["type"], spec["shape"]
    if kind not in {"texts", "dates"}:
        return [reader.take(kind, shape)]
    if prod(shape) > MOST_OBJECTS:
        raise UnfitError("an array of objects is too large")
    numbers = reader.take("<i8", shape)
    if kind == "dates":
        return [numbers]
    if (numbers < 0).any():
        raise UnfitError("a text is shorter than nothing")
    return [numbers, reader.take("|u1", [sum(numbers.ravel().tolist())])]


def _of_parts(spec: Spec, parts: Sequence[Array]) -> Array:
    if spec["type"] not in {"texts", "dates"}:
        return parts[0]
    array = np.empty(parts[0].size, object)
    if spec["type"] == "texts":
        ends = np.cumsum(parts[0].ravel()).tolist()
        raw = parts[1].tobytes()
        array[:] = [str(raw[start:end], "utf-8") for start, end in zip([0, *ends], ends, strict=False)]
    elif array.size:
        import cftime

        array[:] = cftime.num2date(
            parts[0].ravel(), _EPOCH, calendar=spec["calendar"], has_year_zero=spec["has_year_zero"]
        )
    return array.reshape(spec["shape"])


def _dataset(described: Iterable[Any], attrs: object, reader: _Reader) -> Any:  # noqa: ANN401  # xarray may be absent
    import xarray as xr

    variables: dict[str, Any] = {}
    coords, indexes, sizes = set(), {}, {}
    for name, dims, spec, own_attrs, is_coord in described:
        if _text(name) in variables or len({_text(dim) for dim in dims}) < len(dims):
            raise UnfitError(f"{name!r} is there twice, or has a dimension twice")
        parts = _parts(spec, reader)
        if any(sizes.setdefault(dim, size) != size for dim, size in zip(dims, spec["shape"], strict=True)):
            raise UnfitError("its variables disagree about the size of a dimension")
        if dims == [name]:
            variables[name], indexes[name] = _indexed(name, spec, parts)
        else:
            variables[name] = xr.Variable(dims, _of_parts(spec, parts))
        variables[name].attrs = dict(own_attrs)
        if is_coord or name in indexes:
            coords.add(name)
    if any(name in sizes and name not in indexes for name in variables):
        raise UnfitError("a variable named like a dimension does not lie along it")
    # All is known and checked by now: what the public constructor finds out costs twenty times as much
    return xr.Dataset._construct_direct(variables, coords, attrs=dict(attrs), indexes=indexes)  # type: ignore[call-overload]  # noqa: SLF001


def _indexed(name: str, spec: Spec, parts: Sequence[Array]) -> tuple[Any, Any]:
    if sum(part.nbytes for part in parts) > _KEPT_NBYTES:
        return _index(name, spec, parts)
    variable, index = _kept_index(name, json.dumps(spec), tuple((part.dtype.str, part.tobytes()) for part in parts))
    return variable.copy(deep=False), index


@lru_cache(128)
def _kept_index(name: str, spec: str, parts: tuple[tuple[str, bytes], ...]) -> tuple[Any, Any]:
    return _index(name, json.loads(spec), [np.frombuffer(raw, dtype) for dtype, raw in parts])


def _index(name: str, spec: Spec, parts: Sequence[Array]) -> tuple[Any, Any]:
    import xarray as xr

    given = {name: xr.Variable((name,), _of_parts(spec, parts))}
    index = xr.indexes.PandasIndex.from_variables(given, options={})
    return index.create_variables(given)[name], index


def _attrs(attrs: Mapping[Any, object]) -> dict[str, object]:
    return {str(name): _attr(value) for name, value in attrs.items()}


def _attr(value: object) -> object:
    """Return an attribute as JSON has it; what has no such form becomes its text."""
    if isinstance(value, (np.generic, np.ndarray)):
        value = value.tolist()
    if value is None or isinstance(value, (str, int, float)):
        return value
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    if isinstance(value, (list, tuple)):
        return [_attr(part) for part in value]
    return _attrs(value) if isinstance(value, dict) else str(value)[:TEXT_CHARS]
