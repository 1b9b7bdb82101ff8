"""The series of the nearest cell, on the five awkward kinds of data."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import dask.array as da
import httpx
import numpy as np
import pytest
import xarray as xr
import xpublish

from cloudify import Server
from cloudify.settings import Settings
from cloudify.testing import running
from series.truth import CLIENT, LAT, LON, Truth, distances_km

KINDS = ("bounds", "icon", "nemo", "from-20-to-380", "360-day")
PLACES = [
    (-10.0, 53.0), (-100.0, 41.3), (370.0, 20.0), (-350.0, -20.0), (0.0, 0.0), (-0.01, 0.01), (19.0, 33.0),
    (179.99, 5.0), (-179.99, 5.0), (180.0, -40.0), (-180.0, -40.0), (0.0, 90.0), (123.0, 90.0), (-77.0, -90.0),
    (100.0, 89.99), (378.9, 88.0),
]  # fmt: skip


def get(url: str, path: str, query: str = "") -> httpx.Response:
    return CLIENT.get(f"{url}/datasets/{path}?{query}")


def listed(values: Any) -> Any:
    return np.array([np.nan if value is None else value for value in values], np.float64)


@pytest.mark.parametrize("kind", KINDS)
def test_the_nearest_cell_is_that_of_brute_force(
    url: str, files: dict[str, tuple[Path, str]], truths: dict[str, Truth], kind: str
) -> None:
    known, variable = truths[kind], files[kind][1]
    for lon, lat in PLACES:
        answer = get(url, f"{kind}/series/{variable}", f"lon={lon}&lat={lat}")
        assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json"), answer.text
        said = answer.json()
        distances = distances_km(known, lon, lat)
        assert said["distance_km"] == pytest.approx(np.nanmin(distances), abs=1e-4)
        # several are equally far from a pole: the one that is named must be one of them, and the values its own
        cells = np.flatnonzero((np.abs(known.lon - said["lon"]) < 1e-9) & (np.abs(known.lat - said["lat"]) < 1e-9))
        assert cells.size
        assert distances[cells[0]] == pytest.approx(np.nanmin(distances), abs=1e-4)
        assert any(np.array_equal(known.values[:, cell], listed(said["values"]), equal_nan=True) for cell in cells)


@pytest.mark.parametrize("kind", KINDS)
def test_the_nearest_cell_with_a_value_is_that_of_brute_force(
    url: str, files: dict[str, tuple[Path, str]], truths: dict[str, Truth], kind: str
) -> None:
    known, variable = truths[kind], files[kind][1]
    for lon, lat in [(-100.0, 41.3), (100.0, 60.0), (179.0, 12.0), (10.0, -89.0)]:
        said = get(url, f"{kind}/series/{variable}", f"lon={lon}&lat={lat}&valid=true").json()
        distances = np.where(np.isfinite(known.values[0]), distances_km(known, lon, lat), np.nan)
        assert said["distance_km"] == pytest.approx(np.nanmin(distances), abs=1e-4)
        assert said["values"][0] is not None


def test_the_answer_says_what_its_values_are(url: str) -> None:
    said = get(url, "360-day/series/air_temperature", "lon=-100&lat=40&time=2050-01,2052-12").json()
    assert said["time"] == ["2050-06-01T00:00:00", "2051-06-01T00:00:00", "2052-06-01T00:00:00"]
    assert (said["units"], said["calendar"], said["along"], said["variable"]) == (
        "K", "360_day", "time", "air_temperature",
    )  # fmt: skip
    assert (said["lon"], said["lat"]) == (260.625, 40.0)  # 139 times 1.875


def test_longitudes_are_those_of_the_data_whatever_turn_was_asked(url: str) -> None:
    """10 east is written 370 where axes go from 20 to 380."""
    for lon in (10, 370, -350, 730 - 360):
        said = get(url, "from-20-to-380/series/v", f"lon={lon}&lat=45").json()
        assert (said["lon"], said["lat"], said["distance_km"]) == (370.0, 45.0, 0.0)


@pytest.mark.parametrize(
    ("query", "key", "coordinate", "selected"),
    [
        ("", "time", [20981118.0], {"depth": 10.0}),
        ("depth=30", "time", [20981118.0], {"depth": 30.0}),
        ("depth=44", "time", [20981118.0], {"depth": 50.0}),
        ("time=0", "depth", [10.0, 30.0, 50.0], {"time": 20981118.0}),
        ("time=-1&depth=20,60", "depth", [30.0, 50.0], {"time": 20981118.0}),
        ("time=0&depth=30", "time", [20981118.0], {"depth": 30.0}),
    ],
)
def test_other_dimensions_are_chosen_by_name(
    url: str, query: str, key: str, coordinate: list[float], selected: dict[str, float]
) -> None:
    said = get(url, "icon/series/S", f"lon=-30&lat=20&{query}").json()
    assert (said[key], said["selected"], len(said["values"])) == (coordinate, selected, len(coordinate))


def test_a_distance_can_be_asked_for(url: str) -> None:
    path = "360-day/series/air_temperature"
    refused = get(url, path, "lon=10&lat=50&max_distance_km=500")
    assert (refused.status_code, refused.json()["type"]) == (422, "urn:cloudify:problems/bad-selection")
    known = get(url, path, "lon=10&lat=50").json()
    assert f"is {known['distance_km']:.6g} km away" in refused.json()["detail"]
    assert get(url, path, f"lon=10&lat=50&max_distance_km={known['distance_km'] + 1}").status_code == 200


def blocks_of(ds_shape: tuple[int, ...], chunks: tuple[int, ...], made: list[Any]) -> Any:
    def block(block_info: Any) -> Any:
        made.append(tuple(block_info[None]["chunk-location"]))
        return np.full(block_info[None]["chunk-shape"], 1.0, "f4")

    return da.map_blocks(block, chunks=da.core.normalize_chunks(chunks, ds_shape), dtype="f4", meta=np.zeros((), "f4"))


def chunked(made: list[Any]) -> xr.Dataset:
    coords = {"lat": ("lat", np.arange(-85.0, 90, 10), LAT), "lon": ("lon", np.arange(5.0, 360, 10), LON)}
    values = blocks_of((40, 18, 36), (10, 6, 12), made)
    return xr.Dataset({"v": (("time", "lat", "lon"), values)}, coords | {"time": np.arange(40).astype("M8[ns]")})


def test_only_the_chunks_of_the_cell_are_read() -> None:
    """Its row of chunks is 1, its column 2; of times 12 to 25 the chunks 1 and 2."""
    made: list[Any] = []
    with running(Server({"a": chunked(made)}).app) as url:
        said = get(url, "a/series/v", "lon=-100&lat=3&time=12,25").json()
        assert len(said["values"]) == 14
        assert sorted(made) == [(1, 1, 2), (2, 1, 2)]
        made.clear()
        assert get(url, "a/series/v", "bbox=-20,-10,20,10&time=0,9").json()["cells"] == 8
        assert sorted(made) == [(0, 1, 0), (0, 1, 2)]  # nothing between, on the other side of the globe


def test_more_than_the_limit_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    """40 times of one cell are in four chunks of 10 x 6 x 12 float32: 11.25 KiB."""
    made: list[Any] = []
    settings = Settings.load(data_dir=tmp_path, max_diagnostic_nbytes=11_519)
    with running(Server({"a": chunked(made)}, settings=settings).app) as url:
        for query in ("lon=0&lat=0", "bbox=0,0,50,50", "lon=0&lat=0&valid=true"):
            refused = get(url, "a/series/v", query)
            assert (refused.status_code, refused.json()["type"]) == (413, "urn:cloudify:problems/diagnostic-too-large")
        assert made == []
        assert get(url, "a/series/v", "lon=0&lat=0&time=0,29").status_code == 200


def test_64_places_at_once_are_each_their_own(url: str, truths: dict[str, Truth]) -> None:
    known = truths["nemo"]
    cells = np.random.default_rng(3).choice(np.flatnonzero(np.isfinite(known.values[0])), 64, replace=False)

    def ask(cell: int) -> Any:
        return get(url, "nemo/series/tos", f"lon={known.lon[cell]}&lat={known.lat[cell]}").json()

    with ThreadPoolExecutor(64) as pool:
        answers = list(pool.map(ask, cells))
    for cell, said in zip(cells, answers, strict=True):
        assert said["distance_km"] == pytest.approx(0, abs=1e-4)
        here = np.flatnonzero(distances_km(known, known.lon[cell], known.lat[cell]) < 1e-4)  # the grid overlaps itself
        assert said["values"][0] in known.values[0, here]


def test_what_many_ask_for_at_once_is_read_together() -> None:
    """Not 64 times four chunks."""
    made: list[Any] = []
    with running(Server({"a": chunked(made)}).app) as url, ThreadPoolExecutor(64) as pool:
        answers = list(pool.map(lambda _: get(url, "a/series/v", "lon=0&lat=0").content, range(64)))
    assert len(set(answers)) == 1
    assert len(made) == 4


def test_an_answer_is_not_sent_again_to_who_has_it(url: str) -> None:
    path = f"{url}/datasets/bounds/series/tas?lon=10&lat=53"
    etag = httpx.get(path).headers["etag"]
    again = httpx.get(path, headers={"if-none-match": etag})
    assert (again.status_code, again.content) == (304, b"")
    head = httpx.head(path)
    assert (head.status_code, head.headers["etag"], head.content) == (200, etag, b"")
    assert head.headers["access-control-allow-origin"] == "*"
    others = [httpx.get(f"{path}{more}").headers["etag"] for more in ("&f=csv", "&time=0,3", "&valid=true")]
    assert len({etag, *others}) == 4


def test_a_plain_rest_has_series_too() -> None:
    ds = xr.Dataset(
        {"v": (("t", "lat", "lon"), np.arange(12.0).reshape(3, 2, 2))},
        {"lat": ("lat", [-45.0, 45], LAT), "lon": ("lon", [90.0, 270], LON)},
    )
    with running(xpublish.Rest({"a": ds}).app) as url:
        said = get(url, "a/series/v", "lon=-80&lat=50").json()
        assert (said["t"], said["values"]) == ([0, 1, 2], [3.0, 7.0, 11.0])
        refused = get(url, "a/series/w")
        assert (refused.status_code, refused.headers["content-type"]) == (404, "application/problem+json")
