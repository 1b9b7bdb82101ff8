"""Statistics of groups against loops over plain numbers, whatever the blocks."""

import json
import statistics as plain
from pathlib import Path
from typing import Any

import cftime
import dask.array
import numpy as np
import pytest
import xarray as xr

from cloudify.datasets.opened import Opened
from cloudify.diagnostics import blocks, lazy
from cloudify.diagnostics.forms import to_json, to_netcdf
from cloudify.diagnostics.groupby import ACTIONS, Request, compute, plan_groupby
from cloudify.diagnostics.groupby import lazy as lazy_diagnostic
from cloudify.diagnostics.kernel import STATISTICS, WIDE, Accumulator, median
from cloudify.errors import BadOptionError, DiagnosticTooLargeError, UnknownGroupingError, UnknownVariableError
from cloudify.model.entry import Entry

OF: dict[str, Any] = {
    "count": len,
    "sum": lambda values: float(sum(values)),
    "mean": plain.fmean,
    "min": min,
    "max": max,
    "std": plain.pstdev,
    "var": plain.pvariance,
    "median": plain.median,
    "first": lambda values: values[0],
    "last": lambda values: values[-1],
}
OF_NOTHING = {"count": 0.0, "sum": 0.0}


def by_hand(rows: Any, codes: Any, groups: int, action: str) -> np.ndarray[Any, Any]:
    """Loop over every cell and group."""
    made = np.empty((groups, rows.shape[1]))
    for group in range(groups):
        for cell in range(rows.shape[1]):
            values = [float(row[cell]) for row, code in zip(rows, codes, strict=True) if code == group]
            present = [value for value in values if value == value]
            made[group, cell] = OF[action](present) if present else OF_NOTHING.get(action, np.nan)
    return made


def made_rows(cells: int) -> tuple[Any, Any]:
    """Thirty rows in five groups and none, with gaps; cell 1 has no value, group 3 none at cell 2."""
    rng = np.random.default_rng(6)
    rows = (280 + 10 * rng.standard_normal((30, cells))).astype(np.float32)
    codes = rng.integers(-1, 5, 30)
    rows[rng.random(rows.shape) < 0.3] = np.nan
    rows[:, 1] = np.nan
    rows[codes == 3, 2] = np.nan
    return rows, codes


def opened(**variables: Any) -> Opened:
    ds = xr.Dataset(**variables)
    return Opened(Entry("made", driver="object", href=""), "1", {"/": ds}, stored=False)


def result(source: Opened, coord: str, action: Any, limit: int = 2**30) -> xr.Dataset:
    return compute(plan_groupby(source, Request("t", coord, action), limit))


@pytest.mark.parametrize("cells", [4, WIDE + 4])
@pytest.mark.parametrize("step", [1, 7, 30])
def test_every_statistic_is_that_of_a_loop_whatever_the_blocks(cells: int, step: int) -> None:
    rows, codes = made_rows(cells)
    made = Accumulator(5, cells, rows.dtype, STATISTICS)
    for start in range(0, 30, step):
        made.add(rows[start : start + step], codes[start : start + step])
    for name in STATISTICS:
        np.testing.assert_allclose(made.result(name), by_hand(rows, codes, 5, name), rtol=1e-12, err_msg=name)


def test_medians_are_those_of_a_loop() -> None:
    rows, codes = made_rows(6)
    np.testing.assert_allclose(median(rows, codes, 5), by_hand(rows, codes, 5, "median"), rtol=1e-12)


def test_whole_numbers_are_summed_beyond_their_own_type() -> None:
    rows = np.full((300, 2), 127, np.int8)
    made = Accumulator(1, 2, rows.dtype, STATISTICS)
    made.add(rows, np.zeros(300, int))
    assert made.result("sum").tolist() == [[38100.0, 38100.0]]
    assert (made.result("max").dtype, made.result("max").tolist()) == (np.int8, [[127, 127]])


def test_a_small_spread_about_a_large_mean_keeps_its_digits() -> None:
    rows = 1e9 + np.array([[0.0], [1.0], [2.0], [3.0]])
    made = Accumulator(1, 1, rows.dtype, ("var",))
    for row in rows:
        made.add(row[None], np.zeros(1, int))
    assert made.result("var").item() == 1.25


