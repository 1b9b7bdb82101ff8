"""Where and when a dataset is, against netCDF4 and arithmetic of our own."""

import importlib.resources
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import netCDF4
import numpy as np
import pandas as pd
import pytest
import xarray as xr

from cloudify.datasets.box import Box
from cloudify.datasets.grid import grids_of
from cloudify.datasets.open import open_entry
from cloudify.datasets.opened import Opened
from cloudify.datasets.rotated import RotatedPole
from cloudify.datasets.summarise import summarise
from cloudify.model.entry import Entry
from cloudify.model.summary import Dimension, Summary

DEMO = Path(__file__).parents[2] / "cloudify" / "demo"
IRIS = Path(str(importlib.resources.files("iris_sample_data"))) / "sample_data"
WORLD = (-180.0, 180.0)


def of_file(path: Path) -> Summary:
    return summarise(open_entry(Entry("x", "netcdf", str(path)), timeout_s=5))


def of(ds: xr.Dataset | dict[str, xr.Dataset]) -> Summary:
    groups = ds if isinstance(ds, dict) else {"/": ds}
    return summarise(Opened(Entry("x", "object", ""), "token", groups, stored=False))


def on_axes(lon: Any, lat: Any, **attrs: Any) -> xr.Dataset:
    """A variable over a longitude and a latitude axis."""
    coords = {"lon": ("lon", lon, {"units": "degrees_east"}), "lat": ("lat", lat, {"units": "degrees_north"})}
    values = np.zeros((len(lat), len(lon)), "float32")
    return xr.Dataset({"v": (("lat", "lon"), values, {"units": "K", **attrs})}, coords=coords)


def bbox(summary: Summary) -> tuple[float, float, float, float]:
    assert summary.extent.bbox is not None, summary.doubts
    return summary.extent.bbox


def dimension(summary: Summary, name: str) -> Dimension:
    return next(item for item in summary.dimensions if item.name == name)


def test_a_global_grid_of_0_to_358_has_its_bounds_as_box() -> None:
    summary = of_file(DEMO / "mpi-esm-tas.nc")
    with netCDF4.Dataset(DEMO / "mpi-esm-tas.nc") as file:
        assert file["lon"][:].min() == 0  # so that a naive box would begin at 0
        south, north = file["lat_bnds"][:].min(), file["lat_bnds"][:].max()
        days = file["time"][[0, -1]].tolist()
        assert file["time"].units == "days since 1850-01-01 00:00:00"
    assert bbox(summary) == (WORLD[0], south, WORLD[1], north)
    expected = np.datetime64("1850-01-01T00:00:00") + (np.array(days) * 86400).astype("timedelta64[s]")
    assert summary.extent.interval == tuple(f"{time}Z" for time in expected)
    assert summary.calendar == "proleptic_gregorian"
    assert summary.raster is None  # its latitudes are Gaussian: no transform is true


def test_radians_of_an_unstructured_grid_become_degrees_and_a_strange_time_is_unknown() -> None:
    summary = of_file(DEMO / "icon-ocean.nc")
    with netCDF4.Dataset(DEMO / "icon-ocean.nc") as file:
        # a cell around the pole has its centre nearer to it than its corners
        places = np.rad2deg(np.append(file["clat_vertices"][:].ravel(), file["clat"][:]))
        longitudes = np.sort(np.rad2deg(file["clon"][:]) % 360)
    assert np.diff(longitudes).max() < 1  # all the way round
    np.testing.assert_allclose(bbox(summary), (WORLD[0], places.min(), WORLD[1], places.max()), atol=1e-6)
    assert summary.extent.interval is None
    assert summary.doubts == ("the unit of the time 'time' is none of CF's",)
    assert dimension(summary, "time").extent == (None, None)
    assert dimension(summary, "ncells").role == "cells"


