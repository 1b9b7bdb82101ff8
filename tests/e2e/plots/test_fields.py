"""Made fields with known answers: the right pixel has the right colour, on every kind of map and on thumbnails."""

from collections.abc import Iterator

import httpx
import numpy as np
import pytest
import xarray as xr

from cloudify import Server
from cloudify.testing import running
from plots.fields import COLD, HOT, Case, Seen, cases, on_axes

CASES = cases()
GREY = (222, 222, 222)


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with running(Server({name: case.ds for name, case in CASES.items()}).app) as url:
        yield url


def check(seen: Seen, case: Case) -> None:
    wrong = [("hot", *place) for place in case.hot if not seen.looks(*place, HOT)]
    wrong += [("cold", *place) for place in case.cold if not seen.looks(*place, COLD)]
    wrong += [("missing", *place) for place in case.missing if not seen.looks(*place, GREY)]
    assert wrong == [], [seen.at(*place[1:]) for place in wrong]


@pytest.mark.parametrize("name", CASES)
def test_an_image_shows_each_cell_where_it_is(url: str, name: str) -> None:
    check(Seen(url, name, "image", selection=CASES[name].selection), CASES[name])


@pytest.mark.parametrize("name", CASES)
def test_a_pcolormesh_shows_each_cell_where_it_is(url: str, name: str) -> None:
    check(Seen(url, name, "pcolormesh", selection=CASES[name].selection), CASES[name])


def is_inside(lon: float, lat: float) -> bool:
    return 6 < abs(lon) < 174 and abs(lat) > 6  # more than half a cell


@pytest.mark.parametrize("name", ["north", "descending", "east", "from-20-to-380", "half-missing"])
def test_filled_contours_lie_where_the_field_is(url: str, name: str) -> None:
    """Between the centres of cells they interpolate: places nearer than that to the edge of a half are left out."""
    case = CASES[name]
    hot, cold = ([place for place in places if is_inside(*place)] for places in (case.hot, case.cold))
    assert hot
    check(Seen(url, name, "contourf"), Case(case.ds, hot, cold, case.missing))


@pytest.mark.parametrize("name", ["one-cell", "date-line", "icon", "rotated", "curvilinear", "first-and-last-row"])
def test_filled_contours_of_one_cell_are_hot_in_its_middle_and_cold_around(url: str, name: str) -> None:
    middle = {"date-line": (179.9, 5)}.get(name, CASES[name].hot[0])
    seen = Seen(url, name, "contourf", selection=CASES[name].selection)
    assert seen.looks(*middle, HOT, off=60), seen.at(*middle)  # its top is a point
    far = {
        "one-cell": (-90, 35),
        "date-line": (-150, 5),
        "icon": (-24, 13),
        "rotated": (24, 56),
        "curvilinear": (10, 18),
    }
    assert seen.looks(*far.get(name, (20, 20)), COLD, off=40)


@pytest.mark.parametrize("name", CASES)
def test_a_thumbnail_shows_the_same(url: str, name: str) -> None:
    seen = Seen(url, name, "image", "width=240", CASES[name].selection)
    assert seen.image.size == seen.size
    assert seen.image.width == 240
    case = CASES[name]
    check(seen, Case(case.ds, case.hot[:1], case.cold[-3:]))  # a pixel is 1.5 degrees


def test_a_region_shows_what_lies_in_it_across_the_date_line(url: str) -> None:
    seen = Seen(url, "date-line", "image", selection="lon/160_-160/lat/-20_20")
    assert seen.bbox == [160, -20, 200, 20]
    check(seen, Case(CASES["date-line"].ds, [(-177, 5), (177, 5)], [(-172, 5), (172, 5), (165, -15)]))


def test_both_sides_of_a_picture_can_be_given(url: str) -> None:
    for width, height in ((500, 400), (200, 333), (16, 16), (2000, 2000)):
        assert Seen(url, "north", "image", f"width={width}&height={height}").image.size == (width, height)


def test_groups_whose_coordinates_have_the_same_names_lie_where_each_of_them_says() -> None:
    """The kept cells, tables and limits of one group are not those of another."""
    lon = np.arange(5.0, 360, 10)
    north = on_axes(lon, np.arange(5.0, 90, 10), lambda x, _y: x > 0).rename(v="w")
    south = on_axes(lon, np.arange(-85.0, 0, 10), lambda x, _y: x > 0)
    tree = xr.DataTree.from_dict({"/north": north, "/south": south * 3})
    with running(Server({"groups": tree}).app) as url:
        for variable, bbox, high in (("w", [-180, 0, 180, 90], 1), ("v", [-180, -90, 180, 0], 3)):
            path = f"{url}/datasets/groups/plot/{variable}/image/viridis/"
            told = httpx.get(path, params={"f": "json"}).json()
            assert (told["bbox"], told["limits"]) == (bbox, [0, high])
