"""What kind of grid a variable is on: the one module that decides.

By the CF conventions, as cf-xarray reads them: coordinates are known by units, standard name or axis, never by their
own name.
"""

from dataclasses import dataclass
from math import degrees
from typing import Any, Literal

import cftime
import xarray as xr

GridKind = Literal["rectilinear", "curvilinear", "unstructured", "projected", "none"]
RADIANS = frozenset({"radian", "radians", "rad"})


TEXTS = frozenset({
    "units", "axis", "standard_name", "bounds", "grid_mapping", "grid_mapping_name", "calendar", "coordinates",
    "cf_role", "mesh", "location", "positive", "node_coordinates", "face_coordinates", "edge_coordinates",
})  # fmt: skip
"""Attributes that are text by the conventions; libraries fail on any other kind."""


def conventional(ds: xr.Dataset) -> xr.Dataset:
    """Return a dataset without those attributes that the conventions read and cannot: numbers and lists for text."""
    plain = ds.copy()
    for variable in plain.variables.values():
        for attrs in (variable.attrs, variable.encoding):
            for name in [name for name in TEXTS.intersection(attrs) if not isinstance(attrs[name], str)]:
                del attrs[name]
    return plain


def roles_of(ds: xr.Dataset) -> dict[str, list[Any]]:
    """Return the variables of a dataset by what the conventions make of them: ``X``, ``T``, ``longitude`` ...."""
    import cf_xarray  # noqa: F401, PLC0415  # gives datasets the accessor ``cf``; for those who ask

    return {**ds.cf.axes, **ds.cf.coordinates}


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
    return projection_of(ds, name) or _of_mesh(ds, name) or Grid("none")


def projection_of(ds: xr.Dataset, name: str) -> Grid | None:
    """Return the grid of a variable by its projection, also where longitudes stand beside it; None without one."""
    mapping, dims = _mapping_of(ds, name), set(ds[name].dims)
    pairs = _pairs(ds, "X", "Y") if mapping else []
    found = (pair for pair in pairs if dims.issuperset({*ds[pair[0]].dims, *ds[pair[1]].dims}))
    return next((Grid("projected", x, y, mapping) for x, y in found), None)


def grids_of(ds: xr.Dataset) -> dict[str, Grid]:
    """Return the grid of each data variable that has one; bounds are not data."""
    bounds = bounds_in(ds)
    names = [str(name) for name, variable in ds.data_vars.items() if variable.dims and str(name) not in bounds]
    grids = {name: grid_of(ds, name) for name in names}
    return {name: grid for name, grid in grids.items() if grid.kind != "none"}


def station_of(ds: xr.Dataset) -> tuple[str, str] | None:
    """Return the scalar longitude and latitude of a dataset at one place, None where there are none."""
    pairs = _pairs(ds, "longitude", "latitude")
    return next(((lon, lat) for lon, lat in pairs if not ds[lon].dims and not ds[lat].dims), None)


def time_axes(ds: xr.Dataset) -> dict[str, str]:
    """Return the time coordinates, and the calendar of each; ``""`` where its numbers are no times to anybody."""
    found: dict[str, str] = {}
    for name, variable in ds.variables.items():
        held = isinstance(variable, xr.IndexVariable) and variable.dtype.kind == "O" and variable.size
        first = variable.values[0] if held else None
        if isinstance(first, cftime.datetime):  # in memory, perhaps without any encoding
            found[str(name)] = first.calendar
        elif variable.dtype.kind == "M" or (variable.dtype.kind == "O" and "calendar" in variable.encoding):
            found[str(name)] = str(variable.encoding.get("calendar", "proleptic_gregorian"))
        elif _claims_time(variable):
            found[str(name)] = ""
    return found


def is_bounds(ds: xr.Dataset, name: str) -> bool:
    """Whether a variable holds the bounds of another, which need neither units nor a grid of their own."""
    return name in bounds_in(ds)


def bounds_of(ds: xr.Dataset, name: str) -> str:
    """Return the name of the variable that holds the bounds of a coordinate, ``""`` where none does."""
    pointer = ds[name].attrs.get("bounds", ds[name].encoding.get("bounds"))
    return pointer if isinstance(pointer, str) and pointer in ds.variables else ""


def bounds_in(ds: xr.Dataset) -> set[str]:
    """Return the names of all bounds."""
    return {bounds_of(ds, str(name)) for name in ds.variables} - {""}


def mapping_attrs(ds: xr.Dataset, name: str) -> dict[str, Any]:
    """Return the attributes of the grid mapping of a variable: the parameters of its projection."""
    pointer = _mapping_pointer(ds, name)
    return dict(ds[pointer].attrs) if pointer else {}


def in_degrees(variable: xr.Variable) -> float:
    """Return the factor that makes degrees of the angles of a coordinate: ICON counts in radians."""
    return degrees(1.0) if str(variable.attrs.get("units")) in RADIANS else 1.0


def _claims_time(variable: xr.Variable) -> bool:
    attrs = variable.attrs
    return str(attrs.get("axis")) == "T" or str(attrs.get("standard_name")) == "time" or "calendar" in attrs


def _pairs(ds: xr.Dataset, first: str, second: str) -> list[tuple[str, str]]:
    known = roles_of(ds)
    return [(str(a), str(b)) for a in known.get(first, []) for b in known.get(second, []) if a != b]


def _mapping_of(ds: xr.Dataset, name: str) -> str:
    return str(mapping_attrs(ds, name).get("grid_mapping_name", ""))


def _mapping_pointer(ds: xr.Dataset, name: str) -> str:
    """Return the name of the grid mapping of a variable; coordinates seldom have one, and lie where their data do."""
    own = _named_mapping(ds, name)
    dims = set(ds[name].dims)
    if own or len(dims) < 2:  # noqa: PLR2004  # a plane
        return own
    beside = (_named_mapping(ds, str(other)) for other, variable in ds.data_vars.items() if dims <= set(variable.dims))
    return next(filter(None, beside), "")


def _named_mapping(ds: xr.Dataset, name: str) -> str:
    variable = ds[name]
    pointer = variable.attrs.get("grid_mapping", variable.encoding.get("grid_mapping"))
    return pointer if isinstance(pointer, str) and pointer in ds.variables else ""


def _of_mesh(ds: xr.Dataset, name: str) -> Grid | None:
    """Return the grid of a variable on a UGRID mesh: the mesh names the coordinates of its faces, nodes and edges."""
    mesh, location = ds[name].attrs.get("mesh"), ds[name].attrs.get("location")
    if not isinstance(mesh, str) or mesh not in ds.variables:
        return None
    named = str(ds[mesh].attrs.get(f"{location}_coordinates", "")).split()
    over = [ds[item].dims for item in named if item in ds.variables]
    if len(over) != 2 or over[0] != over[1] or len(over[0]) != 1 or not set(ds[name].dims).issuperset(over[0]):  # noqa: PLR2004
        return None
    pairs = _pairs(ds[named].set_coords(named), "longitude", "latitude")
    return Grid("unstructured", *pairs[0]) if pairs else None
