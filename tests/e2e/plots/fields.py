"""Fields whose pictures are known beforehand, and how to look at a pixel of one."""

import io
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import xarray as xr
from PIL import Image

PROJECT = Path(__file__).parents[3]
DEMO = PROJECT / "cloudify" / "demo"
COLD, HOT = (68, 1, 84), (253, 231, 37)
"""The first and last colour of viridis, from matplotlib's own table."""
LON = {"units": "degrees_east", "standard_name": "longitude"}
LAT = {"units": "degrees_north", "standard_name": "latitude"}
LEFT, TOP = 56, 52
"""Where the map of a picture begins that is 320 pixels wide or more."""


@dataclass
class Case:
    """A field of zeros and ones, and places where each must be seen."""

    ds: xr.Dataset
    hot: list[tuple[float, float]]
    """Longitudes and latitudes."""
    cold: list[tuple[float, float]]
    missing: list[tuple[float, float]] = field(default_factory=list)
    selection: str = ""
    """A region in which its cells are large enough to be looked at."""


def axes(lon: Any, lat: Any) -> dict[str, Any]:
    return {"lon": ("lon", lon, LON), "lat": ("lat", lat, LAT)}


def on_axes(lon: Any, lat: Any, hot: Any) -> xr.Dataset:
    """Return ones where `hot` says so of longitudes (-180..180) and latitudes."""
    x, y = np.meshgrid((np.asarray(lon) + 180) % 360 - 180, lat)
    return xr.Dataset({"v": (("lat", "lon"), hot(x, y).astype("f4"))}, axes(lon, lat))


def cell(lon: float, lat: float, half: float) -> Any:
    def hot(x: Any, y: Any) -> Any:
        return (np.abs((x - lon + 180) % 360 - 180) < half) & (np.abs(y - lat) < half)

    return hot


def north(_lon: Any, lat: Any) -> Any:
    return lat > 0


def east(lon: Any, _lat: Any) -> Any:
    return (lon > 0) & (lon < 180)


def polar(_lon: Any, lat: Any) -> Any:
    return np.abs(lat) > 80


def southern_only(_lon: Any, lat: Any) -> Any:
    return np.where(lat > 0, np.nan, 1.0)


def cases() -> dict[str, Case]:
    tens, rows = np.arange(5.0, 360, 10), np.arange(-85.0, 90, 10)
    around = [(-140, 12), (-20, -30), (70, 40), (150, -60)]
    hemispheres = [(20, 5), (-150, 30), (100, 82)], [(20, -5), (-150, -30), (100, -82)]
    halves = [(3, 40), (100, -30), (177, 12)], [(-3, 40), (-100, -30), (-177, 12)]
    one = on_axes(tens, rows, cell(-125, 35, 6))
    beside = [(-118, 35), (-132, 35), (-125, 42), (-125, 28)]
    dated = on_axes(np.arange(0.0, 360, 10), rows, cell(180, 5, 6))
    return {
        "north": Case(on_axes(tens, rows, north), *hemispheres),
        "descending": Case(on_axes(tens, rows[::-1], north), *hemispheres),
        "east": Case(on_axes(tens - 180, rows, east), *halves),
        "from-20-to-380": Case(on_axes(tens + 15, rows, east), [(10, 30), (100, -30)], [(-20, 40), (-100, -30)]),
        "one-cell": Case(one, [(-125, 35), (-121, 31), (-129, 39)], [*beside, *around[1:]]),
        "date-line": Case(dated, [(-177, 5), (177, 5), (179, 9)], [(-172, 5), (172, 5), (178, 12), *around]),
        "first-and-last-row": Case(on_axes(tens, rows, polar), [(0, 88), (-100, -88)], [(0, 77), (-100, -77)]),
        "half-missing": Case(on_axes(tens, rows, southern_only), [(20, -30)], [], [(-40, 40), (172, 20)]),
        "curvilinear": curvilinear(),
        "rotated": rotated(),
        "icon": icon(),
        "points": points(),
    }


def curvilinear() -> Case:
    """A grid turned by 30 degrees about (20, 10): one cell in its middle."""
    i, j = np.meshgrid(np.arange(-10, 11), np.arange(-8, 9))
    turn = np.radians(30)
    lon, lat = 20 + 2 * (i * np.cos(turn) - j * np.sin(turn)), 10 + 2 * (i * np.sin(turn) + j * np.cos(turn))
    values = ((i == 4) & (j == -3)).astype("f4")
    where = (lon[5, 14], lat[5, 14])
    ds = xr.Dataset({"v": (("y", "x"), values)}, {"lon": (("y", "x"), lon, LON), "lat": (("y", "x"), lat, LAT)})
    return Case(ds, [where], [(where[0] + 2.2, where[1]), (where[0], where[1] - 2.2), (21, 11.5)], [(-4, -12.5)])


