"""What a request to the map service says: parameters in any case and order, values as the standard has them."""

import re
from collections.abc import Mapping
from typing import Literal, get_args

from starlette.datastructures import QueryParams

from cloudify.errors import BadMapRequestError
from cloudify.pictures.canvas import Canvas, Plane
from cloudify.pictures.overlay import Colour, Form, Overlay, Shown

Version = Literal["1.1.1", "1.3.0"]
VERSIONS: tuple[Version, ...] = get_args(Version)
Query = Mapping[str, str]
"""Parameters by their names in lower case; the first of each name."""

PLANES: dict[str, Plane] = {
    "EPSG:4326": "degrees",
    "CRS:84": "degrees",
    "EPSG:3857": "mercator",
    "EPSG:900913": "mercator",
}
"""Reference systems; the last is an older name of the one before, and not announced."""
ANNOUNCED: dict[Version, tuple[str, ...]] = {
    "1.1.1": ("EPSG:4326", "EPSG:3857"),
    "1.3.0": ("CRS:84", "EPSG:4326", "EPSG:3857"),
}
FORMS: dict[str, Form] = {"image/png": "png", "image/jpeg": "jpeg"}
MEDIA_TYPES: dict[Form, str] = {form: media_type for media_type, form in FORMS.items()}
LARGEST = 2000
"""Pixels of a side: four million in all, as of any picture."""
STYLES = (
    "viridis", "plasma", "inferno", "magma", "cividis", "turbo", "coolwarm", "RdBu_r", "BrBG", "Blues", "YlOrRd",
    "gray",
)  # fmt: skip
"""Colour maps that are announced, the first is the default; every other of matplotlib can be named as well."""
DEFAULT_STYLES = frozenset({"", "default"})
_OURS = ("time", "elevation")
_SHOWN = 60


def read_query(params: QueryParams) -> dict[str, str]:
    """Return the parameters of a request. `map`, which clients of MapServer send, is one that nobody reads."""
    found: dict[str, str] = {}
    for name, value in params.multi_items():
        found.setdefault(name.casefold(), value)
    return found


def negotiated(query: Query) -> Version:
    """Return the version of capabilities: the highest that is not above the one asked for, else the lowest.

    >>> negotiated({}), negotiated({"version": "1.2.0"}), negotiated({"version": "1.0.0"}), negotiated({"version": "2"})
    ('1.3.0', '1.1.1', '1.1.1', '1.3.0')
    """
    asked = tuple(int(part) for part in re.findall(r"[0-9]{1,4}", query.get("version", "")[:20])[:3])
    below = [version for version in VERSIONS if not asked or tuple(map(int, version.split("."))) <= asked]
    return below[-1] if below else VERSIONS[0]


def read_version(query: Query) -> Version:
    """Return the version of any other request, on which the order of coordinates depends.

    Raises
    ------
    BadMapRequestError
        If there is no such version.
    """
    text = query.get("version", "") or VERSIONS[-1]
    for version in VERSIONS:
        if text == version:
            return version
    raise BadMapRequestError(f"VERSION={_short(text)}: there are {' and '.join(VERSIONS)}")


def read_map(query: Query) -> Overlay:
    """Read a request for a map.

    Raises
    ------
    BadMapRequestError
        Naming the parameter, and what it can be.
    """
    form = FORMS.get(query.get("format", "image/png").partition(";")[0].strip().lower() or "image/png")
    if form is None:
        raise BadMapRequestError(f"FORMAT={_short(query['format'])}: there are {' and '.join(FORMS)}", "InvalidFormat")
    is_clear = query.get("transparent", "").casefold() == "true" and form == "png"
    background = _read_colour(query)
    has_coasts = query.get("coasts", "").casefold() == "true"
    return Overlay(
        read_shown(query, "layers", "styles"), _read_canvas(query), None if is_clear else background, form, has_coasts
    )


def read_shown(query: Query, layer: str, style: str) -> Shown:
    """Read which layer is meant, in which style, and of which time and level."""
    name = query.get(layer, "")
    if not name:
        raise BadMapRequestError(f"{layer.upper()} is missing: name one layer of the capabilities", "LayerNotDefined")
    colormap = query.get(style, "")
    low, high = _read_range(query)
    dimensions = tuple((key, value) for key, value in sorted(query.items()) if key in _OURS or key.startswith("dim_"))
    return Shown(name, STYLES[0] if colormap in DEFAULT_STYLES else colormap, dimensions, low, high)


def read_side(query: Query, name: str, default: int | None = None) -> int:
    """Read a number of pixels.

    Raises
    ------
    BadMapRequestError
        If it is none, or too large.
    """
    text = query.get(name, "")
    if not text and default is not None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) < 10 and 1 <= int(text) <= LARGEST):  # noqa: PLR2004  # digits
        raise BadMapRequestError(f"{name.upper()}={_short(text)}: expected 1 to {LARGEST} pixels")
    return int(text)


def _read_canvas(query: Query) -> Canvas:
    version = read_version(query)
    key = "crs" if "crs" in query or ("srs" not in query and version == "1.3.0") else "srs"
    system = query.get(key, "").upper()
    if system not in PLANES:
        raise BadMapRequestError(
            f"{key.upper()}={_short(system)}: there are {', '.join(ANNOUNCED[version])}",
            "InvalidCRS" if version == "1.3.0" else "InvalidSRS",
        )
    west, south, east, north = _read_numbers("BBOX", query.get("bbox", ""), 4)
    if version == "1.3.0" and system == "EPSG:4326":  # latitude is the first of its axes
        west, south, east, north = south, west, north, east
    width, height = read_side(query, "width"), read_side(query, "height")
    try:
        return Canvas(PLANES[system], west, south, east, north, width, height)
    except ValueError as error:
        text = query.get("bbox", "")
        raise BadMapRequestError(f"BBOX={_short(text)}: {error}; expected minx,miny,maxx,maxy") from error


def _read_range(query: Query) -> tuple[float | None, float | None]:
    text = query.get("colorscalerange", "")
    if text.casefold() in {"", "auto", "default"}:
        return None, None
    low, high = _read_numbers("COLORSCALERANGE", text, 2)
    if low >= high:
        raise BadMapRequestError(f"COLORSCALERANGE={_short(text)}: expected the first to be smaller")
    return low, high


def _read_numbers(name: str, text: str, count: int) -> list[float]:
    try:
        numbers = [float(part) for part in text[:400].split(",")]
    except ValueError:
        numbers = []
    if len(numbers) != count or not all(-1e300 < number < 1e300 for number in numbers):  # noqa: PLR2004  # finite
        raise BadMapRequestError(f"{name}={_short(text)}: expected {count} numbers, joined by commas")
    return numbers


def _read_colour(query: Query) -> Colour:
    text = query.get("bgcolor", "") or "0xFFFFFF"
    match = re.fullmatch(r"(?:0[xX]|#)([0-9a-fA-F]{6})", text)
    if match is None:
        raise BadMapRequestError(f"BGCOLOR={_short(text)}: expected 0xRRGGBB")
    red, green, blue = bytes.fromhex(match[1])
    return red, green, blue


def _short(text: str) -> str:
    return repr(text if len(text) <= _SHOWN else f"{text[:_SHOWN]}...")
