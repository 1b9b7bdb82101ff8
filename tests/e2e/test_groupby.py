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
import httpx
import netCDF4
import numpy as np
import pytest
import xarray as xr

from cloudify import Server
from cloudify.diagnostics.groupby import compute
from cloudify.http import diagnostics
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


@pytest.mark.parametrize("text", INJECTIONS, ids=range(len(INJECTIONS)))
def test_text_of_the_url_is_compared_and_never_run(demo: Any, text: str) -> None:
    url = f"{demo.url}/datasets/mpi-esm-tas/info"
    before = httpx.get(url).json()
    written = text if text == "%00" else quote(text, safe="")
    for path in (f"tas/{written}/mean", f"tas/time.month/{written}"):
        answer = get(demo, path)
        assert 400 <= answer.status_code < 500, answer.text
        assert len(answer.content) < 3000
    assert not list(demo.data_dir.parent.rglob("*pwned*"))  # where the server runs
    assert httpx.get(url).json() == before


def test_what_many_ask_for_at_once_is_computed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    computed: list[str] = []

    def count(plan: Any) -> xr.Dataset:
        computed.append(plan.action)
        return compute(plan)

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
