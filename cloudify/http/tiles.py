"""Tiles of the web's map: what their addresses say, and what TileJSON says of them."""

import json
from typing import Any
from urllib.parse import quote, urlencode

from starlette.datastructures import QueryParams

from cloudify.datasets.opened import Opened
from cloudify.errors import BadOptionError, UnknownTileError
from cloudify.pictures.canvas import TURN, Canvas
from cloudify.pictures.layers import MERCATOR_EDGE, layer_in
from cloudify.pictures.overlay import Overlay, Shown

SIDE = 256
SIDES = frozenset({SIDE, 2 * SIDE})
"""Pixels of a side: of displays whose pixels are half as large the double."""
DOUBLED = "@2x"
MOST_ZOOM = 24
"""At which a pixel is a centimetre wide."""
OPTIONS = frozenset({"cmap", "vmin", "vmax", "size", "coasts"})
COLORMAP = "viridis"
_DIGITS = 9


def read_tile(variable: str, z: str, x: str, y: str, query: QueryParams) -> Overlay:
    """Read the address of a tile; `y` may end in ``@2x``.

    Raises
    ------
    UnknownTileError
        If there is no such tile.
    BadOptionError
        If the query has something that cannot be.
    """
    side = _side(query, is_doubled=y.endswith(DOUBLED))
    numbers = [int(text) if _is_number(text) else -1 for text in (z, x, y.removesuffix(DOUBLED))]
    zoom, column, row = numbers
    if not 0 <= zoom <= MOST_ZOOM or not (0 <= column < 2**zoom and 0 <= row < 2**zoom):
        raise UnknownTileError(z, x, y, MOST_ZOOM)
    return Overlay(read_shown(variable, query), tile_canvas(zoom, column, row, side), has_coasts=_has_coasts(query))


def tile_canvas(zoom: int, column: int, row: int, side: int = SIDE) -> Canvas:
    """Return what a tile shows: one of 2**zoom x 2**zoom squares of the world, counted from the upper left.

    >>> canvas = tile_canvas(1, 1, 0)
    >>> round(canvas.west), round(canvas.south), round(canvas.east), round(canvas.north)
    (0, 0, 20037508, 20037508)
    """
    world, span = TURN["mercator"], TURN["mercator"] / 2**zoom
    west, north = -world / 2 + column * span, world / 2 - row * span
    return Canvas("mercator", west, north - span, west + span, north, side, side)


def read_shown(variable: str, query: QueryParams) -> Shown:
    """Read what tiles show; what is no option names a time, a level or another coordinate."""
    low, high = (_limit(query, name) for name in ("vmin", "vmax"))
    if low is not None and high is not None and low >= high:
        raise BadOptionError(f"vmin={low:g}, vmax={high:g}: expected the first to be smaller")
    dimensions = tuple(sorted((name, value) for name, value in query.items() if name not in OPTIONS))
    return Shown(variable, query.get("cmap") or COLORMAP, dimensions, low, high, is_strict=True)


def tilejson(opened: Opened, variable: str, template: str, query: QueryParams) -> bytes:
    """Write the TileJSON 3.0.0 of tiles with the same options; raster tiles need no `vector_layers`. Blocks.

    Raises
    ------
    UnknownVariableError, BadOptionError, NoMapError
        If the variable has no map, and why.
    """
    layer = layer_in(opened, variable)
    west, south, east, north = layer.box
    south, north = (min(max(edge, -MERCATOR_EDGE), MERCATOR_EDGE) for edge in (south, north))
    options = urlencode(query.multi_items(), errors="replace")
    content: dict[str, Any] = {
        "tilejson": "3.0.0",
        "name": layer.title,
        "scheme": "xyz",
        "tiles": [f"{template}?{options}" if options else template],
        "minzoom": 0,
        "maxzoom": MOST_ZOOM,
        "bounds": [west, south, east, north],
        "center": [(west + east) / 2, (south + north) / 2, 0],
    }
    return json.dumps(content | ({"description": f"{layer.title} [{layer.units}]"} if layer.units else {})).encode()


def tiles_path(dataset_id: str, variable: str) -> str:
    """Return the template of the addresses of tiles.

    >>> tiles_path("era5", "t2m")
    '/datasets/era5/tiles/t2m/{z}/{x}/{y}.png'
    """
    return f"/datasets/{quote(dataset_id, safe='')}/tiles/{quote(variable, safe='')}/{{z}}/{{x}}/{{y}}.png"


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= _DIGITS


def _side(query: QueryParams, *, is_doubled: bool) -> int:
    text = query.get("size", "")
    if not text:
        return 2 * SIDE if is_doubled else SIDE
    if not _is_number(text) or int(text) not in SIDES:
        raise BadOptionError(f"size={text[:40]!r}: expected {' or '.join(map(str, sorted(SIDES)))}")
    return int(text)


def _has_coasts(query: QueryParams) -> bool:
    return query.get("coasts", "").casefold() == "true"


def _limit(query: QueryParams, name: str) -> float | None:
    text = query.get(name, "")
    if not text:
        return None
    try:
        value = float(text[:40])
    except ValueError:
        value = float("nan")
    if not -1e300 < value < 1e300:  # noqa: PLR2004  # finite, with room to subtract
        raise BadOptionError(f"{name}={text[:40]!r}: expected a finite number")
    return value
