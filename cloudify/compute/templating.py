"""The first result -> the template of all: which dimensions are kept, which reduced, which are new."""

import json
from collections.abc import Collection, Mapping
from dataclasses import replace
from functools import partial
from hashlib import sha256
from typing import Any, Final

import numpy as np
import xarray as xr

from cloudify.chunks.attributes import json_attributes
from cloudify.chunks.stored_type import Json
from cloudify.compute.coordinates import Needed, carry, slice_numbers
from cloudify.compute.elements import Elements
from cloudify.compute.plan import SLICE, AnyPlan, DataPlan, Plan
from cloudify.compute.returned import File, Returned
from cloudify.compute.selected import select
from cloudify.compute.shaped import Shaped, shape
from cloudify.compute.storable import MAX_CHUNK_NBYTES, check_plain, check_sizes
from cloudify.compute.template import Carried, Dim, Field, Template
from cloudify.datasets.opened import Opened
from cloudify.errors import InvalidResultError

Array = np.ndarray[Any, np.dtype[Any]]

DECODED: Final = ("_FillValue", "missing_value", "scale_factor", "add_offset", "_Unsigned", "coordinates")
"""Attributes of stored values: those of a result are what they are."""
OF_TIMES: Final = ("units", "calendar", "dtype")


def template_of(
    value: Returned, plan: AnyPlan, number: int, name: str, *,
    opened: Opened | None = None, block: xr.Dataset | None = None, max_chunk_nbytes: int = MAX_CHUNK_NBYTES,
) -> Template:  # fmt: skip
    """Return what the results of all slices look like, of that of one slice.

    Parameters
    ----------
    name
        Of the function; of an array without a name of its own.
    opened
        The dataset; without it the coordinates that no function returns are still to be put in, `with_coordinates`.
    block
        What the function was given of it, to tell what is new or changed; read again where it is not at hand.
    max_chunk_nbytes
        The largest chunk that is served.

    Raises
    ------
    InvalidResultError
        If it cannot be part of a result, saying what came and what was expected.
    """
    if not isinstance(value, xr.Dataset | xr.DataArray | np.ndarray):
        if isinstance(value, File):
            return Template("files", first=number)
        check_plain(value)
        return Template("table", first=number)
    shaped = shape(value, plan, number, name)
    source = _block_of(plan, number, opened) if block is None else block.variables
    fields = _share([_field(one, var, plan, number, source.get(one)) for one, var in shaped.data.items()], plan)
    beside = _coordinate_fields(shaped, fields, plan, number, source)
    present = sorted(shaped.coords.keys() - {one.name for one in beside})
    attrs = json_attributes(shaped.attrs, DECODED)
    template = Template("grid", (*fields, *beside), (), attrs, number, tuple(present), shaped.is_bare)
    whole = with_coordinates(template, plan, opened)
    check_sizes(whole, plan, max_chunk_nbytes)
    return whole


def with_coordinates(template: Template, plan: AnyPlan, opened: Opened | None) -> Template:
    """Return a template with the coordinates that no function returns: those of the source, and of ranges.

    Parameters
    ----------
    opened
        The source, of a plan that has one. Where it is not at hand, they can be put in later.
    """
    needed = _needed(template)
    carried: list[Carried] = []
    if isinstance(plan, DataPlan) and SLICE in needed.reduced:
        carried = [slice_numbers()]
    elif isinstance(plan, Plan) and plan.variables and opened is not None:
        carried = carry(plan, opened, needed, partial(_is_wanted, template))
    fields = tuple(_with_mapping(one, carried, plan) for one in template.fields)
    return replace(template, fields=fields, carried=tuple(carried))


def digest_of(values: Array) -> str:
    """Return a hash of stored values."""
    text = json.dumps(values.tolist()).encode() if values.dtype.kind == "O" else np.ascontiguousarray(values).tobytes()
    return sha256(text).hexdigest()[:32]


