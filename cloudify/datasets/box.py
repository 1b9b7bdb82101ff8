"""The box in longitude and latitude that holds a grid, from its own coordinates: never guessed.

Cell bounds are used where the source has them; without them the box is that of the cells' centres, and longitudes that
go all the way round are -180..180 (the gap between the last and the first is that of any other two).
"""

from collections.abc import Iterator
from math import ceil, sqrt
from typing import Any

import numpy as np
import xarray as xr

from cloudify.datasets.grid import Grid, bounds_of, in_degrees, mapping_attrs
from cloudify.datasets.rotated import MAPPING, RotatedPole
from cloudify.model.extent import Bbox

Numbers = np.ndarray[Any, np.dtype[Any]]

LIMIT = 2**26
"""Most longitudes of one grid that are read: three times the largest global grid of today, 5 km."""
BLOCK = 2**22
"""Values read at once: 32 MiB as float64."""
ROTATED = 2**22
"""Most cells of a rotated grid whose place is worked out, in about a second; of a larger one: its edges, and every so
many within."""

_BINS = 7200
"""Longitudes are told apart to 0.05 degrees where it is asked whether they go all the way round."""
_CLOSED = 1.5
"""They do if the widest gap is no more than so many times the next."""
_FEWEST = 4
_FILL = 1e30
"""Beyond this a number is netCDF's fill value."""
_DECIMALS = 6
"""0.1 m."""


class UnplacedError(ValueError):
    """Coordinates that give no box, and why."""


class Box:
    """The smallest box around the places that were added."""

    def __init__(self) -> None:
        self._low, self._high = np.full(_BINS, np.inf), np.full(_BINS, -np.inf)
        self._south, self._north = np.inf, -np.inf

    def add(self, ds: xr.Dataset, name: str, grid: Grid) -> None:
        """Add the cells of the grid of a variable.

        Raises
        ------
        UnplacedError
            If its coordinates cannot be what they say they are.
        OSError, ValueError, ...
            Whatever the source raises when they are read (`datasets.source.failures`).
        """
        if grid.kind == "projected":
            self._add_matched(_unrotate(ds, name, grid))
            return
        self.add_pair(ds, grid.lon, grid.lat)
        lon, lat = bounds_of(ds, grid.lon), bounds_of(ds, grid.lat)
        if lon and lat:
            self.add_pair(ds, lon, lat, centres=(grid.lon, grid.lat))

    def add_pair(self, ds: xr.Dataset, lon: str, lat: str, centres: tuple[str, str] | None = None) -> None:
        """Add longitudes and latitudes; of bounds, `centres` are the coordinates that they belong to."""
        units = [ds[name].variable for name in centres or (lon, lat)]
        factors = [
            in_degrees(own if "units" in own.attrs else unit)
            for own, unit in zip((ds[lon].variable, ds[lat].variable), units, strict=True)
        ]
        if ds[lon].dims == ds[lat].dims:
            pairs = zip(_blocks(ds[lon].variable), _blocks(ds[lat].variable), strict=True)
            self._add_matched(((x * factors[0], y * factors[1]) for x, y in pairs), are_edges=centres is not None)
            return
        for block in _blocks(ds[lon].variable):
            self._add_longitudes(_present(block) * factors[0])
        for block in _blocks(ds[lat].variable):
            self._add_latitudes(_present(block) * factors[1], are_edges=centres is not None)

    def bbox(self) -> Bbox | None:
        """Return west, south, east and north; None where nothing was added."""
        arc = self._arc()
        if arc is None or self._south > self._north:
            return None
        south, north = (round(float(edge), _DECIMALS) for edge in (self._south, self._north))
        return _turn(arc[0]), south, -_turn(-arc[1]), north

    def _add_matched(self, blocks: Iterator[tuple[Numbers, Numbers]], *, are_edges: bool = False) -> None:
        for lon, lat in blocks:
            present = _is_present(lon) & _is_present(lat)
            self._add_longitudes(lon[present])
            self._add_latitudes(lat[present], are_edges=are_edges)

    def _add_longitudes(self, lon: Numbers) -> None:
        if not lon.size:
            return
        if np.abs(lon).max() > 720:  # noqa: PLR2004  # two turns
            raise UnplacedError(f"its longitudes reach {lon[np.abs(lon).argmax()]:.6g} degrees")
        turned = lon % 360.0
        turned[turned == 360.0] = 0.0  # noqa: PLR2004  # a tiny negative number
        bins = np.minimum((turned * (_BINS / 360.0)).astype(np.intp), _BINS - 1)
        np.minimum.at(self._low, bins, turned)
        np.maximum.at(self._high, bins, turned)

    def _add_latitudes(self, lat: Numbers, *, are_edges: bool) -> None:
        if not lat.size:
            return
        furthest = float(np.abs(lat).max())
        if furthest > (135.0 if are_edges else 90.001):  # the outer edge of a cell of 90 degrees; rounding
            raise UnplacedError(f"its latitudes reach {furthest:.6g} degrees")
        self._south = min(self._south, max(-90.0, float(lat.min())))
        self._north = max(self._north, min(90.0, float(lat.max())))

    def _arc(self) -> tuple[float, float] | None:
        """Return west and east in degrees: all of the circle but the widest gap; None without longitudes."""
        used = np.isfinite(self._low)
        low, high = self._low[used], self._high[used]
        if not low.size:
            return None
        gaps = np.append(low[1:], low[0] + 360.0) - high
        widest = int(gaps.argmax())
        others = np.delete(gaps, widest)
        bin_degrees = 360.0 / _BINS
        if gaps[widest] <= 2 * bin_degrees or (
            low.size >= _FEWEST and gaps[widest] <= _CLOSED * max(float(others.max()), bin_degrees)
        ):
            return -180.0, 180.0
        return float(low[(widest + 1) % low.size]), float(high[widest])


