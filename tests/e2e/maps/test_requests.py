"""What may be asked of the map service and of tiles, and what they say of the rest."""

import io
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import numpy as np
import pytest
import xarray as xr
import xpublish
from lxml.etree import fromstring
from owslib.wms import WebMapService
from PIL import Image
from plots.fields import LAT, LON, axes

from cloudify import Server
from cloudify.catalog.catalog import Catalog
from cloudify.model.entry import Entry
from cloudify.settings import Settings
from cloudify.testing import running

MAP = {
    "service": "WMS", "version": "1.3.0", "request": "GetMap", "layers": "t", "styles": "gray", "crs": "CRS:84",
    "bbox": "-180,-90,180,90", "width": "4", "height": "2", "format": "image/png", "colorscalerange": "0,400",
}  # fmt: skip
HOSTILE = [
    "", " ", "\0", "\r\nX: y", "'\"><script>alert(1)</script>", "]]>", "&amp;xxe;", "%00%ff", "../../etc/passwd",
    "${jndi:x}", "\ud7ff\U0010ffff", "\x1b[31m", "nan", "inf", "-1", "1e999", "9" * 400, "1,2,3", "nan,nan,nan,nan",
    "-1e400,0,1e400,1", "0,0,0,0", "180,90,-180,-90", "x" * 5000, "2005", "2005-13-45", "0000-00-00", "current/current",
    "/", ",", "//", "a/b/c/d", "__class__", "{0.__class__}", "0x", "0xGGGGGG", "#123456", "TRUE",
]  # fmt: skip


def field() -> xr.Dataset:
    """Return values that are 100 times the number of the month, plus 10 of the level, plus 5 of the member."""
    lon, lat = np.arange(5.0, 360, 10), np.arange(-85.0, 90, 10)
    times = np.array(["2004-12-16", "2005-01-16", "2005-02-15", "2005-03-16"], "M8[ns]")
    month, level, member = np.meshgrid(np.arange(4), np.arange(3), np.arange(2), indexing="ij")
    values = np.zeros((4, 3, 2, 18, 36), "f4") + (100 * month + 10 * level + 5 * member)[..., None, None]
    coords = {
        "time": times,
        "lev": ("lev", [1000.0, 500.0, 10.5], {"units": "hPa", "positive": "down"}),
        "number": ("number", [3, 7]),
        **axes(lon, lat),
    }
    bomb = {"long_name": "<b>&\0\x1b" + "x" * 100_000, "units": "]]>\ud800"}
    return xr.Dataset(
        {
            "t": (("time", "lev", "number", "lat", "lon"), values),
            "bomb": (("lat", "lon"), values[0, 0, 0], bomb),
            "series": ("time", np.arange(4.0)),
            "named <&\"'> µ, b": (("lat", "lon"), values[0, 0, 0]),
        },
        coords,
        {"title": "<script>\x07"},
    )


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    settings = Settings.load(data_dir=tmp_path_factory.mktemp("data"), max_picture_nbytes=2**20)
    large = xr.Dataset(
        {"v": (("lat", "lon"), np.zeros((500, 600), "f8"))},
        {"lat": ("lat", np.linspace(-89, 89, 500), LAT), "lon": ("lon", np.arange(600) * 0.6, LON)},
    )
    days = xr.date_range("1999-01-16", periods=24, freq="30D", calendar="360_day", use_cftime=True)
    model = xr.Dataset({"t": (("time", "lat", "lon"), np.zeros((24, 2, 2)) + np.arange(24)[:, None, None])})
    model = model.assign_coords(time=days, **axes([0.0, 180.0], [-45.0, 45.0]))  # type: ignore[arg-type]
    with running(Server({"a": field(), "large": large, "model": model}, settings=settings).app) as url:
        yield url


def wms(url: str, dataset_id: str = "a", **params: str) -> httpx.Response:
    return httpx.get(f"{url}/datasets/{dataset_id}/wms", params=MAP | params, timeout=60)


def shown(answer: httpx.Response, *, high: int = 400) -> int:
    """Return the value that a grey map shows in its middle: 232 greys from 0 to `high`."""
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/png"), answer.text
    grey = Image.open(io.BytesIO(answer.content)).convert("RGB").getpixel((2, 1))
    return round(grey[0] / 255 * high)  # type: ignore[index]


