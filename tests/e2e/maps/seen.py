"""A map that came, and its pixels by place: places become metres by the formula of EPSG's own guidance note."""

import io
from dataclasses import dataclass
from functools import lru_cache
from math import log, pi, radians, tan
from typing import Any

import httpx
import numpy as np
from PIL import Image
from plots.fields import COLD, HOT, Case

WORLD = 20037508.342789244
"""Half the width of the web's map, in metres, by EPSG's own definition."""
Box = tuple[float, float, float, float]


def on_web(lon: float, lat: float) -> tuple[float, float]:
    """Return a place in metres of EPSG:3857 (guidance note 7-2, 3.5.1, Popular Visualisation Pseudo Mercator)."""
    return WORLD * lon / 180, WORLD / pi * log(tan(pi / 4 + radians(lat) / 2))


def opened(body: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(body))
    image.load()
    return image.convert("RGBA")


def has_colour(image: Image.Image, place: tuple[int, int], colour: tuple[int, int, int] | None, off: int = 2) -> bool:
    """Whether a pixel has a colour, of None whether it is clear; 232 colours of a map are not quite its 256."""
    found: Any = image.getpixel(place)
    if colour is None:
        return bool(found[3] == 0)
    return bool(found[3] == 255 and np.abs(np.subtract(found[:3], colour)).max() <= off)


@dataclass
class Seen:
    """A picture of a box in the units of its reference system: x to the right, y up."""

    image: Image.Image
    box: Box
    turn: float
    """Width of the world in these units."""
    is_web: bool

    def pixel(self, lon: float, lat: float) -> tuple[int, int] | None:
        """Return where a place is, None where it is not on the map."""
        west, south, east, north = self.box
        x, y = on_web(lon, lat) if self.is_web else (lon, lat)
        x = west + (x - west) % self.turn
        column = int((x - west) / (east - west) * self.image.width)
        row = int((north - y) / (north - south) * self.image.height)
        inside = 0 <= column < self.image.width and 0 <= row < self.image.height
        return (column, row) if inside else None

    def looks(self, lon: float, lat: float, colour: tuple[int, int, int] | None, off: int = 2) -> bool:
        """Whether the pixel of a place has a colour; of None whether it is clear."""
        place = self.pixel(lon, lat)
        assert place is not None, (lon, lat)
        return has_colour(self.image, place, colour, off)


def wrong(seen: Seen, case: Case, off: int = 2) -> list[Any]:
    """Return the places of a case that look otherwise; those that are not on the map are passed over."""
    kinds = (("hot", case.hot, HOT), ("cold", case.cold, COLD), ("missing", case.missing, None))
    on_map = [(kind, place, colour) for kind, places, colour in kinds for place in places if seen.pixel(*place)]
    assert any(kind == "hot" for kind, _, _ in on_map)
    return [(kind, place) for kind, place, colour in on_map if not seen.looks(*place, colour, off)]


def get_map(url: str, dataset_id: str, version: str, crs: str, box: Box, size: tuple[int, int], **more: str) -> Seen:
    """Ask for a map of a box; `box` is x, y, x, y, turned here where latitude is the first axis."""
    asked = (box[1], box[0], box[3], box[2]) if (version, crs) == ("1.3.0", "EPSG:4326") else box
    params = {
        "SERVICE": "WMS", "VERSION": version, "REQUEST": "GetMap", "LAYERS": "v", "STYLES": "",
        "CRS" if version == "1.3.0" else "SRS": crs, "BBOX": ",".join(map(repr, asked)), "WIDTH": str(size[0]),
        "HEIGHT": str(size[1]), "FORMAT": "image/png", "TRANSPARENT": "TRUE", "COLORSCALERANGE": "0,1",
    }  # fmt: skip
    answer = httpx.get(f"{url}/datasets/{dataset_id}/wms", params=params | more, timeout=60)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/png"), answer.text[:400]
    is_web = crs == "EPSG:3857"
    seen = Seen(opened(answer.content), box, 2 * WORLD if is_web else 360, is_web)
    assert seen.image.size == size
    return seen


@lru_cache(maxsize=64)
def get_tile(url: str, zoom: int, x: int, y: int, query: str) -> Image.Image:
    answer = httpx.get(f"{url}/{zoom}/{x}/{y}.png?{query}", timeout=60)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/png"), answer.text[:400]
    return opened(answer.content)


def tile_at(url: str, zoom: int, lon: float, lat: float, query: str = "vmin=0&vmax=1") -> Seen:
    """Return the tile that holds a place."""
    x, y = on_web((lon + 180) % 360 - 180, lat)
    side = 2 * WORLD / 2**zoom
    column, row = int((x + WORLD) // side), int((WORLD - y) // side)
    west, north = -WORLD + column * side, WORLD - row * side
    return Seen(
        get_tile(url, zoom, column, row, query), (west, north - side, west + side, north), 2 * WORLD, is_web=True
    )
