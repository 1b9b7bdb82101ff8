"""Which cells of a grid lie in a region: those whose centre does."""

from typing import Any

import numpy as np

from cloudify.datasets.centres import Centres
from cloudify.model.region import Box, Polygon, Vertex
from cloudify.model.stop import go_on

Array = np.ndarray[Any, np.dtype[Any]]

_BLOCK = 2**18
"""Centres that are looked at at once."""
_ROUNDING = 1e-9
"""Degrees, a tenth of a millimetre: -9.4 and 350.6 are the same meridian."""
_POLE = 90.0 - _ROUNDING
"""A centre on the pole is taken to be a little beside it, so that an edge along 90 degrees holds it."""


def cells_in(centres: Centres, region: Box | Polygon) -> Array:
    """Return the numbers of the cells whose centres lie in a region, ascending.

    The edges of a box belong to it. Of a polygon's edges those in the south and west do, so that of two polygons that
    share an edge one has what lies on it.
    """
    south, north = _span(region)
    rows = np.flatnonzero((centres.lat >= south) & (centres.lat <= north))
    if centres.kind == "axes":
        columns = np.flatnonzero(np.isfinite(centres.lon))
        candidates = (rows[:, None] * len(centres.lon) + columns[None, :]).ravel()
    else:
        candidates = rows
    found = [
        block[_holds(region, *centres.at(block))]
        for block in (candidates[start : start + _BLOCK] for start in range(0, candidates.size, _BLOCK))
    ]
    return np.concatenate(found) if found else candidates


def _span(region: Box | Polygon) -> tuple[float, float]:
    if isinstance(region, Box):
        return region.south, region.north
    latitudes = [lat for _, lat in region.rings[0]]
    return min(latitudes), max(latitudes)


def _holds(region: Box | Polygon, lon: Array, lat: Array) -> Array:
    go_on()
    if isinstance(region, Box):  # the latitudes have been looked at
        return np.asarray((lon - region.west + _ROUNDING) % 360.0 <= region.east - region.west + 2 * _ROUNDING)
    inside = np.zeros(lon.shape, bool)
    for ring in region.rings:
        inside ^= _in_ring(ring, lon, np.minimum(lat, _POLE))
    return inside


def _in_ring(ring: tuple[Vertex, ...], lon: Array, lat: Array) -> Array:
    """Return which points lie in a ring, by how often a line to the east of them crosses it (even-odd rule)."""
    west = min(x for x, _ in ring)
    lon = (lon - west) % 360.0 + west  # on the turn that begins with the ring
    inside = np.zeros(lon.shape, bool)
    for (x, y), (x2, y2) in zip(ring, ring[1:] + ring[:1], strict=True):
        if y == y2:
            continue
        go_on()
        crossed = (lat >= y) != (lat >= y2)
        inside ^= crossed & (lon < x + (lat - y) * ((x2 - x) / (y2 - y)))
    return inside
