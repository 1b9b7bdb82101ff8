"""What the results of all slices look like, fixed by the first: variables, dimensions, types; a table; or files."""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal

import numpy as np

from cloudify.chunks.metadata import array_documents, dump, group_documents
from cloudify.chunks.stored_type import Json, StoredType
from cloudify.compute.elements import Elements
from cloudify.compute.layout import Layout, read_fill
from cloudify.compute.plan import AnyPlan
from cloudify.model.chunkgrid import ChunkGrid

Kind = Literal["grid", "table", "files"]
Make = Literal["whole", "first", "range", "numbers"]
KINDS: Final[tuple[Kind, ...]] = ("grid", "table", "files")
VERSION: Final = 1
POINTERS: Final = frozenset({"bounds", "climatology", "grid_mapping", "ancillary_variables", "cell_measures"})
"""Attributes that name other variables; of those that the result does not have nothing is said."""


@dataclass(frozen=True, slots=True)
class Dim:
    """A dimension of a variable of the result."""

    name: str
    axis: str = ""
    """The dimension of the plan that it comes from, ``""`` for a new one."""
    is_reduced: bool = False
    """Whether it has one element a slice, not all those of the block."""
    size: int = 0
    """Elements of a new one, the same in all slices."""


@dataclass(frozen=True, slots=True)
class Field:
    """A variable that functions return."""

    name: str
    dims: tuple[Dim, ...]
    elements: Elements
    attrs: Mapping[str, Json] = field(default_factory=dict)
    is_coordinate: bool = False
    digest: str = ""
    """Hash of its stored values where they are to be the same in all slices."""
    without: tuple[str, ...] = ()
    """Dimensions of the plan that it lacked in the block already: it is the same along them."""
    is_unchanged: bool = False
    """Whether it is to come back as it was."""

    def layout(self, plan: AnyPlan) -> Layout:
        """Return how it is stored."""
        axes = {axis.dim: axis for axis in plan.axes}
        shape, chunk = [], []
        for dim in self.dims:
            axis = axes.get(dim.axis)
            if axis is None:
                shape.append(dim.size)
                chunk.append(dim.size)
            else:
                shape.append(axis.count if dim.is_reduced else axis.size)
                chunk.append(1 if dim.is_reduced else axis.chunk)
        names = tuple(dim.name for dim in self.dims)
        attrs = {**self.attrs, **self.elements.attrs}
        return Layout(names, ChunkGrid(tuple(shape), tuple(chunk)), self.elements.stored, self.elements.fill, attrs)


@dataclass(frozen=True, slots=True)
class Carried:
    """A coordinate that no function returns: of the source, as that stores it, or made of the plan."""

    name: str
    make: Make
    """As in the source; the first value of each range; its ends; or the numbers of slices."""
    dims: tuple[str, ...]
    shape: tuple[int, ...]
    chunk: tuple[int, ...]
    type: str
    """zarr v2's name of the stored type."""
    fill: Json = None
    attrs: Mapping[str, Json] = field(default_factory=dict)
    path: str = ""
    """Of the variable in the source, ``""`` where positions stand for values."""
    axis: str = ""
    """The dimension of the plan whose ranges it tells."""
    is_listed: bool = False
    """Whether readers are to find it among the coordinates of the variables that it fits."""

    def layout(self, plan: AnyPlan) -> Layout:
        """Return how it is stored."""
        kind = StoredType(_dtype(self.type))
        shape, chunk = self.shape, self.chunk
        if self.make == "numbers":
            shape, chunk = (plan.total,), (max(1, plan.total),)
        return Layout(self.dims, ChunkGrid(shape, chunk), kind, read_fill(kind, self.fill), self.attrs)