def test_seasons_hold_the_months_of_all_years_in_the_order_of_the_year() -> None:
    times = xr.date_range("2000-01-15", periods=30, freq="MS")  # February 2000 to July 2002
    source = opened(data_vars={"t": ("time", np.arange(30.0))}, coords={"time": times})
    found = result(source, "time.season", "mean")
    assert found["season"].values.tolist() == ["DJF", "MAM", "JJA", "SON"]
    months = [(place + 1) % 12 + 1 for place in range(30)]
    for season, members in {"DJF": (12, 1, 2), "MAM": (3, 4, 5), "JJA": (6, 7, 8), "SON": (9, 10, 11)}.items():
        expected = [place for place, month in enumerate(months) if month in members]
        assert found["t"].sel(season=season).item() == plain.fmean(expected)


@pytest.mark.parametrize(
    ("component", "expected"),
    [("year", [1999, 2000]), ("month", [2, 3]), ("day", [1, 30]), ("dayofyear", [60, 61]), ("hour", [6])],
)
def test_a_calendar_of_360_days_has_its_own_dates(component: str, expected: list[int]) -> None:
    """30 February is the 60th day of the year, 1 March the 61st."""
    dates = [(1999, 2, 30), (1999, 3, 1), (2000, 2, 30), (2000, 3, 1)]
    times = [cftime.datetime(*date, 6, calendar="360_day") for date in dates]
    found = result(
        opened(data_vars={"t": ("time", [1.0, 2, 3, 4])}, coords={"time": times}), f"time.{component}", "mean"
    )
    assert found[component].values.tolist() == expected
    means = {"year": [1.5, 3.5], "month": [2, 3], "day": [3, 2], "dayofyear": [2, 3], "hour": [2.5]}
    assert found["t"].values.tolist() == means[component]


def test_an_anomaly_stays_on_its_axis_and_sums_to_zero_in_each_group() -> None:
    values = np.arange(48, dtype=np.float32).reshape(24, 2)
    values[5, 0] = np.nan
    times = xr.date_range("2001-01-01", periods=24, freq="MS")
    found = result(opened(data_vars={"t": (("time", "x"), values)}, coords={"time": times}), "time.month", "anomaly")
    assert found["t"].dims == ("time", "x")
    assert found["t"].dtype == np.float32
    assert found["time"].values.tolist() == times.values.tolist()
    np.testing.assert_array_equal(found["t"][:, 1], np.repeat([-12.0, 12.0], 12))
    assert np.isnan(found["t"][5, 0])
    assert found["t"][17, 0] == 0  # its only other June is missing


