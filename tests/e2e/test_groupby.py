"""Diagnostics of a real server, against loops over what netCDF4 reads."""

import csv
import importlib.resources
import io
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import quote

import cftime
import dask.array
import httpx
import netCDF4
import numpy as np
import psutil
import pytest
import xarray as xr

from cloudify import Server
from cloudify.diagnostics.groupby import compute
from cloudify.http import diagnostics
from cloudify.settings import Settings
from cloudify.testing import running

TAS = Path(__file__).parents[2] / "cloudify" / "demo" / "mpi-esm-tas.nc"
IRIS = Path(str(importlib.resources.files("iris_sample_data"))) / "sample_data"
BROWSER = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
INJECTIONS = [
    "__class__", "time.__import__('os').system('touch pwned')", "time.month;touch pwned", "time.month.__class__",
    "../tas", "..", "%00", "time.month\0", "{{7*7}}", "time.dt", "time.values", "$(touch pwned)", "`touch pwned`",
    "time.month\n", "TIME.MONTH", "time.month ", "a" * 5000, "time." + "month." * 500, "é", "<script>", "time.month()",
    "exec('open(\"pwned\",\"w\")')", "lambda: 0", "mean.__globals__", "to_netcdf", "map", "time.month?f=nc",
]  # fmt: skip


def tas() -> Any:
    with netCDF4.Dataset(TAS) as file:
        return file["tas"][:].filled(np.nan).astype(np.float64)


def get(server: Any, path: str, dataset: str = "mpi-esm-tas", **options: Any) -> httpx.Response:
    return httpx.get(f"{server.url}/datasets/{dataset}/groupby/{path}", timeout=60, **options)


def test_the_mean_of_a_month_is_that_of_the_file(demo: Any) -> None:
    answer = get(demo, "tas/time.month/mean")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    found = xr.Dataset.from_dict(answer.json())
    assert found["month"].values.tolist() == list(range(1, 13))
    np.testing.assert_array_equal(found["tas"].to_numpy(), tas())  # one January to December
    assert (found["tas"].attrs["units"], found["tas"].attrs["cell_methods"]) == (
        "K",
        "time: mean time: mean",
    )


@pytest.mark.parametrize("action", ["mean", "max", "std"])
def test_seasons_are_three_months_each(demo: Any, action: str) -> None:
    found = xr.Dataset.from_dict(get(demo, f"tas/time.season/{action}").json())
    values = tas()
    for season, places in {"DJF": [0, 1, 11], "MAM": [2, 3, 4], "JJA": [5, 6, 7], "SON": [8, 9, 10]}.items():
        np.testing.assert_allclose(
            found["tas"].sel(season=season), getattr(np, action)(values[places], axis=0), rtol=1e-12
        )


def test_years_of_a_calendar_of_360_days_are_those_of_the_file(start: Any) -> None:
    path = IRIS / "A1B_north_america.nc"
    answer = get(start("serve", str(path)), "air_temperature/time.year/mean?f=nc", "a1b-north-america")
    assert answer.headers["content-type"] == "application/netcdf"
    with netCDF4.Dataset(path) as file, netCDF4.Dataset("memory", memory=answer.content) as found:
        times, values = file["time"], file["air_temperature"][:].astype(np.float64)
        years = np.array([time.year for time in cftime.num2date(times[:], times.units, times.calendar)])
        assert found["year"][:].tolist() == sorted(set(years.tolist()))
        for place, year in enumerate(found["year"][:]):
            np.testing.assert_allclose(found["air_temperature"][place], values[years == year].mean(axis=0), rtol=1e-12)
        assert found["air_temperature"].standard_name == "air_temperature"
        assert {"latitude", "longitude", "height"} <= set(found.variables)


