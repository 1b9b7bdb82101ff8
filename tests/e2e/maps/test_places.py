"""Made fields with known answers: each cell is where it belongs, in every reference system and on tiles."""

from collections.abc import Iterator

import httpx
import numpy as np
import pytest
import xarray as xr
from plots.fields import COLD, HOT, Case, axes, cases

from cloudify import Server
from cloudify.testing import running
from maps.seen import WORLD, Box, get_map, get_tile, has_colour, on_web, opened, tile_at, wrong

CASES = cases()
SYSTEMS = [
    ("1.1.1", "EPSG:4326"),
    ("1.3.0", "EPSG:4326"),
    ("1.3.0", "CRS:84"),
    ("1.1.1", "EPSG:3857"),
    ("1.3.0", "EPSG:3857"),
]
ZOOMED = {"icon": (-35.0, 11.0, -22.0, 24.0)}
"""A box in degrees in which cells are large enough to be looked at."""
GLOBE = (-180.0, -90.0, 180.0, 90.0)


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    blocks = Case(quarters(), [], [])
    with running(Server({name: case.ds for name, case in (CASES | {"quarters": blocks}).items()}).app) as url:
        yield url


def quarters() -> xr.Dataset:
    """Four cells of the world: 0 in the northwest, 1, and in the south 2 and a missing value."""
    values = np.array([[2, np.nan], [0, 1]], "f4")
    return xr.Dataset({"v": (("lat", "lon"), values)}, axes([-90.0, 90.0], [-45.0, 45.0]))


def box_of(name: str, crs: str) -> Box:
    west, south, east, north = ZOOMED.get(name, GLOBE)
    if crs != "EPSG:3857":
        return west, south, east, north
    if name not in ZOOMED:
        return -WORLD, -WORLD, WORLD, WORLD
    return (*on_web(west, south), *on_web(east, north))


def on_the_web(name: str) -> Case:
    """Return a case within 85 degrees, where the web's map ends."""
    case = CASES[name]
    return Case(case.ds, [(0, 82), (100, -82)], case.cold) if name == "first-and-last-row" else case


@pytest.mark.parametrize(("version", "crs"), SYSTEMS)
@pytest.mark.parametrize("name", CASES)
def test_a_map_shows_each_cell_where_it_is(url: str, name: str, version: str, crs: str) -> None:
    is_web = crs == "EPSG:3857"
    seen = get_map(url, name, version, crs, box_of(name, crs), (900, 900 if is_web else 450))
    assert wrong(seen, on_the_web(name) if is_web else CASES[name]) == []


@pytest.mark.parametrize("name", CASES)
def test_tiles_show_each_cell_where_it_is(url: str, name: str) -> None:
    case, zoom = on_the_web(name), 7 if name in ZOOMED else 4
    places = [*case.hot, *case.cold, *case.missing]
    tiles = f"{url}/datasets/{name}/tiles/v"
    seen = [tile_at(tiles, zoom, *place) for place in places]
    kinds = [HOT] * len(case.hot) + [COLD] * len(case.cold) + [None] * len(case.missing)
    off = [place for one, place, kind in zip(seen, places, kinds, strict=True) if not one.looks(*place, kind)]
    assert off == []


@pytest.mark.parametrize("west", [160.0, -200.0, 520.0])
@pytest.mark.parametrize("crs", ["CRS:84", "EPSG:4326", "EPSG:3857"])
def test_a_map_across_the_date_line_has_both_sides(url: str, crs: str, west: float) -> None:
    """On any turn of the globe."""
    scale = WORLD / 180 if crs == "EPSG:3857" else 1
    box = (west * scale, -20 * scale, (west + 40) * scale, 20 * scale)
    case = Case(CASES["date-line"].ds, [(-177, 5), (177, 5)], [(-172, 5), (172, 5), (165, -15)])
    assert wrong(get_map(url, "date-line", "1.3.0", crs, box, (400, 400)), case) == []


