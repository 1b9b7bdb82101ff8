"""Parts of datasets from a real server, against what netCDF4 and numpy take from the files themselves."""

import importlib.resources
import io
import re
import resource
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import cftime
import httpx
import netCDF4
import numpy as np
import pandas as pd
import pytest
import xarray as xr
import xpublish

from cloudify import Server
from cloudify.catalog.catalog import Catalog
from cloudify.http import subsets
from cloudify.model.entry import Entry
from cloudify.settings import Settings
from cloudify.testing import running

PROJECT = Path(__file__).parents[2]
DEMO = PROJECT / "cloudify" / "demo"
IRIS = Path(str(importlib.resources.files("iris_sample_data"))) / "sample_data"
NEMO = IRIS / "NEMO" / "nemo_1m_20150101-20150201_grid-T.nc"
A1B = IRIS / "A1B_north_america.nc"
PAGE = (PROJECT / "docs" / "reference" / "subset.md").read_text()
BROWSER = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


def winds(path: Path) -> None:
    """Longitudes 20 to 380, the last a copy of the first; latitudes from north to south; packed; chunked."""
    with netCDF4.Dataset(path, "w") as file:
        for name, values, units in (
            ("lat", np.arange(90, -91, -10.0), "degrees_north"),
            ("lon", np.arange(20, 381, 10.0), "degrees_east"),
        ):
            file.createDimension(name, len(values))
            axis = file.createVariable(name, "f8", (name,))
            axis.units = units
            axis[:] = values
        file.createDimension("bnds", 2)
        file["lon"].bounds = "lon_bnds"
        file.createVariable("lon_bnds", "f8", ("lon", "bnds"))[:] = file["lon"][:][:, None] + [-5.0, 5.0]
        packed = file.createVariable("u", "i2", ("lat", "lon"), zlib=True, chunksizes=(5, 9), fill_value=-9)
        packed.set_auto_maskandscale(False)
        packed.setncatts({"scale_factor": np.float32(0.5), "add_offset": np.float32(3), "long_name": "wind"})
        packed[:] = raw_winds()
        file.history = "made"


def raw_winds() -> Any:
    raw = np.arange(19)[:, None] * 100 + np.arange(37)[None, :] % 36  # the last column is the first
    raw[3, 4] = -9
    return raw


def grids(path: Path) -> None:
    """Winds on two grids that share the rows, and a group with a variable of its own."""
    with netCDF4.Dataset(path, "w") as file:
        for name, values in (("lat", [0.0, 1, 2]), ("lon", [0.0, 1, 2]), ("slat", [0.5, 1.5]), ("slon", [0.5, 1.5])):
            file.createDimension(name, len(values))
            axis = file.createVariable(name, "f8", (name,))
            axis.units = "degrees_north" if "lat" in name else "degrees_east"
            axis[:] = values
        for name, dims in (("u", ("lat", "slon")), ("v", ("slat", "lon")), ("t", ("lat", "lon"))):
            file.createVariable(name, "f4", dims)[:] = 1.0
        group = file.createGroup("deep")
        group.createVariable("w", "f4", ("lat", "lon"))[:] = np.arange(9).reshape(3, 3)
        station = file.createVariable("s", str, ("lat",))
        station[:] = np.array(["a", "b,c", "d"], object)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("subset")
    winds(folder / "winds.nc")
    grids(folder / "grids.nc")
    return folder


@pytest.fixture(scope="module")
def url(folder: Path) -> Iterator[str]:
    sources = {
        "tas": DEMO / "mpi-esm-tas.nc", "icon": DEMO / "icon-ocean.nc", "nemo": NEMO, "a1b": A1B,
        "winds": folder / "winds.nc", "grids": folder / "grids.nc", "mesh": IRIS / "mesh_C4_synthetic_float.nc",
        "rotated": IRIS / "rotated_pole.nc",
    }  # fmt: skip
    entries = [Entry(name, "netcdf", str(path)) for name, path in sources.items()]
    entries.append(Entry("wind-store", "zarr", str(DEMO / "mpi-esm-wind.zarr")))
    with running(Server(Catalog(tuple(entries)), settings=Settings(data_dir=folder / "data")).app) as url:
        yield f"{url}/datasets"


def get(url: str, path: str, **options: Any) -> httpx.Response:
    return httpx.get(f"{url}/{path}", timeout=60, **options)


def nc(url: str, path: str) -> netCDF4.Dataset:
    answer = get(url, path)
    assert answer.status_code == 200, answer.text
    file = netCDF4.Dataset("memory", memory=answer.content)
    file.set_auto_maskandscale(False)
    return file


def raw(path: Path) -> netCDF4.Dataset:
    file = netCDF4.Dataset(path)
    file.set_auto_maskandscale(False)
    return file


def attributes(item: Any) -> dict[str, Any]:
    return {name: str(item.getncattr(name)) for name in item.ncattrs()}


