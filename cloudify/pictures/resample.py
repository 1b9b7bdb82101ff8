"""Which cell each pixel of a map shows: a table of indices, made once for a grid and a view.

A pixel shows the cell that its middle lies in. Cells with corners are tested as spherical polygons; of those without,
or whose corners do not go around their centre, the nearest by great circle is taken, if it is no farther than its own
neighbours are.
"""

from typing import Any

import numpy as np
from scipy.spatial import cKDTree

from cloudify.datasets.cells import Cells
from cloudify.datasets.sphere import unit_vectors
from cloudify.pictures.view import Array, View

NONE = -1
"""In a table: no cell is here."""
CANDIDATES = 8
"""Cells whose centres are nearest to a pixel, of which one is looked for that holds it."""
REACH = 1.1
"""How much farther than to its neighbours a centre may be from a pixel it is shown in."""
_INSIDE = -1e-12
"""Rounding allowed on the edge of a polygon: on the unit sphere, 6 micrometres on the Earth."""


def index_table(cells: Cells, view: View) -> np.ndarray[Any, np.dtype[np.int32]]:
    """Return for each pixel of `view`, of shape (height, width), the cell it shows; rows of axes run along latitudes.

    `NONE` where there is no cell.
    """
    if cells.kind == "axes":
        columns = _along(cells.lon, _turned(view.lons, float(np.min(cells.lon))))
        rows = _along(cells.lat, view.lats)
        table = rows[:, None] * (len(cells.lon) - 1) + columns[None, :]
        table[(rows < 0)[:, None] | (columns < 0)[None, :]] = NONE
        return table.astype(np.int32)
    return _of_points(cells, view)


def cell_size(table: np.ndarray[Any, np.dtype[np.int32]]) -> tuple[float, float]:
    """Return how many pixels wide and high a cell is shown, as a mean of those that are; 1 where there are none.

    >>> cell_size(np.array([[0, 0, 1, 1], [0, 0, 1, 1], [-1, -1, -1, -1]], np.int32))
    (2.0, 2.0)
    """
    return _mean_run(table), _mean_run(table.T)


def _mean_run(table: np.ndarray[Any, np.dtype[np.int32]]) -> float:
    """Return how long runs of the same cell are along rows, by how often the next pixel shows another."""
    shown = table >= 0
    beginnings = shown.copy()
    beginnings[:, 1:] &= table[:, 1:] != table[:, :-1]
    return int(np.count_nonzero(shown)) / max(1, int(np.count_nonzero(beginnings))) or 1.0


def _turned(lons: Array, first: float) -> Array:
    """Return longitudes on the turn that begins at `first`."""
    return (lons - first) % 360 + first


def _along(edges: Array, places: Array) -> Array:
    """Return between which edges each place lies, `NONE` beyond them; edges may fall."""
    if edges[0] > edges[-1]:
        found = _along(edges[::-1], places)
        return np.where(found < 0, NONE, len(edges) - 2 - found)
    found = np.searchsorted(edges, places, side="right") - 1
    found[places == edges[-1]] = len(edges) - 2
    return np.where((found < 0) | (found > len(edges) - 2), NONE, found)


def _of_points(cells: Cells, view: View) -> np.ndarray[Any, np.dtype[np.int32]]:
    usable = np.flatnonzero(np.isfinite(cells.lon) & np.isfinite(cells.lat))
    table = np.full(view.width * view.height, NONE, np.int32)
    if not usable.size:
        return table.reshape(view.height, view.width)
    centres = unit_vectors(cells.lon[usable], cells.lat[usable])
    tree = cKDTree(centres)
    lons, lats = np.meshgrid(view.lons, view.lats)
    pixels = unit_vectors(lons.ravel(), lats.ravel())
    near = min(CANDIDATES if cells.corners is not None else 1, len(usable))
    distances, found = tree.query(pixels, k=[*range(1, near + 1)], workers=-1)
    nearest = found[:, 0]
    shown = distances[:, 0] <= REACH * _spacing(tree, centres)[nearest]
    if cells.corners is not None:
        edges = _edges(unit_vectors(cells.corners[0][usable], cells.corners[1][usable]))
        held = _holding(pixels, found, edges)
        cornerless = ~(np.einsum("cek,ck->ce", edges, centres) >= 0).all(axis=1)
        nearest = np.where(held >= 0, held, nearest)
        shown = (held >= 0) | (shown & cornerless[nearest])
    table[shown] = usable[nearest[shown]]
    return table.reshape(view.height, view.width)


def _spacing(tree: cKDTree, centres: Array) -> Array:
    """Return how far the neighbours of each centre are: the fourth nearest, as on a plane of squares."""
    if len(centres) == 1:
        return np.array([0.0])
    distances, _ = tree.query(centres, k=min(5, len(centres)), workers=-1)
    return np.asarray(distances[:, -1])


def _edges(corners: Array) -> Array:
    """Return the normals of the planes through the edges of each polygon, of shape (cells, corners, 3), all inward."""
    normals = np.cross(corners, np.roll(corners, -1, axis=1))
    middle = corners.sum(axis=1)
    side = np.sign(np.einsum("cek,ck->ce", normals, middle).sum(axis=1))
    return np.asarray(normals * side[:, None, None])


def _holding(pixels: Array, found: Array, edges: Array) -> Array:
    """Return for each pixel the first of its candidates whose polygon holds it, `NONE` where none does."""
    held = np.full(len(pixels), NONE)
    open_ = np.arange(len(pixels))
    for rank in range(found.shape[1]):
        candidate = found[open_, rank]
        sides = np.einsum("pek,pk->pe", edges[candidate], pixels[open_])
        inside = (sides >= _INSIDE).all(axis=1)
        held[open_[inside]] = candidate[inside]
        open_ = open_[~inside]
    return held
