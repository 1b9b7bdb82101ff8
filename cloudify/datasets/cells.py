"""Where the cells of a variable's horizontal grid are, as numbers: edges of axes, or centres and corners of cells."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import xarray as xr

from cloudify.datasets.box import rotation_of
from cloudify.datasets.grid import Grid, bounds_of, in_degrees, projection_of
from cloudify.datasets.rotated import MAPPING
from cloudify.datasets.unproject import unproject
from cloudify.errors import NoMapError

Array = np.ndarray[Any, np.dtype[Any]]

LIMIT = 2**24
"""Most cells whose places are read; each takes about 100 bytes."""
CORNERED = 2**20
"""Most cells of a projected grid whose corners are worked out; of more the centres are enough for any picture."""
_FILL = 1e30
"""Beyond this a number is netCDF's fill value."""


@dataclass(frozen=True, eq=False)
class Cells:
    """Where the cells of a horizontal grid are, in degrees."""

    kind: Literal["axes", "points"]
    """`axes`: longitudes and latitudes along a dimension each; `points`: a pair for every cell."""
    dims: tuple[str, ...]
    """Dimensions of the grid, in the order in which cells are counted; of axes (latitudes, longitudes)."""
    lon: Array
    """Of axes the edges of the columns, one more than there are; of points the centres, in one dimension."""
    lat: Array
    corners: tuple[Array, Array] | None = None
    """Of points, longitudes and latitudes of shape (cells, corners), going around."""

    @property
    def count(self) -> int:
        """Number of cells."""
        return (len(self.lon) - 1) * (len(self.lat) - 1) if self.kind == "axes" else len(self.lon)

    def centres(self) -> tuple[Array, Array]:
        """Return longitude and latitude of the middle of each cell, in one dimension."""
        if self.kind == "points":
            return self.lon, self.lat
        lon, lat = np.meshgrid((self.lon[1:] + self.lon[:-1]) / 2, (self.lat[1:] + self.lat[:-1]) / 2)
        return lon.ravel(), lat.ravel()


def cells_of(ds: xr.Dataset, name: str, grid: Grid) -> Cells:
    """Return the cells that a variable has values for. Blocks: coordinates are read.

    Parameters
    ----------
    grid
        Of the variable (`datasets.grid.grid_of`), not `none`.

    Raises
    ------
    NoMapError
        If its coordinates give no places, and why.
    """
    shape = tuple(ds.sizes[dim] for dim in _dims(ds, grid))
    if not all(shape):
        raise NoMapError(name, "its grid has no cells")
    if np.prod(shape, dtype=np.int64) > LIMIT:
        raise NoMapError(name, f"its grid has more than {LIMIT} cells")
    if grid.kind == "rectilinear":
        return _of_axes(ds, name, grid)
    if grid.kind == "projected":
        return _of_projection(ds, name, grid)
    lon, lat = (_degrees(ds, coordinate).ravel() for coordinate in (grid.lon, grid.lat))
    if not (np.isfinite(lon) & np.isfinite(lat)).any():
        projected = projection_of(ds, name)
        if projected is None:
            raise NoMapError(name, "all of its longitudes or latitudes are missing")
        return _of_projection(ds, name, projected)
    return Cells("points", _dims(ds, grid), lon, lat, _corners(ds, grid, lon.size))


def edges_of(values: Array) -> Array:
    """Return the edges between the centres of an axis, and as far beyond the first and the last.

    >>> edges_of(np.array([0.0, 1.0, 3.0])).tolist()
    [-0.5, 0.5, 2.0, 4.0]
    """
    middles = (values[1:] + values[:-1]) / 2
    return np.concatenate([[2 * values[0] - middles[0]], middles, [2 * values[-1] - middles[-1]]])


def _dims(ds: xr.Dataset, grid: Grid) -> tuple[str, ...]:
    dims = (*ds[grid.lat].dims, *ds[grid.lon].dims) if grid.kind in {"rectilinear", "projected"} else ds[grid.lon].dims
    return tuple(map(str, dims))


def _of_axes(ds: xr.Dataset, name: str, grid: Grid) -> Cells:
    lon, lat = np.unwrap(_degrees(ds, grid.lon), period=360.0), _degrees(ds, grid.lat)
    if not (_is_sorted(lon) and _is_sorted(lat)):
        pairs = np.meshgrid(_degrees(ds, grid.lon), lat)
        return Cells("points", _dims(ds, grid), pairs[0].ravel(), pairs[1].ravel())
    edges = _edges(ds, name, grid.lon, lon), _edges(ds, name, grid.lat, lat)
    return Cells("axes", _dims(ds, grid), edges[0], np.clip(edges[1], -90.0, 90.0))