def test_a_region_and_season_of_a_grid_with_bounds_is_as_the_file_stores_it(url: str) -> None:
    """Columns of 1.875 degrees: 10 to 45 are columns 6 to 24; rows 30 to 72 by comparison; June to August."""
    with (
        nc(url, "tas/subset.nc?var=tas&time=2005-06,2005-08&lon=10,45&lat=30,72") as found,
        raw(DEMO / "mpi-esm-tas.nc") as file,
    ):
        rows = np.flatnonzero((file["lat"][:] >= 30) & (file["lat"][:] <= 72))
        places = {"time": np.arange(5, 8), "lat": rows, "lon": np.arange(6, 25)}
        assert set(found.variables) == set(file.variables) == {
            "tas", "time", "lat", "lon", "time_bnds", "lat_bnds", "lon_bnds", *found.variables,
        }  # fmt: skip
        for name, variable in file.variables.items():
            expected = variable[:]
            for axis, dim in enumerate(variable.dimensions):
                expected = expected.take(places[dim], axis) if dim in places else expected
            np.testing.assert_array_equal(found[name][:], expected)
            assert found[name].dtype == variable.dtype
            assert attributes(found[name]) == attributes(variable)
        assert found.Conventions == file.Conventions
        before, _, line = found.history.rpartition("\n")
        assert before == file.history.rstrip()
        assert "tas/subset.nc?var=tas&lat=30,72&lon=10,45&time=2005-06,2005-08 of version" in line


@pytest.mark.parametrize("form", ["nc", "csv", "json"])
def test_five_awkward_kinds_are_served_in_every_form(url: str, form: str) -> None:
    """The table route x dataset; the number of values is counted by hand.

    Bounds: rows of 1.87 degrees, 80 to 90 north has 5, columns 0, 1.875 and 358.125. ICON: three depths. NEMO: by its
    own longitudes, below. 20 to 380: three columns, two rows. 360 days: a year is 360 days back from the last 1 June.
    """
    with raw(NEMO) as file:
        lon, lat = file["nav_lon"][:], file["nav_lat"][:]
        nemo = int(((lon >= -30) & (lon <= -25) & (lat >= 40) & (lat <= 45)).sum())
    expected = {
        ("tas", "var=tas&time=first&lat=80,90&lon=-2,2"): 5 * 3,
        ("icon", "var=S&depth=10,30&bbox=-5,-5,5,5"): None,
        ("nemo", "var=tos&bbox=-30,40,-25,45"): nemo,
        ("winds", "var=u&lon=-10,10&lat=80,90"): 3 * 2,
        ("a1b", "var=air_temperature&time=last-360d&lat=15&lon=-135"): 2,
    }
    with raw(DEMO / "icon-ocean.nc") as file:
        lon, lat = (np.degrees(file[name][:]) for name in ("clon", "clat"))
        expected["icon", "var=S&depth=10,30&bbox=-5,-5,5,5"] = 2 * int(((abs(lon) <= 5) & (abs(lat) <= 5)).sum())
    for (dataset, query), count in expected.items():
        answer = get(url, f"{dataset}/subset.{form}?{query}")
        assert answer.status_code == 200, (dataset, answer.text)
        name = query.partition("&")[0].removeprefix("var=")
        if form == "csv":
            assert len(pd.read_csv(io.StringIO(answer.text))) == count, dataset
        elif form == "json":
            values = np.array(xr.Dataset.from_dict(answer.json())[name].values, float)
            assert np.isfinite(values).sum() <= count <= values.size, dataset
        else:
            with netCDF4.Dataset("memory", memory=answer.content) as file:
                assert file[name][:].count() <= count <= file[name][:].size, dataset


def test_cells_of_an_unstructured_grid_are_those_of_the_region_with_their_corners(url: str) -> None:
    with nc(url, "icon/subset.nc?var=S&bbox=170,-20,-170,20") as found, raw(DEMO / "icon-ocean.nc") as file:
        lon, lat = (np.degrees(file[name][:]) for name in ("clon", "clat"))
        cells = np.flatnonzero((np.abs(lon) >= 170) & (np.abs(lat) <= 20))
        assert len(cells) > 50
        for name, axis in (("clon", 0), ("clat", 0), ("clon_vertices", 0), ("clat_vertices", 0), ("S", -1)):
            np.testing.assert_array_equal(found[name][:], file[name][:].take(cells, axis))
            assert attributes(found[name]) == attributes(file[name])