def test_every_form_says_the_same(demo: Any) -> None:
    json_, text, nc = (get(demo, f"tas/time.season/mean?f={form}") for form in ("json", "csv", "nc"))
    values = xr.Dataset.from_dict(json_.json())["tas"]
    rows = list(csv.DictReader(io.StringIO(text.text)))
    assert text.headers["content-type"] == "text/csv; charset=utf-8"
    assert list(rows[0]) == ["season", "lat", "lon", "tas"]
    np.testing.assert_allclose([float(row["tas"]) for row in rows], values.to_numpy().ravel(), rtol=1e-15)
    with netCDF4.Dataset("memory", memory=nc.content) as file:
        np.testing.assert_array_equal(file["tas"][:], values)
        assert file["season"][:].tolist() == ["DJF", "MAM", "JJA", "SON"]
        assert "lat_bnds" in file.variables
    assert len({answer.headers["etag"] for answer in (json_, text, nc)}) == 3


def test_an_anomaly_keeps_the_times_of_the_file_as_they_are_written_there(demo: Any) -> None:
    answer = get(demo, "tas/time.season/anomaly?f=nc")
    values = tas()
    with netCDF4.Dataset(TAS) as file, netCDF4.Dataset("memory", memory=answer.content) as found:
        assert (found["time"].units, found["time"].calendar) == ("days since 1850-01-01", file["time"].calendar)
        np.testing.assert_array_equal(found["time"][:], file["time"][:])
        np.testing.assert_array_equal(found["time_bnds"][:], file["time_bnds"][:])
        expected = values[6] - values[[5, 6, 7]].mean(axis=0)
        np.testing.assert_allclose(found["tas"][6], expected, atol=1e-5)
        assert found["tas"].long_name == "Near-Surface Air Temperature, less the mean of its season"
    assert "Warning" not in demo.log.read_text()


def test_a_browser_gets_a_table_with_links(demo: Any) -> None:
    page = get(demo, "tas/time.season/mean", headers=BROWSER)
    assert page.headers["content-type"].startswith("text/html")
    assert page.text.count("<tr>") == 201
    assert "73728 values in K, of which the first 200 are shown" in page.text
    assert f"<td>DJF</td><td>-88.5722</td><td>0</td><td>{tas()[[0, 1, 11], 0, 0].mean():.6g}</td>" in page.text
    for form in ("json", "csv", "nc"):
        assert f'href="?f={form}"' in page.text


def test_an_answer_is_not_sent_again_to_who_has_it(demo: Any) -> None:
    etag = get(demo, "tas/lat/max").headers["etag"]
    again = get(demo, "tas/lat/max", headers={"if-none-match": etag})
    assert (again.status_code, again.content) == (304, b"")
    head = httpx.head(f"{demo.url}/datasets/mpi-esm-tas/groupby/tas/lat/max")
    assert (head.status_code, head.headers["etag"], head.content) == (200, etag, b"")


def test_an_unstructured_grid_without_times_is_grouped_by_what_it_has(demo: Any) -> None:
    refused = get(demo, "S/time.month/mean", "icon-ocean")
    assert (refused.status_code, refused.json()["type"]) == (422, "urn:cloudify:problems/unknown-grouping")
    assert "depth" in refused.json()["detail"]
    found = xr.Dataset.from_dict(get(demo, "S/depth/mean", "icon-ocean").json())
    assert found["S"].sizes["depth"] == 3


@pytest.mark.parametrize(
    ("dataset", "path", "status", "code", "said"),
    [
        ("nowhere", "tas/time.month/mean", 404, "unknown-dataset", "nowhere"),
        ("mpi-esm-tas", "taz/time.month/mean", 404, "unknown-variable", "did you mean 'tas'?"),
        ("mpi-esm-tas", "tas/height/mean", 422, "unknown-grouping", "time.month|season|year|dayofyear|day|hour"),
        ("mpi-esm-tas", "tas/time.week/mean", 422, "unknown-grouping", "time.week"),
        ("mpi-esm-tas", "tas/lat.month/mean", 422, "unknown-grouping", "lat.month"),
        ("mpi-esm-tas", "tas/time.month/mode", 422, "bad-option", "mean, min, max, sum, std, var, median, count"),
        ("mpi-esm-tas", "tas/time.month/mean?f=xml", 422, "bad-option", "json, csv, nc, html"),
        ("mpi-esm-tas", "time_bnds/time.month/mean", 422, "bad-option", "holds no numbers"),
    ],
)
def test_what_cannot_be_is_said(demo: Any, dataset: str, path: str, status: int, code: str, said: str) -> None:
    answer = get(demo, path, dataset)
    assert (answer.status_code, answer.json()["type"]) == (status, f"urn:cloudify:problems/{code}")
    assert said in answer.json()["detail"]


