"""The coordinates of a result that come from its source, as that stores them, and those that tell its ranges."""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from sys import maxsize
from typing import Any, Final

import numpy as np
import xarray as xr

from cloudify.chunks.array import ServedArray
from cloudify.chunks.reductions import Reductions
from cloudify.chunks.stored_type import UnstorableError
from cloudify.compute.cells import Axis
from cloudify.compute.layout import CODEC
from cloudify.compute.part import Part
from cloudify.compute.plan import SLICE, AnyPlan, Plan
from cloudify.compute.selected import Selected, select
from cloudify.compute.template import Carried, Make, Template
from cloudify.datasets.opened import Opened
from cloudify.datasets.stored import stored_form

Array = np.ndarray[Any, np.dtype[Any]]

CHUNK_NBYTES: Final = 2**21
"""Coordinates are stored in chunks of about this size, however the source is cut."""
_POINTERS: Final = ("bounds", "climatology")
_DECODING: Final = ("units", "calendar", "dtype", "scale_factor", "add_offset", "_FillValue", "missing_value")
"""Attributes of a coordinate without which the values of its bounds could not be understood."""


@dataclass(frozen=True, eq=False)
class Needed:
    """What a result has of the dimensions of its source."""

    kept: Collection[str]
    """Dimensions of the plan that it has whole."""
    reduced: Mapping[str, str]
    """Dimensions of which it has one element a slice -> dimension of the plan."""
    sizes: Mapping[str, int]
    """Elements of its other dimensions."""
    taken: Collection[str]
    """Names of its variables."""


def carry(plan: Plan, opened: Opened, needed: Needed, wants: Callable[[str, xr.Variable], bool]) -> list[Carried]:
    """Return the coordinates that a result has from its source. Blocks: coordinates of dimensions are read.

    Parameters
    ----------
    wants
        Whether a coordinate of the source is to come along, where the result has its dimensions.
    """
    source = _Source(opened, select(opened, plan.variables))
    selected = source.selected
    chosen = _Chosen(plan, needed)
    for dim, axis in needed.reduced.items():
        if dim not in needed.taken:
            chosen.add(*source.ranges(dim, _axis(plan, axis), chosen))
    for name, variable in selected.coords.items():
        is_own = name in needed.taken  # then the bounds of the source are not those of its values
        if name in selected.listed and not is_own and _fits(variable, plan, needed) and wants(name, variable):
            chosen.add(*source.whole(name))
    for name, variable in selected.coords.items():
        beside = name not in selected.listed and name not in source.bounds
        if beside and not variable.dims and wants(name, variable):
            chosen.add(*source.whole(name))
    return list(chosen.found.values())


def slice_numbers() -> Carried:
    """Return the coordinate of results that come from a list of data: the numbers of the slices."""
    return Carried(SLICE, "numbers", (SLICE,), (0,), (1,), "<i8", attrs={"long_name": "number of the slice"})


def coordinate_parts(template: Template, plan: AnyPlan, opened: Opened | None = None) -> Iterator[Part]:
    """Yield the chunks of the coordinates that no function returned. Blocks; raises what the source raises.

    Parameters
    ----------
    opened
        The source, of a plan that has one.
    """
    for one in template.carried:
        layout = one.layout(plan)
        if one.make == "numbers":
            if plan.total:
                yield Part(one.name, (0,), np.arange(1, plan.total + 1, dtype="<i8"), layout)
            continue
        if one.make == "whole" and opened is not None:
            source = stored_variable(opened, one.path)
            for index in np.ndindex(*layout.grid.counts):
                yield Part(one.name, index, source[layout.grid.region(index)].to_numpy(), layout)
            continue
        axis = _axis(plan, one.axis)
        values = None if not one.path or opened is None else stored_variable(opened, one.path).to_numpy()
        yield Part(one.name, (0,) * len(one.shape), _told(one.make, axis, values), layout)


def stored_variable(opened: Opened, path: str) -> xr.Variable:
    """Return a variable as its source stores it; KeyError if it has no stored form."""
    group, _, name = path.rpartition("/")
    return _stored(opened)[f"/{group}"].variables[name]


def _stored(opened: Opened) -> Mapping[str, xr.Dataset]:
    if opened.stored:
        return opened.groups
    return opened.derived("stored forms", lambda one: {path: stored_form(ds)[0] for path, ds in one.groups.items()})


def _fits(variable: xr.Variable, plan: Plan, needed: Needed) -> bool:
    cut = {axis.dim for axis in plan.axes}
    return all(
        dim in needed.kept if dim in cut else needed.sizes.get(str(dim)) == size for dim, size in variable.sizes.items()
    )


def _axis(plan: AnyPlan, dim: str) -> Axis:
    return next(axis for axis in plan.axes if axis.dim == dim)