def test_outside_a_region_cells_of_a_curvilinear_grid_are_missing(url: str) -> None:
    with nc(url, "nemo/subset.nc?var=tos&bbox=175,50,-175,65") as found, raw(NEMO) as file:
        lon, lat = file["nav_lon"][:], file["nav_lat"][:]
        meant = (np.abs(lon) >= 175) & (lat >= 50) & (lat <= 65)
        rows, columns = (np.flatnonzero(meant.any(axis=axis)) for axis in (1, 0))
        box = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        fill = file["tos"]._FillValue
        np.testing.assert_array_equal(found["tos"][0], np.where(meant[box], file["tos"][0][box], fill))
        for name in ("nav_lon", "nav_lat", "bounds_lon"):
            np.testing.assert_array_equal(found[name][:], file[name][:][box])
        assert found["time_centered"].calendar == "360_day"
        np.testing.assert_array_equal(found["time_centered_bounds"][:], file["time_centered_bounds"][:])
        assert found["tos"].filters()["zlib"]
    table = pd.read_csv(io.StringIO(get(url, "nemo/subset.csv?var=tos&bbox=175,50,-175,65").text))
    assert len(table) == meant.sum()
    assert list(table.columns) == ["time_counter", "y", "x", "nav_lat", "nav_lon", "tos"]
    first = table.iloc[0]
    assert first["nav_lon"] == pytest.approx(lon[int(first["y"]), int(first["x"])], rel=1e-6)  # positions of the file


def test_times_of_360_days_count_back_from_the_last(url: str) -> None:
    with raw(A1B) as file:
        times = cftime.num2date(file["time"][:], file["time"].units, "360_day")
        for text, expected in {
            "latest": [239], "first": [0], "last-3": [237, 238, 239], "last-360d": [238, 239], "last-1h": [239],
            "-2": [238], "0,1": [0, 1],
            "2000-02-30": [140],  # 1 June 2000 is 91 days away
            "2098,2099": None, "2095-01,latest": [n for n, t in enumerate(times) if t.year >= 2095],
            "1990-01-01,1992-12-30": [n for n, t in enumerate(times) if 1990 <= t.year <= 1992],
        }.items():  # fmt: skip
            answer = get(url, f"a1b/subset.nc?var=air_temperature&lat=50&lon=270&time={text}")
            if expected is None:  # years are positions, of which there are 240
                assert (answer.status_code, "0 to 239" in answer.text) == (422, True)
                continue
            with netCDF4.Dataset("memory", memory=answer.content) as found:
                np.testing.assert_array_equal(found["time"][:], file["time"][:][expected])
                np.testing.assert_array_equal(found["time_bnds"][:], file["time_bnds"][:][expected])
                assert found["time"].calendar == "360_day"
                assert found["air_temperature"].shape == (len(expected), 1, 1)
                assert "latitude_longitude" in found.variables


@pytest.mark.parametrize(
    ("query", "columns", "stored"),
    [
        ("lon=-20,20", [32, 33, 34, 35, 36], [340, 350, 360, 370, 380]),
        ("lon=-20,30", [32, 33, 34, 35, 0, 1], [-20, -10, 0, 10, 20, 30]),
        ("lon=340,380", [32, 33, 34, 35, 0], [340, 350, 360, 370, 380]),
        ("lon=170,-170", [15, 16, 17], [170, 180, 190]),
        ("lon=-180,-160", [16, 17, 18], [180, 190, 200]),  # runs one way as it is stored: unchanged
        ("lon=0,10", [34, 35], [360, 370]),
        ("lon=5", [34], [360]),
        ("lon=-170", [17], [190]),
        ("lon=20,380", [*range(37)], [*range(20, 381, 10)]),
        ("lon=-180,180", [*range(16, 36), *range(16)], [*range(-180, 171, 10)]),
        ("lon=0,360", [34, 35, *range(34)], [0, 10, *range(20, 351, 10)]),
    ],
)
def test_longitudes_are_turned_and_run_one_way(url: str, query: str, columns: list[int], stored: list[float]) -> None:
    """Column 36, at 380, is a copy of column 0, at 20, and so has its values."""
    with nc(url, f"winds/subset.nc?{query}") as found:
        np.testing.assert_array_equal(found["u"][:], raw_winds()[:, columns])
        np.testing.assert_array_equal(found["lon"][:], stored)
        turned = found["lon"][:]
        assert np.all(np.diff(turned) == 10)
        np.testing.assert_array_equal(found["lon_bnds"][:], turned[:, None] + [-5.0, 5.0])
        np.testing.assert_array_equal(found["u"][:][0], (np.round((turned - 20) / 10) % 36).astype(int))