def test_a_curvilinear_grid_with_two_times() -> None:
    path = IRIS / "NEMO" / "nemo_1m_20150101-20150201_grid-T.nc"
    summary = of_file(path)
    with netCDF4.Dataset(path) as file:
        corners = file["bounds_lat"][:]
        seconds = float(file["time_centered"][0])
        assert (file["time_centered"].units, file["time_centered"].calendar) == (
            "seconds since 1900-01-01 00:00:00", "360_day",
        )  # fmt: skip
    np.testing.assert_allclose(bbox(summary), (WORLD[0], corners.min(), WORLD[1], corners.max()), atol=1e-5)
    day = round(seconds / 86400)
    assert summary.extent.interval == (f"{1900 + day // 360}-{day % 360 // 30 + 1:02}-{day % 30 + 1:02}T00:00:00Z",) * 2
    assert summary.calendar == "360_day"
    assert dimension(summary, "time_counter").role == "time"


def test_a_grid_that_ends_beyond_360_goes_all_the_way_round() -> None:
    """The axes of the navy winds: 20 to 377.5 degrees east, no CF names."""
    lon, lat = np.arange(20, 380, 2.5), np.arange(-90, 90.1, 2.5)
    ds = on_axes(lon, lat).rename(lon="FNOCX", lat="FNOCY")
    summary = of(ds)
    assert bbox(summary) == (-180.0, -90.0, 180.0, 90.0)
    assert dimension(summary, "FNOCX").extent == (20.0, 377.5)
    assert summary.raster is not None
    assert summary.raster.transform == (2.5, 0.0, 18.75, 0.0, 2.5, -91.25)


def test_a_calendar_of_360_days_in_a_region() -> None:
    summary = of_file(IRIS / "A1B_north_america.nc")
    with netCDF4.Dataset(IRIS / "A1B_north_america.nc") as file:
        lon, lat = file["longitude"][:], file["latitude"][:]
        hours = file["time"][[0, -1]].tolist()
        assert file["time"].units == "hours since 1970-01-01 00:00:00"
    assert bbox(summary) == (lon.min() - 360, lat.min(), lon.max() - 360, lat.max())
    days = [round(hour / 24) for hour in hours]
    expected = tuple(f"{1970 + day // 360}-{day % 360 // 30 + 1:02}-{day % 30 + 1:02}T00:00:00Z" for day in days)
    assert summary.extent.interval == expected
    assert dimension(summary, "time").step == "P360D"


def test_the_30th_of_february_is_the_28th() -> None:
    ds = xr.Dataset(coords={"time": ("time", [59, 89], {"units": "days since 2001-01-01", "calendar": "360_day"})})
    summary = of(xr.decode_cf(ds))
    assert summary.extent.interval == ("2001-02-28T00:00:00Z", "2001-03-30T00:00:00Z")


@pytest.mark.parametrize(
    ("lon", "west", "east"),
    [
        (np.arange(170.0, 191.0), 170.0, -170.0),
        (np.arange(-190.0, -169.0), 170.0, -170.0),
        (np.r_[170.0:180.0, -180.0:-169.0], 170.0, -170.0),
        (np.arange(0.0, 181.0), 0.0, 180.0),
        (np.arange(-180.0, 1.0), -180.0, 0.0),
        (np.arange(180.0, 271.0), -180.0, -90.0),
        (np.arange(-180.0, 180.0, 30.0), *WORLD),
        (np.arange(-179.5, 180.0), *WORLD),
        (np.linspace(-180.0, 180.0, 13), *WORLD),
        (np.arange(0.0, 351.0, 2.0), 0.0, -10.0),
        (np.array([359.0, 0.0, 1.0]), -1.0, 1.0),
        (np.array([10.0]), 10.0, 10.0),
        (np.array([10.0, 170.0]), 10.0, 170.0),
    ],
)
def test_longitudes_on_the_circle(lon: np.ndarray[Any, Any], west: float, east: float) -> None:
    for values in (lon, lon[::-1]):
        assert bbox(of(on_axes(values, np.array([-1.0, 2.0])))) == (west, -1.0, east, 2.0)


def test_latitudes_from_north_to_south_are_a_box_from_south_to_north() -> None:
    summary = of(on_axes(np.arange(0.0, 5.0), np.arange(60.0, 49.0, -2.5)))
    assert bbox(summary) == (0.0, 50.0, 4.0, 60.0)
    assert summary.raster is not None
    assert summary.raster.transform == (1.0, 0.0, -0.5, 0.0, -2.5, 61.25)
    assert summary.raster.shape == (5, 5)


