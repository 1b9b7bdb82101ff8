"""Which places a selection takes, on made datasets, against comparisons of every value."""

from typing import Any

import cftime
import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from cloudify.datasets.opened import Opened
from cloudify.datasets.region import region_of
from cloudify.datasets.subject import subject_of
from cloudify.diagnostics.subset import Plan, plan_subset
from cloudify.diagnostics.subset_text import in_memory
from cloudify.errors import BadSelectionError
from cloudify.model.entry import Entry
from cloudify.model.selection import Bound, Pick
from cloudify.model.subset import parse_subset

NORTH, EAST = {"units": "degrees_north"}, {"units": "degrees_east"}


def opened(ds: xr.Dataset) -> Opened:
    return Opened(Entry("made", "object", ""), "token", {"/": ds}, stored=False)


def plan(ds: xr.Dataset, **query: str) -> Plan:
    return plan_subset(opened(ds), parse_subset(query.items()))


def part(ds: xr.Dataset, **query: str) -> xr.Dataset:
    made = plan(ds, **query)
    return in_memory(made, list(made.variables))


@given(
    start=st.sampled_from([-180.0, 0.0, 20.0, -0.5, 179.0]),
    step=st.sampled_from([1.0, 2.5, 30.0, 7.0]),
    west=st.integers(-720, 720),
    width=st.integers(0, 360),
    runs_east=st.booleans(),
)
def test_columns_are_those_within_the_range_each_once_and_run_one_way(
    start: float, step: float, west: int, width: int, *, runs_east: bool
) -> None:
    lon = np.arange(start, start + 360 - step / 2, step)[:: 1 if runs_east else -1]
    ds = xr.Dataset(
        {"t": (("lat", "lon"), np.zeros((2, lon.size)))}, {"lat": ("lat", [0.0, 1], NORTH), "lon": ("lon", lon, EAST)}
    )
    pick = Pick("lon", Bound(str(west)), Bound(str(west + width)), "lon")
    inside = {
        n for n, value in enumerate(lon) if any(west <= value + 360 * turn <= west + width for turn in range(-5, 6))
    }
    if not inside:
        with pytest.raises(BadSelectionError):
            region_of(subject_of(opened(ds), "t"), pick, None)
        return
    found = region_of(subject_of(opened(ds), "t"), pick, None)
    columns = found.along["lon"]
    assert sorted(columns.tolist()) == sorted(inside)
    turned = lon[columns] + 360 * found.turned.get("lon", np.zeros(columns.size))
    steps = np.diff(turned)
    assert np.all(steps > 0) if runs_east else np.all(steps < 0)
    if "lon" in found.turned:
        assert turned.min() >= west
        assert turned.max() <= west + width


def test_a_mask_follows_the_order_of_dimensions() -> None:
    """The grid's coordinates are (y, x), the variable (x, time, y): two cells are meant, of four in the box."""
    lon, lat = np.array([[0.0, 10, 20], [1, 11, 21]]), np.array([[0.0, 0, 0], [10, 10, 10]])
    ds = xr.Dataset(
        {"t": (("x", "time", "y"), np.arange(12.0).reshape(3, 2, 2)), "flag": (("y", "x"), np.ones((2, 3), np.int16))},
        {"lon": (("y", "x"), lon, EAST), "lat": (("y", "x"), lat, NORTH)},
    )
    ds["t"].values[0, 0, 0] = -1
    made = part(ds, lon="0.5,10.5")
    assert made["t"].dims == ("x", "time", "y")
    np.testing.assert_array_equal(np.isfinite(made["t"][:, 0]), [[False, True], [True, False]])
    np.testing.assert_array_equal(made["t"][0, :, 1], ds["t"][0, :, 1])
    np.testing.assert_array_equal(np.isfinite(made["flag"]), [[False, True], [True, False]])
    np.testing.assert_array_equal(made["lon"], lon[:, :2])


@pytest.mark.parametrize("name", ["lat", "latitude", "phi"])
def test_latitudes_alone_are_found_by_any_name(name: str) -> None:
    ds = xr.Dataset({"t": (("time", "phi"), np.arange(6.0).reshape(2, 3))}, {"phi": ("phi", [10.0, 0, -10], NORTH)})
    np.testing.assert_array_equal(part(ds, **{name: "-10,0"})["t"], [[1, 2], [4, 5]])


def test_longitudes_alone_are_turned() -> None:
    ds = xr.Dataset({"t": ("lon", np.arange(4.0))}, {"lon": ("lon", [0.0, 90, 180, 270], EAST)})
    made = part(ds, lon="-90,90")
    assert made["t"].values.tolist() == [3, 0, 1]
    assert made["lon"].values.tolist() == [-90, 0, 90]


