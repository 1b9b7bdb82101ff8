"""Opened dataset -> summary: what it holds, where and when it is. Reads coordinates, no data."""

from collections.abc import Collection, Iterator
from typing import Any

import numpy as np
import xarray as xr

from cloudify.datasets.axes import LONGEST, Group, Notes, caption, describe, regular_step, text_of
from cloudify.datasets.box import Box, UnplacedError
from cloudify.datasets.grid import in_degrees, station_of
from cloudify.datasets.instants import span
from cloudify.datasets.opened import Opened
from cloudify.datasets.source import failures
from cloudify.model.extent import Bbox, Extent, Interval
from cloudify.model.summary import Dimension, Raster, Summary, VariableSummary

_MARKS = frozenset({"grid_mapping_name", "cf_role"})
"""Attributes of grid mappings, meshes and their tables, which are no data."""
_PLACES = frozenset({"longitude", "latitude"})
_NO_TIMES = frozenset({"forecast_reference_time"})
"""Standard names of times that are not those of the values."""


def summarise(opened: Opened) -> Summary:
    """Make the summary of a dataset, all groups together. Blocks.

    What cannot be read or understood is left unknown, with the reason: the rest is of use.
    """
    notes = Notes()
    nodes = {node.path.strip("/"): node for node in opened.tree.subtree}
    groups = {path: Group.of(node.to_dataset(inherit=True)) for path, node in nodes.items()}
    dimensions: dict[str, Dimension] = {}
    variables: list[VariableSummary] = []
    for path, group in groups.items():
        own = nodes[path].to_dataset(inherit=False)
        names = {dim: _owner(groups, path, dim) for dim in map(str, group.ds.sizes)}
        for dim in map(str, own.sizes):
            if names[dim] not in dimensions:
                dimensions[names[dim]] = describe(group, dim, names[dim], notes)
        stored = opened.groups.get(f"/{path}", own)
        for name in map(str, own.variables):
            if name not in own.sizes:
                raw = stored.variables.get(name, own.variables[name])
                variables.append(_variable(group, name, raw, path, names))
    interval, calendar = _interval(groups.values(), notes)
    return Summary(
        tuple(dimensions.values()),
        tuple(variables),
        Extent(_bbox(groups.values(), notes), interval),
        calendar,
        _raster(groups.values(), notes),
        tuple(notes.doubts),
        notes.is_whole,
    )


def _owner(groups: dict[str, Group], path: str, dim: str) -> str:
    """Return the name of a dimension: with the path of the highest group above that has it."""
    parts = path.split("/") if path else []
    above = ["/".join(parts[:depth]) for depth in range(len(parts) + 1)]
    owner = next(group for group in above if dim in groups[group].ds.sizes)
    return f"{owner}/{dim}".lstrip("/")


def _variable(group: Group, name: str, stored: xr.Variable, path: str, names: dict[str, str]) -> VariableSummary:
    attrs = stored.attrs
    packed = "scale_factor" in attrs or "add_offset" in attrs
    is_data = name in group.ds.data_vars and name not in group.bounds
    return VariableSummary(
        f"{path}/{name}".lstrip("/"),
        tuple(names[str(dim)] for dim in group.ds[name].dims),
        is_data=is_data and not _MARKS.intersection(attrs) and text_of(stored, "standard_name") not in _PLACES,
        dtype=stored.dtype.name,
        unit=text_of(stored, "units"),
        description=caption(stored),
        missing=_missing(attrs.get("_FillValue", attrs.get("missing_value"))),
        is_gridded=name in group.grids,
        range=_range(attrs, packed=packed),
    )


def _missing(value: object) -> float | str | None:
    number = _number(value)
    if number is None:
        return None
    return number if np.isfinite(number) else {"nan": "nan", "inf": "inf"}.get(str(number), "-inf")


