"""What may be asked of a plot, and what it says of the rest; nothing that is asked harms the server (C-15)."""

import io
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import numpy as np
import psutil
import pytest
import xarray as xr
import xpublish
from PIL import Image

from cloudify import Server
from cloudify.settings import Settings
from cloudify.testing import running
from plots.fields import LAT, LON

TIMES = np.array(["2004-12-16", "2005-01-16", "2005-02-15", "2005-03-16"], "M8[ns]")


def field() -> xr.Dataset:
    """Return values that are 100 times the number of the month, plus the number of the level."""
    lon, lat = np.arange(5.0, 360, 10), np.arange(-85.0, 90, 10)
    values = np.zeros((4, 3, 18, 36), "f4") + 100 * np.arange(4)[:, None, None, None] + np.arange(3)[:, None, None]
    coords = {
        "time": TIMES,
        "lev": ("lev", [1000.0, 500.0, 10.5], {"units": "hPa"}),
        "lat": ("lat", lat, LAT),
        "lon": ("lon", lon, LON),
    }
    bomb = {"long_name": "$" + "\\frac{" * 3000 + "1" + "}" * 3000 + "$" + "x" * 100_000, "units": "$\\sqrt{x}$\n\0"}
    return xr.Dataset(
        {"t": (("time", "lev", "lat", "lon"), values), "bomb": (("lat", "lon"), values[0, 0], bomb)}, coords
    )


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    settings = Settings.load(data_dir=tmp_path_factory.mktemp("data"), max_picture_nbytes=2**20)
    large = xr.Dataset(
        {"v": (("y", "lat", "lon"), np.zeros((500, 30, 60), "f4"))},
        {"lat": ("lat", np.linspace(-89, 89, 30), LAT), "lon": ("lon", np.arange(60) * 6.0, LON)},
    )
    with running(Server({"a": field(), "large": large}, settings=settings).app) as url:
        yield url


def told(url: str, selection: str, kind: str = "image") -> Any:
    return httpx.get(f"{url}/datasets/a/plot/t/{kind}/viridis/{selection}?f=json").json()


@pytest.mark.parametrize(
    ("selection", "subtitle"),
    [
        ("", "time 2005-03-16, lev 1000 hPa"),
        ("time/0", "time 2004-12-16, lev 1000 hPa"),
        ("time/-3", "time 2005-01-16, lev 1000 hPa"),
        ("time/2005-02", "time 2005-02-15, lev 1000 hPa"),
        ("time/2005-01-20", "time 2005-01-16, lev 1000 hPa"),
        ("lev/500", "time 2005-03-16, lev 500 hPa"),
        ("lev/12", "time 2005-03-16, lev 10.5 hPa"),
        ("lev/10.5/time/1", "time 2005-01-16, lev 10.5 hPa"),
        ("time/1_2", "mean of time 2005-01-16 to 2005-02-15, lev 1000 hPa"),
        ("time/-2_-1", "mean of time 2005-02-15 to 2005-03-16, lev 1000 hPa"),
        ("time/2005-01-01_2005-02-15", "mean of time 2005-01-16 to 2005-02-15, lev 1000 hPa"),
        ("lev/10_500", "time 2005-03-16, lev 10.5 hPa"),
        ("lev/10_500.5", "time 2005-03-16, mean of lev 500 to 10.5 hPa"),
    ],
)
def test_a_selection_means_what_its_picture_says(url: str, selection: str, subtitle: str) -> None:
    """Positions and dates include both ends, values are low <= x < high; else the last time and the first level."""
    assert told(url, selection)["subtitle"] == subtitle