def test_more_than_the_limits_allow_is_refused_with_the_way_out(start: Any, tmp_path: Path) -> None:
    wide = xr.Dataset({"t": (("time", "x"), np.zeros((12, 90_000), np.float32))}, {"time": np.arange(12)})
    wide.to_netcdf(tmp_path / "wide.nc", engine="h5netcdf")
    server = start("serve", str(tmp_path / "wide.nc"), str(TAS), env={"CLOUDIFY_MAX_DIAGNOSTIC_NBYTES": "10000000"})
    for form in ("json", "csv"):
        refused = get(server, f"t/time/mean?f={form}", "wide")
        assert (refused.status_code, refused.json()["type"].rpartition("/")[2]) == (413, "diagnostic-too-large")
        assert "max_diagnostic_nbytes" in refused.json()["detail"]
    assert get(server, "tas/time.month/min?f=nc").status_code == 200
    server = start("serve", str(tmp_path / "wide.nc"))
    refused = get(server, "t/time/min", "wide")
    assert (refused.status_code, refused.json()["type"].rpartition("/")[2]) == (413, "result-too-large")
    assert "f=nc" in refused.json()["detail"]
    with netCDF4.Dataset("memory", memory=get(server, "t/time/min?f=nc", "wide").content) as file:
        assert file["t"].shape == (12, 90_000)


def sizes() -> Any:
    """How much of the sphere the cells of a row of the file have, between the edges that it states."""
    with netCDF4.Dataset(TAS) as file:
        edges = np.sin(np.radians(file["lat_bnds"][:].filled(np.nan)))
    return np.abs(np.diff(edges, axis=1))[:, 0]


def test_cells_count_by_their_size_over_the_area(demo: Any) -> None:
    weights = sizes()[:, None] * np.ones(192)
    for action in ("mean", "std"):
        found = xr.Dataset.from_dict(get(demo, f"tas/time.season/{action}?weights=area").json())
        assert found["tas"].dims == ("season",)
        assert found["tas"].attrs["cell_methods"].startswith("time: mean area: time: ")
        for season, places in {"DJF": [0, 1, 11], "MAM": [2, 3, 4], "JJA": [5, 6, 7], "SON": [8, 9, 10]}.items():
            values, each = tas()[places].ravel(), np.tile(weights.ravel(), 3)
            mean = np.average(values, weights=each)
            expected = mean if action == "mean" else np.sqrt(np.average((values - mean) ** 2, weights=each))
            assert float(found["tas"].sel(season=season)) == pytest.approx(expected, rel=1e-6)
    by_row = xr.Dataset.from_dict(get(demo, "tas/lat/mean?weights=area").json())
    assert by_row["tas"].dims == ("time", "lat")
    np.testing.assert_allclose(by_row["tas"], tas().mean(axis=2)[:, np.argsort(by_row_latitudes())], rtol=1e-12)


def by_row_latitudes() -> Any:
    with netCDF4.Dataset(TAS) as file:
        return file["lat"][:].filled(np.nan)


def test_sizes_count_for_those_that_have_any(demo: Any) -> None:
    for path, said in {
        "tas/time.month/max?weights=area": "does not depend on sizes",
        "tas/time.month/mean?weights=lat": "there is area",
    }.items():
        refused = get(demo, path)
        assert (refused.status_code, refused.json()["type"].rpartition("/")[2]) == (422, "bad-option")
        assert said in refused.json()["detail"]