def _range(attrs: dict[Any, Any], *, packed: bool) -> tuple[float, float] | None:
    """Return the range that the attributes state, of unpacked values (CF 2.5.1: ``valid_*`` are of packed ones)."""
    candidates = [attrs.get("actual_range")]
    if not packed:
        candidates += [attrs.get("valid_range"), (attrs.get("valid_min"), attrs.get("valid_max"))]
    for candidate in candidates:
        ends = [_number(end) for end in candidate] if isinstance(candidate, tuple | list | np.ndarray) else []
        if len(ends) == 2 and None not in ends and np.isfinite(ends).all() and ends[0] < ends[1]:  # type: ignore[operator,arg-type]  # noqa: PLR2004
            return ends[0], ends[1]  # type: ignore[return-value]
    return None


def _number(value: object) -> float | None:
    if isinstance(value, np.ndarray):
        value = value.item() if value.size == 1 else None
    is_number = isinstance(value, int | float | np.number) and not isinstance(value, np.complexfloating)
    return float(value) if is_number else None  # type: ignore[arg-type]


def _bbox(groups: Collection[Group], notes: Notes) -> Bbox | None:
    """Return the box around all grids; None as soon as one of them is somewhere unknown."""
    box, seen = Box(), set()
    for group in groups:
        for name, grid in group.grids.items():
            key = (id(group), grid)
            if key in seen:
                continue
            seen.add(key)
            try:
                box.add(group.ds, name, grid)
            except failures() as error:
                notes.doubt(error, f"where {name!r} is")
                return None
        station = station_of(group.ds)
        if station is not None and not group.grids:
            try:
                box.add_pair(group.ds, *station)
            except failures() as error:
                notes.doubt(error, "where it is")
                return None
    found = box.bbox()
    if found is None:
        notes.doubts["no longitudes and latitudes were found"] = None
    return found


def _interval(groups: Collection[Group], notes: Notes) -> tuple[Interval | None, str]:
    """Return the interval of the decoded time axes, and their calendar; no interval as soon as one cannot be said."""
    extents, calendars = [], []
    for group in groups:
        for name in _times_of_values(group):
            try:
                variable = group.ds[name].variable
                if variable.size > LONGEST:
                    raise UnplacedError(f"it has {variable.size} times, and at most {LONGEST} are read")
                interval = span(variable.to_numpy())
            except failures() as error:
                notes.doubt(error, f"the time {name!r}")
                return None, ""
            if interval is None:
                notes.doubts[f"the time {name!r} holds no times of the years 1 to 9999"] = None
                return None, ""
            extents.append(Extent(interval=interval))
            calendars.append(group.times[name])
        for name, calendar in group.times.items():
            if not calendar and not extents:
                notes.doubts[f"the unit of the time {name!r} is none of CF's"] = None
    interval = Extent.union(extents).interval
    if interval is None and not any(group.times for group in groups):
        notes.doubts["no times were found"] = None
    return interval, calendars[0] if calendars else ""


def _times_of_values(group: Group) -> Iterator[str]:
    """Yield the decoded times at which values are: not values that are times, a forecast's start if nothing else."""
    names = {
        name: text_of(group.ds[name].variable, "standard_name") for name, calendar in group.times.items() if calendar
    }
    axes = {name: standard for name, standard in names.items() if name in group.ds.coords or standard == "time"}
    yield from [name for name, standard in axes.items() if standard not in _NO_TIMES] or axes


def _raster(groups: Collection[Group], notes: Notes) -> Raster | None:
    """Return the regular grid in longitude and latitude on which all gridded variables are, None where they are not."""
    grids = {(id(group), grid): group for group in groups for grid in group.grids.values()}
    if len(grids) != 1:
        return None
    (((_, grid), group),) = grids.items()
    if grid.kind != "rectilinear" or grid.mapping not in {"", "latitude_longitude"}:
        return None
    lon, lat = group.ds[grid.lon].variable, group.ds[grid.lat].variable
    if max(lon.size, lat.size) > LONGEST or in_degrees(lon) != 1 or in_degrees(lat) != 1:
        return None
    try:
        x, y = lon.to_numpy(), lat.to_numpy()
    except failures() as error:
        notes.doubt(error, "its longitudes and latitudes")
        return None
    dx, dy = regular_step(x), regular_step(y)
    if dx is None or dy is None:
        return None
    west = (float(x[0]) + 180.0) % 360.0 - 180.0
    return Raster((y.size, x.size), (dx, 0.0, west - dx / 2, 0.0, dy, float(y[0]) - dy / 2))
