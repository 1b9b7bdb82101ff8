"""Blocks of real and made data, against xarray's own selection."""

from collections.abc import Callable
from typing import Any

import dask.array as da
import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from cloudify.compute import blocks as module
from cloudify.compute.blocks import Reader, read_block
from cloudify.compute.plan import Plan
from cloudify.datasets.opened import Opened
from cloudify.model.stop import Stop, StoppedError, stoppable

Open = Callable[[str], Opened]
Decode = Callable[..., xr.Dataset]
Made = Callable[[xr.Dataset | xr.DataTree], Opened]
PlanOf = Callable[..., Plan]

CUTS: dict[str, dict[str, Any]] = {
    "tas": {"chunks": {"time": 5, "lon": 100}, "overlap": {"time": 2, "lat": 3, "lon": 7}},
    "wind": {"overlap": {"time": 1}},
    "icon": {"chunks": {"ncells": 3000}},
    "nemo": {"chunks": {"y": 100, "x": 77}, "overlap": {"x": 5}},
    "rotated": {"chunks": {"grid_latitude": 30}},
    "360-day": {"chunks": {"time": 50}, "overlap": {"time": 1}},
}


@pytest.mark.filterwarnings("ignore:Variable.s. referenced in cell_measures not in variables:UserWarning")  # NEMO's
@pytest.mark.parametrize("name", CUTS)
def test_blocks_of_real_data_are_what_xarray_selects(opened: Open, decoded: Decode, plan_of: PlanOf, name: str) -> None:
    plan = plan_of(opened(name), **CUTS[name])
    plainly, whole = decoded(name), decoded(name, decode_coords="all")  # bounds and grid mappings as coordinates
    whole = whole.drop_vars([other for other in whole.data_vars if other not in plan.variables])
    reader = Reader(opened(name), plan)
    seen = 0
    for number in range(1, plan.total + 1):
        block = reader.block(number)
        cell = plan.read_cell(number)
        xr.testing.assert_equal(block, whole.isel({dim: part for dim, part in cell.items() if dim in whole.dims}))
        for variable in plan.variables:
            assert block[variable].attrs == plainly[variable].attrs
        assert all(not variable.encoding for variable in block.variables.values())  # would tell paths of the server
        seen += block[plan.variables[0]].size
    assert seen >= whole[plan.variables[0]].size


def test_variables_that_lack_a_dimension_come_whole_along_it(made: Made, plan_of: PlanOf) -> None:
    ds = xr.Dataset(
        {"a": (("t", "x"), np.arange(12).reshape(4, 3)), "b": (("z",), np.arange(5)), "c": ((), 7)},
        {"t": [10, 20, 30, 40], "z": np.arange(5) / 2},
    )
    plan = plan_of(made(ds), chunks={"t": 3})
    block = read_block(made(ds), plan, 2)
    xr.testing.assert_identical(block, ds.isel(t=slice(3, 4)))
    cut = plan_of(made(ds), chunks={"t": 3, "z": 2})
    assert [axis.dim for axis in cut.axes] == ["t", "x", "z"]
    assert cut.rank == 2
    xr.testing.assert_identical(read_block(made(ds), cut, 6), ds.isel(t=slice(3, 4), z=slice(4, 5)))


def test_a_lazy_dataset_costs_the_tasks_of_the_block(made: Made, plan_of: PlanOf) -> None:
    made_of: list[tuple[int, ...]] = []

    def seen(block: np.ndarray[Any, Any], block_info: Any = None) -> np.ndarray[Any, Any]:
        if block_info:
            made_of.append(block_info[0]["chunk-location"])
        return block + 1

    lazy = da.zeros((1000, 10), chunks=(1, 10)).map_blocks(seen, dtype=float)
    opened = made(xr.Dataset({"v": (("t", "x"), lazy)}, {"t": np.arange(1000)}))
    plan = plan_of(opened, overlap={"t": 1})
    reader = Reader(opened, plan)
    made_of.clear()
    block = reader.block(501)
    np.testing.assert_array_equal(block.v, np.ones((3, 10)))
    np.testing.assert_array_equal(block.t, [499, 500, 501])
    assert sorted(made_of) == [(499, 0), (500, 0), (501, 0)]


def test_large_coordinates_are_read_with_each_block(
    opened: Open, plan_of: PlanOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = plan_of(opened("nemo"), **CUTS["nemo"])
    held = Reader(opened("nemo"), plan).block(3)
    monkeypatch.setattr(module, "HELD_NBYTES", 100)
    xr.testing.assert_identical(Reader(opened("nemo"), plan).block(3), held)


def test_reading_a_block_stops_when_it_is_asked_to(opened: Open, plan_of: PlanOf) -> None:
    reader, stop = Reader(opened("wind"), plan_of(opened("wind"))), Stop()
    stop.ask()
    with stoppable(stop), pytest.raises(StoppedError):
        reader.block(1)


sizes = st.tuples(st.integers(1, 7), st.integers(1, 6))


@settings(max_examples=100, deadline=None)
@given(shape=sizes, chunk=st.tuples(st.integers(1, 8), st.integers(1, 7)), overlap=st.tuples(*[st.integers(0, 9)] * 2))
def test_every_element_is_written_once_and_overlap_is_what_lies_around(
    made: Made, plan_of: PlanOf, shape: tuple[int, int], chunk: tuple[int, int], overlap: tuple[int, int]
) -> None:
    values = np.arange(shape[0] * shape[1]).reshape(shape)
    opened = made(xr.Dataset({"v": (("t", "x"), values)}))
    plan = plan_of(opened, chunks=dict(zip("tx", chunk, strict=True)), overlap=dict(zip("tx", overlap, strict=True)))
    reader = Reader(opened, plan)
    count = np.zeros(shape, int)
    for number in range(1, plan.total + 1):
        cell = plan.cell(number)
        count[cell["t"], cell["x"]] += 1
        low = [max(0, cell[dim].start - extra) for dim, extra in zip("tx", overlap, strict=True)]
        high = [min(size, cell[dim].stop + extra) for dim, extra, size in zip("tx", overlap, shape, strict=True)]
        np.testing.assert_array_equal(reader.block(number).v, values[low[0] : high[0], low[1] : high[1]])
        assert plan.number_of(plan.region(number)) == number
    np.testing.assert_array_equal(count, 1)
    assert plan.total == (-(-shape[0] // min(chunk[0], shape[0]))) * (-(-shape[1] // min(chunk[1], shape[1])))
