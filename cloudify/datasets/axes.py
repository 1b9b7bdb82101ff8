"""What runs along a dimension, and from where to where."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import xarray as xr

from cloudify.datasets.box import UnplacedError, rotation_of
from cloudify.datasets.grid import Grid, bounds_in, conventional, grids_of, roles_of, time_axes
from cloudify.datasets.instants import span, step
from cloudify.datasets.rotated import MAPPING
from cloudify.datasets.source import explain, failures
from cloudify.model.summary import Dimension, Role

Numbers = np.ndarray[Any, np.dtype[Any]]

LONGEST = 2**24
"""Most values of a coordinate that are read."""
EVEN = 1e-3
"""Neighbours are equally far apart if no value is off by more than this part of a step: float32 rounds."""
_TEXT = 200
"""Longest text taken over from an attribute, in characters."""


@dataclass(frozen=True, slots=True)
class Group:
    """One group of a dataset, decoded, with what the conventions say of it."""

    ds: xr.Dataset
    """With the coordinates inherited from groups above."""
    grids: dict[str, Grid]
    times: dict[str, str]
    """Time coordinates and their calendars."""
    bounds: set[str]

    @classmethod
    def of(cls, ds: xr.Dataset) -> "Group":
        """Look at a group."""
        ds = conventional(ds)
        bounds = bounds_in(ds)
        times = {name: calendar for name, calendar in time_axes(ds).items() if name not in bounds}
        return cls(ds, grids_of(ds), times, bounds)


@dataclass(slots=True)
class Notes:
    """What could not be found out, and why."""

    doubts: dict[str, None] = field(default_factory=dict)
    """In order, each once."""
    is_whole: bool = True

    def doubt(self, error: Exception, what: str) -> None:
        """Note a failure; what the source itself failed at is worth another try."""
        if isinstance(error, UnplacedError):
            self.doubts[f"{what}: {error}"] = None
        else:
            self.is_whole = False
            self.doubts[f"{what} could not be read ({explain(error)})"] = None


def describe(group: Group, dim: str, name: str, notes: Notes) -> Dimension:
    """Describe the dimension `dim` of a group under the name that the summary has for it."""
    size = group.ds.sizes[dim]
    role, coordinate = _role(group, dim)
    if not coordinate or not size:
        last = float(size - 1) if size else None
        text = "cells of an unstructured grid" if role == "cells" else "positions: no coordinate runs along it"
        return Dimension(name, size, role, has_coordinate=False, extent=(0.0 if size else None, last), description=text)
    variable = group.ds[coordinate].variable
    found: dict[str, Any] = {"unit": text_of(variable, "units"), "description": caption(variable)}
    if role == "time" and not group.times[coordinate]:
        found["description"] = f"times of the unit {found.pop('unit') or 'none'!r}, which is none of CF's"
        return Dimension(name, size, role, has_coordinate=True, **found)
    try:
        found |= _reach(variable, role)
        if role in {"x", "y"}:
            found["reference_system"] = _reference_system(group, coordinate)
    except failures() as error:
        notes.doubt(error, f"the coordinate {coordinate!r}")
        role = "time" if role == "time" else "other"
    if role in {"x", "y", "z"} and found.get("extent", (None,))[0] is None:
        role = "other"  # what has no extent is not placed
    return Dimension(name, size, role, has_coordinate=True, **found)


def _role(group: Group, dim: str) -> tuple[Role, str]:
    """Return what runs along a dimension, and the name of its coordinate, ``""`` where it has none."""
    ds = group.ds
    along = [str(name) for name, variable in ds.coords.items() if variable.dims == (dim,)]
    along.sort(key=lambda name: name != dim)
    horizontal = _horizontal(group)
    cells = {ds[grid.lon].dims for grid in group.grids.values() if grid.kind == "unstructured"}
    times = [name for name in along if name in group.times]
    times.sort(key=lambda name: not group.times[name])
    if times and (dim in times or (dim,) not in cells):
        return "time", times[0]
    if (dim,) in cells:
        return "cells", ""
    placed = [name for name in along if name in horizontal]
    if placed:
        return horizontal[placed[0]], placed[0]
    vertical = {str(name) for key in ("Z", "vertical") for name in roles_of(ds).get(key, [])}
    heights = [name for name in along if name in vertical and ds[name].dtype.kind in "iuf"]
    if heights:
        return "z", heights[0]
    return "other", dim if dim in along else ""


def _horizontal(group: Group) -> dict[str, Role]:
    """Return the coordinates along which a grid of this group runs straight, in a system that we can name."""
    found: dict[str, Role] = {}
    for grid in group.grids.values():
        if grid.kind == "rectilinear" or (grid.kind == "projected" and grid.mapping == MAPPING):
            found |= {grid.lon: "x", grid.lat: "y"}
    return found


def _reach(variable: xr.Variable, role: Role) -> dict[str, Any]:
    """Return extent and step of a coordinate with one dimension."""
    if variable.size > LONGEST:
        raise UnplacedError(f"it has {variable.size} values, and at most {LONGEST} are read")
    values = variable.to_numpy()
    if role == "time":
        return {"extent": span(values) or (None, None), "step": step(values), "unit": ""}
    if values.dtype.kind not in "iuf":
        return {}
    finite = values[np.isfinite(values)]
    if not finite.size:
        return {}
    even = regular_step(values)
    extent = (_plain(finite.min()), _plain(finite.max()))
    return {"extent": extent, "step": abs(even) if even is not None else None}


def regular_step(values: Numbers) -> float | None:
    """Return the step of a coordinate whose neighbours are equally far apart, None for any other.

    >>> regular_step(np.array([10.0, 7.5, 5.0])), regular_step(np.array([0.0, 1.0, 3.0])), regular_step(np.array([1.0]))
    (-2.5, None, None)
    """
    if values.ndim != 1 or values.size < 2 or not np.isfinite(values).all():  # noqa: PLR2004
        return None
    exact = values.astype(np.float64)
    even = float(exact[-1] - exact[0]) / (values.size - 1)
    off = np.abs(exact - (exact[0] + even * np.arange(values.size))).max()
    return _plain(even) if even and off <= EVEN * abs(even) else None


def _plain(number: Any) -> float:  # noqa: ANN401  # any numpy number
    """Return a number without the digits that its type made up.

    >>> _plain(np.float32(0.1)), _plain(1.875), _plain(np.int64(20481))
    (0.1, 1.875, 20481.0)
    """
    return float(str(number)) if isinstance(number, np.floating) else float(f"{float(number):.10g}")


def _reference_system(group: Group, coordinate: str) -> str:
    """Return the rotation, as WKT2, of a grid that runs along a coordinate; ``""`` for longitudes and latitudes."""
    for name, grid in group.grids.items():
        if grid.kind == "projected" and coordinate in {grid.lon, grid.lat}:
            return rotation_of(group.ds, name).wkt()
    return ""


def text_of(variable: xr.Variable, key: str) -> str:
    """Return an attribute where it is text, in one line and not too long."""
    value = variable.attrs.get(key)
    text = " ".join(value.split())[:_TEXT] if isinstance(value, str) else ""
    return text.encode(errors="replace").decode()  # half a character is none


def caption(variable: xr.Variable) -> str:
    """Return what a variable is, in the words of its attributes."""
    return text_of(variable, "long_name") or text_of(variable, "standard_name").replace("_", " ")
