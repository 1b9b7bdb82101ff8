"""What files hold by a reader that is not ours, and geometry by other formulas than ours."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import netCDF4
import numpy as np
import xarray as xr
from clients.sources import iris_folder

PROJECT = Path(__file__).parents[3]
DEMO = PROJECT / "cloudify" / "demo"
IRIS = iris_folder()
LON = {"units": "degrees_east", "standard_name": "longitude"}
LAT = {"units": "degrees_north", "standard_name": "latitude"}
EARTH_KM = 6371.0088
CLIENT = httpx.Client(timeout=60)
"""Closed when the session ends."""


@dataclass
class Truth:
    """A variable with a grid, flat: what the file says."""

    lon: Any
    """Of shape (cells,), in degrees, as they are written."""
    lat: Any
    values: Any
    """Of shape (series, cells), NaN where missing."""
    areas: Any
    """Of shape (cells,): in steradians."""


def awkward(folder: Path) -> dict[str, tuple[Path, str]]:
    """Return the five awkward kinds: id -> file and variable; one is written into a folder."""
    twenty = folder / "from-20-to-380.nc"
    lon, lat = 20 + 2.5 * np.arange(144), np.arange(-90, 90.1, 2.5)
    values = np.random.default_rng(6).normal(280, 10, (4, 73, 144)).astype("f4")
    values[:, 40:45, 60:70] = np.nan
    values[1, 20, :] = np.nan
    coords = {"time": np.arange(4).astype("M8[D]").astype("M8[ns]"), "y": ("y", lat, LAT), "x": ("x", lon, LON)}
    xr.Dataset({"v": (("time", "y", "x"), values, {"units": "K"})}, coords).to_netcdf(twenty, engine="h5netcdf")
    return {
        "bounds": (DEMO / "mpi-esm-tas.nc", "tas"),
        "icon": (DEMO / "icon-ocean.nc", "S"),
        "nemo": (IRIS / "NEMO" / "nemo_1m_20150101-20150201_grid-T.nc", "tos"),
        "from-20-to-380": (twenty, "v"),
        "360-day": (IRIS / "A1B_north_america.nc", "air_temperature"),
    }


def truth(path: Path, variable: str) -> Truth:
    with netCDF4.Dataset(path) as file:
        values = np.ma.filled(file[variable][:].astype("f8"), np.nan)
        if variable == "S":  # of depths the first is what a series takes
            corners = [np.degrees(file[name][:].filled(np.nan)) for name in ("clon_vertices", "clat_vertices")]
            lon, lat = (np.degrees(file[name][:].filled(np.nan)) for name in ("clon", "clat"))
            return Truth(lon, lat, values[:, 0], triangles(*corners))
        if variable == "tos":
            corners = [
                file[name][:].reshape(-1, 4).filled(np.nan).astype("f8") for name in ("bounds_lon", "bounds_lat")
            ]
            areas = sum(triangles(*(corner[:, three] for corner in corners)) for three in ([0, 1, 2], [0, 2, 3]))
            lon, lat = (file[name][:].ravel().astype("f8") for name in ("nav_lon", "nav_lat"))
            return Truth(lon, lat, values.reshape(len(values), -1), areas)
        names = {"tas": ("lon", "lat"), "v": ("x", "y")}.get(variable, ("longitude", "latitude"))
        lon, lat = (file[name][:].astype("f8").filled() for name in names)
        edges = [np.interp(np.arange(len(axis) + 1) - 0.5, np.arange(len(axis)), axis) for axis in (lon, lat)]
        for edge, axis in zip(edges, (lon, lat), strict=True):
            edge[[0, -1]] = 1.5 * axis[0] - 0.5 * axis[1], 1.5 * axis[-1] - 0.5 * axis[-2]
        if variable == "tas":
            edges = [np.append(file[name][:, 0], file[name][-1, 1]) for name in ("lon_bnds", "lat_bnds")]
        heights = np.abs(np.diff(np.sin(np.radians(np.clip(edges[1], -90, 90)))))
        areas = heights[:, None] * np.abs(np.diff(np.radians(edges[0])))
        x, y = np.meshgrid(lon, lat)
        return Truth(x.ravel(), y.ravel(), values.reshape(len(values), -1), areas.ravel())


def triangles(lon: Any, lat: Any) -> Any:
    """Return the areas of triangles by the theorem of l'Huilier, the sides by the angle between vectors."""
    points = vectors(lon, lat)
    sides = angles(points, np.roll(points, -1, axis=1))
    half = sides.sum(axis=1) / 2
    product = np.tan(half / 2) * np.prod(np.tan((half[:, None] - sides) / 2), axis=1)
    return 4 * np.arctan(np.sqrt(np.maximum(product, 0)))


def vectors(lon: Any, lat: Any) -> Any:
    x, y = np.radians(lon), np.radians(lat)
    return np.stack([np.cos(y) * np.cos(x), np.cos(y) * np.sin(x), np.sin(y)], axis=-1)


def angles(a: Any, b: Any) -> Any:
    return np.arctan2(np.linalg.norm(np.cross(a, b), axis=-1), (a * b).sum(axis=-1))


def distances_km(truth: Truth, lon: float, lat: float) -> Any:
    """Return how far all cells are, one by one."""
    return EARTH_KM * angles(vectors(truth.lon, truth.lat), vectors(lon, lat))


def weighted_mean(truth: Truth, inside: Any) -> Any:
    """Return the mean over cells of what is present, place by place."""
    found = []
    for row in truth.values:
        used = inside & np.isfinite(row)
        found.append(np.average(row[used], weights=truth.areas[used]) if truth.areas[used].sum() else np.nan)
    return np.array(found)