def exception(answer: httpx.Response, version: str = "1.3.0") -> tuple[int, str, str]:
    """Return status, code and text of a service exception, after its form was looked at."""
    types = {"1.3.0": "text/xml", "1.1.1": "application/vnd.ogc.se_xml"}
    assert answer.headers["content-type"].partition(";")[0] == types[version], answer.text
    root = fromstring(answer.content)
    space = "{http://www.opengis.net/ogc}" if version == "1.3.0" else ""
    assert (root.tag, root.get("version")) == (f"{space}ServiceExceptionReport", version)
    (said,) = root
    assert said.tag == f"{space}ServiceException"
    return answer.status_code, said.get("code", ""), said.text or ""


@pytest.mark.parametrize(
    ("params", "value"),
    [
        ({}, 300),
        ({"time": ""}, 300),
        ({"TIME": "current"}, 300),
        ({"time": "2005-01-16T00:00:00Z"}, 100),
        ({"time": "2005-01-16T00:00:00.000Z"}, 100),
        ({"time": "2005-01-20"}, 100),
        ({"time": "2005-02"}, 200),
        ({"time": "2004"}, 0),
        ({"time": "2005"}, 300),
        ({"time": "2004-12-16,2005-02-15"}, 200),
        ({"time": "2004-12-01/2005-02-01"}, 100),
        ({"time": "2005-02-10/2005-02-20/P1D"}, 200),
        ({"time": "2005-02-16/2005-02-18"}, 200),
        ({"elevation": "500"}, 310),
        ({"ELEVATION": "12"}, 320),
        ({"elevation": "10.5", "time": "2005-01-16", "DIM_NUMBER": "7"}, 125),
        ({"dim_number": "3", "dim_other": "9"}, 300),
    ],
)
def test_a_time_and_a_level_can_be_chosen(url: str, params: dict[str, str], value: int) -> None:
    """The nearest is shown, of several times the last, by default the last time and the first of all else."""
    assert abs(shown(wms(url, **params)) - value) <= 2


@pytest.mark.parametrize(
    ("query", "value"),
    [("", 300), ("time=2005-01-16", 100), ("time=2005-01-16&lev=500", 110), ("elevation=500&number=7", 315)],
)
def test_tiles_choose_by_the_names_of_coordinates_too(url: str, query: str, value: int) -> None:
    answer = httpx.get(f"{url}/datasets/a/tiles/t/0/0/0.png?cmap=gray&vmin=0&vmax=400&{query}")
    assert abs(shown(answer) - value) <= 2


def test_times_of_a_model_calendar_are_those_of_its_calendar(url: str) -> None:
    """The last of 24 months of 30 days from 1999-01-16 on is 2000-12-16; nearest to 2000-02-30 is the 14th."""
    layer = WebMapService(f"{url}/datasets/model/wms", version="1.3.0")["t"]
    assert (layer.dimensions["time"]["units"], layer.dimensions["time"]["default"]) == (
        "360_day",
        "2000-12-16T00:00:00Z",
    )
    assert layer.dimensions["time"]["values"][1] == "1999-02-16T00:00:00Z"
    assert shown(wms(url, "model", time="2000-02-30", colorscalerange="0,23"), high=23) == 13
    assert shown(wms(url, "model", time="1999", colorscalerange="0,23"), high=23) == 11


