"""The middles of cells as the source has them, and which of them is nearest to a place."""

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import xarray as xr

from cloudify.datasets.cells import cells_of
from cloudify.datasets.grid import in_degrees
from cloudify.datasets.opened import Opened
from cloudify.datasets.sphere import distances_km, unit_vectors
from cloudify.datasets.subject import Subject

if TYPE_CHECKING:
    from scipy.spatial import cKDTree

Array = np.ndarray[Any, np.dtype[Any]]

TREE = 2**22
"""Most cells of which a tree is made, in some seconds and 300 MB; of more each is looked at, in about a second."""


@dataclass(frozen=True, eq=False)
class Centres:
    """Where the cells of a grid are said to be, in degrees. Safe to use from many threads."""

    kind: Literal["axes", "points"]
    """As of `Cells`; of axes in any order."""
    dims: tuple[str, ...]
    """Dimensions of the grid, in the order in which cells are counted; of axes (latitudes, longitudes)."""
    lon: Array
    """As the source writes them, on any turn; NaN where it says nothing. Of axes one for each column, else for each
    cell."""
    lat: Array

    @property
    def count(self) -> int:
        """Number of cells."""
        return len(self.lon) * len(self.lat) if self.kind == "axes" else len(self.lon)

    def at(self, cells: Array) -> tuple[Array, Array]:
        """Return longitudes and latitudes of some cells by their numbers."""
        if self.kind == "points":
            return self.lon[cells], self.lat[cells]
        rows, columns = np.divmod(cells, len(self.lon))
        return self.lon[columns], self.lat[rows]

    def nearest(self, lon: float, lat: float) -> int | None:
        """Return the number of the cell whose centre is nearest by great circle, None where none has a place.

        On axes the column nearest in longitude is nearest at every latitude: the cosine of the distance is
        ``cos p cos p' cos(l - l') + sin p sin p'``, which grows with ``cos(l - l')``.
        """
        if self.kind == "axes":
            column = _least(np.abs((self.lon - lon + 180.0) % 360.0 - 180.0))
            row = None if column is None else _least(distances_km(lon, lat, self.lon[column], self.lat))
            return None if row is None or column is None else row * len(self.lon) + column
        if self.count > TREE:
            return _least(distances_km(lon, lat, self.lon, self.lat))
        usable, tree = self._tree
        return int(usable[tree.query(unit_vectors(np.array(lon), np.array(lat)))[1]]) if usable.size else None

    def nearest_of(self, cells: Array, lon: float, lat: float) -> int | None:
        """Return the nearest of some cells, as `nearest` does."""
        place = _least(distances_km(lon, lat, *self.at(cells)))
        return None if place is None else int(cells[place])

    @cached_property
    def _tree(self) -> "tuple[Array, cKDTree]":
        """The cells that have a place, and a tree of them: made when it is first needed."""
        from scipy.spatial import cKDTree  # noqa: PLC0415  # a tenth of a second, for those who look for cells

        usable = np.flatnonzero(np.isfinite(self.lon) & np.isfinite(self.lat))
        return usable, cKDTree(unit_vectors(self.lon[usable], self.lat[usable]))


def centres_of(opened: Opened, subject: Subject) -> Centres:
    """Return the centres of the cells that a variable with a grid has values for; found once. Blocks.

    Raises
    ------
    NoMapError
        If its coordinates give no places, and why.
    """
    return opened.derived(f"centres {subject.place}", lambda one: _find(one, subject))


def _find(opened: Opened, subject: Subject) -> Centres:
    ds, grid = subject.ds, subject.grid
    if grid.kind == "rectilinear":
        return Centres("axes", subject.horizontal, _degrees(ds[grid.lon]), _degrees(ds[grid.lat]))
    cells = opened.derived(f"cells {subject.place}", lambda _: cells_of(ds, subject.name, grid))
    return Centres("points", cells.dims, cells.lon, cells.lat)


def _least(values: Array) -> int | None:
    return int(np.nanargmin(values)) if np.isfinite(values).any() else None


def _degrees(coordinate: xr.DataArray) -> Array:
    values = coordinate.to_numpy().astype(np.float64) * in_degrees(coordinate.variable)
    return np.where(np.abs(values) < 1e30, values, np.nan)  # noqa: PLR2004  # netCDF's fill value