def _told(make: Make, axis: Axis, values: Array | None) -> Array:
    """Return the first value of each range, or its two ends: values, of bounds the outer ones, else positions."""
    starts = np.arange(0, axis.size, axis.chunk)
    ends = np.minimum(starts + axis.chunk, axis.size) - 1
    if values is None:
        return starts if make == "first" else np.stack([starts, ends], axis=1)
    if make == "first":
        return values[starts]
    pair = (values[starts, 0], values[ends, 1]) if values.ndim > 1 else (values[starts], values[ends])
    return np.stack(pair, axis=1)


class _Chosen:
    """Coordinates whose names are free and whose dimensions have one size each."""

    def __init__(self, plan: Plan, needed: Needed) -> None:
        self.found: dict[str, Carried] = {}
        self._taken = needed.taken
        self.sizes = {
            **needed.sizes,
            **{dim: _axis(plan, dim).size for dim in needed.kept},
            **{dim: _axis(plan, axis).count for dim, axis in needed.reduced.items()},
        }

    def add(self, *carried: Carried) -> None:
        """Take those that can be: a coordinate of the first, then its bounds."""
        for one in carried:
            sizes = dict(zip(one.dims, one.shape, strict=True))
            is_free = one.name not in self._taken and one.name not in self.found
            if is_free and all(self.sizes.get(dim, size) == size for dim, size in sizes.items()):
                self.found[one.name] = one
                self.sizes |= sizes


class _Source:
    """Coordinates of a source as `Carried`."""

    def __init__(self, opened: Opened, selected: Selected) -> None:
        self._opened, self.selected = opened, selected
        coords = selected.coords
        self.bounds = {name: _pointed(variable) for name, variable in coords.items() if _pointed(variable) in coords}
        self.bounds = {bounds: name for name, bounds in self.bounds.items()}
        """Bounds -> coordinate."""

    def whole(self, name: str) -> list[Carried]:
        """Return a coordinate and its bounds, all of them."""
        names = [name, *(bounds for bounds, owner in self.bounds.items() if owner == name)]
        found = [self._carried(one, is_listed=one in self.selected.listed) for one in names]
        return [one for one in found if one is not None]

    def ranges(self, dim: str, axis: Axis, chosen: "_Chosen") -> tuple[Carried, Carried]:
        """Return the coordinate of a reduced dimension, and the ends of its ranges."""
        bounds = f"{dim}_bnds"
        first = self._first(dim, axis, {"bounds": bounds})
        ends = next(name for name in ("bnds", f"{dim}_bnds_ends") if chosen.sizes.get(name, 2) == 2)  # noqa: PLR2004
        return first, self._ends(bounds, (dim, ends), axis, first)

    def _first(self, dim: str, axis: Axis, attrs: Mapping[str, Any]) -> Carried:
        source = self.selected.coords.get(axis.dim)
        made = None if source is None or source.dims != (axis.dim,) else self._carried(axis.dim, drop=_POINTERS)
        if made is None:
            told = {"long_name": f"first position along {axis.dim}"} | dict(attrs)
            return Carried(dim, "first", (dim,), (axis.count,), (axis.count,), "<i8", attrs=told, axis=axis.dim)
        return Carried(
            dim, "first", (dim,), (axis.count,), (axis.count,), made.type, made.fill, {**made.attrs, **attrs},
            made.path, axis.dim,
        )  # fmt: skip

    def _ends(self, name: str, dims: tuple[str, str], axis: Axis, first: Carried) -> Carried:
        shape = (axis.count, 2)
        own = next((bounds for bounds, owner in self.bounds.items() if owner == axis.dim), "")
        made = self._carried(own) if first.path and own and self._is_pair(own, axis.dim) else None
        if made is None:
            attrs = {key: value for key, value in first.attrs.items() if key in _DECODING}
            return Carried(name, "range", dims, shape, shape, first.type, first.fill, attrs, first.path, axis.dim)
        return Carried(name, "range", dims, shape, shape, made.type, made.fill, made.attrs, made.path, axis.dim)

    def _is_pair(self, name: str, dim: str) -> bool:
        variable = self.selected.coords[name]
        return variable.dims[:1] == (dim,) and variable.shape[1:] == (2,)

    def _carried(self, name: str, *, is_listed: bool = False, drop: Collection[str] = ()) -> Carried | None:
        """Return a coordinate as the source stores it, None where no store can."""
        path = self.selected.paths[name]
        try:
            served = ServedArray.of(
                path, stored_variable(self._opened, path),
                token="", codec=CODEC, stored=False, chunk_nbytes=CHUNK_NBYTES, max_chunk_nbytes=maxsize, wanted={},
                reductions=Reductions(), compute="server", zarr=None,
            )  # fmt: skip
        except (KeyError, UnstorableError):
            return None
        fill = None if served.fill is None else served.type.fill_json(served.fill)
        attrs = {key: value for key, value in served.attrs.items() if key not in drop}
        return Carried(
            name, "whole", served.dims, served.grid.shape, served.grid.chunk, served.type.v2_name, fill, attrs, path,
            is_listed=is_listed,
        )  # fmt: skip


def _pointed(variable: xr.Variable) -> str:
    for key in _POINTERS:
        pointer = variable.attrs.get(key, variable.encoding.get(key))
        if isinstance(pointer, str):
            return pointer
    return ""