def _field(name: str, variable: xr.Variable, plan: AnyPlan, number: int, before: xr.Variable | None) -> Field:
    """Return a variable of which each slice has its own part, along each dimension of the plan.

    Along a dimension that it lacked in the block already it is the same in all slices if it came back as it was, or
    if there is one slice. Else nobody knows.

    Parameters
    ----------
    before
        The variable of this name in the block.
    """
    dims, elements = _dims(name, variable, plan, number), _elements(name, variable)
    gone = [axis for axis in plan.axes if axis.dim not in variable.dims]
    lacked = [] if before is None else [axis for axis in gone if axis.dim not in before.dims]
    is_unchanged = bool(lacked) and before is not None and same(before, variable)
    without = [axis.dim for axis in lacked if is_unchanged or axis.count == 1]
    placed = with_reduced(dims, [axis.dim for axis in gone if axis.dim not in without], plan)
    return Field(name, placed, elements, _attrs(variable), without=tuple(without), is_unchanged=is_unchanged)


def _dims(name: str, variable: xr.Variable, plan: AnyPlan, number: int) -> list[Dim]:
    cell = plan.read_cell(number)
    found = []
    for dim, size in zip(map(str, variable.dims), variable.shape, strict=True):
        extent = cell[dim].stop - cell[dim].start if dim in cell else None
        if extent is None and not size:
            raise InvalidResultError(f"{name!r} has no elements along {dim!r}")
        if extent is not None and size not in {extent, 1}:
            raise InvalidResultError(
                f"{name!r} has {size} elements along {dim!r}, where the block has {extent}; keep all of them, reduce "
                f"the dimension to one, or name it anew, .rename({{{dim!r}: ...}}), best with chunks {{{dim!r}: -1}}"
            )
        found.append(Dim(dim, size=size) if extent is None else Dim(dim, dim, is_reduced=size != extent))
    return found


def with_reduced(dims: list[Dim], missing: Collection[str], plan: AnyPlan) -> tuple[Dim, ...]:
    """Put in the dimensions that were reduced away, in the order of the plan among those that are left.

    >>> from cloudify.compute.cells import Axis
    >>> plan = Plan(tuple(Axis(dim, 8, 4) for dim in ("time", "lat", "lon")))
    >>> [dim.name for dim in with_reduced([Dim("lat", "lat"), Dim("bin", size=3)], ["time", "lon"], plan)]
    ['time', 'lat', 'lon', 'bin']
    """
    found = list(dims)
    order = [axis.dim for axis in plan.axes]
    for dim in missing:
        place = order.index(dim)
        later = [at for at, one in enumerate(found) if one.axis in order[place + 1 :]]
        earlier = [at for at, one in enumerate(found) if one.axis in order[:place]]
        at = min(later) if later else max(earlier) + 1 if earlier else 0
        found.insert(at, Dim(dim, dim, is_reduced=True))
    return tuple(found)


def _share(fields: list[Field], plan: AnyPlan) -> list[Field]:
    """Give a reduced dimension a name of its own where another variable keeps it with more elements."""
    kept = {dim.axis for one in fields for dim in one.dims if dim.axis and not dim.is_reduced}
    renamed = {axis.dim: f"{axis.dim}_{SLICE}" for axis in plan.axes if axis.dim in kept and axis.count != axis.size}
    return [replace(one, dims=_renamed(one.dims, renamed)) for one in fields]


def _renamed(dims: tuple[Dim, ...], names: Mapping[str, str]) -> tuple[Dim, ...]:
    return tuple(replace(dim, name=names.get(dim.axis, dim.name)) if dim.is_reduced else dim for dim in dims)


def _block_of(plan: AnyPlan, number: int, opened: Opened | None) -> Mapping[Any, xr.Variable]:
    """Return the variables of the block of a slice, not read; none without a dataset."""
    if opened is None or not plan.variables:
        return {}
    cell, variables = plan.read_cell(number), select(opened, plan.variables).variables
    return {
        name: one.isel({dim: cell[dim] for dim in map(str, one.dims) if dim in cell}) for name, one in variables.items()
    }