def test_packed_values_stay_packed_and_texts_show_them_decoded(url: str) -> None:
    query = "lat=50,60&lon=50,70"
    with nc(url, f"winds/subset.nc?{query}") as found:
        assert found["u"].dtype == np.int16
        np.testing.assert_array_equal(found["u"][:], raw_winds()[3:5, 3:6])
        assert (found["u"].scale_factor, found["u"].add_offset, found["u"]._FillValue) == (0.5, 3, -9)
        assert found["u"].filters()["zlib"]
        assert found["u"].chunking() == [2, 3]
        np.testing.assert_array_equal(found["lat"][:], [60, 50])
    decoded = raw_winds()[3:5, 3:6] * 0.5 + 3
    decoded[0, 1] = np.nan
    table = pd.read_csv(io.StringIO(get(url, f"winds/subset.csv?{query}").text))
    assert list(table.columns) == ["lat", "lon", "u"]
    np.testing.assert_array_equal(table["u"], decoded.ravel())
    np.testing.assert_array_equal(table["lat"], [60, 60, 60, 50, 50, 50])
    found = xr.Dataset.from_dict(get(url, f"winds/subset.json?{query}").json())
    np.testing.assert_array_equal(found["u"].to_numpy().astype(float), decoded)


def test_poles_and_ends_of_an_axis_are_within_reach(url: str) -> None:
    for text, rows in {
        "90": [0],
        "-90": [18],
        "-90,90": range(19),
        "85,95": [0],
        "94": [0],
        "-90,-80": [17, 18],
    }.items():
        with nc(url, f"winds/subset.nc?lat={text}&lon=20") as found:
            np.testing.assert_array_equal(found["u"][:, 0], raw_winds()[list(rows), 0])


def test_one_place_is_the_nearest_cell_on_any_grid(url: str) -> None:
    with nc(url, "icon/subset.nc?var=S&lon=-40&lat=30") as found, raw(DEMO / "icon-ocean.nc") as file:
        lon, lat = (file[name][:].astype(float) for name in ("clon", "clat"))
        x, y = np.radians([-40.0, 30.0])
        far = np.arccos(np.clip(np.sin(y) * np.sin(lat) + np.cos(y) * np.cos(lat) * np.cos(lon - x), -1, 1))
        np.testing.assert_array_equal(found["S"][..., 0], file["S"][..., int(far.argmin())])
    with nc(url, "nemo/subset.nc?var=tos&lon=179.9&lat=10") as found, raw(NEMO) as file:
        lon, lat = np.radians(file["nav_lon"][:].astype(float)), np.radians(file["nav_lat"][:].astype(float))
        x, y = np.radians([179.9, 10.0])
        far = np.arccos(np.clip(np.sin(y) * np.sin(lat) + np.cos(y) * np.cos(lat) * np.cos(lon - x), -1, 1))
        place = np.unravel_index(far.argmin(), far.shape)
        np.testing.assert_array_equal(found["tos"][0, 0, 0], file["tos"][0][place])


def test_a_rotated_grid_is_cut_by_longitudes_and_by_its_own_coordinates(url: str) -> None:
    whole = xr.Dataset.from_dict(get(url, "rotated/subset.json").json())
    y = whole["grid_latitude"].to_numpy()
    part = xr.Dataset.from_dict(get(url, f"rotated/subset.json?grid_latitude={y[2]},{y[5]}").json())
    np.testing.assert_array_equal(part["grid_latitude"], y[2:6])
    with nc(url, "rotated/subset.nc?bbox=-10,45,10,60") as found:
        assert "rotated_latitude_longitude" in found.variables
        assert 0 < found["air_pressure_at_sea_level"].size < whole["air_pressure_at_sea_level"].size


def test_connectivity_of_a_mesh_goes_where_cells_do(url: str) -> None:
    with (
        nc(url, "mesh/subset.nc?var=synthetic&bbox=0,0,90,90") as found,
        raw(IRIS / "mesh_C4_synthetic_float.nc") as file,
    ):
        x, y = file["example_C4_face_x"][:], file["example_C4_face_y"][:]
        cells = np.flatnonzero((x >= 0) & (x <= 90) & (y >= 0) & (y <= 90))
        np.testing.assert_array_equal(found["synthetic"][:], file["synthetic"][:][cells])
        np.testing.assert_array_equal(found["example_C4_face_nodes"][:], file["example_C4_face_nodes"][:][cells])
        np.testing.assert_array_equal(found["example_C4_node_x"][:], file["example_C4_node_x"][:])
        assert "example_C4_face_links" not in found.variables
        assert "example_C4_face_links" in nc(url, "mesh/subset.nc").variables
        assert "face_face_connectivity" not in found["example_C4"].ncattrs()


def test_a_zarr_store_is_cut_across_its_chunks(url: str) -> None:
    store = xr.open_zarr(DEMO / "mpi-esm-wind.zarr", decode_cf=False, chunks=None)
    with nc(url, "wind-store/subset.nc?var=uas,vas&time=2,4") as found:
        for name in ("uas", "vas"):
            np.testing.assert_array_equal(found[name][:], store[name][2:5])
        assert found["time"].units == store["time"].attrs["units"]
        assert found["uas"].filters()["zlib"]


