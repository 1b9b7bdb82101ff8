"""Which cells of a grid lie in a range of longitudes and latitudes, both ends included, or nearest to a place.

Longitudes are turned: ``-20,45`` is found on a grid of 0..360 and ``170,-170`` crosses the date line on any grid, from
west to east as asked. On axes the cells are columns and rows. Of a curvilinear or projected grid they are the smallest
box of indices that holds them, and a mask that says which of its cells are meant; of an unstructured grid they are
those cells and no others.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import xarray as xr

from cloudify.datasets.cells import LIMIT, cells_of
from cloudify.datasets.grid import in_degrees, roles_of
from cloudify.datasets.ranges import slack_of
from cloudify.datasets.subject import Subject
from cloudify.errors import BadSelectionError
from cloudify.model.selection import Pick

Array = np.ndarray[Any, np.dtype[Any]]

_FILL = 1e30
"""Beyond this a number is netCDF's fill value."""
_MOST_DEGREES = 3600.0
_NEAR = 0.5 + 1e-9
"""Of a step: how far beside an axis a place may be that is taken for its end."""
_SAME = 1e-9
"""Of the radius: cells that are no farther apart are one, as where a grid overlaps itself."""
_AFAR = 2.0
"""Of the distance of two cells: how far a place may be from the cell that is taken for it."""


@dataclass(frozen=True, eq=False)
class Region:
    """Cells of a grid."""

    along: dict[str, Array]
    """Dimension -> positions that hold them; of longitudes from west to east."""
    mask: Array | None = None
    """Of shape `along`, True for the cells that are meant; None for all."""
    turned: dict[str, Array] = field(default_factory=dict)
    """Coordinate of longitudes -> whole turns to add to each, where they would not run one way as they are stored."""


def region_of(subject: Subject, lon: Pick | None, lat: Pick | None) -> Region:
    """Return what is picked of longitudes and latitudes. Blocks: coordinates are read.

    Raises
    ------
    BadSelectionError
        If no cell is, saying where they are, or the grid has no such places.
    NoMapError
        If a projected grid cannot be placed.
    """
    ds, grid = subject.ds, subject.grid
    for pick in (lon, lat):
        if pick is not None:
            _numbers(pick)
    if grid.kind == "rectilinear":
        return _of_axes(ds, grid.lon, grid.lat, lon, lat)
    if grid.kind == "none":
        return _of_axes(ds, lone_axis(subject, "longitude"), lone_axis(subject, "latitude"), lon, lat)
    x, y, shape = _centres(subject)
    if _is_place(lon) or _is_place(lat):
        cells = np.array([_nearest_cell(x, y, lon, lat)])
    else:
        cells = np.flatnonzero(_is_within(x, lon) & _is_between(y, lat))
        if not cells.size:
            raise BadSelectionError(f"{_written(lon, lat)} holds no cell: {_extent(x, y)}")
    if len(shape) == 1:
        return Region({subject.horizontal[0]: cells})
    return _box(subject.horizontal, np.unravel_index(cells, shape))


def lone_axis(subject: Subject, kind: str) -> str:
    """Return the coordinate of longitudes or latitudes of a variable that has one of them only, ``""`` without it."""
    named = roles_of(subject.ds).get(kind, [])
    along = {axis.coordinate for axis in subject.axes} - {""}
    return next((str(name) for name in named if name in along), "")


def _of_axes(ds: xr.Dataset, x: str, y: str, lon: Pick | None, lat: Pick | None) -> Region:
    along: dict[str, Array] = {}
    turned: dict[str, Array] = {}
    if lat is not None:
        values = _degrees(ds, y)
        along[str(ds[y].dims[0])] = (
            np.array([_nearest(lat, values, values)]) if lat.high is None else _rows(lat, values, slack_of(values))
        )
    if lon is not None:
        values = _degrees(ds, x)
        dim = str(ds[x].dims[0])
        if lon.high is None:
            # beside the place, whichever turn it is written in
            beside = lon_number(lon) + (values - lon_number(lon) + 180.0) % 360.0 - 180.0
            along[dim] = np.array([_nearest(lon, beside, values)])
        else:
            along[dim], turns = _columns(lon, values, slack_of(ds[x].to_numpy()) * in_degrees(ds[x].variable))
            if turns.any():
                turned[x] = turns
    return Region(along, None, turned)


def lon_number(pick: Pick) -> float:
    """Return the number of a single value, which `region_of` has looked at."""
    return _numbers(pick)[0]


def _rows(pick: Pick, values: Array, slack: float) -> Array:
    low, high = _numbers(pick)
    if low > high:
        raise BadSelectionError(f"{pick.written} selects nothing: its end is south of its start")
    found = np.flatnonzero((values >= low - slack) & (values <= high + slack))
    if not found.size:
        raise BadSelectionError(f"{pick.written} selects nothing: its latitudes are {_span(values)}")
    return found


def _columns(pick: Pick, values: Array, slack: float) -> tuple[Array, Array]:
    """Return positions, as the axis runs from where the range begins, and turns to add to what is stored there."""
    low, high = _numbers(pick)
    width = _width(low, high)
    east = (values - low + slack) % 360.0 - slack
    found = np.flatnonzero(east <= width + slack)
    if not found.size:
        raise BadSelectionError(f"{pick.written} selects nothing: its longitudes are {_span(values)}")
    step = max(slack, 1e-9)
    found = found[np.argsort(np.round(east[found] / step), kind="stable")]
    found = found[np.append(True, np.diff(east[found]) > 2 * step)]  # 0 and 360 are one column
    for turn in np.unique(np.floor((values[found] - low + slack) / 360.0)):
        start = low + 360.0 * turn
        as_stored = np.flatnonzero((values >= start - slack) & (values <= start + width + slack))
        if as_stored.size >= found.size:  # nothing lies in another turn
            return as_stored, np.zeros(as_stored.size)
    if np.sum(np.diff(values) < 0) > values.size / 2:
        found = found[::-1]
    return found, np.round((low + east[found] - values[found]) / 360.0)