def _is_sorted(values: Array) -> bool:
    steps = np.diff(values)
    return bool(np.isfinite(values).all() and (np.all(steps > 0) or np.all(steps < 0)))


def _edges(ds: xr.Dataset, name: str, axis: str, values: Array) -> Array:
    """Return the edges of an axis: those of its bounds where these leave no gaps, else halfway between centres."""
    bounds = _bounds_of_axis(ds, axis, values)
    if bounds is not None:
        return bounds
    if len(values) == 1:
        raise NoMapError(name, f"its coordinate {axis!r} has one value and no bounds")
    return edges_of(values)


def _bounds_of_axis(ds: xr.Dataset, axis: str, values: Array) -> Array | None:
    pointer = bounds_of(ds, axis)
    if not pointer or ds[pointer].shape != (len(values), 2):
        return None
    pairs = ds[pointer].to_numpy().astype(np.float64) * in_degrees(ds[axis].variable)
    pairs = np.sort(pairs, axis=1) if values[-1] >= values[0] else -np.sort(-pairs, axis=1)
    edges = np.append(pairs[:, 0], pairs[-1, 1])
    inner, outer = (np.minimum, np.maximum) if values[-1] >= values[0] else (np.maximum, np.minimum)
    holds = (inner(pairs[:, 0], values) == pairs[:, 0]).all() and (outer(pairs[:, 1], values) == pairs[:, 1]).all()
    meets = np.allclose(pairs[1:, 0], pairs[:-1, 1], atol=1e-4)
    return edges if holds and meets and np.isfinite(edges).all() else None


def _of_projection(ds: xr.Dataset, name: str, grid: Grid) -> Cells:
    x, y = (ds[axis].to_numpy().astype(np.float64) for axis in (grid.lon, grid.lat))
    if min(len(x), len(y)) < 2 or not (np.isfinite(x).all() and np.isfinite(y).all()):  # noqa: PLR2004  # an edge needs two
        raise NoMapError(name, "its projected coordinates are no axes of two values or more")
    lon, lat = _places(ds, name, grid, *np.meshgrid(x, y))
    corners = None
    if lon.size <= CORNERED:
        at = _places(ds, name, grid, *np.meshgrid(edges_of(x), edges_of(y)))
        corners = _around(at[0]), _around(at[1])
    return Cells("points", _dims(ds, grid), lon.ravel(), lat.ravel(), corners)


def _around(edges: Array) -> Array:
    """Return the four corners of each cell between edges of shape (rows + 1, columns + 1)."""
    around = (edges[:-1, :-1], edges[:-1, 1:], edges[1:, 1:], edges[1:, :-1])
    return np.stack([corner.ravel() for corner in around], axis=1)


def _places(ds: xr.Dataset, name: str, grid: Grid, x: Array, y: Array) -> tuple[Array, Array]:
    if grid.mapping == MAPPING:
        return rotation_of(ds, name).places(x, y)
    return unproject(ds, name, grid, x, y)


def _corners(ds: xr.Dataset, grid: Grid, count: int) -> tuple[Array, Array] | None:
    """Return the corners of cells that have their own coordinates, None where the file has none."""
    names = bounds_of(ds, grid.lon), bounds_of(ds, grid.lat)
    if not all(names):
        return None
    found = []
    for pointer, centre in zip(names, (grid.lon, grid.lat), strict=True):
        values = ds[pointer].to_numpy().astype(np.float64)
        if ds[pointer].dims[:-1] != ds[centre].dims or values.shape[-1] < 3 or values.size % count:  # noqa: PLR2004  # a polygon
            return None
        unit = ds[pointer].variable if "units" in ds[pointer].attrs else ds[centre].variable
        found.append(_present(values.reshape(count, -1)) * in_degrees(unit))
    return found[0], found[1]


def _degrees(ds: xr.Dataset, coordinate: str) -> Array:
    return _present(ds[coordinate].to_numpy().astype(np.float64)) * in_degrees(ds[coordinate].variable)


def _present(values: Array) -> Array:
    return np.where(np.abs(values) < _FILL, values, np.nan)