@pytest.mark.parametrize(("coord", "action"), [("time.month", "std"), ("time.season", "anomaly"), ("lat", "median")])
def test_a_diagnostic_is_a_dataset_of_its_own(demo: Any, coord: str, action: str) -> None:
    url = f"{demo.url}/datasets/mpi-esm-tas/groupby/tas/{coord}/{action}/zarr"
    with xr.open_dataset(io.BytesIO(get(demo, f"tas/{coord}/{action}?f=nc").content), engine="h5netcdf") as computed:
        for zarr_format in (2, 3):
            with xr.open_dataset(url, engine="zarr", chunks={}, zarr_format=zarr_format) as served:
                xr.testing.assert_equal(served.load(), computed.load())
                assert served["tas"].attrs == computed["tas"].attrs
    first = httpx.get(f"{url}/tas/c/0/0/0")
    assert first.headers["etag"] != httpx.get(f"{url.replace(action, 'max')}/tas/c/0/0/0").headers["etag"]
    known = {"If-None-Match": first.headers["etag"]}
    assert httpx.get(f"{url}/tas/c/0/0/0", headers=known).status_code == 304
    head = httpx.head(f"{url}/zarr.json")
    assert (head.status_code, head.content) == (200, b"")


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("tas/time.month/mean/zarr/tas/c/9/9/9", 404, "unknown-key"),
        ("tas/time.month/mean/zarr/none/c/0", 404, "unknown-key"),
        ("tos/time.month/mean/zarr/zarr.json", 404, "unknown-variable"),
        ("tas/time.week/mean/zarr/zarr.json", 422, "unknown-grouping"),
        ("tas/time.month/mode/zarr/zarr.json", 422, "bad-option"),
        ("tas/time.month", 422, "bad-option"),
        ("", 422, "bad-option"),
    ],
)
def test_what_is_no_dataset_of_a_diagnostic_is_said(demo: Any, path: str, status: int, code: str) -> None:
    answer = get(demo, path)
    assert (answer.status_code, answer.json()["type"].rpartition("/")[2]) == (status, code)
    if status == 422 and "/zarr/" not in path:
        assert "groupby/VARIABLE/COORDINATE/ACTION" in answer.json()["detail"]


def test_a_large_diagnostic_is_computed_by_groups_and_only_from_their_places() -> None:
    read: list[int] = []

    def block(part: Any, block_info: Any = None) -> Any:
        read.append(block_info[0]["chunk-location"][0])
        return part + block_info[0]["chunk-location"][0]

    zeros = dask.array.zeros((24, 300_000), chunks=(1, 300_000))
    values = zeros.map_blocks(block, dtype="f8", meta=np.empty((0, 0)))
    times = xr.date_range("2001-01-01", periods=24, freq="MS")
    with running(Server({"a": xr.Dataset({"t": (("time", "x"), values)}, {"time": times})}).app) as url:
        store = f"{url}/datasets/a/groupby/t/time.month/mean/zarr"
        with xr.open_dataset(store, engine="zarr", chunks={}, zarr_format=3) as served:
            assert served["t"].chunks == ((1,) * 12, (300_000,))
            assert not read
            assert set(served["t"].sel(month=3).values) == {8.0}  # of the months 2 and 14
    assert sorted(read) == [2, 14]


