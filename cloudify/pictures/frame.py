"""How large a picture is, and which part of the world its map shows."""

from dataclasses import dataclass

import numpy as np

from cloudify.datasets.cells import Cells
from cloudify.errors import BadOptionError, BadSelectionError
from cloudify.pictures.map_image import margins
from cloudify.pictures.view import GLOBAL_SPAN, Array, View, stretch_of

DEFAULT_WIDTH = 900
LEAST, MOST = 16, 4096
"""Pixels of a side."""
MOST_PIXELS = 4_000_000
"""security.md, C-15."""
_TALL = 1.2
"""Most that a map is higher than wide where no height is given."""
_FLAT = 0.2
"""Least: a thin band is drawn higher than it is."""
_BINS = 3600


@dataclass(frozen=True, slots=True)
class Region:
    """A box in degrees; `east` is greater than `west`, above 180 across the date line."""

    west: float
    south: float
    east: float
    north: float


def check_size(width: int | None, height: int | None) -> None:
    """Refuse a picture that is too small or too large, before anything is read.

    Raises
    ------
    BadOptionError
        Naming what can be.
    """
    for name, side in (("width", width), ("height", height)):
        if side is not None and not LEAST <= side <= MOST:
            raise BadOptionError(f"{name}={side}: expected {LEAST} to {MOST} pixels")
    if (width or DEFAULT_WIDTH) * (height or DEFAULT_WIDTH) > MOST_PIXELS:
        raise BadOptionError(f"width and height: expected at most {MOST_PIXELS} pixels in all")


def region_of(cells: Cells) -> Region:
    """Return the box that a map of a whole grid shows: the world, where its longitudes go nearly round."""
    if cells.kind == "axes":
        lon, lat = np.sort(cells.lon), np.sort(cells.lat)
        return _region(float(lon[0]), float(lon[-1]), float(lat[0]), float(lat[-1]))
    lons, lats = cells.corners if cells.corners is not None else (cells.lon, cells.lat)
    usable = np.isfinite(lons) & np.isfinite(lats)
    west, east = _arc(lons[usable])
    south, north = float(lats[usable].min()), float(lats[usable].max())
    if cells.corners is None:  # half the way to a neighbour beyond the centres
        pad = 0.5 * np.sqrt(max(east - west, 1e-3) * max(north - south, 1e-3) / max(1, cells.count))
        west, east, south, north = west - pad, east + pad, south - pad, north + pad
    return _region(west, east, south, north)


def _region(west: float, east: float, south: float, north: float) -> Region:
    south, north = max(-90.0, south), min(90.0, north)
    if east - west >= GLOBAL_SPAN:
        return Region(-180.0, south, 180.0, north)
    turn = 360.0 * np.floor((west + 180.0) / 360.0)
    return Region(west - turn, south, east - turn, north)


def _arc(lons: Array) -> tuple[float, float]:
    """Return the shortest arc that holds all longitudes."""
    bins = np.unique(np.floor((lons % 360.0) * _BINS / 360.0).astype(int))
    gaps = np.diff(np.append(bins, bins[0] + _BINS))
    start = bins[(int(gaps.argmax()) + 1) % len(bins)] * 360.0 / _BINS
    turned = (lons - start) % 360.0
    return start + float(turned.min()), start + float(turned.max())


def cut_region(whole: Region, lon: tuple[float, float] | None, lat: tuple[float, float] | None) -> Region:
    """Return the part of a region that was asked for; longitudes on any turn.

    Raises
    ------
    BadSelectionError
        If nothing of the grid lies in it.
    """
    south, north = (max(-90.0, min(lat)), min(90.0, max(lat))) if lat else (whole.south, whole.north)
    west, east = lon or (whole.west, whole.east)
    if east <= west:
        east += 360.0 * np.ceil((west - east + 1e-9) / 360.0)
    if east - west > 360.0:  # noqa: PLR2004  # a turn
        west, east = whole.west, whole.east
    if south >= north or north <= whole.south or south >= whole.north or not _overlaps(whole, west, east):
        raise BadSelectionError(
            f"nothing of the grid lies there: it reaches from {whole.west:g} to {whole.east:g} east "
            f"and from {whole.south:g} to {whole.north:g} north"
        )
    return _region(west, east, south, north) if lon else Region(west, south, east, north)


def _overlaps(whole: Region, west: float, east: float) -> bool:
    shift = (west - whole.west) % 360.0
    return whole.east - whole.west >= GLOBAL_SPAN or shift < whole.east - whole.west or shift + east - west > 360.0  # noqa: PLR2004


def view_of(region: Region, width: int | None, height: int | None) -> View:
    """Return the map of a picture: true to shape where one side of the picture is free."""
    whole_width = width or DEFAULT_WIDTH
    left, right, top, bottom = margins(whole_width)
    lon_span = region.east - region.west
    aspect = (region.north - region.south) * stretch_of(region.south, region.north, lon_span) / lon_span
    columns = max(LEAST, whole_width - left - right)
    rows = max(LEAST, height - top - bottom) if height is not None else round(columns * aspect)
    if height is None and rows > _TALL * columns:
        rows = round(_TALL * columns)
        columns = max(LEAST, round(rows / aspect))
    if height is None:
        rows = max(rows, LEAST, round(_FLAT * columns))
    return View(region.west, region.south, region.east, region.north, columns, rows)
