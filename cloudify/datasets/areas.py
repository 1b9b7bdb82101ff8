"""How large the cells of a grid are: the weights of means over an area."""

import re
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import xarray as xr

from cloudify.datasets.cells import Cells, cells_of
from cloudify.datasets.grid import Grid
from cloudify.datasets.opened import Opened
from cloudify.datasets.sphere import EARTH_KM, unit_vectors
from cloudify.datasets.subject import Subject
from cloudify.model.stop import go_on

Array = np.ndarray[Any, np.dtype[Any]]
Method = Literal["cell_measures", "edges", "corners", "neighbours", "coslat", "equal"]

_KM2 = {"m2": 1e-6, "m^2": 1e-6, "m**2": 1e-6, "km2": 1.0, "km^2": 1.0, "km**2": 1.0}
"""Units of a cell measure -> square kilometres."""
_BLOCK = 2**18
"""Cells with corners that are worked on at once; each takes some 300 bytes."""
_LARGEST = 4 * np.pi * (1 + 1e-9)
"""The whole sphere; what is larger is a fill value."""


@dataclass(frozen=True, eq=False)
class Areas:
    """How large each cell is."""

    values: Array
    """float64 of shape (cells,), in the order in which `Cells` counts them (C order of `Cells.dims`): steradians, or
    relative to each other where the method knows no more. Never negative or NaN; 0 where a cell has no place or size.
    """
    method: Method
    """How they were found, the first of these that can be:

    - `cell_measures`: the source says (CF, section 7.2);
    - `edges`: exact between meridians and parallels;
    - `corners`: spherical polygons, exact for edges that are great circles;
    - `neighbours`: the parallelogram between the neighbours of a cell, of a grid of two dimensions without corners;
    - `coslat`: the cosine of latitude, of axes out of order: relative;
    - `equal`: one and the same, of points without cells: relative.
    """

    @property
    def is_relative(self) -> bool:
        """Whether they are no steradians."""
        return self.method in {"coslat", "equal"}


def areas_of(ds: xr.Dataset, name: str, grid: Grid, cells: Cells) -> Areas:
    """Return how large the cells are that a variable has values for. Blocks: a cell measure is read, if there is one.

    Parameters
    ----------
    grid, cells
        Of the variable (`datasets.grid.grid_of`, `datasets.cells.cells_of`).

    Notes
    -----
    With longitude l and latitude p, a cell between edges is ``|l2 - l1| * |sin p2 - sin p1|``. A polygon of unit
    vectors is the sum over its triangles (a, b, c) from its first corner of
    ``2 atan2(a.(b x c), 1 + a.b + b.c + c.a)``: A. Van Oosterom and J. Strackee, "The solid angle of a plane triangle",
    IEEE Trans. Biomed. Eng. 30 (1983), 125-126. Between neighbours it is ``|dr/di x dr/dj|`` of the centres r, by
    central differences, of second order in the spacing.
    """
    measured = _measured(ds, name, cells)
    if measured is not None:
        return Areas(measured, "cell_measures")
    if cells.kind == "axes":
        widths, heights = np.abs(np.diff(np.radians(cells.lon))), np.abs(np.diff(np.sin(np.radians(cells.lat))))
        return Areas(np.outer(heights, widths).ravel(), "edges")
    cornered = _of_corners(*cells.corners) if cells.corners is not None else None
    if cornered is not None and cornered.any():
        return Areas(cornered, "corners")
    if grid.kind == "rectilinear":
        return Areas(_plain(np.cos(np.radians(cells.lat))), "coslat")
    shape = tuple(ds.sizes[dim] for dim in cells.dims)
    if len(shape) == 2 and min(shape) > 1:  # noqa: PLR2004  # a plane
        return Areas(_between_neighbours(cells.lon.reshape(shape), cells.lat.reshape(shape)), "neighbours")
    return Areas((np.isfinite(cells.lon) & np.isfinite(cells.lat)).astype(np.float64), "equal")


def cells_and_areas(opened: Opened, subject: Subject) -> tuple[Cells, Areas]:
    """Return the cells of a variable with a grid, and how large they are; worked out once for a dataset. Blocks.

    Raises
    ------
    NoMapError
        If its coordinates give no places, and why.
    """
    ds, name, grid = subject.ds, subject.name, subject.grid
    cells = opened.derived(f"cells {subject.place}", lambda _: cells_of(ds, name, grid))
    key = f"areas {subject.place} {measure_of(ds, name)}"
    return cells, opened.derived(key, lambda _: areas_of(ds, name, grid, cells))


def measure_of(ds: xr.Dataset, name: str) -> str:
    """Return the name of the variable that holds the areas of the cells of another, ``""`` where none does."""
    variable = ds[name]
    said = variable.attrs.get("cell_measures", variable.encoding.get("cell_measures"))
    match = re.search(r"\barea:\s*(\S+)", said) if isinstance(said, str) else None
    return match[1] if match and match[1] in ds.variables else ""


def _measured(ds: xr.Dataset, name: str, cells: Cells) -> Array | None:
    """Return the areas that the source states, None where it states none that can be understood."""
    pointer = measure_of(ds, name)
    if not pointer:
        return None
    variable = ds[pointer].squeeze(drop=True)  # some have a time of length one
    km2 = _KM2.get(str(variable.attrs.get("units")).strip())
    wanted = [dim for dim in cells.dims if dim in variable.dims]
    if km2 is None or variable.dtype.kind not in "iuf" or {*variable.dims} != {*wanted} or variable.size != cells.count:
        return None
    areas = _plain(variable.transpose(*wanted).to_numpy().astype(np.float64).ravel() * km2 / EARTH_KM**2)
    return areas if areas.any() else None


def _of_corners(lon: Array, lat: Array) -> Array:
    """Return the areas of polygons of shape (cells, corners), in steradians; a corner that is missing is left out."""
    areas = np.zeros(len(lon))
    for start in range(0, len(lon), _BLOCK):
        go_on()
        span = slice(start, start + _BLOCK)
        areas[span] = _of_polygons(unit_vectors(lon[span], lat[span]))
    return _plain(areas)


def _of_polygons(corners: Array) -> Array:
    first = corners[:, :1]
    corners = np.where(np.isfinite(corners), corners, first)  # a triangle with the same corner twice has no area
    b, c = corners[:, 1:-1], corners[:, 2:]
    # by differences: of small cells the corners themselves agree in most digits
    triple = np.einsum("cek,cek->ce", np.broadcast_to(first, b.shape), np.cross(b - first, c - first))
    with_first = np.einsum("cek,cek->ce", b + c, np.broadcast_to(first, b.shape))
    excess = 2 * np.arctan2(triple, 1 + with_first + np.einsum("cek,cek->ce", b, c))
    return np.asarray(np.abs(excess.sum(axis=1)))


def _between_neighbours(lon: Array, lat: Array) -> Array:
    """Return the areas of cells about centres of shape (rows, columns), in steradians."""
    centres = unit_vectors(lon, lat)
    rows, columns = np.gradient(centres, axis=(0, 1))
    return _plain(np.linalg.norm(np.cross(rows, columns), axis=-1).ravel())


def _plain(areas: Array) -> Array:
    return np.where(np.isfinite(areas) & (areas > 0) & (areas <= _LARGEST), areas, 0.0)