def test_variables_that_cannot_be_together_are_named(url: str) -> None:
    with nc(url, "grids/subset.nc") as found:  # whole, they can
        assert {"u", "v", "t", "s"} <= set(found.variables)
        assert found["s"][:].tolist() == ["a", "b,c", "d"]
    with nc(url, "grids/subset.nc?var=w") as found:
        np.testing.assert_array_equal(found["w"][:], np.arange(9).reshape(3, 3))
        np.testing.assert_array_equal(found["lat"][:], [0, 1, 2])
    for query, said in {
        "nc?var=u,w": "'w' in /deep, 'u' in /",
        "csv?var=u,v": "'v' lies along slat, lon, 'u' along lat, slon",
        "nc?var=u,t&slat=0,1": "has a coordinate 'slat'",
    }.items():
        answer = get(url, f"grids/subset.{query}")
        assert (answer.status_code, said in answer.json()["detail"]) == (422, True), answer.text
    table = pd.read_csv(io.StringIO(get(url, "grids/subset.csv?var=t,s&lat=1,2&units=true").text), comment="#")
    assert table["s"].tolist() == ["b,c"] * 3 + ["d"] * 3


@pytest.mark.parametrize(
    ("path", "status", "said"),
    [
        ("nowhere/subset.nc", 404, "no dataset 'nowhere'"),
        ("tas/subset.nc?var=taz", 404, "did you mean 'tas'?"),
        ("tas/subset.xls", 422, "subset.nc, subset.csv, subset.json"),
        ("tas/subset.nc?level=1", 422, "has a coordinate 'level' to select along; there are time, lat, lon"),
        ("tas/subset.nc?time=2004-01,2004-12", 422, "its times are 2005-01-16 12:00 to 2005-12-16 12:00"),
        ("tas/subset.nc?time=1990-01-01", 422, "outside the axis, from 2005-01-16"),
        ("tas/subset.nc?time=2005-08,2005-06", 422, "its end is before its start"),
        ("tas/subset.nc?time=2005-02-30", 422, "no date of the calendar"),
        ("tas/subset.nc?time=12,13", 422, "its positions are 0 to 11"),
        ("tas/subset.nc?time=last-0d", 422, "last-30d"),
        ("tas/subset.nc?time=last-5y", 422, "last-30d"),
        ("tas/subset.nc?time=yesterday", 422, "expected a number, a date"),
        ("tas/subset.nc?lat=91,95", 422, "its latitudes are -88.5722 to 88.5722"),
        ("tas/subset.nc?lat=40,30", 422, "its end is south of its start"),
        ("tas/subset.nc?lat=95", 422, "lies outside the grid"),
        ("tas/subset.nc?lon=1,1.5", 422, "its longitudes are 0 to 358.125"),
        ("tas/subset.nc?lon=latest", 422, "a number or lo,hi in degrees"),
        ("tas/subset.nc?bbox=1,2,3", 422, "west,south,east,north"),
        ("tas/subset.nc?bbox=1,2,3,4&lon=1", 422, "selected twice"),
        ("tas/subset.nc?lat=1,2&latitude=3", 422, "selects along it too"),
        ("tas/subset.nc?estimate=perhaps", 422, "true or false"),
        ("nemo/subset.nc?bbox=0,-89.9,1,-89.8", 422, "its longitudes are -179.997 to 179.99"),
        ("nemo/subset.nc?lon=10", 422, "a place is a longitude and a latitude"),
        ("nemo/subset.nc?x=0,5&lon=0,5", 422, "by its positions and by longitudes"),
        ("nemo/subset.nc?x=0,500", 422, "its positions are 0 to 359"),
        ("icon/subset.nc?time=2098-01-01", 422, "no times to anybody"),
        ("icon/subset.nc?depth=60,70", 422, "its values are 10 to 50"),
    ],
)
def test_what_cannot_be_selected_is_said_with_what_can(url: str, path: str, status: int, said: str) -> None:
    answer = get(url, path)
    assert answer.headers["content-type"] == "application/problem+json"
    assert (answer.status_code, said in answer.json()["detail"]) == (status, True), answer.text


HOSTILE = [
    "", ",", ",,", "nan", "inf", "-inf", "nan,nan", "1e999", "1e999,1e999", "-1e308,1e308", "0x10", "1,2,3", "1_2",
    "\0", "%00", "é", "💥", "' OR 1=1", "<script>", "{{7*7}}", "$(id)", "../../etc/passwd", "9" * 50, "a" * 300,
    "1" + "0" * 18, "-1000000000000000000", "0000-00-00", "99999-12-31",
    "-9999-01-01,99999-12-31", "2005-13", "2005-06-31T25:61",
    "last-", "last-999999999w", "last--1", "latest,first", "first,latest", "first,first", "LATEST", "time", "\ud800",
    "1,\n2", "∞",
    "1;2", "[1]", "true", "None", "+5", "5.", ".5", "-.5e-3",
]  # fmt: skip