@pytest.mark.parametrize("version", ["1.1.1", "1.3.0"])
@pytest.mark.parametrize(
    ("params", "code", "words"),
    [
        ({"layers": "nope"}, "LayerNotDefined", "no variable 'nope'"),
        ({"layers": ""}, "LayerNotDefined", "LAYERS is missing"),
        ({"layers": "series"}, "LayerNotDefined", "no longitudes"),
        ({"layers": "t,t"}, "LayerNotDefined", "no variable 't,t'"),
        ({"styles": "virids"}, "StyleNotDefined", "near are viridis"),
        ({"crs": "EPSG:31467", "srs": "EPSG:31467"}, "Invalid?RS", "EPSG:3857"),
        ({"format": "image/tiff"}, "InvalidFormat", "image/png and image/jpeg"),
        ({"time": "yesterday"}, "InvalidDimensionValue", "ISO 8601"),
        ({"time": "1999-01-01"}, "InvalidDimensionValue", "outside the axis"),
        ({"time": "2005-02-30"}, "InvalidDimensionValue", "no date of the calendar"),
        ({"elevation": "high"}, "InvalidDimensionValue", "expected one number"),
        ({"elevation": "5000"}, "InvalidDimensionValue", "from 10.5 to 1000"),
        ({"elevation": "500/1000"}, "InvalidDimensionValue", "expected one number"),
        ({"request": "GetFeatureInfo"}, "OperationNotSupported", "GetLegendGraphic"),
        ({"request": ""}, "OperationNotSupported", "REQUEST is missing"),
        ({"service": "WFS"}, "", "this is a WMS"),
        ({"bbox": "0,0,10"}, "", "expected 4 numbers"),
        ({"bbox": "10,10,0,0"}, "", "no extent"),
        ({"bbox": "0,0,nan,1"}, "", "expected 4 numbers"),
        ({"bbox": "0,0,1e12,1"}, "", "far away"),
        ({"width": "2001"}, "", "1 to 2000"),
        ({"height": "0"}, "", "1 to 2000"),
        ({"height": ""}, "", "1 to 2000"),
        ({"bgcolor": "red"}, "", "0xRRGGBB"),
        ({"colorscalerange": "5,1"}, "", "the first to be smaller"),
        ({"colorscalerange": "5"}, "", "expected 2 numbers"),
    ],
)
def test_what_is_wrong_is_a_service_exception(
    url: str, version: str, params: dict[str, str], code: str, words: str
) -> None:
    given = params | {"version": version} | ({"srs": "CRS:84"} | params if version == "1.1.1" else {})
    asked = {name: value for name, value in (MAP | given).items() if version == "1.3.0" or name != "crs"}
    answer = httpx.get(f"{url}/datasets/a/wms", params=asked)
    status, found, text = exception(answer, version)
    expected = code.replace("?", "C" if version == "1.3.0" else "S")
    assert (status, found) == (400, expected), text
    assert words in text


def test_a_version_that_is_none_is_refused_for_maps_and_negotiated_for_capabilities(url: str) -> None:
    assert "1.1.1 and 1.3.0" in exception(wms(url, version="1.0.0"), "1.1.1")[2]
    for asked, given in (("", "1.3.0"), ("1.0.0", "1.1.1"), ("1.2.0", "1.1.1"), ("1.3.0", "1.3.0"), ("9.9", "1.3.0")):
        answer = httpx.get(f"{url}/datasets/a/wms", params={"REQUEST": "GetCapabilities", "version": asked})
        assert fromstring(answer.content).get("version") == given


def test_names_of_parameters_have_any_case_and_that_of_mapserver_is_passed_over(url: str) -> None:
    plain = wms(url)
    loud = httpx.get(
        f"{url}/datasets/a/wms", params={name.upper(): value for name, value in MAP.items()} | {"map": "/x.map"}
    )
    assert loud.content == plain.content
    assert wms(url, MAP="../../etc/passwd").content == plain.content


def test_more_than_the_limit_is_413_before_it_is_read(url: str) -> None:
    """500 x 600 values of 8 bytes are 2.3 MiB; the limit here is 1 MiB."""
    status, _, text = exception(wms(url, "large", layers="v"))
    assert (status, "2 MiB" in text) == (413, True)
    answer = httpx.get(f"{url}/datasets/large/tiles/v/0/0/0.png")
    assert (answer.status_code, answer.json()["type"]) == (413, "urn:cloudify:problems/picture-too-large")


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        ("t/1/2/0.png", 404, "2**z - 1"),
        ("t/1/0/-1.png", 404, "2**z - 1"),
        ("t/25/0/0.png", 404, "from 0 to 24"),
        ("t/x/0/0.png", 404, "from 0 to 24"),
        ("t/0/0/0@3x.png", 404, "2**z - 1"),
        ("nope/0/0/0.png", 404, "no variable 'nope'"),
        ("series/0/0/0.png", 422, "no longitudes"),
        ("series/tilejson.json", 422, "no longitudes"),
        ("t/0/0/0.png?cmap=virids", 422, "near are viridis"),
        ("t/0/0/0.png?vmin=2&vmax=1", 422, "the first to be smaller"),
        ("t/0/0/0.png?vmin=nan", 422, "a finite number"),
        ("t/0/0/0.png?size=1000", 422, "256 or 512"),
        ("t/0/0/0.png?tmie=2005", 422, "it has time, elevation, dim_number"),
        ("t/0/0/0.png?time=1066", 422, "outside the axis"),
        ("t/0/0/0.png?lat=1", 422, "it has time, elevation, dim_number"),
        ("t/tilejson.json?vmin=x", 422, "a finite number"),
    ],
)
def test_a_tile_that_cannot_be_is_refused_with_the_reason(url: str, path: str, status: int, words: str) -> None:
    answer = httpx.get(f"{url}/datasets/a/tiles/{path}")
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json"), answer.text
    assert words in answer.json()["detail"]


