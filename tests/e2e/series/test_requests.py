"""What may be asked of a series, and what is said of the rest; nothing that is asked harms the server."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import httpx
import numpy as np
import pytest
import xarray as xr

from cloudify import Server
from cloudify.testing import running
from series.truth import CLIENT, LAT, LON

PLACE, BOX = "lon=-95&lat=42", "bbox=-120,20,-80,50"
POLYGON = "polygon=-120 20,-80 25,-100 55"
OK = "200"
ANSWERS = {
    # what is asked: nothing, a place, a box, a polygon
    "field": (("", "say where"), (PLACE, OK), (BOX, OK), (POLYGON, OK)),
    "far": (("", "say where"), (PLACE, OK), (BOX, "the centre of no cell"), (POLYGON, "the centre of no cell")),
    "map": (("", "say where"), (PLACE, "no dimension but"), (BOX, "no dimension but"), (POLYGON, "no dimension but")),
    "line": (("", OK), (PLACE, "no longitudes and"), (BOX, "no longitudes and"), (POLYGON, "no longitudes and")),
    "station": (("", "say where"), (PLACE, OK), (BOX, "the centre of no"), ("bbox=9,49,11,51", "one value and no bou")),
    "lines": (("", "several dimensions"), (PLACE, "no longitudes and"), (BOX, "no longitudes and"), ("bnds=0", OK)),
    "times": (("", "no numbers"), (PLACE, "no numbers"), (BOX, "no numbers"), (POLYGON, "no numbers")),
    "text": (("", "no numbers"), (PLACE, "no numbers"), (BOX, "no numbers"), (POLYGON, "no numbers")),
}
"""Of each class of data, written down before it was asked: 200, or words of the reason."""
DATA = {
    "bounds": {"tas": "field", "time": "times", "lat": "line", "time_bnds": "times"},
    "icon": {"S": "field", "wet_c": "field", "depth": "line"},
    "nemo": {"tos": "field", "nav_lat": "map", "time_centered": "times"},
    "from-20-to-380": {"v": "field", "x": "line"},
    "360-day": {"air_temperature": "field", "forecast_period": "line", "time_bnds": "times"},
    "soi": {"SOI_Darwin": "line"},
    "orca2": {"votemper": "map"},
    "atlantic": {"salinity": "far", "theta": "far"},
    "vlstr": {"wind": "station", "expver": "text"},
    "rotated": {"air_pressure_at_sea_level": "map"},
    "hybrid": {"air_potential_temperature": "far", "level_height_bnds": "lines", "surface_altitude": "map"},
    "weather": {"TEC": "map"},
    "cube": {"synthetic": "map"},
    "stereo": {"data": "map"},
    "ostia": {"surface_temperature": "far"},
}
HOSTILE = [
    "", " ", "nan", "NaN", "inf", "-inf", "1e400", "-1e400", "1e308", "9" * 400, "[1,2]", "{}", "null", "0x10", "1_0",
    "\u0661", "\0", "1\n", "-", ".", "1;2", "1,2,3", "1,2", "nan,nan,nan,nan", "1e400,0,1,1", "'; DROP TABLE x",
    "../../etc/passwd", "a" * 5000, "\U0001f984", "<script>alert(1)</script>", "{{7*7}}", "1 1", "POLYGON", "POLYGON((",
    "POLYGON(())", "POLYGON((0 0))", "POLYGON((nan nan,1 1,2 2))", "0 0,0 0,0 0", "(" * 3000, "0 0,1 1," * 400,
    "2005-13-45", "2005-01-01,1999-01-01", "-99999999999999999", "1e5", "true", "%", "%00",
]  # fmt: skip


def get(url: str, path: str, query: str = "") -> httpx.Response:
    return CLIENT.get(f"{url}/datasets/{path}?{query}")


@pytest.mark.parametrize("dataset", DATA)
def test_every_request_of_every_kind_of_data_answers_as_it_must(url: str, dataset: str) -> None:
    wrong = []
    for variable, kind in DATA[dataset].items():
        for query, expected in ANSWERS[kind]:
            for form in ("json", "csv", "covjson"):
                answer = get(url, f"{dataset}/series/{variable}", f"{query}&f={form}")
                good = answer.status_code == 200 if expected == OK else answer.status_code == 422
                if not good or (expected != OK and expected not in answer.json()["detail"]):
                    wrong.append((variable, query, form, expected, answer.status_code, answer.text[:200]))
    assert wrong == []


def field() -> xr.Dataset:
    """Return values that are 100 times the number of the month, plus the number of the level."""
    times = np.array(["2004-12-16", "2005-01-16", "2005-02-15", "2005-03-16"], "M8[ns]")
    values = np.zeros((4, 3, 18, 36)) + 100 * np.arange(4)[:, None, None, None] + np.arange(3)[:, None, None]
    coords = {
        "time": times, "lev": ("lev", [1000.0, 500.0, 10.5], {"units": "hPa"}),
        "lat": ("lat", np.arange(-85.0, 90, 10), LAT), "lon": ("lon", np.arange(5.0, 360, 10), LON),
    }  # fmt: skip
    return xr.Dataset({"t": (("time", "lev", "lat", "lon"), values), "many": (("a", "b"), np.zeros((3, 3)))}, coords)


@pytest.fixture(scope="module")
def small() -> Iterator[str]:
    with running(Server({"a": field()}).app) as url:
        yield url


@pytest.mark.parametrize(
    ("query", "values", "selected"),
    [
        ("", [0, 100, 200, 300], {"lev": 1000.0}),
        ("lev=500", [1, 101, 201, 301], {"lev": 500.0}),
        ("lev=12", [2, 102, 202, 302], {"lev": 10.5}),
        ("time=0", [0, 1, 2], {"time": "2004-12-16T00:00:00"}),
        ("time=2005-02", [200, 201, 202], {"time": "2005-02-15T00:00:00"}),
        ("time=2005-02&lev=0,800", [201, 202], {"time": "2005-02-15T00:00:00"}),
        ("time=-1&lev=500", [301], {"lev": 500.0}),
        ("time=1,2", [100, 200], {"lev": 1000.0}),
        ("time=1_2", [100, 200], {"lev": 1000.0}),
        ("time=2005-01,2005-02-15", [100, 200], {"lev": 1000.0}),
        ("time=-2,-1&lev=500", [201, 301], {"lev": 500.0}),
    ],
)
def test_a_selection_means_the_same_as_in_a_plot(
    small: str, query: str, values: list[float], selected: dict[str, Any]
) -> None:
    said = get(small, "a/series/t", f"lon=5&lat=5&{query}").json()
    mean = get(small, "a/series/t", f"bbox=0,0,30,30&{query}").json()
    assert (said["values"], said["selected"]) == (values, selected)
    assert (mean["values"], mean["selected"]) == (pytest.approx(values), selected)


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        ("b?lon=1&lat=1", 404, "no variable 'b'"),
        ("t?lon=1", 422, "lon= and lat=, both"),
        ("t?lat=1", 422, "lon= and lat=, both"),
        ("t?lon=x&lat=1", 422, "'x' is no longitude; expected a longitude in degrees"),
        ("t?lon=1&lat=91", 422, "'91' is no latitude; expected a latitude in degrees, -90 to 90"),
        ("t?lon=721&lat=1", 422, "-720 to 720"),
        ("t?lon=1&lat=1&lon=2", 422, "'lon' is given twice"),
        ("t?lon=1&lat=1&bbox=0,0,1,1", 422, "lon and bbox: give one of"),
        ("t?bbox=0,0,1", 422, "expected west,south,east,north"),
        ("t?bbox=0,10,1,5", 422, "south is greater than north"),
        ("t?bbox=-200,0,200,5", 422, "more than a turn"),
        ("t?bbox=11,11,12,12", 422, "the centre of no cell lies in the region"),
        ("t?polygon=0 0,1 1", 422, "three vertices or more"),
        ("t?polygon=0 0,1 1,1", 422, "is no vertex"),
        ("t?polygon=POLYGON((0 0,1 1,1 0)", 422, "expected POLYGON((lon lat, lon lat, ...), (a hole, ...))"),
        ("t?polygon=170 0,-170 0,-170 10,170 10", 422, "across the date line write 190"),
        ("t?polygon=-170 0,170 0,170 10,-170 10", 422, "across the date line write -190"),
        ("t?lon=1&lat=1&max_distance_km=-1", 422, "a number of kilometres"),
        ("t?lon=1&lat=1&valid=1", 422, "expected true or false"),
        ("t?bbox=0,0,20,20&valid=true", 422, "valid is said of the nearest cell"),
        ("t?bbox=0,0,20,20&max_distance_km=5", 422, "max_distance_km is said of the nearest cell"),
        ("t?lon=1&lat=1&f=nc", 422, "there are json, csv, covjson, svg, html"),
        ("t?lon=1&lat=1&depth=5", 422, "has no coordinate 'depth'"),
        ("t?lon=1&lat=1&lev=0,600", 422, "several series along 'time'"),
        ("t?lon=1&lat=1&longitude=5", 422, "a place is lon= and lat="),
        ("t?lon=1&lat=1&time=4", 422, "its positions are 0 to 3"),
        ("t?lon=1&lat=1&time=2007-01-01", 422, "outside the axis"),
        ("t?lon=1&lat=1&lev=600,700", 422, "nothing lies there"),
        ("t?lon=1&lat=1&a/b=1", 422, "expected a coordinate and a value"),
        ("many", 422, "several dimensions: a, b; give a value of all but one"),
        ("many?a=1&b=0,3", 422, "its positions are 0 to 2"),
    ],
)
def test_what_cannot_be_is_refused_with_the_reason(small: str, path: str, status: int, words: str) -> None:
    answer = CLIENT.get(f"{small}/datasets/a/series/{path}")
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json"), answer.text
    assert words in answer.json()["detail"]


@pytest.mark.parametrize(
    "name", ["lon", "bbox", "polygon", "max_distance_km", "valid", "f", "time", "lev", "x" * 3000, ""]
)
def test_no_value_of_any_field_fails(small: str, name: str) -> None:
    place = {"lat": "5"} if name == "lon" else {"lon": "5", "lat": "5"} if name not in {"bbox", "polygon"} else {}
    for text in HOSTILE:
        answer = get(small, "a/series/t", urlencode({**place, name: text}))
        assert answer.status_code in {200, 422}, (name, text, answer.text)
        assert len(answer.content) < 4000
    assert get(small, "a/series/t", "lon=5&lat=5").json()["values"] == [0, 100, 200, 300]


def test_a_polygon_has_at_most_a_thousand_vertices(small: str) -> None:
    for count, status in ((1000, 200), (1001, 422), (2000, 422)):
        turns = np.linspace(0, 2 * np.pi, count, endpoint=False)
        ring = ",".join(f"{20 + 40 * np.cos(turn):.3f} {50 * np.sin(turn):.3f}" for turn in turns)
        answer = get(small, "a/series/t", urlencode({"polygon": ring}))
        assert answer.status_code == status, answer.text
        assert status == 200 or "the most is 1000: simplify it" in answer.json()["detail"]


def test_coordinates_of_any_kind_are_written() -> None:
    coords: dict[str, Any] = {
        "name": ("name", np.array([b"caf\xc3\xa9", b"\xff"], "S8")),
        "step": ("step", np.array([6, 12], "m8[h]").astype("m8[ns]")),
        "values": ("values", ["a", "b"]),
    }
    data = {f"of_{name}": (name, np.array([True, False])) for name in coords}
    with running(Server({"a": xr.Dataset(data, coords)}).app) as url:
        cases: list[tuple[str, str, list[Any]]] = [
            ("name", "name", ["caf\xe9", "\ufffd"]),
            ("step", "step", [21600.0, 43200.0]),
            ("values", "coordinate", ["a", "b"]),
        ]
        for name, key, expected in cases:
            said = get(url, f"a/series/of_{name}").json()
            assert (said[key], said["values"], said["along"]) == (expected, [1, 0], name)
            for form in ("csv", "covjson", "svg", "html"):
                assert get(url, f"a/series/of_{name}", f"f={form}").status_code == 200