def test_what_a_cluster_is_there_for_is_computed_there(cluster: Any) -> None:
    def own_pid(part: Any) -> Any:
        import os  # noqa: PLC0415  # this function travels

        return np.full_like(part, os.getpid())

    zeros = dask.array.zeros((24, 3), chunks=(2, 3), dtype="int64")
    ds = xr.Dataset({"t": (("time", "x"), zeros.map_blocks(own_pid, dtype="int64", meta=np.empty((0, 0), "int64")))})
    ds = ds.assign_coords(time=xr.date_range("2001-01-01", periods=24, freq="MS"))
    workers = {process.pid for process in psutil.Process(cluster.pid).children(recursive=True)}
    with running(Server({"a": ds}, settings=Settings(dask_address=cluster.address)).app) as url:
        for action in ("min", "max"):
            answer = httpx.get(f"{url}/datasets/a/groupby/t/time.month/{action}", timeout=60).json()
            assert {pid for row in answer["data_vars"]["t"]["data"] for pid in row} <= workers
        with xr.open_dataset(
            f"{url}/datasets/a/groupby/t/time.season/max/zarr", engine="zarr", zarr_format=3
        ) as served:
            assert set(served["t"].values.ravel().tolist()) <= workers


@pytest.mark.parametrize("text", INJECTIONS, ids=range(len(INJECTIONS)))
def test_text_of_the_url_is_compared_and_never_run(demo: Any, text: str) -> None:
    url = f"{demo.url}/datasets/mpi-esm-tas/info"
    before = httpx.get(url).json()
    written = text if text == "%00" else quote(text, safe="")
    for path in (f"tas/{written}/mean", f"tas/time.month/{written}"):
        answer = get(demo, path)
        assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json"), answer.text
        assert len(answer.content) < 3000
    assert not list(demo.data_dir.parent.rglob("*pwned*"))  # where the server runs
    assert httpx.get(url).json() == before


def test_what_many_ask_for_at_once_is_computed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    computed: list[str] = []

    def count(plan: Any, evaluate: Any) -> xr.Dataset:
        computed.append(plan.action)
        return compute(plan, evaluate)

    monkeypatch.setattr(diagnostics, "compute", count)
    ds = xr.Dataset({"t": ("x", [1.0, 2.0, 3.0])}, {"x": [1, 1, 2]})
    with running(Server({"a": ds}).app) as url, ThreadPoolExecutor(64) as pool:
        answers = list(
            pool.map(lambda _: httpx.get(f"{url}/datasets/a/groupby/t/x/sum", timeout=60).content, range(64))
        )
    assert len(set(answers)) == 1
    assert json.loads(answers[0])["data_vars"]["t"]["data"] == [3.0, 3.0]
    assert computed == ["sum"]


def test_sixty_four_at_once_get_the_same(demo: Any) -> None:
    with ThreadPoolExecutor(64) as pool:
        answers = list(pool.map(lambda _: get(demo, "tas/time.season/median"), range(64)))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.content for answer in answers}) == 1
    found = np.array(json.loads(answers[0].content)["data_vars"]["tas"]["data"])
    np.testing.assert_allclose(found[0], np.median(tas()[[0, 1, 11]], axis=0), rtol=1e-12)


def test_a_store_that_was_rewritten_is_opened_anew(tmp_path: Path) -> None:
    """Who meets the new bytes is told so, and nobody after."""
    store = tmp_path / "a.zarr"
    ds = xr.Dataset({"t": ("x", [1.0, 2.0, 3.0, 4.0])}, {"x": [1, 1, 2, 2]})
    ds.to_zarr(store, zarr_format=2, encoding={"t": {"chunks": (2,)}})
    settings = Settings(token_check_s=3600, settle_s=0.1, watch=False, data_dir=tmp_path / "data")
    with running(Server(str(store), settings=settings).app) as url:
        path = f"{url}/datasets/a/groupby/t/x"
        assert httpx.get(f"{path}/sum").json()["data_vars"]["t"]["data"] == [3.0, 7.0]
        (ds * 10).to_zarr(store, zarr_format=2, mode="r+", region={"x": slice(0, 4)})
        met = httpx.get(f"{path}/max")
        assert (met.status_code, met.json()["type"].rpartition("/")[2]) == (502, "source-changed")
        assert httpx.get(f"{path}/max").json()["data_vars"]["t"]["data"] == [20.0, 40.0]
