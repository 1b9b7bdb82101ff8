"""Results put together, against the same function over the whole dataset, and what the store says of them."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cftime
import iris_sample_data
import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from cloudify.datasets.open import open_entry
from cloudify.datasets.opened import Opened
from cloudify.model.entry import Entry

Open = Callable[[str], Opened]
Decode = Callable[..., xr.Dataset]
Made = Callable[[xr.Dataset | xr.DataTree], Opened]
IRIS = Path(iris_sample_data.__file__).parent / "sample_data"
Run = Any
"""The runner of conftest."""


def windspeed(block: xr.Dataset) -> xr.DataArray:
    return np.hypot(block["uas"], block["vas"]).rename("sfcWind")


def test_the_wind_speed_of_the_demo_is_that_of_numpy(run: Run, opened: Open, decoded: Decode) -> None:
    out = run(opened("wind"), windspeed)
    ds = decoded("wind")
    np.testing.assert_array_equal(out.sfcWind, np.hypot(ds.uas.values, ds.vas.values))
    assert out.sfcWind.dims == ("time", "lat", "lon")
    for name in ("time", "lat", "lon", "time_bnds", "lat_bnds"):
        np.testing.assert_array_equal(out[name], ds[name])
    document = json.loads(run.stored["sfcWind/zarr.json"])
    assert document["chunk_grid"]["configuration"]["chunk_shape"] == [3, 96, 192]
    assert (document["fill_value"], document["data_type"]) == ("NaN", "float32")


def test_times_are_stored_as_the_source_stores_them(run: Run, opened: Open) -> None:
    out = run(opened("360-day"), lambda block: block["air_temperature"] - 273.15, chunks={"time": 100})
    raw = opened("360-day").groups["/"].variables["time"]
    document = json.loads(run.stored["time/zarr.json"])
    assert document["attributes"]["units"] == raw.attrs["units"]
    assert document["attributes"]["calendar"] == "360_day"
    assert document["data_type"] == raw.dtype.newbyteorder("<").name
    assert out.time.values[0] == cftime.Datetime360Day(1860, 6, 1)
    assert {"forecast_period", "forecast_reference_time", "height"} <= set(out.air_temperature.coords)


@pytest.mark.parametrize(
    ("name", "variable", "inputs"),
    [
        ("tas", "tas", {"chunks": {"time": 5, "lat": 50}}),
        ("icon", "S", {"chunks": {"ncells": 3000}, "variables": ["S"]}),
        ("nemo", "tos", {"chunks": {"y": 100, "x": 77}, "variables": "tos"}),
        (
            "rotated",
            "air_potential_temperature",
            {"variables": ["air_potential_temperature"], "chunks": {"grid_longitude": 33}},
        ),
    ],
)
def test_awkward_kinds_keep_their_coordinates(
    run: Run, opened: Open, decoded: Decode, name: str, variable: str, inputs: dict[str, Any]
) -> None:
    """Returned as an array of numpy, so that nothing comes back but numbers."""
    out = run(opened(name), lambda block: block[variable].values * 2, **inputs)
    expected = decoded(name)[variable]
    np.testing.assert_array_equal(out.f, expected.values * 2)
    assert set(out.f.coords) == set(expected.coords)
    for coordinate in expected.coords:
        np.testing.assert_array_equal(out[coordinate], expected[coordinate])
        assert out[coordinate].dims == expected[coordinate].dims
    pointer = decoded(name)[variable].attrs.get("grid_mapping")
    assert out.f.attrs.get("grid_mapping") == pointer
    if pointer:
        assert out[pointer].attrs["grid_mapping_name"] == "rotated_latitude_longitude"


@pytest.mark.parametrize("path", sorted(IRIS.rglob("*.nc")), ids=lambda path: path.stem)
def test_a_block_returned_as_it_is_gives_back_the_file(run: Run, path: Path) -> None:
    ds = xr.open_dataset(path, engine="netcdf4", chunks=None)
    out = run(open_entry(Entry("file", "netcdf", str(path)), timeout_s=10), lambda block: block)
    assert len(set(out.variables) & set(ds.variables)) > 1
    for name in set(out.variables) & set(ds.variables):
        assert out[name].variable.equals(ds[name].variable), name


def test_a_moving_mean_over_blocks_with_overlap_is_that_of_the_whole(run: Run, opened: Open, decoded: Decode) -> None:
    def smooth(block: xr.Dataset) -> xr.DataArray:
        return block["tas"].rolling(time=3, center=True, min_periods=1).mean()

    out = run(opened("tas"), smooth, chunks={"time": 4, "lat": 96}, overlap={"time": 1})
    np.testing.assert_allclose(out.tas, smooth(decoded("tas")), rtol=1e-6)
    lone = run(opened("tas"), smooth, chunks={"time": 4, "lat": 96})
    assert not np.allclose(lone.tas, smooth(decoded("tas")), rtol=1e-6)


def test_a_dimension_that_is_reduced_has_one_element_a_slice(run: Run, opened: Open, decoded: Decode) -> None:
    out = run(opened("tas"), lambda block: block["tas"].mean("time"), chunks={"time": 5, "lat": 40})
    tas = decoded("tas").tas
    expected = np.stack([tas.isel(time=part).mean("time") for part in (slice(0, 5), slice(5, 10), slice(10, 12))])
    np.testing.assert_array_equal(out.tas, expected)
    assert out.tas.dims == ("time", "lat", "lon")
    np.testing.assert_array_equal(out.time, tas.time[[0, 5, 10]])
    bounds = decoded("tas").time_bnds.values
    np.testing.assert_array_equal(
        out.time_bnds, [(bounds[0, 0], bounds[4, 1]), (bounds[5, 0], bounds[9, 1]), (bounds[10, 0], bounds[11, 1])]
    )
    assert json.loads(run.stored["time/zarr.json"])["attributes"]["bounds"] == "time_bnds"
    assert out.sizes == {"time": 3, "lat": 96, "lon": 192, "bnds": 2, "nb2": 2}


def test_all_that_is_reduced_is_one_element_a_slice_of_each_dimension(run: Run, made: Made) -> None:
    values = np.arange(60.0).reshape(5, 4, 3)
    ds = xr.Dataset({"v": (("t", "y", "x"), values)}, {"t": [1, 3, 5, 7, 9], "y": [40.0, 30.0, 20.0, 10.0]})
    out = run(made(ds), lambda block: block["v"].max(), chunks={"t": 2, "y": 3, "x": 3})
    expected = [[[values[t : t + 2, y : y + 3].max()] for y in (0, 3)] for t in (0, 2, 4)]
    np.testing.assert_array_equal(out.v, expected)
    np.testing.assert_array_equal(out.t_bnds, [[1, 3], [5, 7], [9, 9]])  # no bounds: the ends of the range
    np.testing.assert_array_equal(out.y_bnds, [[40, 20], [10, 10]])
    np.testing.assert_array_equal(out.x, [0])  # no coordinate: positions
    np.testing.assert_array_equal(out.x_bnds, [[0, 2]])


def test_new_dimensions_are_those_of_the_first_slice_with_their_coordinates(run: Run, made: Made) -> None:
    values = np.arange(24).reshape(6, 4) % 7

    def histogram(block: xr.Dataset) -> xr.DataArray:
        counts, _ = np.histogram(block["v"], bins=np.arange(8))
        return xr.DataArray(
            counts, {"bin": [f"is {n}" for n in range(7)], "middle": ("bin", np.arange(7) + 0.5)}, "bin"
        )

    out = run(made(xr.Dataset({"v": (("t", "x"), values)})), histogram, chunks={"t": 4, "x": 4})
    assert out.f.dims == ("t", "x", "bin")
    np.testing.assert_array_equal(
        out.f[:, 0], [[(values[part] == n).sum() for n in range(7)] for part in (slice(0, 4), slice(4, 6))]
    )
    assert list(out.bin.values) == [f"is {n}" for n in range(7)]
    np.testing.assert_array_equal(out.f.middle, np.arange(7) + 0.5)
    assert out.f.encoding["chunks"] == (1, 1, 7)


def test_one_variable_keeps_a_dimension_that_another_reduces(run: Run, made: Made) -> None:
    ds = xr.Dataset({"v": (("t", "x"), np.arange(10.0).reshape(5, 2))}, {"t": np.arange(5) * 10})

    def both(block: xr.Dataset) -> xr.Dataset:
        return xr.Dataset({"anomaly": block.v - block.v.mean("t"), "mean": block.v.mean("t")}, attrs={"title": "both"})

    out = run(made(ds), both, chunks={"t": 2})
    assert out["anomaly"].dims == ("t", "x")
    assert out["mean"].dims == ("t_slice", "x")
    np.testing.assert_array_equal(out["mean"], [[1, 2], [5, 6], [8, 9]])
    np.testing.assert_array_equal(out.t, ds.t)
    np.testing.assert_array_equal(out.t_slice, [0, 20, 40])
    np.testing.assert_array_equal(out.t_slice_bnds, [[0, 10], [20, 30], [40, 40]])
    assert out.attrs == {"title": "both"}
    alike = run(made(ds), both, chunks={"t": 1})  # then the two have the same elements
    assert alike["mean"].dims == alike["anomaly"].dims == ("t", "x")


def test_what_lacked_a_dimension_and_comes_back_as_it_was_lacks_it_in_the_result(run: Run, made: Made) -> None:
    """So that a function may add a variable to its block, and return that."""
    ds = xr.Dataset(
        {"v": (("t", "x"), np.arange(12.0).reshape(3, 4)), "mask": ("x", [1.0, np.nan, 3.0, 4.0]), "s": ((), 5)},
        {"t": [7, 8, 9]},
    )
    out = run(made(ds), lambda block: block.assign(twice=block.v * 2), chunks={"t": 1, "x": 3})
    xr.testing.assert_equal(out, ds.assign(twice=ds.v * 2))
    assert run.stored.keys() >= {"mask/c/0", "mask/c/1", "s/c"}
    xr.testing.assert_equal(run(made(ds), lambda block: block * 2, chunks={"t": 3}), ds * 2)  # one slice along it
    changed = run(made(ds), lambda block: block * 2, chunks={"t": 1})  # else each slice has its own
    np.testing.assert_array_equal(changed["mask"], [ds["mask"] * 2] * 3)


def test_a_reduced_dimension_may_be_left_with_one_element(run: Run, made: Made) -> None:
    ds = xr.Dataset({"v": (("t", "x"), np.arange(10.0).reshape(5, 2))}, {"t": np.arange(5) * 10})
    out = run(made(ds), lambda block: block.v.sum("t", keepdims=True), chunks={"t": 2})
    np.testing.assert_array_equal(out.v, [[2, 4], [10, 12], [8, 9]])
    np.testing.assert_array_equal(out.t, [0, 20, 40])


def test_dimensions_may_come_in_another_order_from_a_later_slice(run: Run, made: Made) -> None:
    values = np.arange(24).reshape(4, 3, 2)
    ds = xr.Dataset({"v": (("t", "y", "x"), values)})

    def turned(block: xr.Dataset) -> xr.DataArray:
        first = block.v.values[0, 0, 0] == 0
        return block.v.transpose("x", "t", "y") if first else block.v

    out = run(made(ds), turned, chunks={"t": 3})
    assert out.v.dims == ("x", "t", "y")
    np.testing.assert_array_equal(out.v.transpose("t", "y", "x"), values)


def test_coordinates_that_a_function_changes_or_makes_are_those_of_the_result(run: Run, made: Made) -> None:
    ds = xr.Dataset(
        {"v": (("t", "x"), np.arange(12.0).reshape(3, 4))},
        {"t": [1, 2, 3], "x": [0.0, 90.0, 180.0, 270.0], "age": ("t", [5, 6, 7]), "height": 10.0},
    )

    def turned(block: xr.Dataset) -> xr.Dataset:
        return block.assign_coords(x=block.x - 360, twice=("t", 2 * block.t.values), source="made").drop_vars("height")

    out = run(made(ds), turned, chunks={"t": 1, "x": 2})
    np.testing.assert_array_equal(out.v, ds.v)
    np.testing.assert_array_equal(out.x, [-360, -270, -180, -90])
    np.testing.assert_array_equal(out.v.twice, [2, 4, 6])
    np.testing.assert_array_equal(out.v.age, [5, 6, 7])
    assert out.v.source.item() == "made"
    assert "height" not in out.variables


def test_bounds_stay_away_from_a_coordinate_that_a_function_turned_round(run: Run, made: Made) -> None:
    """An array cannot have bounds, which have a dimension more: those of the source would be those of other cells."""
    edges = xr.DataArray([[0.0, 10.0], [10.0, 20.0], [20.0, 30.0]], dims=("y", "nv"))
    ds = xr.Dataset({"v": (("t", "y"), np.arange(6.0).reshape(2, 3)), "edges": edges}, {"y": [5.0, 15.0, 25.0]})
    ds["y"].attrs["bounds"] = "edges"
    out = run(made(ds), lambda block: block["v"][:, ::-1], chunks={"t": 1})
    np.testing.assert_array_equal(out.y, [25, 15, 5])
    np.testing.assert_array_equal(out.v, [[2, 1, 0], [5, 4, 3]])
    assert "edges" not in out.variables
    assert "bounds" not in out.y.attrs
    whole = run(made(ds), lambda block: block.isel(y=slice(None, None, -1)), chunks={"t": 1})
    np.testing.assert_array_equal(whole.edges, edges[::-1])


def test_a_coordinate_that_loses_its_dimension_has_one_element_a_slice(run: Run, made: Made) -> None:
    ds = xr.Dataset(
        {"v": (("t", "x"), np.arange(10.0).reshape(5, 2))}, {"t": np.arange(5), "age": ("t", [9, 8, 7, 6, 5])}
    )
    out = run(made(ds), lambda block: block.v.isel(t=0), chunks={"t": 2})
    np.testing.assert_array_equal(out.v, ds.v[::2])
    np.testing.assert_array_equal(out.v.age, [9, 7, 5])
    assert out.v.age.dims == ("t",)


VALUES: dict[str, Any] = {
    "bool": np.array([True, False, True, True]),
    "int8": np.array([-128, 0, 5, 127], "i1"),
    "uint64": np.array([0, 2**64 - 1, 3, 4], "u8"),
    "float16": np.array([1.5, np.nan, np.inf, -0.0], "f2"),
    "big-endian": np.array([1.5, np.nan, 3, 4], ">f8"),
    "complex64": np.array([1 + 2j, np.nan, 0, 1j], "c8"),
    "text": np.array(["a", "", "größer", "d"]),
    "bytes": np.array([b"ab", b"", b"c", b"d"]),
    "seconds": np.array(["2000-01-01", "NaT", "1850-06-01T12:00:01", "2200-01-01"], "M8[s]"),
    "nanoseconds": np.array(["2000-01-01T00:00:00.000000001", "NaT", "1850-06-01", "2200-01-01"], "M8[ns]"),
    "lapses": np.array([1, -5, 10**12, 0], "m8[ms]"),
}


@pytest.mark.parametrize("kind", VALUES)
def test_values_of_every_type_come_back_as_they_were(run: Run, made: Made, kind: str) -> None:
    values = VALUES[kind]
    ds = xr.Dataset({"v": ("x", np.arange(4))})
    out = run(made(ds), lambda block: xr.DataArray(values[block.v.values], dims="x"), chunks={"x": 3})
    if kind == "text":
        assert list(out.f.values) == list(values)
    else:
        np.testing.assert_array_equal(out.f.values, values)
        assert out.f.dtype.kind == values.dtype.kind
        assert values.dtype.kind == "M" or out.f.dtype == values.dtype.newbyteorder(
            "="
        )  # xarray moves dates to its own unit
    document = json.loads(run.stored["f/zarr.json"])
    is_masked = values.dtype.kind in "fcmM"
    assert ("_FillValue" in document["attributes"]) == is_masked  # of others every value may be a result
    if values.dtype.kind in "biu":
        assert document["fill_value"] == 0
    if kind == "text":
        assert document["fill_value"] == ""


def test_texts_that_a_file_keeps_letter_by_letter_are_cut_as_they_are_read(run: Run, tmp_path: Path) -> None:
    """The array in the file has a dimension more than that of the block."""
    names = np.array([b"Athens", b"Bremen", b"Cologne", b"Dresden"])
    xr.Dataset({"name": ("station", names), "height": ("station", [1, 2, 3, 4])}).to_netcdf(tmp_path / "stations.nc")
    opened = open_entry(Entry("stations", "netcdf", str(tmp_path / "stations.nc")), timeout_s=10)
    out = run(opened, lambda block: block, chunks={"station": 3}, variables=["name"])
    np.testing.assert_array_equal(out.name, names)
    assert out["name"].encoding["chunks"] == (3,)


def test_times_of_another_calendar_come_back_as_they_were(run: Run, made: Made) -> None:
    days = [
        cftime.Datetime360Day(2000, 2, 30),
        cftime.Datetime360Day(1850, 1, 1, 6),
        cftime.Datetime360Day(2100, 12, 30),
    ]
    ds = xr.Dataset({"v": ("x", np.arange(3))})
    out = run(made(ds), lambda block: xr.DataArray(np.array(days)[block.v.values], dims="x"), chunks={"x": 2})
    assert list(out.f.values) == days


@settings(max_examples=60, deadline=None)
@given(
    shape=st.tuples(st.integers(1, 6), st.integers(1, 5), st.integers(1, 4)),
    chunk=st.tuples(st.integers(1, 7), st.integers(1, 6), st.integers(1, 5)),
    overlap=st.tuples(*[st.integers(0, 3)] * 3),
    reduced=st.sets(st.sampled_from("tyx")),
)
def test_any_grid_with_any_overlap_gives_back_what_numpy_has(
    run: Run,
    made: Made,
    shape: tuple[int, int, int],
    chunk: tuple[int, int, int],
    overlap: tuple[int, int, int],
    reduced: set[str],
) -> None:
    """Reduced by the maximum over the block with its overlap."""
    values = np.random.default_rng(1).integers(0, 10**6, shape)
    dims = ("t", "y", "x")
    cut, extra = dict(zip(dims, chunk, strict=True)), dict(zip(dims, overlap, strict=True))
    ds = xr.Dataset({"v": (dims, values)}, {"t": np.arange(shape[0]) * 2})
    out = run(made(ds), lambda block: block.v.max(sorted(reduced)) if reduced else block.v, chunks=cut, overlap=extra)
    expected = values
    for axis, dim in enumerate(dims):
        if dim in reduced:
            size = min(cut[dim], shape[axis])
            starts = range(0, shape[axis], size)
            ranges = [slice(max(0, start - extra[dim]), start + size + extra[dim]) for start in starts]
            expected = np.concatenate(
                [
                    np.take(expected, range(*part.indices(shape[axis])), axis).max(axis, keepdims=True)
                    for part in ranges
                ],
                axis,
            )
    np.testing.assert_array_equal(out.v, expected)
    assert out.v.dims == dims


def test_arrays_over_data_lie_along_the_slices(run: Run) -> None:
    out = run.over([2, 3, 5], lambda n: np.arange(4) * n)
    np.testing.assert_array_equal(out.f, [[0, 2, 4, 6], [0, 3, 6, 9], [0, 5, 10, 15]])
    assert out.f.dims == ("slice", "dim_0")
    np.testing.assert_array_equal(out.slice, [1, 2, 3])
    named = run.over([1, 2], lambda n: xr.Dataset({"a": ("x", [n, n])}, {"x": [5.0, 6.0]}, {"units": "m"}))
    np.testing.assert_array_equal(named.a, [[1, 1], [2, 2]])
    np.testing.assert_array_equal(named.x, [5, 6])