def _coordinate_fields(
    shaped: Shaped, fields: Collection[Field], plan: AnyPlan, number: int, source: Mapping[Any, xr.Variable]
) -> list[Field]:
    """Return the coordinates of a result that are not those of the block, unchanged."""
    dims = {dim.name: dim for one in fields for dim in one.dims}
    found = []
    for name, variable in shaped.coords.items():
        own = source.get(name)
        if name in dims and dims[name].is_reduced:
            continue  # the first value of the range stands there
        if any(dim in _cut(plan) and dim not in dims for dim in variable.dims):
            continue  # no variable has its dimension
        if own is None or not same(own, variable):
            found.append(_coordinate(name, variable, plan, number, () if own is None else own.dims, dims))
    return found


def _coordinate(
    name: str, variable: xr.Variable, plan: AnyPlan, number: int, before: Collection[Any], dims: Mapping[str, Dim]
) -> Field:
    lost = [dim for dim in _cut(plan) if dim in before and dim not in variable.dims]
    own = [
        replace(dim, is_reduced=dims[dim.name].is_reduced) if dim.axis else dim
        for dim in _dims(name, variable, plan, number)
    ]
    reduced = {dim.axis: dim.name for dim in dims.values() if dim.is_reduced}
    placed = _renamed(with_reduced(own, lost, plan), reduced)
    elements = _elements(name, variable)
    is_constant = not any(dim.axis for dim in placed)
    digest = digest_of(elements.store(variable.to_numpy())) if is_constant else ""
    return Field(name, placed, elements, _attrs(variable), is_coordinate=True, digest=digest)


def same(one: xr.Variable, other: xr.Variable) -> bool:
    """Whether two coordinates have the same dimensions and values."""
    if one.dims != other.dims or one.shape != other.shape:
        return False
    a, b = one.to_numpy(), other.to_numpy()
    if a.dtype.kind != b.dtype.kind:
        return False
    return bool(np.all(a == b)) or (a.dtype.kind in "fcmM" and np.array_equal(a, b, equal_nan=True))


def _cut(plan: AnyPlan) -> list[str]:
    return [axis.dim for axis in plan.axes]


def _elements(name: str, variable: xr.Variable) -> Elements:
    try:
        return Elements.of(variable.to_numpy())
    except InvalidResultError as error:
        raise InvalidResultError(f"{name!r}: {error}") from error


def _attrs(variable: xr.Variable) -> dict[str, Json]:
    is_time = variable.dtype.kind in "mMO"
    return json_attributes(variable.attrs, (*DECODED, *OF_TIMES) if is_time else DECODED)


def _is_wanted(template: Template, name: str, variable: xr.Variable) -> bool:
    """Whether a coordinate of the source, of which the result has the dimensions, is to come along.

    One without dimensions only if it came with the first result: a function may have dropped a height on purpose.
    """
    return template.is_bare or bool(variable.dims) or name in template.present


def _needed(template: Template) -> Needed:
    dims = [dim for one in template.data for dim in one.dims]
    kept = {dim.axis for dim in dims if dim.axis and not dim.is_reduced}
    return Needed(
        kept,
        {dim.name: dim.axis for dim in dims if dim.is_reduced and dim.name not in kept},
        {dim.name: dim.size for one in template.fields for dim in one.dims if not dim.axis},
        {one.name for one in template.fields},
    )


def _with_mapping(one: Field, carried: Collection[Carried], plan: AnyPlan) -> Field:
    """Name the projection of the source in a variable that kept its plane."""
    kept = {dim.axis for dim in one.dims if not dim.is_reduced}
    plane = {axis.dim for axis in plan.axes[: plan.rank][-2:]}
    mappings = [item.name for item in carried if "grid_mapping_name" in item.attrs]
    if one.is_coordinate or "grid_mapping" in one.attrs or len(mappings) != 1 or len(plane) < 2 or not plane <= kept:  # noqa: PLR2004  # a plane
        return one
    return replace(one, attrs={**one.attrs, "grid_mapping": mappings[0]})