def test_packed_and_whole_longitudes_are_turned_as_what_they_stand_for() -> None:
    bounds = np.array([[0, 180], [180, 360]], np.uint16)
    ds = xr.Dataset(
        {"t": ("lon", [1.0, 2.0]), "lon_bnds": (("lon", "b"), bounds)},
        {"lon": ("lon", np.array([90, 270], np.uint16), EAST | {"bounds": "lon_bnds", "valid_range": [0, 360]})},
    )
    made = part(ds, lon="-100,100")
    assert made["lon"].values.tolist() == [-90, 90]
    assert made["lon_bnds"].values.tolist() == [[-180, 0], [0, 180]]
    assert "valid_range" not in made["lon"].attrs
    packed = xr.Dataset(
        {"t": ("lon", [1.0, 2.0])},
        {"lon": ("lon", np.array([18, 54], np.int8), EAST | {"scale_factor": 5.0})},
    )
    held = Opened(Entry("made", "netcdf", ""), "token", {"/": packed.drop_indexes("lon")}, stored=True)
    made_plan = plan_subset(held, parse_subset([("lon", "-100,100")]))
    assert in_memory(made_plan, ["lon"])["lon"].values.tolist() == [-90, 90]


def test_times_out_of_order_are_taken_by_what_they_are() -> None:
    days = [30, 0, 60, 10]
    ds = xr.Dataset(
        {"t": ("time", np.arange(4.0))},
        {"time": np.datetime64("2001-01-01") + np.array(days, "m8[D]").astype("m8[ns]")},
    )
    for text, expected in {
        "latest": [2], "first": [1], "last-30d": [0, 2], "last-2": [0, 2], "2001-01-01": [1],
        "2001-01-05,latest": [0, 2, 3],
        "first,2001-01-11": [1, 3], "last-49d": [0, 2], "last-50d": [0, 2, 3], "-1": [3], "last-10w": [0, 1, 2, 3],
    }.items():  # fmt: skip
        assert part(ds, time=text)["t"].values.tolist() == expected, text


def test_a_month_of_a_calendar_without_leap_days_ends_with_its_28th() -> None:
    times = xr.date_range("2000-02-27", periods=4, calendar="noleap", use_cftime=True)
    ds = xr.Dataset({"t": ("time", np.arange(4.0))}, {"time": times})
    made = part(ds, time="2000-02,2000-02")
    assert made["time"].values.tolist() == [cftime.DatetimeNoLeap(2000, 2, day, has_year_zero=True) for day in (27, 28)]


def test_ranges_of_rounded_labels_include_their_ends() -> None:
    ds = xr.Dataset({"t": ("lev", np.arange(5.0))}, {"lev": ("lev", (np.arange(5) / 10).astype(np.float32))})
    assert part(ds, lev="0.1,0.3")["t"].values.tolist() == [1, 2, 3]
    assert part(ds, lev="first")["t"].values.tolist() == [0]
    assert part(ds, lev="last-2")["t"].values.tolist() == [3, 4]


def test_cells_beside_each_other_tell_how_far_a_place_may_be() -> None:
    lon, lat = np.meshgrid([0.0, 1, 2], [50.0, 51, 52])
    ds = xr.Dataset(
        {"t": ("cell", np.arange(9.0))},
        {"lon": ("cell", lon.ravel(), EAST), "lat": ("cell", lat.ravel(), NORTH)},
    )
    assert part(ds, lon="1.1", lat="50.8")["t"].values.tolist() == [4]
    for coord in ("cell", "lon"):
        assert part(ds, **{coord: "1,1"})["t"].values.tolist() == ([1] if coord == "cell" else [1, 4, 7])
    assert part(ds, cell="3,8", lon="1,2", lat="50,51.5")["t"].values.tolist() == [4, 5]
    with pytest.raises(BadSelectionError, match="outside the grid: its longitudes are 0 to 2, its latitudes 50 to 52"):
        part(ds, lon="30", lat="50")


def test_measures_come_along_where_they_fit() -> None:
    ds: Any = xr.Dataset(
        {
            "t": (("time", "x"), np.zeros((2, 3)), {"cell_measures": "area: area", "ancillary_variables": "flag odd"}),
            "area": ("x", [1.0, 2, 3]), "flag": (("time", "x"), np.ones((2, 3), np.int8)), "odd": ("z", [1.0]),
        }
    )  # fmt: skip
    made = plan(ds, var="t", x="1,2")
    assert set(made.variables) == {"t", "area", "flag"}
    assert made.asked == ("t",)
    assert in_memory(made, ["area"])["area"].values.tolist() == [2, 3]
