"""Which cell each pixel of a map shows: a table of indices, made once for a grid and a view.

A pixel shows the cell that its middle lies in. Cells with corners are tested as spherical polygons; of those without,
or whose corners do not go around their centre, the nearest by great circle is taken, if it is no farther than its own
neighbours are.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from cloudify.datasets.cells import Cells
from cloudify.datasets.sphere import unit_vectors
from cloudify.model.stop import go_on
from cloudify.pictures.view import Array

if TYPE_CHECKING:
    from scipy.spatial import cKDTree

NONE = -1
"""In a table: no cell is here."""
CANDIDATES = 8
"""Cells whose centres are nearest to a pixel, of which one is looked for that holds it."""
REACH = 1.1
"""How much farther than to its neighbours a centre may be from a pixel it is shown in."""
BLOCK = 2**18
"""Pixels that are looked up at once, at about 500 bytes each."""
_POLE = 90.0
_ROUNDING = 1e-9
_INSIDE = -1e-12
"""Rounding allowed on the edge of a polygon: on the unit sphere, 6 micrometres on the Earth."""

Table = np.ndarray[Any, np.dtype[np.int32]]


class Pixels(Protocol):
    """A map on pixels: every row has a latitude, every column a longitude."""

    @property
    def lons(self) -> Array:
        """Longitude of each column, on any turn."""
        ...

    @property
    def lats(self) -> Array:
        """Latitude of each row; beyond the poles there is nothing."""
        ...


@dataclass(frozen=True, eq=False)
class Near:
    """Cells that are points, so arranged that those near a place are found."""

    cells: Cells
    usable: Array
    """The numbers of those that have a place."""
    centres: Array
    """Their unit vectors."""
    tree: "cKDTree"

    @cached_property
    def reach(self) -> float:
        """How far from its centre a place in any of the cells can be: beyond it nothing needs to be looked for.

        From afar all cells are about as near, and a tree looks at most of them.
        """
        count, farthest = len(self.usable), 0.0
        for start in range(0, count, BLOCK):
            go_on()
            part = np.arange(start, min(count, start + BLOCK))
            if self.cells.corners is not None:
                corners = self.corners(part)
                away = np.linalg.norm(corners - self.centres[part, None], axis=2).max(axis=1)
                farthest = max(farthest, float(np.fmax.reduce(away, initial=0.0)))  # a missing corner holds nothing
                part = part[_are_cornerless(_edges(corners), self.centres[part])]
            farthest = max(farthest, float(REACH * _spacing(self, part).max(initial=0.0)))
        return farthest * (1 + _ROUNDING)

    def corners(self, which: Array) -> Array:
        """Return the unit vectors of the corners of some of the usable cells, which have some."""
        lon, lat = self.cells.corners or (np.empty((0, 0)), np.empty((0, 0)))
        return unit_vectors(lon[self.usable[which]], lat[self.usable[which]])

    @property
    def nbytes(self) -> int:
        """About what it takes beyond its cells."""
        return int(self.usable.nbytes + 3 * self.centres.nbytes)


def near_of(cells: Cells) -> Near | None:
    """Arrange the cells of a grid; None of axes, along which nothing needs to be looked for."""
    if cells.kind == "axes":
        return None
    from scipy.spatial import cKDTree  # noqa: PLC0415  # a tenth of a second, for those who look for cells

    usable = np.flatnonzero(np.isfinite(cells.lon) & np.isfinite(cells.lat))
    centres = unit_vectors(cells.lon[usable], cells.lat[usable])
    return Near(cells, usable, centres, cKDTree(centres))


def index_table(cells: Cells, view: Pixels, near: Near | None = None) -> Table:
    """Return for each pixel of `view`, of shape (height, width), the cell it shows; rows of axes run along latitudes.

    `NONE` where there is no cell. `near` is `near_of(cells)`, where somebody has it already.
    """
    if cells.kind == "axes":
        columns = _along(cells.lon, _turned(view.lons, float(np.min(cells.lon))))
        rows = _along(cells.lat, view.lats)
        table = rows[:, None] * (len(cells.lon) - 1) + columns[None, :]
        table[(rows < 0)[:, None] | (columns < 0)[None, :]] = NONE
        return table.astype(np.int32)
    near = near or near_of(cells)
    return np.full((len(view.lats), len(view.lons)), NONE, np.int32) if near is None else _of_points(near, view)


def cell_size(table: Table) -> tuple[float, float]:
    """Return how many pixels wide and high a cell is shown, as a mean of those that are; 1 where there are none.

    >>> cell_size(np.array([[0, 0, 1, 1], [0, 0, 1, 1], [-1, -1, -1, -1]], np.int32))
    (2.0, 2.0)
    """
    return _mean_run(table), _mean_run(table.T)


def _mean_run(table: Table) -> float:
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


def _of_points(near: Near, view: Pixels) -> Table:
    table = np.full((len(view.lats), len(view.lons)), NONE, np.int32)
    rows: Array = np.flatnonzero((np.abs(view.lats) <= _POLE) & bool(near.usable.size))
    at_once = max(1, BLOCK // max(1, len(view.lons)))
    for start in range(0, len(rows), at_once):
        go_on()
        block = rows[start : start + at_once]
        lons, lats = np.meshgrid(view.lons, view.lats[block])
        table[block] = _cells_at(near, unit_vectors(lons.ravel(), lats.ravel())).reshape(lons.shape)
    return table


def _cells_at(near: Near, places: Array) -> Table:
    """Return which cell is at each place, unit vectors of shape (places, 3); `NONE` where none is."""
    cells, usable = near.cells, near.usable
    count = min(CANDIDATES if cells.corners is not None else 1, len(usable))
    query = {"k": [*range(1, count + 1)], "distance_upper_bound": near.reach, "workers": -1}
    distances, found = near.tree.query(places, **query)
    within = np.flatnonzero(np.isfinite(distances[:, 0]))
    table = np.full(len(places), NONE, np.int32)
    if not within.size:
        return table
    places, distances = places[within], distances[within]
    found = np.where(
        np.isfinite(distances), found[within], found[within, :1]
    )  # fewer than asked for: the nearest again
    looked, at = _distinct(found, len(usable))
    shown = distances[:, 0] <= REACH * _spacing(near, looked)[at[:, 0]]
    chosen = at[:, 0]
    if cells.corners is not None:
        edges = _edges(near.corners(looked))
        held = _holding(places, at, edges)
        shown = (held >= 0) | (shown & _are_cornerless(edges, near.centres[looked])[chosen])
        chosen = np.where(held >= 0, held, chosen)
    table[within] = np.where(shown, usable[looked[chosen]], NONE)
    return table


def _are_cornerless(edges: Array, centres: Array) -> Array:
    """Return which cells have corners that do not go around their centre: they are taken to have none."""
    return np.asarray(~(np.einsum("cek,ck->ce", edges, centres) >= 0).all(axis=1))


def _distinct(found: Array, count: int) -> tuple[Array, Array]:
    """Return which numbers below `count` occur, and for each that was found its place among these."""
    occurs = np.zeros(count, bool)
    occurs[found] = True
    looked = np.flatnonzero(occurs)
    place = np.cumsum(occurs) - 1
    return looked, place[found]


def _spacing(near: Near, looked: Array) -> Array:
    """Return how far the neighbours of some centres are: the fourth nearest, as on a plane of squares."""
    if len(near.usable) == 1:
        return np.zeros(len(looked))
    distances, _ = near.tree.query(near.centres[looked], k=min(5, len(near.usable)), workers=-1)
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
