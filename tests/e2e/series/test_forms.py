"""The forms of a series: CSV, CoverageJSON as its data model has it, a chart and a page; and the docs, as written."""

import csv
import io
import json
import re
from typing import Any
from xml.etree import ElementTree as ET

import httpx
import numpy as np
import pytest
import xarray as xr
from covjson_pydantic.coverage import Coverage
from covjson_pydantic.domain import Domain

from cloudify import Server
from cloudify.testing import running
from series.truth import CLIENT, LAT, LON, PROJECT

BROWSER = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
DOCS = PROJECT / "docs" / "reference" / "series.md"
PLACE, BOX = "lon=-95&lat=42", "bbox=-120,20,-80,50"
GREGORIAN = {"type": "TemporalRS", "calendar": "Gregorian"}


def get(url: str, path: str, **options: Any) -> httpx.Response:
    answer = CLIENT.get(f"{url}/datasets/{path}", **options)
    assert answer.status_code == 200, answer.text
    return answer


def coverage(url: str, path: str) -> Any:
    """Return a coverage that the data model of others takes."""
    answer = get(url, f"{path}&f=covjson")
    assert answer.headers["content-type"] == "application/prs.coverage+json"
    Coverage.model_validate_json(answer.text)
    return answer.json()


@pytest.mark.parametrize("query", [PLACE, f"{PLACE}&time=2,5", BOX])
def test_every_form_says_the_same(url: str, query: str) -> None:
    path = f"bounds/series/tas?{query}"
    said, text = get(url, path).json(), get(url, f"{path}&f=csv")
    assert text.headers["content-type"] == "text/csv; charset=utf-8"
    rows = list(csv.reader(io.StringIO(text.text)))
    assert rows[0] == ["time", "tas"]
    assert [row[0] for row in rows[1:]] == said["time"]
    assert [float(row[1]) for row in rows[1:]] == said["values"]
    covered = coverage(url, path)
    assert covered["ranges"]["tas"]["values"] == said["values"]
    assert covered["domain"]["axes"]["t"]["values"] == [f"{time}Z" for time in said["time"]]


def test_what_is_missing_is_null_or_empty(url: str) -> None:
    path = "from-20-to-380/series/v?lon=10&lat=-40"
    said = get(url, path).json()["values"]
    assert [value is None for value in said] == [False, True, False, False]
    assert get(url, f"{path}&f=csv").text.splitlines()[2] == "1970-01-02T00:00:00,"
    assert coverage(url, path)["ranges"]["v"]["values"] == said


def test_a_series_at_a_place_is_a_point_series(url: str) -> None:
    covered = coverage(url, f"bounds/series/tas?{PLACE}")
    domain = covered["domain"]
    assert (domain["domainType"], set(domain["axes"])) == ("PointSeries", {"x", "y", "t"})
    assert domain["axes"]["x"]["values"] == [264.375]
    assert [one["system"]["type"] for one in domain["referencing"]] == ["GeographicCRS", "TemporalRS"]
    assert domain["referencing"][1] == {"coordinates": ["t"], "system": GREGORIAN}
    parameter = covered["parameters"]["tas"]
    assert parameter["unit"]["symbol"] == {"value": "K", "type": "http://www.opengis.net/def/uom/UCUM/"}
    assert parameter["observedProperty"]["label"] == {"en": "Near-Surface Air Temperature"}
    assert covered["ranges"]["tas"] | {"values": []} == {
        "type": "NdArray", "dataType": "float", "axisNames": ["t"], "shape": [12], "values": [],
    }  # fmt: skip


def test_a_calendar_of_its_own_is_named(url: str) -> None:
    domain = coverage(url, f"360-day/series/air_temperature?{PLACE}")["domain"]
    system = next(one["system"] for one in domain["referencing"] if one["coordinates"] == ["t"])
    conventions = "https://cfconventions.org/cf-conventions/cf-conventions.html"
    assert system == {"type": "TemporalRS", "calendar": f"{conventions}#calendar=360_day"}
    assert len(domain["axes"]["t"]["values"]) == 240


def test_a_profile_is_a_vertical_profile(url: str) -> None:
    domain = coverage(url, "icon/series/wet_c?lon=-30&lat=20")["domain"]
    assert (domain["domainType"], domain["axes"]["z"]["values"]) == ("VerticalProfile", [10.0, 30.0, 50.0])
    vertical = next(one["system"] for one in domain["referencing"] if one["coordinates"] == ["z"])
    assert vertical["type"] == "VerticalCRS"
    assert "m, down" in vertical["description"]["en"]


def test_a_mean_is_a_polygon_series_of_closed_rings(url: str) -> None:
    domain = coverage(url, f"bounds/series/tas?{BOX}")["domain"]
    assert domain["domainType"] == "PolygonSeries"
    ring = [[-120.0, 20.0], [-80.0, 20.0], [-80.0, 50.0], [-120.0, 50.0], [-120.0, 20.0]]
    assert domain["axes"]["composite"] == {"dataType": "polygon", "coordinates": ["x", "y"], "values": [[ring]]}


