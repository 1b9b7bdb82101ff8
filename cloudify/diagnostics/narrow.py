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
        found = region_of(subject, region.get("lon"), region.get("lat"))
        twice = next((dim for dim in found.along if dim in part.along), None)
        if twice is not None:
            raise BadSelectionError(
                f"{twice!r} is selected by its positions and by longitudes or latitudes; leave one out"
            )
        part.along.update(found.along)
        part.turned.update(found.turned)
        if found.mask is not None:
            part.masks[tuple(found.along)] = found.mask
    return part


def _aim(subject: Subject, coord: str) -> Aim:
    """Return what a name selects along: an axis, longitudes, latitudes; None where the variable has none of it."""
    axis = _axis_named(subject, coord)
    kind = subject.grid.kind
    is_placed = axis is not None and kind == "rectilinear" and axis.dim in subject.horizontal
    if axis is not None and not is_placed and not _is_lone(subject, axis):
        return axis
    if kind == "none":
        has_lon, has_lat = (bool(lone_axis(subject, name)) for name in ("longitude", "latitude"))
    else:
        has_lon = has_lat = True
    names = {axis.coordinate, axis.dim, coord} if axis is not None else {coord}
    if has_lon and (coord.lower() in LON_NAMES or lone_or_grid(subject, "longitude") in names):
        return "lon"
    if has_lat and (coord.lower() in LAT_NAMES or lone_or_grid(subject, "latitude") in names):
        return "lat"
    times = [item for item in subject.axes if item.is_time]
    return times[0] if coord == "time" and len(times) == 1 else axis


def lone_or_grid(subject: Subject, kind: Literal["longitude", "latitude"]) -> str:
    """Return the name of the longitudes or latitudes of a variable, ``""`` where it has none."""
    if subject.grid.kind == "none":
        return lone_axis(subject, kind)
    return subject.grid.lon if kind == "longitude" else subject.grid.lat


def _is_lone(subject: Subject, axis: Axis) -> bool:
    if subject.grid.kind != "none" or not axis.coordinate:
        return False
    return axis.coordinate in {lone_axis(subject, kind) for kind in ("longitude", "latitude")}


def _axis_named(subject: Subject, coord: str) -> Axis | None:
    """Return the axis of a dimension or of any coordinate that runs along one."""
    for axis in subject.axes:
        if coord in {axis.dim, axis.coordinate}:
            return axis
    variable = subject.ds.coords.get(coord)
    if variable is None or variable.ndim != 1:
        return None
    for axis in subject.axes:
        if variable.dims == (axis.dim,):
            times = time_axes(subject.ds)
            return Axis(axis.dim, axis.size, coord, is_time=coord in times, calendar=times.get(coord, ""))
    return None
