"""A part of a dataset as its source stores it: which variables, which places, how many bytes; nothing is read yet."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import prod
from typing import Any, Final

import numpy as np
import xarray as xr

from cloudify.datasets.companions import CONNECTIVITY, data_of, one_of_each, with_companions
from cloudify.datasets.grid import conventional
from cloudify.datasets.opened import Opened
from cloudify.datasets.stored import stored_form
from cloudify.datasets.subject import subject_of
from cloudify.diagnostics.narrow import Narrowed, narrow
from cloudify.diagnostics.turn import turn
from cloudify.errors import BadOptionError, BadSelectionError, SubsetTooLargeError
from cloudify.model.subset import SubsetRequest

Array = np.ndarray[Any, np.dtype[Any]]
Variables = Mapping[str, xr.Variable]

OBJECT_NBYTES: Final = 64
"""About what a text or a time of another calendar takes in memory."""
OF_THE_WHOLE: Final = frozenset({
    "geospatial_lat_min", "geospatial_lat_max", "geospatial_lon_min", "geospatial_lon_max", "geospatial_bounds",
    "geospatial_vertical_min", "geospatial_vertical_max", "time_coverage_start", "time_coverage_end",
    "time_coverage_duration",
})  # fmt: skip
"""Global attributes that say where and when the whole dataset is."""


@dataclass(frozen=True, eq=False)
class Plan:
    """A subset that can be made."""

    asked: tuple[str, ...]
    """The variables that were asked for, in the order of the dataset."""
    variables: Variables
    """These and what belongs with them, lazily and whole, with the values that the source stores."""
    along: Mapping[str, Array]
    """Dimension -> positions that are taken; all of one that is not here."""
    masks: Mapping[tuple[str, ...], Array]
    """Dimensions of a grid -> which of the cells taken are meant, where not all are."""
    attrs: Mapping[str, Any]
    decoded: Mapping[str, np.dtype[Any]]
    """Variable -> type of its values in the memory of who reads it."""

    def shape(self, name: str) -> tuple[int, ...]:
        """Return the shape of the part of a variable."""
        variable = self.variables[name]
        return tuple(
            len(self.along[str(dim)]) if dim in self.along else size
            for dim, size in zip(variable.dims, variable.shape, strict=True)
        )

    @property
    def nbytes(self) -> int:
        """About how many bytes all of it is in memory, decoded."""
        return sum(prod(self.shape(name)) * _itemsize(dtype) for name, dtype in self.decoded.items())

    @property
    def stored_nbytes(self) -> int:
        """How many bytes a file of it has where nothing is compressed."""
        return sum(_itemsize(variable.dtype) * prod(self.shape(name)) for name, variable in self.variables.items())

    def mask_of(self, name: str) -> Array | None:
        """Return which values of an asked variable are meant, along its dimensions or 1; None for all."""
        variable = self.variables[name]
        for dims, mask in self.masks.items():
            if name in self.asked and set(dims) <= set(variable.dims):
                order = [dims.index(str(dim)) for dim in variable.dims if dim in dims]
                inside = [slice(None) if dim in dims else None for dim in variable.dims]
                return mask.transpose(order)[tuple(inside)]
        return None


def plan_subset(opened: Opened, request: SubsetRequest) -> Plan:
    """Decide what a subset holds. Blocks: coordinates are read.

    Raises
    ------
    UnknownVariableError, BadSelectionError, BadOptionError
        If there is no such variable or selection, or those asked for cannot be together.
    """
    group, names = _names(opened, request)
    stored = _stored(opened, group)
    _check_stored(stored, names)
    narrowed = Narrowed()
    if request.picks:
        narrowed = narrow((subject_of(opened, name) for name in one_of_each(stored, names)), request.picks)
    written = {name: stored[name] for name in with_companions(stored, names)}
    written = _without_stale_mesh(written, narrowed.along)
    for lon, turns in narrowed.turned.items():
        written = turn(written, lon, turns, narrowed.along)
    asked = tuple(name for name in written if name in names)
    attrs = _attrs(opened, group, is_whole=not request.picks)
    plan = Plan(asked, written, narrowed.along, narrowed.masks, attrs, _dtypes(opened, group, written))
    _check_sizes(plan)
    return plan


def check_size(plan: Plan, limit_nbytes: int) -> None:
    """Return if a subset is within the limit.

    Raises
    ------
    SubsetTooLargeError
        If it is not, with the estimate.
    """
    if plan.nbytes > limit_nbytes:
        raise SubsetTooLargeError(plan.nbytes, limit_nbytes)


def _names(opened: Opened, request: SubsetRequest) -> tuple[str, list[str]]:
    """Return the group that the wanted variables lie in, and their names."""
    if not request.variables:
        names = data_of(conventional(opened.tree.to_dataset()))
        if not names:
            known = [f"{node.path}: {', '.join(map(str, node.dataset.data_vars))}" for node in opened.tree.descendants]
            there = "; ".join(known)[:400] or ", ".join(map(str, opened.tree.dataset.variables))[:400]
            raise BadOptionError(f"its root group holds no data variable; name one with var=: {there}")
        return "/", names
    places: dict[str, str] = opened.derived("places of names", _places)
    names = []
    for written in request.variables:
        parts = [written] if written in places else [part.strip() for part in written.split(",")]
        names += [part for part in parts if part]
    for name in names:
        if name not in places:
            subject_of(opened, name)  # raises, and suggests one
    groups = {places[name]: name for name in reversed(names)}
    if len(groups) > 1:
        said = ", ".join(f"{name!r} in {path}" for path, name in groups.items())
        raise BadOptionError(
            f"variables of different groups cannot be in one file: {said}; ask for one group at a time"
        )
    if not groups:
        raise BadOptionError("var= names no variable")
    return next(iter(groups)), list(dict.fromkeys(names))


def _places(opened: Opened) -> dict[str, str]:
    """Return all names and the group in which each is found, the first of several."""
    found: dict[str, str] = {}
    for node in opened.tree.subtree:
        for name in node.dataset.variables:
            found.setdefault(str(name), node.path)
    return found


def _stored(opened: Opened, group: str) -> dict[str, xr.Variable]:
    """Return the stored variables that a group sees: its own, and those of the groups around it."""
    forms: Mapping[str, xr.Dataset] = opened.derived("stored form", _stored_forms)
    found: dict[str, xr.Variable] = {}
    for path in _around(group):
        if path in forms:
            found |= {str(name): variable for name, variable in forms[path].variables.items()}
    return found


def _stored_forms(opened: Opened) -> Mapping[str, xr.Dataset]:
    return opened.groups if opened.stored else {path: stored_form(ds)[0] for path, ds in opened.groups.items()}


def _around(group: str) -> list[str]:
    """Return a group and those around it, the outermost first.

    >>> _around("/a/b"), _around("/")
    (['/', '/a', '/a/b'], ['/'])
    """
    parts = [part for part in group.split("/") if part]
    return ["/", *("/" + "/".join(parts[: depth + 1]) for depth in range(len(parts)))]


def _check_stored(stored: Variables, names: Iterable[str]) -> None:
    for name in names:
        if name not in stored:
            raise BadOptionError(f"{name!r} has no stored form, so no file can hold it; /datasets/.../check says why")


def _attrs(opened: Opened, group: str, *, is_whole: bool) -> dict[str, Any]:
    merged: dict[str, Any] = {}
    for path in _around(group):
        if path in opened.groups:
            merged |= {str(key): value for key, value in opened.groups[path].attrs.items()}
    return merged if is_whole else {key: value for key, value in merged.items() if key not in OF_THE_WHOLE}


def _without_stale_mesh(written: dict[str, xr.Variable], along: Mapping[str, Array]) -> dict[str, xr.Variable]:
    """Leave out what counts cells or nodes of which only some are taken: its numbers would be those of others."""
    kept = dict(written)
    for name, mesh in written.items():
        if mesh.attrs.get("cf_role") != "mesh_topology":
            continue
        attrs = dict(mesh.attrs)
        nodes = str(attrs.get("node_coordinates", "")).split()
        has_all_nodes = not any(dim in along for node in nodes if node in written for dim in written[node].dims)
        for key in [key for key in attrs if str(key).endswith(CONNECTIVITY)]:
            if along and not (key == "face_node_connectivity" and has_all_nodes):
                kept.pop(str(attrs.pop(key)), None)
        kept[name] = xr.Variable(mesh.dims, mesh._data, attrs, mesh.encoding, fastpath=True)  # noqa: SLF001  # stays lazy
    return kept


def _dtypes(opened: Opened, group: str, written: Variables) -> dict[str, np.dtype[Any]]:
    decoded = opened.tree[group].dataset.variables
    return {name: decoded[name].dtype if name in decoded else variable.dtype for name, variable in written.items()}


def _check_sizes(plan: Plan) -> None:
    for name in plan.variables:
        if 0 in plan.shape(name):
            raise BadSelectionError(
                f"{name!r} has no values along {plan.variables[name].dims}, so there is no file of it"
            )


def _itemsize(dtype: np.dtype[Any]) -> int:
    return OBJECT_NBYTES if dtype.kind in "OT" else dtype.itemsize