def test_a_range_is_averaged() -> None:
    """Times 1 and 2 of level 0 hold 100 and 200, whose mean is 150: half-way between limits 100 and 200."""
    with running(Server({"a": field()}).app) as url:
        answer = httpx.get(f"{url}/datasets/a/plot/t/image/gray/time/1_2?vmin=100&vmax=200&width=200")
    centre = Image.open(io.BytesIO(answer.content)).convert("RGB").getpixel((61, 41))
    assert abs(centre[0] - 127) <= 2  # type: ignore[index]  # RGB


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        ("b/image/viridis/", 404, "no variable 'b'"),
        ("t/bar/viridis/", 422, "no kind of plot 'bar'"),
        ("t/image/viridi/", 422, "near are viridis"),
        ("t/image/..%2F..%2Fx/", 422, "no colour map"),
        ("t/image/viridis/time", 422, "expected pairs"),
        ("t/image/viridis/time/x", 422, "is no value and no range"),
        ("t/image/viridis/time/4", 422, "its positions are 0 to 3"),
        ("t/image/viridis/time/2007-01-01", 422, "outside the axis, from 2004-12-16 to 2005-03-16"),
        ("t/image/viridis/time/2005-02-30", 422, "no date of the calendar"),
        ("t/image/viridis/time/1.5", 422, ""),
        ("t/image/viridis/lev/2000", 422, "outside the axis, from 10.5 to 1000"),
        ("t/image/viridis/lev/2005-01", 422, "it is no time axis"),
        ("t/image/viridis/lev/600_700", 422, "nothing lies there"),
        ("t/image/viridis/depth/5", 422, "has no coordinate 'depth'"),
        ("t/image/viridis/time/0/time/1", 422, "is selected twice"),
        ("t/image/viridis/lon/5", 422, "a map has a range"),
        ("t/image/viridis/lat/91_95", 422, "nothing of the grid lies there"),
        ("t/image/viridis/?width=15", 422, "16 to 4096"),
        ("t/image/viridis/?width=1000000000", 422, "16 to 4096"),
        ("t/image/viridis/?width=4000&height=4000", 422, "4000000 pixels"),
        ("t/image/viridis/?width=x", 422, "a number of pixels"),
        ("t/image/viridis/?vmin=nan", 422, "a finite number"),
        ("t/image/viridis/?vmin=1e400", 422, "a finite number"),
        ("t/image/viridis/?vmin=2&vmax=1", 422, "the first to be smaller"),
        ("t/image/viridis/?f=svg", 422, "picture of pixels"),
        ("t/image/viridis/?f=exe", 422, "there are png, svg, html and json"),
        ("t/line/viridis/", 422, "lines, and at most 10"),
        ("t/line/viridis/lon/5/lat/5/lev/500/time/0", 422, "a single value"),
        ("t/image/viridis/" + "a/1/" * 100, 422, "the most is 32"),
        ("t/image/viridis/time/" + "9" * 300, 422, "no value and no range"),
    ],
)
def test_what_cannot_be_is_refused_with_the_reason(url: str, path: str, status: int, words: str) -> None:
    answer = httpx.get(f"{url}/datasets/a/plot/{path}")
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json"), answer.text
    assert words in answer.json()["detail"]


def test_more_than_the_limit_is_413_before_it_is_read(url: str) -> None:
    """500 levels of 7200 bytes are 3.4 MiB; the limit here is 1 MiB."""
    answer = httpx.get(f"{url}/datasets/large/plot/v/hist/viridis/")
    assert (answer.status_code, answer.json()["type"]) == (413, "urn:cloudify:problems/picture-too-large")
    assert "3 MiB" in answer.json()["detail"]
    assert httpx.get(f"{url}/datasets/large/plot/v/image/viridis/y/0_400").status_code == 413
    assert httpx.get(f"{url}/datasets/large/plot/v/image/viridis/y/7").status_code == 200


@pytest.mark.parametrize("kind", ["image", "contourf", "hist"])
def test_a_title_that_is_a_bomb_is_text(url: str, kind: str) -> None:
    answer = httpx.get(f"{url}/datasets/a/plot/bomb/{kind}/viridis/", timeout=30)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/png")
    assert Image.open(io.BytesIO(answer.content)).width == 900


def test_pictures_have_tags_and_heads(url: str) -> None:
    path = f"{url}/datasets/a/plot/t/image/viridis/"
    first = httpx.get(path)
    assert httpx.get(path, headers={"if-none-match": first.headers["etag"]}).status_code == 304
    assert httpx.head(path).headers["content-type"] == "image/png"
    assert httpx.get(path, headers={"accept": "text/html"}).headers["content-type"].startswith("text/html")
    assert httpx.get(path.rstrip("/")).content == first.content
    assert httpx.get(f"{path}time/0").headers["etag"] != first.headers["etag"]
    svg = httpx.get(f"{url}/datasets/a/plot/t/contour/viridis/?f=svg")
    assert svg.headers["content-type"] == "image/svg+xml"
    assert "default-src 'none'" in svg.headers["content-security-policy"]


def test_64_at_once_are_drawn_once(url: str) -> None:
    with ThreadPoolExecutor(64) as pool:
        path = f"{url}/datasets/a/plot/t/contourf/plasma/lev/500"
        answers = list(pool.map(lambda _: httpx.get(path, timeout=60), range(64)))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.content for answer in answers}) == 1
    drawers = [
        child for child in psutil.Process().children(recursive=True) if "cloudify.pictures" in " ".join(child.cmdline())
    ]
    assert 0 < len(drawers) <= (psutil.cpu_count() or 1)


def test_a_plain_rest_draws_too() -> None:
    with running(xpublish.Rest({"a": field()}).app) as url:
        assert httpx.get(f"{url}/datasets/a/plot/t/image/viridis/").headers["content-type"] == "image/png"
        refused = httpx.get(f"{url}/datasets/a/plot/nope/image/viridis/")
        assert (refused.status_code, refused.headers["content-type"]) == (404, "application/problem+json")
