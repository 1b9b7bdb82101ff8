"""Where and when a dataset is: a box in longitude and latitude, and an interval of time."""

from collections.abc import Iterable
from dataclasses import dataclass

Bbox = tuple[float, float, float, float]
"""West, south, east, north in degrees; longitudes in -180..180, and west > east across the date line (RFC 7946, 5)."""
Interval = tuple[str, str]
"""Start and end as RFC 3339 in UTC to the second, e.g. ``2005-01-16T12:00:00Z``: their order is that of the texts."""

_TOUCHING_DEGREES = 1e-6
"""Boxes that are no farther apart than this leave no gap."""


@dataclass(frozen=True, slots=True)
class Extent:
    """What is known of where and when."""

    bbox: Bbox | None = None
    interval: Interval | None = None

    def or_else(self, other: "Extent") -> "Extent":
        """Return this extent, what it does not know taken from another."""
        return Extent(self.bbox or other.bbox, self.interval or other.interval)

    @classmethod
    def union(cls, extents: Iterable["Extent"]) -> "Extent":
        """Return the smallest extent that holds all that are known.

        >>> tokyo, fiji = Extent((139.0, 35.0, 140.0, 36.0)), Extent((177.0, -19.0, -178.0, -16.0))
        >>> Extent.union([tokyo, fiji, Extent()])
        Extent(bbox=(139.0, -19.0, -178.0, 36.0), interval=None)
        """
        known = list(extents)
        boxes = [extent.bbox for extent in known if extent.bbox]
        intervals = [extent.interval for extent in known if extent.interval]
        return cls(
            _union_of_boxes(boxes) if boxes else None,
            (min(start for start, _ in intervals), max(end for _, end in intervals)) if intervals else None,
        )


def is_bbox(bbox: Bbox) -> bool:
    """Whether four numbers are a box.

    >>> is_bbox((170.0, -10.0, -170.0, 10.0)), is_bbox((0.0, 10.0, 360.0, 20.0)), is_bbox((0.0, 20.0, 1.0, 10.0))
    (True, False, False)
    """
    west, south, east, north = bbox
    return -180 <= west <= 180 and -180 <= east <= 180 and -90 <= south <= north <= 90  # noqa: PLR2004  # degrees


def _union_of_boxes(boxes: list[Bbox]) -> Bbox:
    west, east = _around([(box[0], box[2]) for box in boxes])
    return west, min(box[1] for box in boxes), east, max(box[3] for box in boxes)


def _around(arcs: list[tuple[float, float]]) -> tuple[float, float]:
    """Return the arc that holds all of these, on the circle: all of it but the widest gap between them."""
    turned = sorted((west % 360.0, east - west if east >= west else east - west + 360.0) for west, east in arcs)
    reach = max(west + width for west, width in turned) - 360.0  # how far the last one goes on past the start
    gaps = []
    for west, width in turned:
        if west > reach:
            gaps.append((west - reach, west, reach))
        reach = max(reach, west + width)
    gap, west, east = max(gaps, default=(0.0, 0.0, 0.0))
    return (-180.0, 180.0) if gap <= _TOUCHING_DEGREES else (_westward(west), _eastward(east))


def _westward(degrees: float) -> float:
    """Return a western edge in -180..180, the date line as -180."""
    return round((degrees + 180.0) % 360.0 - 180.0, 9)


def _eastward(degrees: float) -> float:
    """Return an eastern edge in -180..180, the date line as 180."""
    return -_westward(-degrees)
