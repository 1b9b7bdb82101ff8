"""A part of the Earth's surface: the text of a URL as values, before any dataset is looked at.

A box is ``west,south,east,north``; with `west` greater than `east` it crosses the date line. A polygon is
``lon lat,lon lat,...`` or WKT, ``POLYGON((lon lat, ...), (a hole))``. Its edges are straight lines in longitude and
latitude, as in GeoJSON (RFC 7946, section 3.1.1), and longitudes mean what is written: what crosses the date line goes
on beyond 180. An edge that spans more than half a turn would most often be one that was meant to go the other way, and
is refused.
"""

import re
from dataclasses import dataclass
from math import isfinite

MAX_VERTICES = 1000
MAX_LENGTH = 65_536
FARTHEST = 720.0
"""Two turns: longitudes beyond are no longitudes."""

_NUMBER = re.compile(r"[+-]?(?:[0-9]{1,6}(?:\.[0-9]{0,18})?|\.[0-9]{1,18})(?:[eE][+-]?[0-9]{1,3})?")
_WKT = re.compile(r"polygon\s*\((.*)\)", re.IGNORECASE | re.DOTALL)
_RING = re.compile(r"\s*\(([^()]*)\)\s*")
_FEWEST = 3

Vertex = tuple[float, float]


class RegionError(ValueError):
    """Text that is no place and no region, and what would be."""


@dataclass(frozen=True, slots=True)
class Place:
    """A point, in degrees.

    >>> Place.of("-190", "53.5")
    Place(lon=-190.0, lat=53.5)
    """

    lon: float
    lat: float

    @classmethod
    def of(cls, lon: str, lat: str) -> "Place":
        """Read a place.

        Raises
        ------
        RegionError
            Saying what was found and what was expected.
        """
        return cls(_longitude(lon), _latitude(lat))


@dataclass(frozen=True, slots=True)
class Box:
    """What lies between two meridians and two parallels, these included.

    >>> Box.of("170,-10,-170,10")
    Box(west=170.0, south=-10.0, east=190.0, north=10.0)
    """

    west: float
    south: float
    east: float
    """At least `west`, and at most a turn beyond it."""
    north: float

    @classmethod
    def of(cls, text: str) -> "Box":
        """Read a box; raises as `Place.of` does."""
        parts = text.split(",")
        if len(parts) != 4:  # noqa: PLR2004
            raise RegionError(f"bbox={_short(text)}: expected west,south,east,north in degrees")
        west, south, east, north = _longitude(parts[0]), _latitude(parts[1]), _longitude(parts[2]), _latitude(parts[3])
        if south > north:
            raise RegionError(f"bbox={_short(text)}: south is greater than north; expected west,south,east,north")
        if west > east:
            east += 360.0
        if not 0 <= east - west <= 360:  # noqa: PLR2004
            raise RegionError(f"bbox={_short(text)}: it spans more than a turn")
        return cls(west, south, east, north)


@dataclass(frozen=True, slots=True)
class Polygon:
    """What lies within a ring and in no hole: the places from which a line crosses its edges an odd number of times.

    >>> Polygon.of("170 0,190 0,180 10").rings
    (((170.0, 0.0), (190.0, 0.0), (180.0, 10.0)),)
    """

    rings: tuple[tuple[Vertex, ...], ...]
    """The first is the outer one, the others are holes; no vertex stands twice at the seam."""

    @classmethod
    def of(cls, text: str) -> "Polygon":
        """Read a polygon; raises as `Place.of` does."""
        if len(text) > MAX_LENGTH:
            raise RegionError(f"a polygon of {len(text)} characters; the most is {MAX_LENGTH}")
        rings = _rings(text.strip())
        count = sum(ring.count(",") + 1 for ring in rings)
        if count > MAX_VERTICES:
            raise RegionError(f"a polygon of {count} vertices; the most is {MAX_VERTICES}: simplify it")
        return cls(tuple(_ring(ring) for ring in rings))


def _rings(text: str) -> list[str]:
    wkt = _WKT.fullmatch(text)
    if wkt is None:
        return [text]
    inner, rings, place = wkt[1], [], 0
    while match := _RING.match(inner, place):
        rings.append(match[1])
        place = match.end()
        if place == len(inner):
            return rings
        if inner[place] != ",":
            break
        place += 1
    raise RegionError(f"polygon={_short(text)}: expected POLYGON((lon lat, lon lat, ...), (a hole, ...))")


def _ring(text: str) -> tuple[Vertex, ...]:
    vertices = [_vertex(pair) for pair in text.split(",")]
    if vertices[0] == vertices[-1]:
        del vertices[-1]
    if len(set(vertices)) < _FEWEST:
        raise RegionError(f"polygon={_short(text)}: a ring has three vertices or more, lon lat,lon lat,lon lat")
    for (lon, _), (after, _) in zip(vertices, vertices[1:] + vertices[:1], strict=True):
        if abs(after - lon) > 180:  # noqa: PLR2004
            raise RegionError(
                f"an edge of the polygon goes from {lon:g} to {after:g} degrees, more than half a turn: across the "
                f"date line write {after + (360 if after < lon else -360):g}, else put a vertex between"
            )
    longitudes = [lon for lon, _ in vertices]
    if max(longitudes) - min(longitudes) > 360:  # noqa: PLR2004
        raise RegionError("the polygon spans more than a turn")
    return tuple(vertices)


def _vertex(text: str) -> Vertex:
    parts = text.split()
    if len(parts) != 2:  # noqa: PLR2004
        raise RegionError(f"{_short(text)} is no vertex of a polygon; expected lon lat,lon lat,lon lat")
    return _longitude(parts[0]), _latitude(parts[1])


def _longitude(text: str) -> float:
    return _number(text, FARTHEST, "a longitude")


def _latitude(text: str) -> float:
    return _number(text, 90.0, "a latitude")


def _number(text: str, most: float, what: str) -> float:
    value = float(text) if _NUMBER.fullmatch(text.strip()) else float("nan")
    if not (isfinite(value) and abs(value) <= most):
        raise RegionError(f"{_short(text)} is no {what[2:]}; expected {what} in degrees, -{most:g} to {most:g}")
    return value


def _short(text: str, longest: int = 60) -> str:
    return repr(text if len(text) <= longest else f"{text[:longest]}...")
