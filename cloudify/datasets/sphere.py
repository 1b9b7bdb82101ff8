"""Geometry on a sphere."""

from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]

EARTH_KM = 6371.0088
"""Mean radius of the Earth: R1 of the IUGG."""


def unit_vectors(lon: Array, lat: Array) -> Array:
    """Return points on the unit sphere, of shape (..., 3), of longitudes and latitudes in degrees."""
    x, y = np.radians(lon), np.radians(lat)
    return np.stack([np.cos(y) * np.cos(x), np.cos(y) * np.sin(x), np.sin(y)], axis=-1)


def distances_km(lon: float, lat: float, lons: Array, lats: Array) -> Array:
    """Return great-circle distances from a place, by the haversine formula.

    >>> distances_km(0.0, 90.0, np.array([0.0, 77.0]), np.array([90.0, -90.0])).round(2).tolist()
    [0.0, 20015.11]
    """
    x, y, x0, y0 = np.radians(lons), np.radians(lats), np.radians(lon), np.radians(lat)
    half = np.sin((y - y0) / 2) ** 2 + np.cos(y) * np.cos(y0) * np.sin((x - x0) / 2) ** 2
    return np.asarray(2 * EARTH_KM * np.arcsin(np.sqrt(np.clip(half, 0.0, 1.0))))
