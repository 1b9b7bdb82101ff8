"""A map to be laid upon others: a box of a plane, on so many pixels. Planes differ in where latitudes are."""

from dataclasses import dataclass
from functools import cached_property
from math import isfinite, pi
from typing import Literal

import numpy as np

from cloudify.pictures.view import Array

Plane = Literal["degrees", "mercator"]
"""`degrees`: longitude to the right, latitude up; `mercator`: metres of the web's spherical Mercator, EPSG:3857."""
RADIUS = 6_378_137.0
"""Of that sphere, in metres."""
TURN: dict[Plane, float] = {"degrees": 360.0, "mercator": 2 * pi * RADIUS}
"""How wide all longitudes are, in units of the plane."""
FARTHEST = 1e9
"""Beyond this nothing is on any map, and its square is still a number."""


@dataclass(frozen=True)
class Canvas:
    """A box in units of its plane: longitudes may go round more than once, latitudes beyond the poles.

    >>> canvas = Canvas("degrees", 170, -10, 190, 10, 2, 2)
    >>> canvas.lons.tolist(), canvas.lats.tolist()
    ([175.0, 185.0], [5.0, -5.0])
    >>> world = Canvas("mercator", -20037508.342789244, -20037508.342789244, 20037508.342789244, 20037508.342789244, 4, 4)
    >>> world.lons.round(9).tolist(), world.lats.round(3).tolist()
    ([-135.0, -45.0, 45.0, 135.0], [79.171, 40.98, -40.98, -79.171])
    """  # noqa: E501  # the edge of the web's square

    plane: Plane
    west: float
    south: float
    east: float
    north: float
    width: int
    """In pixels, as `height`."""
    height: int

    def __post_init__(self) -> None:
        box = (self.west, self.south, self.east, self.north)
        if not all(isfinite(edge) and abs(edge) <= FARTHEST for edge in box):
            raise ValueError("no map of so far away")
        if not (self.west < self.east and self.south < self.north and self.width > 0 and self.height > 0):
            raise ValueError("no map of no extent")

    @cached_property
    def lons(self) -> Array:
        """Longitude of the middle of each column of pixels, on any turn."""
        places = self.west + (np.arange(self.width) + 0.5) * (self.east - self.west) / self.width
        return np.asarray(places * (360.0 / TURN[self.plane]))

    @cached_property
    def lats(self) -> Array:
        """Latitude of the middle of each row of pixels, the first row is the northernmost."""
        places = self.north - (np.arange(self.height) + 0.5) * (self.north - self.south) / self.height
        return places if self.plane == "degrees" else np.degrees(np.arctan(np.sinh(places / RADIUS)))

    @property
    def turn(self) -> float:
        """How many pixels wide all longitudes are."""
        return TURN[self.plane] * self.width / (self.east - self.west)

    def x_of(self, lons: Array) -> Array:
        """Return where longitudes are, in pixels from the left edge; on the turn in the middle of the map."""
        scale = TURN[self.plane] / 360.0
        middle = (self.west + self.east) / 2 / scale
        turned = (np.asarray(lons) - middle + 180) % 360 - 180 + middle
        return np.asarray((turned * scale - self.west) * self.width / (self.east - self.west))

    def y_of(self, lats: Array) -> Array:
        """Return where latitudes are, in pixels from the upper edge; the poles of a Mercator map are far beyond it."""
        places = np.asarray(lats, np.float64)
        if self.plane == "mercator":
            places = RADIUS * np.arcsinh(np.tan(np.radians(np.clip(places, -89.99, 89.99))))
        return np.asarray((self.north - places) * self.height / (self.north - self.south))
