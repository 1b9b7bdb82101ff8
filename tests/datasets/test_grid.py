"""What a grid is taken for, on real files: the answers were read from the files' own headers."""

import os
from pathlib import Path

import pytest
import xarray as xr

from cloudify.datasets.grid import Grid, grid_of, is_bounds, time_axes

PROJECT = Path(__file__).parents[2]
DATA = Path(os.environ.get("CLOUDIFY_TEST_DATA", PROJECT.parent / "shared" / "data"))
ROTATED = "rotated_latitude_longitude"

EXPECTED = {
    "monthly_navy_winds.cdf": ("UWND", Grid("rectilinear", "FNOCX", "FNOCY"), {"TIME": "proleptic_gregorian"}),
    "rectilinear_grid_3D.nc": ("t", Grid("rectilinear", "lon", "lat"), {"time": "standard"}),
    "tas_rectilinear_grid_2D.nc": ("tas", Grid("rectilinear", "lon", "lat"), {"time": "proleptic_gregorian"}),
    "tas_rotated_grid_EUR11.nc": ("tas", Grid("projected", "rlon", "rlat", ROTATED), {"time": "proleptic_gregorian"}),
    "tos_ocean_bipolar_grid.nc": ("tos", Grid("curvilinear", "lon", "lat"), {"time": "proleptic_gregorian"}),
    "triangular_grid_ICON.nc": ("S", Grid("unstructured", "clon", "clat"), {"time": ""}),
}


@pytest.mark.skipif(not DATA.is_dir(), reason="the real files are absent: set CLOUDIFY_TEST_DATA")
@pytest.mark.parametrize(("file", "expected"), EXPECTED.items(), ids=EXPECTED.keys())
def test_the_grid_and_time_of_a_real_file(file: str, expected: tuple[str, Grid, dict[str, str]]) -> None:
    name, grid, times = expected
    with xr.open_dataset(DATA / file) as ds:
        assert grid_of(ds, name) == grid
        assert {axis: calendar for axis, calendar in time_axes(ds).items() if not is_bounds(ds, axis)} == times


def test_a_series_has_no_grid_and_a_scalar_position_is_none() -> None:
    ds = xr.Dataset({"v": ("t", [1.0, 2.0])}, coords={"lon": 3.0, "lat": 4.0})
    ds["lon"].attrs["units"], ds["lat"].attrs["units"] = "degrees_east", "degrees_north"
    assert grid_of(ds, "v") == Grid("none")


def test_a_calendar_of_360_days_is_named() -> None:
    attrs = {"units": "days since 2000-01-01", "calendar": "360_day"}
    ds = xr.decode_cf(xr.Dataset(coords={"t": ("t", [0, 30, 59], attrs)}))
    assert time_axes(ds) == {"t": "360_day"}
