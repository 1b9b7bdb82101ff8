"""Values as bytes, the same on both sides of shared memory.

The length of a header in eight bytes, the header as JSON, then the parts that it tells of, one after the other, each at
a multiple of 64 bytes. The header says no places, so that nothing overlaps.
"""

import json
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from cloudify.compute.child.inside.arrays import (
    Array,
    Reader,
    Spec,
    UnfitError,
    aligned,
    describe,
    of_parts,
    take_parts,
)

ATTRIBUTE_CHARS = 1000
"""Of an attribute that has no form of its own."""

_ENCODER = json.JSONEncoder(ensure_ascii=False)
_LENGTH_NBYTES = 8
_ITSELF = "\0"
"""Stands for the name of a DataArray, which may be that of one of its coordinates."""
_KEPT, _KEPT_NBYTES = 128, 2**16
"""Coordinates, and how long they may be, of which the index is kept: blocks of a grid share most of theirs."""


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
        header = _ENCODER.encode([_described(value, parts) for value in values]).encode()
    except UnicodeEncodeError:
        raise UnfitError("a name, an attribute or a value holds what is no text: half a surrogate pair") from None
    offsets, end = [], aligned(_LENGTH_NBYTES + len(header))
    for part in parts:
        offsets.append(end)
        end = aligned(end + part.nbytes)
    memory = room(end)
    memory[:_LENGTH_NBYTES] = len(header).to_bytes(_LENGTH_NBYTES, "little")
    memory[_LENGTH_NBYTES : _LENGTH_NBYTES + len(header)] = header
    for offset, part in zip(offsets, parts, strict=True):
        np.copyto(np.frombuffer(memory, part.dtype, part.size, offset).reshape(part.shape), part)
    return end


def unpack(memory: memoryview, most_header_nbytes: int, look: Callable[[Array], None] = lambda _: None) -> list[Any]:
    """Return the values that were packed; arrays are views of `memory`. No claim is believed before it is checked.

    Parameters
    ----------
    look
        Called with each part, as it lies in memory.

    Raises
    ------
    ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RecursionError
        If these are no packed values.
    """
    length = int.from_bytes(memory[:_LENGTH_NBYTES], "little")
    end = _LENGTH_NBYTES + length
    if not 0 < length <= min(most_header_nbytes, memory.nbytes - _LENGTH_NBYTES):
        raise UnfitError(f"its names and attributes take {length} bytes, and {most_header_nbytes} are passed on")
    text = str(memory[_LENGTH_NBYTES:end], "utf-8")
    header = json.loads(text)
    if "\\u" in text:  # we escape control characters only: this may be half a surrogate pair, which is no text
        _ENCODER.encode(header).encode()
    reader = Reader(memory, aligned(end), look)
    return [_restored(spec, reader) for spec in header]


def _described(value: Any, parts: list[Array]) -> Spec:  # noqa: ANN401  # xarray's last: it may be absent
    """Return what the header says of a value."""
    if isinstance(value, Plain):
        return {"kind": "plain", "of": describe(np.frombuffer(value.json.encode(), np.uint8), "", parts)}
    if isinstance(value, File):
        return {"kind": "file", "name": value.name, "of": describe(np.frombuffer(value.data, np.uint8), "", parts)}
    if isinstance(value, np.ma.MaskedArray) and np.ma.is_masked(value):
        raise UnfitError("some of its values are masked: return `value.filled(numpy.nan)`, or filled with a number")
    if isinstance(value, np.ndarray):
        return {"kind": "array", "of": describe(value, "the array", parts)}
    if hasattr(value, "data_vars"):
        return {"kind": "dataset", **_members(value.variables, value.coords, parts), "attrs": _attrs(value.attrs)}
    coords = value.coords.variables
    members = _members({**coords, _ITSELF: value.variable}, coords, parts)
    return {"kind": "dataarray", **members, "name": _text(value.name or "")}


def _members(variables: Mapping[Any, Any], coords: Iterable[object], parts: list[Array]) -> Spec:
    names = set(coords)
    return {"variables": [[*_variable(name, of, parts), name in names] for name, of in variables.items()]}


def _variable(name: object, of: Any, parts: list[Array]) -> list[object]:  # noqa: ANN401
    what = "the array" if name == _ITSELF else f"{name!r:.100}"
    return [_text(name), [_text(dim) for dim in of.dims], describe(of.data, what, parts), _attrs(of.attrs)]


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise UnfitError(f"names are texts, and {value!r:.100} is a {type(value).__name__}")
    return value


def _restored(spec: Spec, reader: Reader) -> object:
    kind = spec["kind"]
    if kind in {"dataset", "dataarray"}:
        dataset = _dataset(spec["variables"], spec.get("attrs", {}), reader)
        if kind == "dataset":
            return dataset
        array = dataset[_ITSELF]
        array.name = _text(spec["name"]) or None
        return array
    of = of_parts(spec["of"], take_parts(spec["of"], reader))
    if kind == "plain":
        return Plain(str(of.tobytes(), "utf-8"))
    return File(_text(spec["name"]), of.data.cast("B")) if kind == "file" else of


def _dataset(described: Iterable[Any], attrs: Any, reader: Reader) -> Any:  # noqa: ANN401
    import xarray as xr

    variables: dict[str, Any] = {}
    coords: set[Hashable] = set()
    indexes: dict[str, Any] = {}
    sizes: dict[str, int] = {}
    for name, dims, spec, own_attrs, is_coord in described:
        if _text(name) in variables or len({_text(dim) for dim in dims}) < len(dims):
            raise UnfitError(f"{name!r:.100} is there twice, or has a dimension twice")
        parts = take_parts(spec, reader)
        if any(sizes.setdefault(dim, size) != size for dim, size in zip(dims, spec["shape"], strict=True)):
            raise UnfitError("its variables disagree about the size of a dimension")
        if dims == [name]:
            variables[name], indexes[name] = _indexed(name, spec, parts)
        else:
            variables[name] = xr.Variable(dims, of_parts(spec, parts))
        variables[name].attrs = dict(own_attrs.items())
        if is_coord or name in indexes:
            coords.add(name)
    if any(name in sizes and name not in indexes for name in variables):
        raise UnfitError("a variable named like a dimension does not lie along it")
    # All is known and checked by now: the public constructor takes twenty times as long to find it out again
    return xr.Dataset._construct_direct(variables, coords, attrs=dict(attrs.items()), indexes=indexes)  # noqa: SLF001


def _indexed(name: str, spec: Spec, parts: Sequence[Array]) -> tuple[Any, Any]:
    """Return a coordinate along a dimension of its own, and its index."""
    if sum(part.nbytes for part in parts) > _KEPT_NBYTES:
        return _index(name, spec, parts)
    variable, index = _kept_index(name, json.dumps(spec), tuple((part.dtype.str, part.tobytes()) for part in parts))
    return variable.copy(deep=False), index


@lru_cache(_KEPT)
def _kept_index(name: str, spec: str, parts: tuple[tuple[str, bytes], ...]) -> tuple[Any, Any]:
    return _index(name, json.loads(spec), [np.frombuffer(raw, dtype) for dtype, raw in parts])


def _index(name: str, spec: Spec, parts: Sequence[Array]) -> tuple[Any, Any]:
    import xarray as xr

    given = {name: xr.Variable((name,), of_parts(spec, parts))}
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
    return _attrs(value) if isinstance(value, dict) else str(value)[:ATTRIBUTE_CHARS]
