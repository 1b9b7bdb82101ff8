"""What a selection leaves of the dimensions of several variables."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from cloudify.datasets.grid import time_axes
from cloudify.datasets.pick import Axis
from cloudify.datasets.ranges import places_along
from cloudify.datasets.region import lone_axis, region_of
from cloudify.datasets.subject import LAT_NAMES, LON_NAMES, Subject
from cloudify.errors import BadSelectionError
from cloudify.model.selection import Pick
from cloudify.model.subset import Asked

Array = np.ndarray[Any, np.dtype[Any]]
Aim = Axis | Literal["lon", "lat"] | None


@dataclass(frozen=True, eq=False)
class Narrowed:
    """Which positions of which dimensions are taken."""

    along: dict[str, Array] = field(default_factory=dict)
    masks: dict[tuple[str, ...], Array] = field(default_factory=dict)
    turned: dict[str, Array] = field(default_factory=dict)
    """As in `datasets.region.Region`."""


def narrow(subjects: Iterable[Subject], picks: Iterable[Asked]) -> Narrowed:
    """Return what picks leave of variables; one that lacks a coordinate stays whole along it. Blocks.

    Raises
    ------
    BadSelectionError
        If nothing is left, if no variable has what is picked, or two would be left different parts of one dimension.
    """
    total, picks = Narrowed(), list(picks)
    owners: dict[str, str] = {}
    used: set[str] = set()
    known: dict[str, None] = {}
    looked: set[tuple[str, tuple[str, ...]]] = set()
    for subject in subjects:
        known |= dict.fromkeys(axis.coordinate or axis.dim for axis in subject.axes)
        known |= dict.fromkeys(name for name in (subject.grid.lon, subject.grid.lat) if name)
        alike = (subject.place, tuple(axis.dim for axis in subject.axes))
        if alike in looked:
            continue
        looked.add(alike)
        part = _narrow_one(subject, picks, used)
        for dim, places in part.along.items():
            if dim in total.along and not np.array_equal(total.along[dim], places):
                raise BadSelectionError(
                    f"{owners[dim]!r} and {subject.name!r} share the dimension {dim!r} and lie on different grids, so "
                    "this selection leaves each another part of it; ask for them one at a time"
                )
            owners.setdefault(dim, subject.name)
        total.along.update(part.along)
        total.masks.update(part.masks)
        total.turned.update(part.turned)
    unused = next((pick for pick in picks if pick.written not in used), None)
    if unused is not None:
        there = ", ".join(known)[:400] or "no dimension"
        raise BadSelectionError(f"nothing has a coordinate {unused.coord[:60]!r} to select along; there are {there}")
    return total


def _narrow_one(subject: Subject, picks: list[Asked], used: set[str]) -> Narrowed:
    part = Narrowed()
    region: dict[str, Pick] = {}
    for pick in picks:
        aim = _aim(subject, pick.coord)
        if aim is None:
            continue
        used.add(pick.written)
        if isinstance(aim, Axis):
            if aim.dim in part.along:
                raise BadSelectionError(f"{pick.written}: another selection is along {aim.dim!r} too; leave one out")
            part.along[aim.dim] = places_along(subject.ds, aim, pick)
        elif not isinstance(pick, Pick):
            raise BadSelectionError(f"{pick.written}: longitudes and latitudes are a number or lo,hi in degrees")
        elif aim in region:
            raise BadSelectionError(f"{pick.written}: {region[aim].written} selects along it too; leave one out")
        else:
            region[aim] = pick
    if region:
        _take_region(subject, part, region.get("lon"), region.get("lat"))
    return part


def _take_region(subject: Subject, part: Narrowed, lon: Pick | None, lat: Pick | None) -> None:
    found = region_of(subject, lon, lat)
    for dim in [dim for dim in found.along if dim in part.along]:
        both = np.intersect1d(found.along[dim], part.along[dim])
        if subject.grid.kind != "unstructured":
            raise BadSelectionError(
                f"{dim!r} is selected by its positions and by longitudes or latitudes; leave one out"
            )
        if not both.size:
            raise BadSelectionError("nothing lies in all that is selected: each of the selections holds something")
        found.along[dim] = both
    part.along.update(found.along)
    part.turned.update(found.turned)
    if found.mask is not None:
        part.masks[tuple(found.along)] = found.mask


def _aim(subject: Subject, coord: str) -> Aim:
    """Return what a name selects along: an axis, longitudes, latitudes; None where the variable has none of it."""
    axis = _axis_named(subject, coord)
    if axis is not None and not _is_placed(subject, axis):
        return axis
    names = {coord, axis.coordinate} if axis is not None else {coord}
    lon, lat = (_horizontal(subject, kind) for kind in ("longitude", "latitude"))
    if lon and (coord.lower() in LON_NAMES or lon in names):
        return "lon"
    if lat and (coord.lower() in LAT_NAMES or lat in names):
        return "lat"
    times = [item for item in subject.axes if item.is_time]
    return times[0] if coord == "time" and len(times) == 1 else axis


def _is_placed(subject: Subject, axis: Axis) -> bool:
    """Whether an axis is one of longitudes or latitudes, which are turned."""
    placed = {_horizontal(subject, "longitude"), _horizontal(subject, "latitude")} - {""}
    return subject.grid.kind != "projected" and axis.coordinate in placed


def _horizontal(subject: Subject, kind: str) -> str:
    """Return the name of the longitudes or latitudes of a variable, ``""`` where it has none."""
    if subject.grid.kind == "none":
        return lone_axis(subject, kind)
    return subject.grid.lon if kind == "longitude" else subject.grid.lat


def _axis_named(subject: Subject, coord: str) -> Axis | None:
    """Return the axis of a dimension or of any coordinate that runs along one."""
    ds = subject.ds
    for axis in subject.axes:
        is_cells = subject.grid.kind == "unstructured" and axis.dim in subject.horizontal
        if coord == axis.dim and is_cells and not axis.is_time and axis.coordinate != axis.dim:
            return Axis(axis.dim, axis.size)  # cells have numbers, and longitudes are no labels of them
        if coord in {axis.dim, axis.coordinate}:
            return axis
    variable = ds.coords.get(coord)
    along = [axis for axis in subject.axes if variable is not None and variable.dims == (axis.dim,)]
    if not along:
        return None
    times = time_axes(ds)
    return Axis(along[0].dim, along[0].size, coord, is_time=coord in times, calendar=times.get(coord, ""))