def rotated() -> Case:
    """The pole of CORDEX: rotated (0, 0) is 18 east, 50.75 north (CF conventions, example 5.7 of a rotated pole)."""
    x = np.arange(-10.0, 11)
    mapping = {
        "grid_mapping_name": "rotated_latitude_longitude",
        "grid_north_pole_latitude": 39.25,
        "grid_north_pole_longitude": -162.0,
    }
    coords = {
        "rlon": ("rlon", x, {"units": "degrees", "standard_name": "grid_longitude", "axis": "X"}),
        "rlat": ("rlat", x, {"units": "degrees", "standard_name": "grid_latitude", "axis": "Y"}),
    }
    values = ((x[:, None] == 0) & (x[None, :] == 0)).astype("f4")
    ds = xr.Dataset({"v": (("rlat", "rlon"), values, {"grid_mapping": "pole"}), "pole": ((), 0, mapping)}, coords)
    return Case(ds, [(18, 50.75)], [(18, 51.6), (18, 49.9), (19.3, 50.75), (16.7, 50.75)])


def icon() -> Case:
    """One triangle of the real grid; beyond each of its edges lies a neighbour."""
    with xr.open_dataset(DEMO / "icon-ocean.nc", decode_times=False) as opened:
        grid = opened[["clon", "clat", "clon_vertices", "clat_vertices"]].load()
    number = int(np.hypot(grid.clon.to_numpy() + 0.5, grid.clat.to_numpy() - 0.3).argmin())
    corners = np.degrees(np.stack([grid.clon_vertices[number], grid.clat_vertices[number]], 1))
    middle = corners.mean(axis=0)
    beyond = [tuple(edge + 0.4 * (edge - middle)) for edge in (corners + np.roll(corners, -1, axis=0)) / 2]
    within = [tuple(middle + 0.6 * (corner - middle)) for corner in corners]
    values = np.zeros(grid.sizes["ncells"], "f4")
    values[number] = 1
    return Case(
        grid.assign(v=("ncells", values, {"coordinates": "clon clat"})),
        [tuple(middle), *within],
        beyond,
        selection="lon/-35_-22/lat/11_24",
    )


def points() -> Case:
    """Stations without cells: the nearest is shown, and nothing far from all."""
    lon, lat = (axis.ravel() for axis in np.meshgrid(np.arange(-30.0, 31, 5), np.arange(-20.0, 21, 5)))
    values = ((lon == 10) & (lat == 5)).astype("f4")
    ds = xr.Dataset({"v": ("cell", values)}, {"lon": ("cell", lon, LON), "lat": ("cell", lat, LAT)})
    return Case(ds, [(10, 5), (11.5, 6.5)], [(14, 5), (10, 9), (-29, -19)])


class Seen:
    """A picture, and the map in it."""

    def __init__(self, url: str, dataset_id: str, kind: str, query: str = "", selection: str = "") -> None:
        self.path = f"{url}/datasets/{dataset_id}/plot/v/{kind}/viridis/{selection}"
        limits = "vmin=0&vmax=1"
        answer = httpx.get(f"{self.path}?{limits}&{query}", timeout=60)
        assert (answer.status_code, answer.headers["content-type"]) == (200, "image/png"), answer.text[:400]
        self.image = Image.open(io.BytesIO(answer.content)).convert("RGB")
        told = httpx.get(f"{self.path}?f=json&{limits}&{query}", timeout=60).json()
        self.bbox, self.size = told["bbox"], (told["map"]["width"], told["map"]["height"])
        self.corner = (LEFT, TOP) if self.image.width > self.size[0] else (0, 0)

    def at(self, lon: float, lat: float) -> list[tuple[int, ...]]:
        """Return the colours of the pixels about a place: a coast or a line of the graticule may cross it."""
        west, south, east, north = self.bbox
        turned = (lon - west) % 360 + west
        x = self.corner[0] + int((turned - west) / (east - west) * self.size[0])
        y = self.corner[1] + int((north - lat) / (north - south) * self.size[1])
        spots = [(x + i, y + j) for i in (-1, 0, 1) for j in (-1, 0, 1)]
        inside = [
            (i, j)
            for i, j in spots
            if 0 <= i - self.corner[0] < self.size[0] and 0 <= j - self.corner[1] < self.size[1]
        ]
        return [self.image.getpixel(spot) for spot in inside]  # type: ignore[misc]  # RGB

    def looks(self, lon: float, lat: float, colour: tuple[int, int, int], off: int = 12) -> bool:
        """Whether most of what is about a place has a colour."""
        near = [np.abs(np.subtract(one, colour)).max() <= off for one in self.at(lon, lat)]
        return sum(near) * 2 > len(near)