def _turn(degrees: float) -> float:
    """Return a western edge in -180..180."""
    return round((degrees + 180.0) % 360.0 - 180.0, _DECIMALS)


def _is_present(values: Numbers) -> Numbers:
    return np.isfinite(values) & (np.abs(values) < _FILL)


def _present(values: Numbers) -> Numbers:
    return values[_is_present(values)]


def _blocks(variable: xr.Variable) -> Iterator[Numbers]:
    """Read a coordinate a block at a time, flat, as float64."""
    if variable.dtype.kind not in "iuf":
        raise UnplacedError("its longitudes and latitudes are no numbers")
    if variable.size > LIMIT:
        raise UnplacedError(f"it has {variable.size} longitudes, and at most {LIMIT} are read")
    rows = max(1, BLOCK // max(1, variable.size // max(1, variable.shape[0]))) if variable.dims else 1
    for start in range(0, variable.shape[0] if variable.dims else 1, rows):
        part = variable.isel({variable.dims[0]: slice(start, start + rows)}) if variable.dims else variable
        yield np.asarray(part.to_numpy(), np.float64).ravel()


def rotation_of(ds: xr.Dataset, name: str) -> RotatedPole:
    """Return the pole of the grid of a variable.

    Raises
    ------
    UnplacedError
        If its projection is another: by the conventions it then has longitudes and latitudes beside it.
    """
    attrs = mapping_attrs(ds, name)
    kind = attrs.get("grid_mapping_name")
    pole = RotatedPole.of(attrs) if kind == MAPPING else None
    if pole is None:
        raise UnplacedError(f"there are no longitudes and latitudes beside its projection {str(kind)[:40]!r}")
    return pole


def _unrotate(ds: xr.Dataset, name: str, grid: Grid) -> Iterator[tuple[Numbers, Numbers]]:
    """Yield the longitudes and latitudes of a rotated grid."""
    pole = rotation_of(ds, name)
    x, y = (np.concatenate([*_blocks(ds[axis].variable)]) for axis in (grid.lon, grid.lat))
    if not x.size or not y.size:
        return
    stride = ceil(sqrt(x.size * y.size / ROTATED))
    for columns, rows in ((x[::stride], y[::stride]), (x[[0, -1]], y), (x, y[[0, -1]])):
        yield pole.places(np.tile(columns, rows.size), np.repeat(rows, columns.size))