@pytest.mark.parametrize("dataset", ["tas", "icon", "nemo", "a1b", "grids"])
def test_hostile_values_in_every_field_are_never_our_failure(url: str, dataset: str) -> None:
    keys = [
        "var",
        "bbox",
        "time",
        "lat",
        "lon",
        "depth",
        "x",
        "units",
        "estimate",
        "no[such]",
        "\0",
        "",
        "a" * 300,
        "__class__",
    ]
    with httpx.Client(timeout=60) as client:
        for key in keys:
            for value in HOSTILE:
                query = {key: value.encode("utf-8", "surrogatepass").decode("latin-1")}
                query = {"estimate": "true", "time": "0"} | query
                answer = client.get(f"{url}/{dataset}/subset.csv", params=query)
                assert answer.status_code in {200, 404, 413, 422}, (key, value, answer.text)
                assert answer.status_code == 200 or len(answer.content) < 5000
        for value in HOSTILE:
            for query in ({"lat": value, "lon": value}, {"time": value, "lat": "0", "lon": "0"}):
                written = {key: text.encode("utf-8", "surrogatepass").decode("latin-1") for key, text in query.items()}
                assert client.get(f"{url}/{dataset}/subset.nc", params=written).status_code in {200, 404, 413, 422}, (
                    value
                )


def test_netcdf_reads_the_url_by_ranges(url: str) -> None:
    with netCDF4.Dataset(f"{url}/tas/subset.nc?var=tas&bbox=-20,-10,20,10&time=last-60d#mode=bytes") as found:
        assert found["tas"].shape == (2, 10, 21)
        with netCDF4.Dataset(DEMO / "mpi-esm-tas.nc") as file:
            rows = np.flatnonzero(np.abs(file["lat"][:]) <= 10)
            columns = [*range(182, 192), *range(11)]
            np.testing.assert_array_equal(found["tas"][:], file["tas"][10:12, rows, :][..., columns])
    with netCDF4.Dataset(f"{url}/winds/subset.nc#mode=bytes") as found:
        assert found["u"].shape == (19, 37)