def test_a_dataset_that_is_none_is_a_problem(url: str) -> None:
    for path in ("wms?request=GetCapabilities", "wms?request=GetMap", "wms?request=x", "wms", "tiles/t/0/0/0.png"):
        answer = httpx.get(f"{url}/datasets/b/{path}")
        assert (answer.status_code, answer.json()["type"]) == (404, "urn:cloudify:problems/unknown-dataset")


@pytest.mark.parametrize(
    "name", [*MAP, "time", "elevation", "dim_number", "transparent", "bgcolor", "exceptions", "coasts"]
)
def test_hostile_text_in_a_parameter_is_an_answer_and_well_formed(url: str, name: str) -> None:
    with httpx.Client() as client:
        for text in HOSTILE:
            for version in ("1.1.1", "1.3.0"):
                answer = client.get(f"{url}/datasets/a/wms", params=MAP | {"version": version, name: text})
                assert answer.status_code in {200, 400}, (text, answer.status_code)
                if "xml" in answer.headers["content-type"]:
                    assert fromstring(answer.content).tag.endswith(("Report", "Capabilities"))
                    assert "<script" not in answer.text
                    assert len(answer.content) < 2000
                else:
                    assert answer.content.startswith(b"\x89PNG")


@pytest.mark.parametrize("version", ["1.1.1", "1.3.0"])
def test_capabilities_say_what_there_is(url: str, version: str) -> None:
    """By OWSLib's reading of them."""
    service = WebMapService(f"{url}/datasets/a/wms", version=version)
    assert service.identification.title == "<script>"
    assert set(service.contents) == {"t", "bomb", "named <&\"'> µ, b"}
    layer = service["t"]
    assert layer.timepositions[1] == "2005-01-16T00:00:00Z"
    if version == "1.3.0":  # of the older one OWSLib reads times alone
        units = {name: dimension["units"] for name, dimension in layer.dimensions.items()}
        assert units == {"time": "ISO8601", "elevation": "hPa", "dim_number": ""}
    assert layer.boundingBoxWGS84 == (-180.0, -90.0, 180.0, 90.0)
    text = httpx.get(f"{url}/datasets/a/wms", params={"request": "GetCapabilities", "version": version}).text
    assert "2004-12-16T00:00:00Z,2005-01-16T00:00:00Z,2005-02-15T00:00:00Z,2005-03-16T00:00:00Z<" in text
    assert ">1000,500,10.5<" in text
    assert len(text) < 60_000
    legend = layer.styles["plasma"]["legend"]
    answer = httpx.get(legend)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/png")
    assert Image.open(io.BytesIO(answer.content)).size == (140, 280)
    odd = httpx.get(service["named <&\"'> µ, b"].styles["viridis"]["legend"])
    assert odd.headers["content-type"] == "image/png"


def test_capabilities_have_the_boxes_in_the_order_of_each_system(url: str) -> None:
    space = "{http://www.opengis.net/wms}"
    root = fromstring(httpx.get(f"{url}/datasets/model/wms?request=GetCapabilities").content)
    boxes = {box.get("CRS"): box.attrib for box in root.iter(f"{space}BoundingBox")}
    edges = {crs: [round(float(box[name])) for name in ("minx", "miny", "maxx", "maxy")] for crs, box in boxes.items()}
    assert edges["CRS:84"] == [-180, -90, 180, 90]
    assert edges["EPSG:4326"] == [-90, -180, 90, 180]
    assert edges["EPSG:3857"] == [-20037508, -20037508, 20037508, 20037508]


def test_a_legend_has_the_limits_of_its_map(url: str) -> None:
    """From the greatest value above to the least below; of a small one nothing but colours."""
    params = {"request": "GetLegendGraphic", "layer": "t", "style": "gray", "colorscalerange": "0,400"}
    legends = f"{url}/datasets/a/wms"
    small = Image.open(io.BytesIO(httpx.get(legends, params=params | {"width": "20", "height": "50"}).content)).convert(
        "L"
    )
    column = [small.getpixel((10, y)) for y in range(50)]
    assert (small.size, column[0] > 245, column[-1]) == ((20, 50), True, 0)  # type: ignore[operator]
    assert column == sorted(column, reverse=True)  # type: ignore[type-var]
    whole, other = (
        httpx.get(legends, params=params | {"colorscalerange": limits}).content for limits in ("0,400", "0,4")
    )
    assert whole != other
    assert exception(httpx.get(legends, params=params | {"format": "image/gif"}))[1] == "InvalidFormat"