@dataclass(frozen=True, slots=True)
class Template:
    """What the results of all slices look like."""

    kind: Kind
    fields: tuple[Field, ...] = ()
    """The variables of a grid."""
    carried: tuple[Carried, ...] = ()
    attrs: Mapping[str, Json] = field(default_factory=dict)
    first: int = 1
    """Number of the slice whose result fixed it, and which writes what is the same in all."""
    present: tuple[str, ...] = ()
    """Coordinates of the source that came with that result, unchanged."""
    is_bare: bool = True
    """Whether that result came without coordinates: then the whole has all those of the source that fit."""

    @property
    def data(self) -> tuple[Field, ...]:
        """Its variables without the coordinates among them."""
        return tuple(one for one in self.fields if not one.is_coordinate)

    def layouts(self, plan: AnyPlan) -> dict[str, Layout]:
        """Return how each array of the result is stored, by name."""
        arrays: tuple[Field | Carried, ...] = (*self.fields, *self.carried)
        found = {one.name: one.layout(plan) for one in arrays}
        beside = [one.name for one in arrays if _is_listed(one)]
        for name, own in found.items():
            attrs = {key: value for key, value in own.attrs.items() if key not in POINTERS or _names(value, found)}
            found[name] = replace(own, attrs=attrs)
        for one in self.data:
            own = found[one.name]
            names = [name for name in beside if set(found[name].dims) <= set(own.dims)]
            if names:
                found[one.name] = replace(own, attrs={**own.attrs, "coordinates": " ".join(names)})
        return found

    def documents(self, plan: AnyPlan, attrs: Mapping[str, Json] | None = None) -> dict[str, bytes]:
        """Return the metadata documents of zarr v3 of the finished result by key, ``zarr.json`` being the whole.

        Parameters
        ----------
        attrs
            More attributes of the root.
        """
        below = {name: array_documents(layout) for name, layout in self.layouts(plan).items()}
        root = group_documents({**self.attrs, **(attrs or {})}, below)["zarr.json"]
        return {"zarr.json": dump(root)} | {
            f"{name}/zarr.json": dump(docs["zarr.json"]) for name, docs in below.items()
        }

    def to_json(self) -> str:
        """Write it for the store and for workers; as the input `template` it is read too."""
        whole = {
            "v": VERSION, "kind": self.kind, "first": self.first, "attrs": dict(self.attrs),
            "present": self.present, "bare": self.is_bare,
            "variables": {one.name: _field_json(one) for one in self.fields},
            "coordinates": [_carried_json(one) for one in self.carried],
        }  # fmt: skip
        return json.dumps(whole, allow_nan=False, ensure_ascii=False, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> "Template":
        """Read what `to_json` wrote."""
        given = json.loads(text)
        return cls(
            given["kind"],
            tuple(_read_field(name, one) for name, one in given["variables"].items()),
            tuple(_read_carried(one) for one in given["coordinates"]),
            given["attrs"],
            given["first"],
            tuple(given["present"]),
            given["bare"],
        )


def _is_listed(one: Field | Carried) -> bool:
    """Whether a coordinate is to be named by the variables it fits: those of dimensions are found without."""
    dims = one.dims if isinstance(one, Carried) else tuple(dim.name for dim in one.dims)
    listed = one.is_listed if isinstance(one, Carried) else one.is_coordinate
    return listed and dims != (one.name,) and not any(character.isspace() for character in one.name)


def _names(value: Json, known: Collection[str]) -> bool:
    """Whether an attribute names one of the arrays: ``time_bnds``, ``area: areacella``."""
    return any(word.rstrip(":") in known for word in str(value).split())


def _dtype(name: str) -> np.dtype[Any]:
    return np.dtype(object) if name == "|O" else np.dtype(name)


def _field_json(one: Field) -> dict[str, Json]:
    found: dict[str, Json] = {
        "dims": [dim.name for dim in one.dims],
        "dtype": one.elements.name,
        "reduced": {dim.name: dim.axis for dim in one.dims if dim.is_reduced},
        "sizes": {dim.name: dim.size for dim in one.dims if not dim.axis},
        "attrs": dict(one.attrs),
    }
    more: dict[str, Json] = {
        "coordinate": one.is_coordinate, "digest": one.digest, "without": list(one.without),
        "unchanged": one.is_unchanged,
    }  # fmt: skip
    return found | {key: value for key, value in more.items() if value}


def _read_field(name: str, given: dict[str, Any]) -> Field:
    reduced, sizes = given["reduced"], given["sizes"]
    dims = tuple(
        Dim(dim, size=sizes[dim]) if dim in sizes else Dim(dim, reduced.get(dim, dim), dim in reduced)
        for dim in given["dims"]
    )
    return Field(
        name, dims, Elements(given["dtype"]), given["attrs"], given.get("coordinate", False), given.get("digest", ""),
        tuple(given.get("without", ())), given.get("unchanged", False),
    )  # fmt: skip


def _carried_json(one: Carried) -> dict[str, Json]:
    return {
        "name": one.name, "make": one.make, "dims": list(one.dims), "shape": list(one.shape),
        "chunk": list(one.chunk), "type": one.type, "fill": one.fill, "attrs": dict(one.attrs), "path": one.path,
        "axis": one.axis, "listed": one.is_listed,
    }  # fmt: skip


def _read_carried(given: dict[str, Any]) -> Carried:
    return Carried(
        given["name"], given["make"], tuple(given["dims"]), tuple(given["shape"]), tuple(given["chunk"]),
        given["type"], given["fill"], given["attrs"], given["path"], given["axis"], given["listed"],
    )  # fmt: skip