@pytest.mark.program("cdo")
@pytest.mark.parametrize(
    ("path", "grid", "time"),
    [
        ("tas/subset.nc?time=2005-06,2005-08&lon=-20,45&lat=30,72", "points=805 (35x23)", "time : 3 steps"),
        ("a1b/subset.nc?time=latest", "lonlat                   : points=1813 (49x37)", "Calendar = 360_day"),
        ("icon/subset.nc?var=S&bbox=-10,-10,10,10", "unstructured", "time : 1 step"),
        ("nemo/subset.nc?var=tos&bbox=-30,40,-25,45", "curvilinear", "time_counter : 1 step"),
    ],
)
def test_cdo_names_grid_and_time_of_a_downloaded_file(
    url: str, tmp_path: Path, path: str, grid: str, time: str
) -> None:
    (tmp_path / "part.nc").write_bytes(get(url, path).content)
    done = subprocess.run(
        ["cdo", "-s", "sinfon", str(tmp_path / "part.nc")], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert grid in done.stdout
    assert time in done.stdout


def test_head_ranges_and_tags_belong_to_one_file(url: str) -> None:
    path = f"{url}/winds/subset.nc?lat=0,50"
    whole = httpx.get(path)
    head = httpx.head(path)
    assert (head.status_code, head.content) == (200, b"")
    for name in ("etag", "content-length", "content-type", "accept-ranges"):
        assert head.headers[name] == whole.headers[name]
    assert int(head.headers["content-length"]) == len(whole.content)
    assert (head.headers["content-type"], head.headers["accept-ranges"]) == ("application/netcdf", "bytes")
    part = httpx.get(path, headers={"range": "bytes=100-299", "if-range": head.headers["etag"]})
    assert (part.status_code, part.content) == (206, whole.content[100:300])
    assert httpx.get(path, headers={"range": f"bytes={len(whole.content)}-"}).status_code == 416
    assert httpx.get(path, headers={"if-none-match": head.headers["etag"]}).status_code == 304
    assert httpx.get(path, headers={"if-match": '"other"'}).status_code == 412
    assert httpx.get(f"{url}/winds/subset.nc?lat=0,40").headers["etag"] != head.headers["etag"]
    assert httpx.get(path, headers={"origin": "http://x.org"}).headers["access-control-allow-origin"] == "*"
    text = httpx.head(f"{url}/winds/subset.csv?lat=0,50")
    assert (text.status_code, text.headers["content-type"]) == (200, "text/csv; charset=utf-8")


def test_two_servers_and_a_restart_make_the_same_bytes(url: str, folder: Path, tmp_path: Path) -> None:
    entry = Entry("winds", "netcdf", str(folder / "winds.nc"))
    query = "winds/subset.nc?lon=-20,20"
    first = get(url, query)
    with running(Server(Catalog((entry,)), settings=Settings(data_dir=tmp_path)).app) as other:
        again = get(f"{other}/datasets", query)
    assert (again.content, again.headers["etag"]) == (first.content, first.headers["etag"])
    (kept,) = (tmp_path / "subsets").iterdir()
    assert kept.read_bytes() == first.content


def test_a_subset_above_the_limit_is_refused_with_its_size(tmp_path: Path) -> None:
    entry = Entry("tas", "netcdf", str(DEMO / "mpi-esm-tas.nc"))
    settings = Settings(data_dir=tmp_path, max_subset_nbytes=200_000)
    with running(Server(Catalog((entry,)), settings=settings).app) as root:
        url = f"{root}/datasets"
        for form in ("nc", "csv", "json"):
            refused = get(url, f"tas/subset.{form}?var=tas")
            assert (refused.status_code, refused.json()["type"]) == (413, "urn:cloudify:problems/subset-too-large")
            assert "200000" in refused.json()["detail"]
        assert not (tmp_path / "subsets").exists()
        said = get(url, "tas/subset.nc?var=tas&estimate=true").json()
        assert said["limit_nbytes"] == 200_000
        assert said["variables"]["tas"] == {"time": 12, "lat": 96, "lon": 192}
        assert said["nbytes"] >= 12 * 96 * 192 * 4
        assert get(url, "tas/subset.nc?var=tas&time=first").status_code == 200


def test_a_text_of_too_many_values_is_refused() -> None:
    ds = xr.Dataset({"t": (("x", "y"), np.zeros((1001, 1000), np.float32))})
    with running(Server({"a": ds}).app) as url:
        for form in ("csv", "json"):
            refused = get(f"{url}/datasets", f"a/subset.{form}")
            assert (refused.status_code, refused.json()["type"]) == (413, "urn:cloudify:problems/result-too-large")
        assert len(get(f"{url}/datasets", "a/subset.csv?x=0,999").text.splitlines()) == 1_000_001


def test_objects_of_host_scripts_are_written_as_stores_hold_them(tmp_path: Path) -> None:
    times = xr.date_range("2000-01-30", periods=4, freq="12h", calendar="noleap", use_cftime=True)
    ds = xr.Dataset(
        {
            "flag": ("time", [True, False, True, False]),
            "half": ("time", np.arange(4, dtype=np.float16)),
            "lazy": xr.DataArray(np.arange(8.0).reshape(4, 2), dims=("time", "x")).chunk(time=3),
        },
        {"time": times, "x": ["a", "b,c"]},
        {"nested": {"a": [1, None]}, "odd/name": True, "history": 5},
    )
    complex_ = xr.Dataset({"z": ("x", [1j, 2])})
    with running(Server({"a": ds, "z": complex_}, settings=Settings(data_dir=tmp_path)).app) as root:
        url = f"{root}/datasets"
        with nc(url, "a/subset.nc?time=last-1d") as found:
            assert found["flag"][:].tolist() == [0, 1, 0]
            assert found["half"][:].tolist() == [1, 2, 3]
            np.testing.assert_array_equal(found["lazy"][:], [[2, 3], [4, 5], [6, 7]])
            assert found["time"].calendar == "noleap"
            assert found["x"][:].tolist() == ["a", "b,c"]
            assert (found.nested, found.odd_name) == ('{"a": [1, null]}', 1)
        table = pd.read_csv(io.StringIO(get(url, "a/subset.csv?var=lazy&x=b,c").text))  # is no range of numbers
        assert table["lazy"].tolist() == [1, 3, 5, 7]
        back = xr.open_dataset(io.BytesIO(get(url, "a/subset.nc?var=flag").content), engine="h5netcdf")
        assert back["flag"].dtype == bool
        refused = get(url, "z/subset.nc")
        assert (refused.status_code, ".../zarr" in refused.json()["detail"]) == (422, True)
    assert [path.suffix for path in (tmp_path / "subsets").iterdir()] == [".nc", ".nc"]


def test_a_plain_rest_answers_head_and_get_alike(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CLOUDIFY_DATA_DIR", str(tmp_path))
    with running(xpublish.Rest({"a": xr.Dataset({"t": ("x", [1.0, 2.0])})}).app) as root:
        for path in ("subset.nc", "subset.csv?x=1", "subset.json", "subset", "subset.nc?x=7", "subset.xls"):
            head, whole = (httpx.request(verb, f"{root}/datasets/a/{path}") for verb in ("HEAD", "GET"))
            assert (head.status_code, head.headers["content-length"]) == (whole.status_code, str(len(whole.content)))
            assert not head.content
            assert whole.status_code == (422 if path in {"subset.nc?x=7", "subset.xls"} else 200)
        assert httpx.post(f"{root}/datasets/a/subset.nc").status_code == 405


def test_a_full_disk_is_said_and_nothing_is_left(start: Any) -> None:
    """No file of the server may have more than half a million bytes, as on a disk without room for more."""
    server = start("serve", str(DEMO / "mpi-esm-tas.nc"), str(DEMO / "icon-ocean.nc"))
    resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (500_000, 500_000))
    url = f"{server.url}/datasets"
    refused = get(url, "mpi-esm-tas/subset.nc")
    assert (refused.status_code, refused.json()["type"]) == (503, "urn:cloudify:problems/no-room")
    assert "csv or json" in refused.json()["detail"]
    assert not list((server.data_dir / "subsets").iterdir())
    with nc(url, "mpi-esm-tas/subset.nc?time=latest") as found:
        assert found["tas"].shape == (1, 96, 192)


def test_files_stay_within_their_limit_and_larger_ones_are_served_all_the_same(folder: Path, tmp_path: Path) -> None:
    entry = Entry("winds", "netcdf", str(folder / "winds.nc"))
    settings = Settings(data_dir=tmp_path, kept_nbytes=60_000)
    with running(Server(Catalog((entry,)), settings=settings).app) as root:
        for row in range(-90, 90, 10):
            assert get(f"{root}/datasets", f"winds/subset.nc?lat={row}").status_code == 200
            kept = list((tmp_path / "subsets").iterdir())
            assert sum(path.stat().st_size for path in kept) <= 64_000
            assert all(path.suffix == ".nc" for path in kept)
    settings = Settings(data_dir=tmp_path / "none", kept_nbytes=0)
    with running(Server(Catalog((entry,)), settings=settings).app) as root:
        path = f"{root}/datasets/winds/subset.nc"
        whole = httpx.get(path).content
        assert httpx.get(path, headers={"range": "bytes=8-99"}).content == whole[8:100]
        assert not list((tmp_path / "none" / "subsets").iterdir())


def test_what_many_ask_for_at_once_is_written_once(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[Path] = []
    write = subsets.write_netcdf

    def count(plan: Any, path: Path, origin: str) -> None:
        written.append(path)
        write(plan, path, origin)

    monkeypatch.setattr(subsets, "write_netcdf", count)
    entry = Entry("winds", "netcdf", str(folder / "winds.nc"))
    with (
        running(Server(Catalog((entry,)), settings=Settings(data_dir=tmp_path)).app) as root,
        ThreadPoolExecutor(64) as pool,
    ):
        answers = list(pool.map(lambda _: get(f"{root}/datasets", "winds/subset.nc").content, range(64)))
    assert len(set(answers)) == 1
    assert len(written) == 1


def test_a_source_that_changes_while_its_part_is_written_gives_no_mix(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    winds(tmp_path / "winds.nc")
    write = subsets.write_netcdf

    def change(plan: Any, path: Path, origin: str) -> None:
        write(plan, path, origin)
        with netCDF4.Dataset(tmp_path / "new.nc", "w") as file:
            file.createDimension("x", 2)
            file.createVariable("u", "f4", ("x",))[:] = [1, 2]
        (tmp_path / "new.nc").replace(tmp_path / "winds.nc")

    entry = Entry("winds", "netcdf", str(tmp_path / "winds.nc"))
    settings = Settings(data_dir=tmp_path / "data", token_check_s=0)
    with running(Server(Catalog((entry,)), settings=settings).app) as root:
        with monkeypatch.context() as patch:
            patch.setattr(subsets, "write_netcdf", change)
            refused = get(f"{root}/datasets", "winds/subset.nc")
        assert (refused.status_code, refused.json()["type"]) == (502, "urn:cloudify:problems/source-changed")
        assert not list((tmp_path / "data" / "subsets").iterdir())
        with nc(f"{root}/datasets", "winds/subset.nc") as found:
            assert found["u"][:].tolist() == [1, 2]


def test_examples_of_the_documentation_answer(demo: Any) -> None:
    block = re.findall(r"^```\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)[0]
    paths = [line.partition("#")[0].strip() for line in block.splitlines()]
    assert len(paths) == 7
    for path in paths:
        answer = httpx.get(f"{demo.url}{path}", timeout=60)
        assert answer.status_code == 200, (path, answer.text)
    for code in re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL):
        script = code.replace("http://127.0.0.1:9000", demo.url)
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == 0, done.stderr


def test_the_form_offers_what_there_is(url: str) -> None:
    found = get(url, "a1b/subset").json()
    assert [variable["name"] for variable in found["variables"]] == ["air_temperature"]
    assert [axis["name"] for axis in found["axes"]] == ["time"]
    assert found["is_placed"]
    for axis in found["axes"]:
        assert get(url, f"a1b/subset.nc?estimate=true&{axis['name']}={axis['range']}").status_code == 200
    page = get(url, "a1b/subset", headers=BROWSER)
    assert page.headers["content-type"].startswith("text/html")
    assert 'formaction="/datasets/a1b/subset.csv"' in page.text
    assert 'href="/datasets/a1b/subset"' in get(url, "a1b/", headers=BROWSER).text
