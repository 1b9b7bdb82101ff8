"""What kind of grid a variable is on: the one module that decides.

By the CF conventions, as cf-xarray reads them: coordinates are known by units, standard name or axis, never by their
own name.
"""

from dataclasses import dataclass
from typing import Literal

import cf_xarray  # noqa: F401  # gives datasets the accessor ``cf``
import xarray as xr

GridKind = Literal["rectilinear", "curvilinear", "unstructured", "projected", "none"]


@dataclass(frozen=True, slots=True)
class Grid:
    """The horizontal grid of a variable."""

    kind: GridKind
    lon: str = ""
    """Name of the longitudes, or of the projection's x."""
    lat: str = ""
    mapping: str = ""
    """CF name of the projection, e.g. ``rotated_latitude_longitude``."""


def grid_of(ds: xr.Dataset, name: str) -> Grid:
    """Return the grid of a variable.

    Parameters
    ----------
    ds
        The decoded dataset.
    name
        A variable of it.

    Returns
    -------
    Grid
        `rectilinear`: longitudes and latitudes along a dimension each; `curvilinear`: both over the same two;
        `unstructured`: both along one and the same; `projected`: x and y of a grid mapping, without longitudes;
        `none`: no horizontal coordinates were found.
    """
    dims = set(ds[name].dims)
    mapping = _mapping_of(ds, name)
    for lon, lat in _pairs(ds, "longitude", "latitude"):
        over = (ds[lon].dims, ds[lat].dims)
        if not dims.issuperset({*over[0], *over[1]}):
            continue
        if len(over[0]) == len(over[1]) == 1:
            return Grid("unstructured" if over[0] == over[1] else "rectilinear", lon, lat, mapping)
        if len(over[0]) == 2 and over[0] == over[1]:  # noqa: PLR2004  # a plane
            return Grid("curvilinear", lon, lat, mapping)
    if mapping:
        for x, y in _pairs(ds, "X", "Y"):
            if dims.issuperset({*ds[x].dims, *ds[y].dims}):
                return Grid("projected", x, y, mapping)
    return Grid("none")


def time_axes(ds: xr.Dataset) -> dict[str, str]:
    """Return the time coordinates, and the calendar of each; ``""`` where its numbers are no times to anybody."""
    found: dict[str, str] = {}
    for name, variable in ds.variables.items():
        if variable.dtype.kind == "M" or (variable.dtype.kind == "O" and "calendar" in variable.encoding):
            found[str(name)] = str(variable.encoding.get("calendar", "proleptic_gregorian"))
        elif _claims_time(variable):
            found[str(name)] = ""
    return found


def is_bounds(ds: xr.Dataset, name: str) -> bool:
    """Whether a variable holds the bounds of another, which need neither units nor a grid of their own."""
    return any(name in (v.attrs.get("bounds"), v.encoding.get("bounds")) for v in ds.variables.values())


def _claims_time(variable: xr.Variable) -> bool:
    attrs = variable.attrs
    return attrs.get("axis") == "T" or attrs.get("standard_name") == "time" or "calendar" in attrs


def _pairs(ds: xr.Dataset, first: str, second: str) -> list[tuple[str, str]]:
    known = {**ds.cf.axes, **ds.cf.coordinates}
    return [(str(a), str(b)) for a in known.get(first, []) for b in known.get(second, []) if a != b]


def _mapping_of(ds: xr.Dataset, name: str) -> str:
    variable = ds[name]
    pointer = variable.attrs.get("grid_mapping") or variable.encoding.get("grid_mapping")
    if not isinstance(pointer, str) or pointer not in ds.variables:
        return ""
    return str(ds[pointer].attrs.get("grid_mapping_name", ""))