def test_tilejson_passes_its_query_on_to_its_tiles(url: str) -> None:
    told = httpx.get(f"{url}/datasets/a/tiles/t/tilejson.json?cmap=gray&vmin=0&vmax=400&time=2005-01-16").json()
    assert (told["tilejson"], told["scheme"], told["minzoom"], told["maxzoom"]) == ("3.0.0", "xyz", 0, 24)
    assert [round(edge, 3) for edge in told["bounds"]] == [-180, -85.051, 180, 85.051]
    (template,) = told["tiles"]
    assert template.startswith(f"{url}/datasets/a/tiles/t/{{z}}/{{x}}/{{y}}.png?")
    assert abs(shown(httpx.get(template.format(z=1, x=0, y=1))) - 100) <= 2


def test_answers_have_tags_and_heads_for_any_origin(url: str) -> None:
    for path in (
        "wms?" + str(httpx.QueryParams(MAP)),
        "wms?request=GetCapabilities",
        "tiles/t/1/1/1.png",
        "tiles/t/tilejson.json",
    ):
        first = httpx.get(f"{url}/datasets/a/{path}")
        assert first.headers["access-control-allow-origin"] == "*"
        assert httpx.get(first.url, headers={"if-none-match": first.headers["etag"]}).status_code == 304
        head = httpx.head(first.url)
        assert (head.status_code, head.content, head.headers["etag"]) == (200, b"", first.headers["etag"])


def test_64_at_once_are_answered(url: str) -> None:
    """A map of 64 tiles, each another: all of the same grey."""
    paths = [f"{url}/datasets/a/tiles/t/3/{x}/{y}.png?cmap=gray&vmin=0&vmax=400" for x in range(8) for y in range(8)]
    with ThreadPoolExecutor(64) as pool:
        answers = list(pool.map(lambda path: httpx.get(path, timeout=60), paths))
    assert {abs(shown(answer) - 300) <= 2 for answer in answers} == {True}


def test_a_plain_rest_has_maps_too() -> None:
    with running(xpublish.Rest({"a": field()}).app) as url:
        assert abs(shown(wms(url)) - 300) <= 2
        assert exception(wms(url, layers="nope"))[1] == "LayerNotDefined"
        assert httpx.get(f"{url}/datasets/a/tiles/t/0/0/0.png").headers["content-type"] == "image/png"


def test_a_browser_gets_a_page_and_a_program_that_asks_for_nothing_hears_what_there_is(url: str) -> None:
    page = httpx.get(f"{url}/datasets/a/wms", headers={"accept": "text/html"})
    assert page.headers["content-type"].startswith("text/html")
    assert "default-src 'self'" in page.headers["content-security-policy"]
    assert "GetMap" in exception(httpx.get(f"{url}/datasets/a/wms"))[2]
    assert httpx.get(f"{url}/datasets/a/wms", params=MAP, headers={"accept": "text/html"}).content.startswith(
        b"\x89PNG"
    )


def test_limits_too_near_to_be_told_apart_are_drawn_without_ticks(url: str) -> None:
    """As a legend and around a plot, whose bar is the same."""
    params = {"request": "GetLegendGraphic", "layer": "t", "colorscalerange": "5e-324,1e-323"}
    assert httpx.get(f"{url}/datasets/a/wms", params=params).headers["content-type"] == "image/png"
    assert httpx.get(f"{url}/datasets/a/plot/t/image/gray/?f=png&vmin=5e-324&vmax=1e-323").status_code == 200


def test_a_source_that_fails_is_said_in_a_service_exception(tmp_path: Path) -> None:
    """Of a file that is no netCDF; a map cannot be right or wrong then."""
    path = tmp_path / "broken.nc"
    path.write_bytes(b"CDF\x01" + b"\xff" * 400)
    with running(Server(Catalog((Entry("broken", "netcdf", str(path)),))).app) as url:
        status, code, text = exception(wms(url, "broken"))
        assert (status, code) == (502, "")
        assert "cannot be opened" in text
        assert httpx.get(f"{url}/datasets/broken/tiles/t/0/0/0.png").status_code == 502