@pytest.mark.parametrize(
    "path",
    [
        "icon/series/S?lon=-30&lat=20&time=0", "nemo/series/tos?lon=-30&lat=20", f"nemo/series/tos?{BOX}",
        "hybrid/series/air_potential_temperature?lon=0&lat=50", "soi/series/SOI_Darwin?",
        "atlantic/series/salinity?bbox=-10,-10,10,10", "360-day/series/forecast_period?",
        "vlstr/series/wind?lon=1&lat=1",
    ],
)  # fmt: skip
def test_other_kinds_of_data_have_coverages_too(url: str, path: str) -> None:
    covered = coverage(url, path)
    (values,) = (one["values"] for one in covered["ranges"].values())
    assert values == get(url, path).json()["values"]


def test_numbers_that_are_times_to_nobody_have_an_axis_of_their_own(url: str) -> None:
    """The specification knows axes of any name, the data model of others does not."""
    domain = get(url, "icon/series/S?lon=-30&lat=20&f=covjson").json()["domain"]
    assert "domainType" not in domain
    assert domain["axes"].pop("time") == {"values": [20981118.0]}
    Domain.model_validate_json(json.dumps(domain))
    assert domain["axes"]["z"] == {"values": [10.0]}


def test_a_time_that_is_missing_has_no_place_on_an_axis() -> None:
    times = np.array(["2000-01-01", "NaT", "2000-01-03"], "M8[ns]")
    ds = xr.Dataset({"v": ("time", [1.0, 2.0, np.inf])}, {"time": times, "lon": 5.0, "lat": 6.0})
    ds["lon"].attrs, ds["lat"].attrs = LON, LAT
    with running(Server({"a": ds}).app) as url:
        said = get(url, "a/series/v?lon=5&lat=7").json()
        assert said["time"] == ["2000-01-01T00:00:00", None, "2000-01-03T00:00:00"]
        assert (said["values"], said["lon"], round(said["distance_km"], 1)) == ([1.0, 2.0, None], 5.0, 111.2)
        assert coverage(url, "a/series/v?")["ranges"]["v"]["values"] == [1.0, None]
        assert "distance_km" not in get(url, "a/series/v").json()


def test_a_chart_is_svg(url: str) -> None:
    answer = get(url, f"bounds/series/tas?{PLACE}&f=svg")
    assert answer.headers["content-type"] == "image/svg+xml"
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert ET.fromstring(answer.text).tag.endswith("svg")  # noqa: S314  # our own
    for path in ("icon/series/S?lon=-30&lat=20", f"360-day/series/air_temperature?{BOX}", "soi/series/SOI_Darwin?"):
        assert get(url, f"{path}&f=svg").content.startswith(b"<?xml")


def test_a_browser_gets_a_page_with_the_chart_and_links(url: str) -> None:
    page = get(url, f"360-day/series/air_temperature?{PLACE}", headers=BROWSER)
    assert page.headers["content-type"].startswith("text/html")
    for form in ("json", "csv", "covjson", "svg"):
        assert f'href="?lon=-95&amp;lat=42&amp;f={form}"' in page.text
    assert "240 values in K, of which the first 200 are shown" in page.text
    assert page.text.count("<tr>") == 201
    assert "<dt>calendar</dt><dd>360_day</dd>" in page.text
    assert "at 42.5\N{DEGREE SIGN}N 95.625\N{DEGREE SIGN}W, 75.7 km away" in page.text
    assert re.findall(r'<input name="(\w+)" value="([^"]*)"', page.text) == [("lon", "-95"), ("lat", "42")]
    source = re.search(r'<img alt="[^"]*" src="([^"]+)"', page.text)
    assert source
    assert source[1].endswith("f=svg")


def test_names_and_titles_are_text_on_the_page() -> None:
    bad = "<script>alert(1)</script>"
    ds = xr.Dataset({bad.replace("/", "\\"): ("x", [1.0, 2.0], {"long_name": bad, "units": bad})})
    with running(Server({"a": ds}).app) as url:
        page = get(url, f"a/series/{bad.replace('/', '%5C')}", headers=BROWSER)
    assert "<script>alert" not in page.text
    assert "&lt;script&gt;alert(1)" in page.text


def test_the_examples_of_the_docs_are_answered(demo: Any) -> None:
    lines = re.findall(r"^(/datasets/\S+\?.*?)(?:   .*)?$", DOCS.read_text(), re.MULTILINE)
    assert len(lines) == 9
    answers = {line: CLIENT.get(f"{demo.url}{line}") for line in lines}
    assert [line for line, answer in answers.items() if answer.status_code != 200] == []
    first = answers[lines[0]].json()
    example = re.search(r"^```json\n(.*?)^```", DOCS.read_text(), re.MULTILINE | re.DOTALL)
    assert example
    shown = re.findall(r'^  "(\w+)"', example[1], re.MULTILINE)
    assert shown == list(first)
    assert f'"lat": {first["lat"]}' in example[1]
    assert f'"distance_km": {first["distance_km"]}' in example[1]
    assert f'"values": [{", ".join(str(round(value, 1)) for value in first["values"][:2])}, ' in example[1]