def _width(low: float, high: float) -> float:
    return min(360.0, high - low) if high >= low else (high - low) % 360.0


def _nearest(pick: Pick, values: Array, stored: Array) -> int:
    wanted = lon_number(pick)
    present = np.flatnonzero(np.isfinite(values))
    if present.size:
        place = int(present[np.abs(values[present] - wanted).argmin()])
        steps = np.abs(np.diff(stored[present]))
        reach = _NEAR * float(np.median(steps)) if steps.size else 1e-6
        if abs(values[place] - wanted) <= max(reach, 1e-6):
            return place
    raise BadSelectionError(f"{pick.written} lies outside the grid: its values are {_span(stored)}")


def _centres(subject: Subject) -> tuple[Array, Array, tuple[int, ...]]:
    """Return longitudes and latitudes of all cells, flat, in degrees, and the shape of the grid."""
    ds, grid = subject.ds, subject.grid
    shape = tuple(ds.sizes[dim] for dim in subject.horizontal)
    if np.prod(shape, dtype=np.int64) > LIMIT:
        raise BadSelectionError(f"its grid has more than the {LIMIT} cells whose places are looked through")
    if grid.kind != "projected":
        lon, lat = _degrees(ds, grid.lon).ravel(), _degrees(ds, grid.lat).ravel()
        if (np.isfinite(lon) & np.isfinite(lat)).any():
            return lon, lat, shape
    return *cells_of(ds, subject.name, grid).centres(), shape


def _is_within(lon: Array, pick: Pick | None) -> Array:
    if pick is None:
        return np.isfinite(lon)
    low, high = _numbers(pick)
    slack = 1e-6
    found: Array = (lon - low + slack) % 360.0 - slack <= _width(low, high) + slack
    return found


def _is_between(lat: Array, pick: Pick | None) -> Array:
    if pick is None:
        return np.isfinite(lat)
    low, high = _numbers(pick)
    if low > high:
        raise BadSelectionError(f"{pick.written} selects nothing: its end is south of its start")
    found: Array = (lat >= low - 1e-6) & (lat <= high + 1e-6)
    return found


def _nearest_cell(lon: Array, lat: Array, x: Pick | None, y: Pick | None) -> int:
    """Return the cell whose centre is nearest by great circle."""
    if x is None or y is None or x.high is not None or y.high is not None:
        raise BadSelectionError(
            f"{_written(x, y)}: on this grid a place is a longitude and a latitude, lon=10&lat=50; a region has ranges"
        )
    points = _unit_vectors(lon, lat)
    far = _distance(points, _unit_vectors(np.array([lon_number(x)]), np.array([lon_number(y)]))[0])
    cell = int(np.nanargmin(far))
    apart = _distance(points, points[cell])
    apart[(apart < _SAME) | np.isnan(apart)] = np.inf
    if apart.size > 1 and far[cell] > _AFAR * float(apart.min()) and np.isfinite(apart.min()):
        raise BadSelectionError(f"{_written(x, y)} lies outside the grid: {_extent(lon, lat)}")
    return cell


def _unit_vectors(lon: Array, lat: Array) -> Array:
    x, y = np.radians(lon), np.radians(lat)
    return np.stack([np.cos(y) * np.cos(x), np.cos(y) * np.sin(x), np.sin(y)], axis=-1)


def _distance(points: Array, point: Array) -> Array:
    distance: Array = np.sqrt(((points - point) ** 2).sum(axis=-1))
    return distance


def _box(dims: tuple[str, ...], places: tuple[Array, ...]) -> Region:
    starts = [int(along.min()) for along in places]
    shape = tuple(int(along.max()) + 1 - start for along, start in zip(places, starts, strict=True))
    mask = np.zeros(shape, bool)
    mask[tuple(along - start for along, start in zip(places, starts, strict=True))] = True
    along = {dim: np.arange(start, start + n) for dim, start, n in zip(dims, starts, shape, strict=True)}
    return Region(along, None if mask.all() else mask)


def _numbers(pick: Pick) -> tuple[float, float]:
    """Return the two ends of a range, of a single value twice the same."""
    bounds = (pick.low, pick.high or pick.low)
    if any(bound.text.isalpha() or bound.date for bound in bounds):
        raise BadSelectionError(f"{pick.written}: longitudes and latitudes are a number or lo,hi in degrees")
    low, high = (float(bound.text) for bound in bounds)
    if not max(abs(low), abs(high)) <= _MOST_DEGREES:
        raise BadSelectionError(f"{pick.written}: expected degrees, within ten turns")
    return low, high


def _is_place(pick: Pick | None) -> bool:
    return pick is not None and pick.high is None


def _degrees(ds: xr.Dataset, coordinate: str) -> Array:
    if ds[coordinate].dtype.kind not in "iuf":
        raise BadSelectionError(f"{coordinate!r} holds no numbers, so no place can be found")
    values = ds[coordinate].to_numpy().astype(np.float64)
    return np.where(np.abs(values) < _FILL, values, np.nan) * in_degrees(ds[coordinate].variable)


def _span(values: Array) -> str:
    present = values[np.isfinite(values)]
    return f"{present.min():g} to {present.max():g}" if present.size else "missing"


def _extent(lon: Array, lat: Array) -> str:
    return f"its longitudes are {_span(lon)}, its latitudes {_span(lat)}"


def _written(lon: Pick | None, lat: Pick | None) -> str:
    return "&".join(dict.fromkeys(pick.written for pick in (lon, lat) if pick is not None))