def test_a_map_wider_than_the_globe_repeats_it_and_ends_at_the_poles(url: str) -> None:
    """720 degrees on 720 pixels: the cell at 120 to 130 west, 30 to 40 north, is twice there; nothing beyond 90."""
    seen = get_map(url, "one-cell", "1.1.1", "EPSG:4326", (-360, -180, 360, 180), (720, 360)).image
    for x in (235, 595):
        assert has_colour(seen, (x, 180 - 35), HOT)
        assert has_colour(seen, (x, 180 - 45), COLD)
    assert all(has_colour(seen, (x, y), None) for x in range(0, 720, 60) for y in (5, 89, 270, 355))


def test_the_corners_of_the_world_are_where_they_are(url: str) -> None:
    """Each of four cells by hand, so that no axis can be turned around or exchanged for another unseen."""
    seen = get_map(url, "quarters", "1.3.0", "EPSG:4326", GLOBE, (4, 2), COLORSCALERANGE="0,2").image
    middle = (33, 145, 140)  # viridis at 0.5, from matplotlib's own table
    for row, colours in enumerate([[COLD, COLD, middle, middle], [HOT, HOT, None, None]]):
        assert [has_colour(seen, (x, row), colour) for x, colour in enumerate(colours)] == [True] * 4


def test_what_is_missing_has_the_colour_of_the_background_where_it_is_not_clear(url: str) -> None:
    options = {"TRANSPARENT": "FALSE", "BGCOLOR": "0x102030", "COLORSCALERANGE": "0,2"}
    seen = get_map(url, "quarters", "1.3.0", "CRS:84", GLOBE, (40, 20), **options).image
    assert has_colour(seen, (30, 15), (16, 32, 48), off=0)
    assert has_colour(seen, (5, 15), HOT)
    params = {
        "service": "WMS", "request": "GetMap", "version": "1.1.1", "layers": "v", "srs": "EPSG:4326", "styles": "",
        "bbox": "-180,-90,180,90", "width": "40", "height": "20", "format": "image/jpeg", "colorscalerange": "0,2",
    }  # fmt: skip
    answer = httpx.get(f"{url}/datasets/quarters/wms", params=params)
    assert answer.headers["content-type"] == "image/jpeg"
    picture = opened(answer.content)
    assert has_colour(picture, (30, 15), (255, 255, 255), off=3)
    assert has_colour(picture, (5, 15), HOT, off=6)


def test_a_doubled_tile_shows_the_same_in_four_times_the_pixels(url: str) -> None:
    tiles = f"{url}/datasets/quarters/tiles/v"
    one, two = get_tile(tiles, 0, 0, 0, "vmin=0&vmax=2"), get_tile(tiles, 0, 0, 0, "vmin=0&vmax=2&size=512")
    assert (one.size, two.size) == ((256, 256), (512, 512))
    assert opened(httpx.get(f"{tiles}/0/0/0@2x.png?vmin=0&vmax=2").content).tobytes() == two.tobytes()
    assert np.array_equal(np.asarray(two)[::2, ::2], np.asarray(one))


def test_a_tile_without_data_is_clear(url: str) -> None:
    """The rotated grid lies in Europe; this tile in the Pacific."""
    tile = get_tile(f"{url}/datasets/rotated/tiles/v", 3, 0, 4, "")
    assert np.asarray(tile)[..., 3].max() == 0


def test_tiles_of_a_map_have_their_colours_in_common() -> None:
    """Limits are those of the variable: 0 to 100, though each tile has a part of it only, and 3 is near 0."""
    lon, lat = np.arange(-179.5, 180), np.arange(-84.5, 85)
    ramp = np.broadcast_to(np.linspace(0, 100, lon.size, dtype="f4"), (lat.size, lon.size))
    ds = xr.Dataset({"v": (("lat", "lon"), ramp)}, axes(lon, lat))
    with running(Server({"ramp": ds}).app) as url:
        colours = [tile_at(f"{url}/datasets/ramp/tiles/v", 3, lon, 10, "cmap=gray") for lon in (-179, -90, 0, 90, 179)]
        greys = [one.image.getpixel((128, 128))[0] for one in colours]
    assert greys == sorted(greys)
    assert greys[0] < 20
    assert greys[-1] > 235
    assert 110 < greys[2] < 150