@pytest.mark.parametrize("action", ACTIONS)
def test_lazy_values_give_the_same_block_by_block_and_nothing_changes(
    action: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(1)
    values = rng.standard_normal((3, 25, 4))
    values[rng.random(values.shape) < 0.2] = np.nan
    coords = {"time": xr.date_range("2001-01-01", periods=25, freq="MS"), "x": [1.0, 2, 3, 4], "height": 2.0}
    held = opened(data_vars={"t": (("z", "time", "x"), values)}, coords=coords)
    chunked = dask.array.from_array(values, chunks=(2, 6, 3))
    graph = opened(data_vars={"t": (("z", "time", "x"), chunked)}, coords=coords)
    before = held.tree.to_dataset().copy(deep=True)
    expected = result(held, "time.month", action)
    monkeypatch.setattr(blocks, "BLOCK_NBYTES", 200)
    monkeypatch.setattr(blocks, "MOST_NBYTES", 400)
    monkeypatch.setattr(lazy, "CHUNK_NBYTES", 300)
    xr.testing.assert_allclose(result(graph, "time.month", action), expected, rtol=1e-12)
    xr.testing.assert_allclose(result(held, "time.month", action), expected, rtol=1e-12)
    for source in (graph, held):
        unread = lazy_diagnostic(plan_groupby(source, Request("t", "time.month", action), 2**30))
        assert unread["t"].chunks is not None
        xr.testing.assert_allclose(unread, expected, rtol=1e-12)
        xr.testing.assert_identical(unread.drop_vars("t"), expected.drop_vars("t"))
        assert (unread["t"].dtype, unread["t"].attrs) == (expected["t"].dtype, expected["t"].attrs)
    xr.testing.assert_identical(held.tree.to_dataset(), before)
    assert graph.tree["t"].chunks is not None
    assert {"x", "height"} <= set(expected.coords)
    assert expected["t"].dims == (("z", "time", "x") if action == "anomaly" else ("z", "month", "x"))


@pytest.mark.parametrize("action", ["mean", "std", "var"])
@pytest.mark.parametrize("coord", ["time.month", "lat"])
def test_weighted_statistics_are_those_of_a_loop_whatever_the_blocks(
    coord: str, action: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(2)
    values = rng.standard_normal((25, 3, 6, 8)) + 1e6
    values[rng.random(values.shape) < 0.2] = np.nan
    values[3] = np.nan
    lat = ("lat", np.linspace(75.0, -75.0, 6), {"units": "degrees_north"})
    lon = ("lon", np.linspace(0.0, 315.0, 8), {"units": "degrees_east"})
    coords = {"time": xr.date_range("2001-01-01", periods=25, freq="MS"), "lat": lat, "lon": lon}
    made = {"t": (("time", "z", "lat", "lon"), values)}
    graph = {"t": (("time", "z", "lat", "lon"), dask.array.from_array(values, chunks=(6, 2, 4, 3)))}
    edges = np.sin(np.radians([90, 60, 30, 0, -30, -60, -90]))  # halfway between the rows, and the poles
    sizes = np.broadcast_to(np.abs(np.diff(edges))[:, None], (6, 8))
    monkeypatch.setattr(blocks, "BLOCK_NBYTES", 4000)
    request = Request("t", coord, action, by_area=True)
    for source in (opened(data_vars=made, coords=coords), opened(data_vars=graph, coords=coords)):
        found = compute(plan_groupby(source, request, 2**30))["t"]
        codes = np.arange(25) % 12 if coord == "time.month" else np.arange(6)[::-1]
        expected = np.empty((12, 3) if coord == "time.month" else (6, 25, 3))
        for group in range(len(expected)):
            places = np.flatnonzero(codes == group)
            part = values[places] if coord == "time.month" else values[:, :, places]
            area = np.broadcast_to(sizes if coord == "time.month" else sizes[places], part.shape)
            for cell in np.ndindex(expected.shape[1:]):
                one, weights = (
                    (part[:, cell[0]], area[:, cell[0]]) if coord == "time.month" else (part[cell], area[cell])
                )
                expected[group][cell] = weighted(one[~np.isnan(one)], weights[~np.isnan(one)], action)
        order = ("month", "z") if coord == "time.month" else ("lat", "time", "z")
        np.testing.assert_allclose(found.transpose(*order), expected, rtol=1e-9)
        assert "lon" not in found.coords
        assert set(found.coords) == ({"month"} if coord == "time.month" else {"time", "lat"})


def weighted(values: Any, weights: Any, action: str) -> float:
    """Of plain numbers."""
    if not len(values):
        return float("nan")
    mean = sum(v * w for v, w in zip(values, weights, strict=True)) / sum(weights)
    variance = sum(w * (v - mean) ** 2 for v, w in zip(values, weights, strict=True)) / sum(weights)
    return {"mean": float(mean), "var": float(variance), "std": float(variance) ** 0.5}[action]


def test_a_coordinate_groups_equal_values_and_says_what_was_done() -> None:
    attrs = {"units": "K", "cell_methods": "area: mean", "valid_min": 0.0}
    coords = {"station": ("s", ["b", "a", "b"], {"long_name": "station"})}
    found = result(opened(data_vars={"t": ("s", [1.0, 5.0, 2.0], attrs)}, coords=coords), "station", "sum")
    assert dict(zip(found["station"].values.tolist(), found["t"].values.tolist(), strict=True)) == {"a": 5.0, "b": 3.0}
    assert found["t"].attrs == {"units": "K", "cell_methods": "area: mean s: sum"}
    assert found["station"].attrs == {"long_name": "station"}


def test_bounds_and_grid_mapping_stay_with_what_they_describe(tmp_path: Path) -> None:
    variables = {
        "t": (("time", "x"), np.ones((3, 2)), {"grid_mapping": "crs", "coordinates": "x"}),
        "x_bnds": (("x", "two"), np.ones((2, 2))),
        "time_bnds": (("time", "two"), np.ones((3, 2))),
        "crs": ((), 0, {"grid_mapping_name": "latitude_longitude"}),
    }
    times = ("time", xr.date_range("2001-01-01", periods=3).values, {"bounds": "time_bnds"})
    source = opened(data_vars=variables, coords={"time": times, "x": ("x", [1.0, 2.0], {"bounds": "x_bnds"})})
    found = result(source, "time.year", "mean")
    assert set(found.variables) == {"t", "x", "x_bnds", "crs", "year"}
    (tmp_path / "x.nc").write_bytes(to_netcdf(found))
    with xr.open_dataset(tmp_path / "x.nc") as read:
        xr.testing.assert_equal(read, found)


def test_every_kind_of_coordinate_is_written_as_json() -> None:
    made_at = np.datetime64("2001-02-03T04:05", "ns")
    coords: dict[str, Any] = {
        "x": [1.5, np.nan],
        "made": made_at,
        "issued": ("x", np.array([made_at, "NaT"], "datetime64[ns]")),
        "until": cftime.datetime(1999, 2, 30, calendar="360_day"),
        "label": ("x", np.array(["a", "b"], object)),
        "lag": ("x", np.array([1, 2], "timedelta64[ns]")),
        "land": ("x", [True, False]),
    }
    attrs = {"range": np.array([1.0, np.inf]), "note": b"x", "flag": np.int8(1)}
    source = opened(data_vars={"t": (("n", "x"), np.ones((3, 2)), attrs)}, coords={**coords, "n": [1, 1, 2]})
    document = json.loads(to_json(result(source, "n", "sum")))
    found = {name: described["data"] for name, described in document["coords"].items()}
    assert (found["x"], found["n"], found["land"], found["label"]) == ([1.5, None], [1, 2], [True, False], ["a", "b"])
    assert (found["made"], found["issued"]) == ("2001-02-03T04:05:00.000000000", [found["made"], None])
    assert found["until"] == "1999-02-30T00:00:00"
    assert document["data_vars"]["t"]["data"] == [[2, 2], [1, 1]]
    assert document["data_vars"]["t"]["attrs"]["range"] == [1, None]
    assert xr.Dataset.from_dict(document).sizes == {"n": 2, "x": 2}


@pytest.mark.parametrize("coord", ["time", "time.week", "x.month", "time.month.month", "", ".", "two", "y", "q.month"])
def test_what_is_no_grouping_is_refused_with_those_that_are(coord: str) -> None:
    coords = {"time": [1.0, 2.0], "x": [1.0, 2.0, 3.0], "y": (("time", "x"), np.ones((2, 3)))}
    source = opened(data_vars={"t": (("time", "x"), np.ones((2, 3)))}, coords=coords)
    if coord == "time":  # numbers that are no times to anybody are values to group by
        assert result(source, coord, "count")["t"].sum() == 6
        return
    with pytest.raises(UnknownGroupingError, match="it has time, x"):
        result(source, coord, "mean")


def test_what_cannot_be_computed_is_refused_before_anything_is_read() -> None:
    def fail(_: Any) -> Any:
        raise AssertionError

    lazy = dask.array.map_blocks(fail, dtype=float, chunks=((100,),), meta=np.empty(0))
    source = opened(data_vars={"t": ("x", lazy), "text": ("x", ["a"] * 100)}, coords={"x": np.arange(100)})
    with pytest.raises(DiagnosticTooLargeError, match="max_diagnostic_nbytes"):
        result(source, "x", "mean", limit=799)
    with pytest.raises(UnknownVariableError, match="did you mean 'text'"):
        plan_groupby(source, Request("texd", "x", "mean"), 2**20)
    for name in ("text", "x"):
        with pytest.raises(BadOptionError):
            plan_groupby(source, Request(name, "x", "mean"), 2**20)