def test_bounds_beyond_the_pole_are_cut_and_centres_beyond_it_are_no_latitudes() -> None:
    ds = on_axes(np.arange(0.0, 4.0), np.array([88.0, 90.0]))
    ds["lat"].attrs["bounds"], ds["lon"].attrs["bounds"] = "lat_bnds", "lon_bnds"
    ds["lat_bnds"] = (("lat", "nv"), [[87.0, 89.0], [89.0, 91.0]])
    ds["lon_bnds"] = (("lon", "nv"), [[-0.5, 0.5], [0.5, 1.5], [1.5, 2.5], [2.5, 3.5]])
    assert bbox(of(ds)) == (-0.5, 87.0, 3.5, 90.0)
    wrong = of(on_axes(np.arange(0.0, 4.0), np.array([0.0, 91.0])))
    assert wrong.extent.bbox is None
    assert "where 'v' is: its latitudes reach 91 degrees" in wrong.doubts


def test_missing_coordinates_of_a_curvilinear_grid_are_left_out() -> None:
    lon, lat = np.meshgrid([10.0, 11.0, 12.0], [50.0, 51.0])
    lon[0, 0], lat[0, 1], lon[1, 2] = np.nan, np.nan, 9.96921e36
    coords = {
        "x": (("j", "i"), lon, {"standard_name": "longitude"}), "y": (("j", "i"), lat, {"standard_name": "latitude"})
    }  # fmt: skip
    assert bbox(of(xr.Dataset({"v": (("j", "i"), np.zeros((2, 3)))}, coords=coords))) == (10.0, 50.0, 12.0, 51.0)


def test_a_rotated_grid_by_the_formula_of_the_sphere() -> None:
    path = IRIS / "rotated_pole.nc"
    with netCDF4.Dataset(path) as file:
        mapping = file["rotated_latitude_longitude"]
        pole_lat, pole_lon = np.deg2rad([mapping.grid_north_pole_latitude, mapping.grid_north_pole_longitude])
        x, y = np.deg2rad(np.meshgrid(file["grid_longitude"][:], file["grid_latitude"][:]))
    lat = np.arcsin(np.cos(pole_lat) * np.cos(y) * np.cos(x) + np.sin(pole_lat) * np.sin(y))
    east = np.cos(y) * np.sin(x)
    north = -np.sin(pole_lat) * np.cos(y) * np.cos(x) + np.cos(pole_lat) * np.sin(y)
    lon = np.rad2deg(pole_lon + np.arctan2(-east, north))
    lon = (lon + 180) % 360 - 180
    expected = (lon.min(), np.rad2deg(lat.min()), lon.max(), np.rad2deg(lat.max()))
    np.testing.assert_allclose(bbox(of_file(path)), expected, atol=1e-3)


def test_another_projection_without_longitudes_is_not_guessed() -> None:
    mapping = {"grid_mapping_name": "polar_stereographic", "latitude_of_projection_origin": 90.0}
    axis = np.linspace(-3e6, 3e6, 5)
    ds = xr.Dataset(
        {"v": (("y", "x"), np.zeros((5, 5)), {"grid_mapping": "crs"}), "crs": ((), 0, mapping)},
        coords={"x": ("x", axis, {"axis": "X", "units": "m"}), "y": ("y", axis, {"axis": "Y", "units": "m"})},
    )
    summary = of(ds)
    assert summary.extent.bbox is None
    assert (
        "where 'v' is: there are no longitudes and latitudes beside its projection 'polar_stereographic'"
        in summary.doubts
    )
    assert (dimension(summary, "x").role, dimension(summary, "x").extent) == ("other", (-3e6, 3e6))
    lon, lat = np.meshgrid(np.arange(5.0, 10.0), np.arange(70.0, 75.0))
    ds["lon"] = (("y", "x"), lon, {"units": "degrees_east"})
    ds["lat"] = (("y", "x"), lat, {"units": "degrees_north"})
    assert bbox(of(ds.set_coords(["lon", "lat"]))) == (5.0, 70.0, 9.0, 74.0)


PROJ = """
import json, sys
from rasterio.crs import CRS
from rasterio.warp import transform
wkt, x, y = json.load(sys.stdin)
print(json.dumps(transform(CRS.from_wkt(wkt), CRS.from_string("+proj=longlat +R=6371229"), x, y)))
"""


