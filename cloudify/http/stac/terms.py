"""What items and collections share: links, licences, extents in STAC's words."""

from functools import lru_cache
from typing import Any, Final

from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression

from cloudify.catalog.stated import parse_link
from cloudify.model.entry import Link
from cloudify.model.extent import Bbox, Interval

Json = dict[str, Any]

VERSION = "1.1.0"
ITEM_TYPE = "application/geo+json"
COLLECTION_TYPE = "application/json"
COLLECTION = "stac-collection-all.json"
ALL_TIME: Final[Interval] = ("0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z")
"""For an item of unknown time, of which STAC wants a start and an end: nothing that can be written lies outside."""
WORLD: Final[Bbox] = (-180.0, -90.0, 180.0, 90.0)
OTHER = "other"


def link(rel: str, href: str, media_type: str = "", title: str = "") -> Json:
    """Return a link; what is empty is left out."""
    found = {"rel": rel, "href": href, "type": media_type, "title": title}
    return {name: value for name, value in found.items() if value}


@lru_cache(maxsize=1024)
def spdx(text: str) -> str:
    """Return a licence as SPDX writes it, ``other`` where it is none of SPDX's.

    >>> spdx("cc-by-4.0"), spdx("see the README"), spdx("")
    ('CC-BY-4.0', 'other', 'other')
    """
    try:
        return str(canonicalize_license_expression(text)) if text else OTHER
    except InvalidLicenseExpression:
        return OTHER


def license_links(text: str, links: tuple[Link, ...]) -> list[Json]:
    """Return the entry's own links, and the licence's where its text is a URL."""
    own = [link(item.rel, item.href, title=item.title) for item in links]
    stated = parse_link("license", text)
    has_license = any(item.rel == "license" for item in links)
    return [*own, link("license", stated.href)] if stated and not has_license else own


def geometry(bbox: Bbox | None) -> Json | None:
    """Return the outline of a box as GeoJSON; cut at the date line where it crosses it (RFC 7946, 3.1.9).

    >>> geometry((170.0, 0.0, -170.0, 10.0))["coordinates"][1][0][0]
    [-180.0, 0.0]
    """
    if bbox is None:
        return None
    west, south, east, north = bbox
    if west == east and south == north:
        return {"type": "Point", "coordinates": [west, south]}
    if west == east or south == north:
        if west <= east:
            return {"type": "LineString", "coordinates": [[west, south], [east, north]]}
        halves = [[[west, south], [180.0, north]], [[-180.0, south], [east, north]]]
        return {"type": "MultiLineString", "coordinates": halves}
    if west < east:
        return {"type": "Polygon", "coordinates": [_ring(bbox)]}
    parts = [_ring((west, south, 180.0, north)), _ring((-180.0, south, east, north))]
    return {"type": "MultiPolygon", "coordinates": [[ring] for ring in parts]}


def _ring(bbox: Bbox) -> list[list[float]]:
    """Return the corners of a box, anticlockwise, the first one twice."""
    west, south, east, north = bbox
    return [[west, south], [east, south], [east, north], [west, north], [west, south]]
