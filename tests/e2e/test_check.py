"""`cloudify check` and `/datasets/{id}/check`: what works, what does not, why, and what to do."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import dask.array as da
import httpx
import numpy as np
import pytest
import xarray as xr
import xpublish

from cloudify import Server
from cloudify.testing import running

PROJECT = Path(__file__).parents[2]


def check(url: str, dataset_id: str) -> tuple[str, dict[tuple[str, str], tuple[str, str, str]]]:
    report = httpx.get(f"{url}/datasets/{dataset_id}/check").json()
    assert report["dataset"] == dataset_id
    found = {
        (row["endpoint"], row["subject"]): (row["verdict"], row["reason"], row["fix"]) for row in report["findings"]
    }
    assert len(found) == len(report["findings"])
    return report["verdict"], found


@pytest.fixture(scope="module")
def odd() -> Any:
    time = xr.Variable("time", [20981118.0], {"units": "day as %Y%m%d.%f", "axis": "T"})
    days = xr.Variable("d", [0, 1], {"units": "days since 2000-01-01", "calendar": "360_day", "standard_name": "time"})
    big = da.zeros((2, 5000, 1000), chunks=(1, 5000, 1000), dtype="float64")
    tiny = da.zeros((1, 2000), chunks=(1, 1), dtype="float32")
    return xr.Dataset(
        {
            "big": (("d", "y", "x"), big, {"units": "m"}),
            "tiny": (("time", "n"), tiny, {"units": "m"}),
            "things": (("d",), np.zeros(2, dtype=[("a", "i4"), ("b", "f8")])),
            "bare": (("d",), np.zeros(2)),
            "a/b": (("d",), np.zeros(2), {"units": "m"}),
        },
        coords={"time": time, "d": xr.decode_cf(xr.Dataset(coords={"d": days}))["d"].variable},
    )


def test_everything_odd_about_a_dataset_is_named_with_its_remedy(odd: xr.Dataset) -> None:
    with running(Server({"odd": odd}).app) as url:
        verdict, found = check(url, "odd")
        assert verdict == "fails"
        assert found["zarr", "things"][0] == "fails"
        assert found["zarr", "big"][:2] == (
            "limited", "a chunk is 38 MiB before encoding: a reader of one value waits for all of it",
        )  # fmt: skip
        assert found["zarr", "tiny"][1] == "2000 chunks of 4 bytes: a reader of all of it sends as many requests"
        assert found["zarr", "/a/b"][1] == "served as 'a_b': a slash would make it a group"
        assert found["time", "time"][:2] == (
            "limited", "its unit 'day as %Y%m%d.%f' is no CF unit of time: numbers are served",
        )  # fmt: skip
        assert found["time", "d"] == ("works", "calendar 360_day: readers decode it with cftime", "")
        assert found["units", "bare"][0] == "limited"
        assert found["grid", "big"][1] == "no horizontal coordinates were found"
        assert found["stac", ""] == (
            "limited",
            "its item does not say where it is: no longitudes and latitudes were found",
            "give its coordinates CF units or standard names, or its catalog entry `bbox: [west, south, east, north]`",
        )
        assert all(fix for verdict, _, fix in found.values() if verdict != "works")
        served = httpx.get(f"{url}/datasets/odd/zarr/zarr.json").json()["consolidated_metadata"]["metadata"]
        assert set(served) == {"a_b", "big", "tiny", "bare", "time", "d"}


def test_the_demo_is_well_but_for_its_ocean(demo: Any) -> None:
    assert check(demo.url, "mpi-esm-tas")[0] == check(demo.url, "mpi-esm-wind")[0] == "works"
    verdict, found = check(demo.url, "icon-ocean")
    assert verdict == "limited"
    assert {key for key, row in found.items() if row[0] != "works"} == {("time", "time"), ("units", "wet_c")}
    assert found["grid", "S"][1] == "unstructured: clon, clat"
    assert found["plot", ""] == ("works", "maps of wet_c, S", "")
    assert found["stac", ""][0] == "works"
    assert found["stac", ""][1].endswith("2098-11-18T00:00:00Z to 2098-11-18T23:59:59Z")


def test_an_entry_that_cannot_be_opened_has_a_report_too(tmp_path: Path) -> None:
    (tmp_path / "x.nc").write_text("no netCDF")
    with running(Server(tmp_path / "x.nc").app) as url:
        verdict, found = check(url, "x")
        assert verdict == "fails"
        assert list(found) == [("open", "")]
        assert found["open", ""][1].startswith("the opener 'netcdf' failed")
        assert httpx.get(f"{url}/datasets/y/check").json()["type"] == "urn:cloudify:problems/unknown-dataset"


def test_a_plain_rest_has_the_report_and_its_failures_as_problems() -> None:
    rest = xpublish.Rest({"a": xr.Dataset({"v": ("x", np.zeros(3), {"units": "1"})})})
    with running(rest.app) as url:
        assert check(url, "a")[0] == "limited"  # it has no grid
        answer = httpx.get(f"{url}/datasets/b/check")
        assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")


def test_the_command_prints_a_line_for_each_finding_and_says_by_its_status(tmp_path: Path) -> None:
    def run(*arguments: object) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "cloudify", "check", *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)

    good = run(PROJECT / "catalogs" / "demo.yaml")
    assert good.returncode == 0, good.stderr
    lines = good.stdout.splitlines()
    assert [line for line in lines if not line.startswith("  ")] == ["mpi-esm-tas", "mpi-esm-wind", "icon-ocean"]
    assert "  ok       grid    tas                  rectilinear: lon, lat" in lines
    (tmp_path / "x.nc").write_text("no netCDF")
    bad = run(tmp_path / "x.nc", "--json")
    assert bad.returncode == 1
    assert json.loads(bad.stdout)["x"][0]["verdict"] == "fails"
    (tmp_path / "c.yaml").write_text("datasets: {a: {title: no href}}")
    assert "c.yaml:1: expected the key `href`" in run(tmp_path / "c.yaml").stdout


def test_it_says_by_what_the_variables_can_be_grouped(demo: Any) -> None:
    _, found = check(demo.url, "mpi-esm-tas")
    assert {key: row for key, row in found.items() if key[0] == "groupby"} == {
        ("groupby", "time.month"): ("works", "statistics of tas", "")
    }