def test_a_rotated_system_is_that_of_proj() -> None:
    """In a process of its own: a library that some readers of GRIB bring has a PROJ too, and they cannot be mixed."""
    pole = RotatedPole(37.5, 177.5, 20.0)
    x, y = np.array([1.0, 40.0, -100.0, 21.0]), np.array([2.0, -30.0, 60.0, 37.0])
    asked = json.dumps([pole.wkt(), x.tolist(), y.tolist()])
    done = subprocess.run([sys.executable, "-c", PROJ], input=asked, capture_output=True, text=True, check=True)
    np.testing.assert_allclose(pole.places(x, y), json.loads(done.stdout), atol=1e-6)


def test_a_pole_that_is_none_places_nothing() -> None:
    for attrs in ({}, {"grid_north_pole_latitude": 91}, {"grid_north_pole_latitude": "x"}):
        mapping = {"grid_mapping_name": "rotated_latitude_longitude", "grid_north_pole_longitude": 0.0, **attrs}
        ds = xr.Dataset(
            {"v": (("y", "x"), np.zeros((2, 2)), {"grid_mapping": "crs"}), "crs": ((), 0, mapping)},
            coords={"x": ("x", [0.0, 1.0], {"axis": "X"}), "y": ("y", [0.0, 1.0], {"axis": "Y"})},
        )
        assert of(ds).extent.bbox is None
        assert dimension(of(ds), "x").role == "other"


def test_a_mesh_and_a_station_are_somewhere_too() -> None:
    mesh = of_file(IRIS / "mesh_C4_synthetic_float.nc")
    with netCDF4.Dataset(IRIS / "mesh_C4_synthetic_float.nc") as file:
        lat = file["example_C4_face_y"][:]
    np.testing.assert_allclose(bbox(mesh), (-180.0, lat.min(), 180.0, lat.max()), atol=1e-6)
    station = xr.Dataset({"t": ("time", [1.0])}, coords={"lon": 190.0, "lat": 4.0})
    station["lon"].attrs["units"], station["lat"].attrs["units"] = "degrees_east", "degrees_north"
    assert bbox(of(station)) == (-170.0, 4.0, -170.0, 4.0)


def test_times_in_memory_and_values_that_are_times() -> None:
    time = xr.date_range("2001-02-27", periods=3, calendar="noleap", use_cftime=True)
    birth = ("t", pd.date_range("1850-01-01", periods=3))
    summary = of(xr.Dataset({"v": ("t", np.zeros(3)), "birth": birth}, coords={"t": time}))
    assert summary.extent.interval == ("2001-02-27T00:00:00Z", "2001-03-01T00:00:00Z")
    assert (summary.calendar, dimension(summary, "t").step) == ("noleap", "P1D")
    forecast = xr.Dataset(coords={"start": birth})
    forecast["start"].attrs["standard_name"] = "forecast_reference_time"
    assert of(forecast).extent.interval == ("1850-01-01T00:00:00Z", "1850-01-03T00:00:00Z")


@pytest.mark.parametrize("year", ["-0044", "10000"])
def test_a_year_that_cannot_be_written_is_unknown(year: str) -> None:
    ds = xr.Dataset(coords={"t": np.array([f"{year}-03-15", "2000-01-01"], "datetime64[s]")})
    summary = of(ds)
    assert summary.extent.interval is None
    assert "the time 't' holds no times of the years 1 to 9999" in summary.doubts
    assert of(ds.isel(t=[])).extent.interval is None


def test_without_coordinates_nothing_is_guessed() -> None:
    summary = of(xr.Dataset({"v": (("y", "x"), np.zeros((2, 3)))}))
    assert summary.extent.bbox is summary.extent.interval is None
    assert summary.doubts == ("no times were found", "no longitudes and latitudes were found")
    assert [(item.name, item.extent) for item in summary.dimensions] == [("y", (0.0, 1.0)), ("x", (0.0, 2.0))]


