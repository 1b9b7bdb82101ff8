"""Which part of the world a map shows, and on how many pixels. Plate carree: longitude to the right, north up."""

from dataclasses import dataclass
from functools import cached_property
from math import cos, radians
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]
GLOBAL_SPAN = 330.0
"""Degrees of longitude from which on a map shows all of them."""
MAX_STRETCH = 3.0
"""Most that a region's degrees of latitude are drawn longer than its degrees of longitude."""


@dataclass(frozen=True)
class View:
    """A map.

    >>> view = View(-180, -90, 180, 90, 4, 2)
    >>> view.lons.tolist(), view.lats.tolist()
    ([-135.0, -45.0, 45.0, 135.0], [45.0, -45.0])
    """

    west: float
    south: float
    east: float
    """Greater than `west`: above 180 where the map crosses the date line."""
    north: float
    width: int
    """In pixels, as `height`."""
    height: int

    def __post_init__(self) -> None:
        if not (self.west < self.east <= self.west + 360 and self.south < self.north and self.width and self.height):
            raise ValueError("no map of no extent")

    @cached_property
    def lons(self) -> Array:
        """Longitude of the middle of each column of pixels."""
        return self.west + (np.arange(self.width) + 0.5) * (self.east - self.west) / self.width

    @cached_property
    def lats(self) -> Array:
        """Latitude of the middle of each row of pixels, the first row is the northernmost."""
        return self.north - (np.arange(self.height) + 0.5) * (self.north - self.south) / self.height

    @property
    def turn(self) -> float:
        """How many pixels wide all longitudes are."""
        return 360 * self.width / (self.east - self.west)

    def x_of(self, lons: Array) -> Array:
        """Return where longitudes are, in pixels from the left edge; on the turn of the globe that the map shows."""
        middle = (self.west + self.east) / 2
        turned = (np.asarray(lons) - middle + 180) % 360 - 180 + middle
        return np.asarray((turned - self.west) * self.width / (self.east - self.west))

    def y_of(self, lats: Array) -> Array:
        """Return where latitudes are, in pixels from the upper edge."""
        return np.asarray((self.north - np.asarray(lats)) * self.height / (self.north - self.south))


def stretch_of(south: float, north: float, lon_span: float) -> float:
    """Return how much longer a degree of latitude is drawn than one of longitude: true in the middle of a region.

    >>> stretch_of(-90, 90, 360), round(stretch_of(59, 61, 4), 3)
    (1.0, 2.0)
    """
    if lon_span >= GLOBAL_SPAN:
        return 1.0
    return min(MAX_STRETCH, 1 / max(cos(radians((south + north) / 2)), 1 / MAX_STRETCH))