def test_large_coordinates_are_read_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    lon, lat = np.meshgrid(np.arange(5.0, 25.0), np.arange(40.0, 47.0))
    coords = {
        "x": (("j", "i"), lon, {"standard_name": "longitude"}), "y": (("j", "i"), lat, {"standard_name": "latitude"})
    }  # fmt: skip
    ds = xr.Dataset({"v": (("j", "i"), np.zeros(lon.shape))}, coords=coords)
    monkeypatch.setattr("cloudify.datasets.box.BLOCK", 33)
    box = Box()
    box.add(ds, "v", grids_of(ds)["v"])
    assert box.bbox() == (5.0, 40.0, 24.0, 46.0)
    monkeypatch.setattr("cloudify.datasets.box.LIMIT", 100)
    assert of(ds).doubts[-1] == "where 'v' is: it has 140 longitudes, and at most 100 are read"


def test_groups_keep_their_own_dimensions_apart() -> None:
    top = xr.Dataset({"a": ("t", np.zeros(2))}, coords={"t": pd.date_range("2000-01-01", periods=2)})
    first, second = (xr.Dataset({"v": (("t", "x"), np.zeros((2, size)))}) for size in (3, 4))
    summary = of({"/": top, "/one": first, "/two": second})
    assert {item.name: item.size for item in summary.dimensions} == {"t": 2, "one/x": 3, "two/x": 4}
    assert {item.name: item.dimensions for item in summary.variables} == {
        "a": ("t",), "one/v": ("t", "one/x"), "two/v": ("t", "two/x"),
    }  # fmt: skip


def test_a_range_is_told_only_where_the_attributes_state_one() -> None:
    def found(**attrs: Any) -> tuple[float, float] | None:
        return next(item.range for item in of(on_axes([0.0, 1.0], [0.0, 1.0], **attrs)).variables if item.name == "v")

    assert found() is None
    assert found(actual_range=np.array([200.0, 300.0])) == (200.0, 300.0)
    assert found(valid_min=1, valid_max=np.int16(5)) == (1.0, 5.0)
    for wrong in (np.array([np.nan, 1.0]), np.array([3.0, 1.0]), "0 to 1", np.arange(3), [b"a", b"b"]):
        assert found(valid_range=wrong) is None


HOSTILE = [np.array([1.0, 2.0]), "\ud800x", "", 3, np.nan, "x" * 10_000, ["a", "b"], b"bytes", "lon", "time"]
READ_BY_US = [
    "units", "axis", "standard_name", "bounds", "grid_mapping", "calendar", "mesh", "location", "long_name", "cf_role",
    "_FillValue", "valid_range", "coordinates", "positive", "missing_value", "scale_factor", "grid_mapping_name",
]  # fmt: skip


@pytest.mark.filterwarnings("ignore::xarray.SerializationWarning")  # of what is wrong on purpose
@pytest.mark.parametrize("name", READ_BY_US)
def test_no_attribute_whatever_it_holds_stops_a_summary(name: str) -> None:
    for value in HOSTILE:
        for target in ("lon", "v", "time"):
            ds = on_axes([0.0, 1.0], [0.0, 1.0, 2.0], grid_mapping="gm")
            ds = ds.expand_dims(time=pd.date_range("2000-01-01", periods=2)).assign(gm=((), 0))
            ds[target].attrs[name] = value
            before = {key: dict(variable.attrs) for key, variable in ds.variables.items()}
            summary = of(ds)
            assert {item.name for item in summary.dimensions} == {"lon", "lat", "time"}
            assert {key: list(variable.attrs) for key, variable in ds.variables.items()} == {
                key: list(attrs) for key, attrs in before.items()
            }


@pytest.mark.filterwarnings("ignore:Times can't be serialized faithfully")
def test_a_coordinate_that_cannot_be_read_costs_only_what_it_says() -> None:
    class Broken:
        shape, dtype, ndim = (3,), np.dtype("f8"), 1

        def __getitem__(self, key: Any) -> Any:
            raise OSError(5, "Input/output error", "/secret/path.nc")

    import dask.array as da  # noqa: PLC0415

    ds = xr.Dataset(
        {"v": (("lat", "lon"), np.zeros((2, 3)))},
        coords={
            "lat": ("lat", [0.0, 1.0], {"units": "degrees_north"}),
            "x": ("lon", da.from_array(Broken(), chunks=3, meta=np.zeros(0)), {"units": "degrees_east"}),
        },
    )
    summary = of(ds)
    assert summary.extent.bbox is None
    assert not summary.is_whole
    assert any("could not be read (OSError: Input/output error)" in doubt for doubt in summary.doubts)
    assert "secret" not in str(summary)
