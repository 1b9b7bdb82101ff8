"""Which grid a dataset is cut by, and when it cannot be."""

from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Any

import dask.array as da
import numpy as np
import pytest
import xarray as xr

from cloudify.chunks.encode import Codec
from cloudify.chunks.hierarchy import Hierarchy
from cloudify.compute.blocks import Reader, read_block
from cloudify.compute.plan import Plan, plan_from_json
from cloudify.datasets.open import open_entry
from cloudify.datasets.opened import Opened
from cloudify.errors import BadInputError, BlockTooLargeError, UnknownVariableError
from cloudify.model.entry import Entry
from cloudify.settings import load_settings

Open = Callable[[str], Opened]
Made = Callable[[xr.Dataset | xr.DataTree], Opened]
PlanOf = Callable[..., Plan]


def served_chunks(opened: Opened) -> dict[str, tuple[int, ...]]:
    own = load_settings()
    hierarchy = Hierarchy.build(
        opened.groups, token="", codec=Codec("zstd"), stored=True, chunk_nbytes=own.chunk_nbytes,
        max_chunk_nbytes=own.max_chunk_nbytes, chunks=dict(opened.entry.prepare.chunks),
    )  # fmt: skip
    return {name: array.grid.chunk for name, array in hierarchy.arrays.items()}


@pytest.mark.parametrize(
    ("name", "variables", "largest"),
    [
        ("tas", ["tas"], "tas"),
        ("wind", ["uas", "vas"], "uas"),
        ("icon", ["wet_c", "S"], "S"),
        ("nemo", ["tos"], "tos"),
        ("rotated", ["air_potential_temperature"], "air_potential_temperature"),
        ("360-day", ["air_temperature"], "air_temperature"),
    ],
)
def test_by_default_all_data_on_the_served_grid_of_the_largest_variable(
    opened: Open, plan_of: PlanOf, name: str, variables: list[str], largest: str
) -> None:
    plan = plan_of(opened(name))
    assert sorted(plan.variables) == sorted(variables)
    assert tuple(axis.chunk for axis in plan.axes) == served_chunks(opened(name))[largest]
    assert tuple(axis.dim for axis in plan.axes) == opened(name).groups["/"][largest].dims
    assert plan.rank == len(plan.axes)
    block = read_block(opened(name), plan, 1)
    nbytes = sum(64 * v.size if v.dtype.kind == "O" else v.nbytes for v in block.variables.values())
    assert plan.nbytes == nbytes  # the first block is a whole one


def test_bounds_that_are_asked_for_by_name_are_data(opened: Open, plan_of: PlanOf) -> None:
    plan = plan_of(opened("tas"), variables=["time_bnds", "tas"])
    block = read_block(opened("tas"), plan, 1)
    assert list(block.data_vars) == ["time_bnds", "tas"]
    assert "lat_bnds" in block.coords


def test_of_variables_of_equal_rank_the_first_gives_the_grid(made: Made, plan_of: PlanOf) -> None:
    ds = xr.Dataset(
        {
            "a": ("x", np.zeros(5)),
            "b": (("t", "x"), da.zeros((6, 5), chunks=(2, 5))),
            "c": (("x", "t"), da.zeros((5, 6), chunks=(3, 6))),
        }
    )
    assert [(axis.dim, axis.chunk) for axis in plan_of(made(ds)).axes] == [("t", 2), ("x", 5)]
    turned = plan_of(made(ds), variables=["c", "b"])
    assert [(axis.dim, axis.chunk) for axis in turned.axes] == [("x", 3), ("t", 6)]


def test_chunks_override_dimension_by_dimension(opened: Open, plan_of: PlanOf) -> None:
    plan = plan_of(opened("wind"), chunks={"lat": 50, "lon": 1000, "time": -1})
    assert [axis.chunk for axis in plan.axes] == [12, 50, 192]
    assert plan_of(opened("wind"), chunks={"lat": 50}).total == 8


def test_a_scalar_is_one_slice_and_what_is_empty_none(made: Made, plan_of: PlanOf) -> None:
    opened = made(xr.Dataset({"s": 5, "e": ("x", np.zeros(0))}))
    plan = plan_of(opened, variables="s")
    assert (plan.total, plan.axes, plan.cell(1)) == (1, (), {})
    assert read_block(opened, plan, 1).s.item() == 5
    with pytest.raises(BadInputError, match="'e' has no values: its dimension 'x' is empty"):
        plan_of(opened)


@pytest.mark.parametrize(
    ("inputs", "said"),
    [
        (
            {"chunks": {"latitude": 5}},
            "input 'chunks': no variable of it has a dimension 'latitude'; they have time, lat, lon",
        ),
        ({"overlap": {"nb2": 1}}, "input 'overlap': no variable of it has a dimension 'nb2'"),
    ],
)
def test_a_dimension_nobody_has_is_named(opened: Open, plan_of: PlanOf, inputs: dict[str, Any], said: str) -> None:
    with pytest.raises(BadInputError) as caught:
        plan_of(opened("tas"), **inputs)
    assert said in str(caught.value)


def test_a_variable_nobody_has_is_named_with_one_that_is_near(opened: Open, plan_of: PlanOf) -> None:
    with pytest.raises(UnknownVariableError, match="no variable 'tass'; did you mean 'tas'"):
        plan_of(opened("tas"), variables=["tass"])


def test_a_block_beyond_the_bound_is_told_with_chunks_that_fit(opened: Open, plan_of: PlanOf) -> None:
    with pytest.raises(BlockTooLargeError) as caught:
        plan_of(opened("tas"), max_block_nbytes=300_000, overlap={"time": 1})
    assert '"chunks": {"time": 1, "lat": 96, "lon": 192} would fit' in str(caught.value)
    assert f"one block would be {caught.value.nbytes} bytes" in str(caught.value)
    plan_of(opened("tas"), max_block_nbytes=300_000, overlap={"time": 1}, chunks={"time": 1, "lat": 96, "lon": 192})
    with pytest.raises(BlockTooLargeError, match="smaller chunks alone would not do"):
        plan_of(opened("tas"), max_block_nbytes=300_000, overlap={"time": 12, "lat": 96, "lon": 192})


def test_a_chunk_too_large_to_be_served_is_cut_by_the_wish(plan_of: PlanOf, monkeypatch: pytest.MonkeyPatch) -> None:
    """A dataset in pieces of 80 kB, where 50 kB are the most that is served: still it can be cut."""
    monkeypatch.setenv("CLOUDIFY_MAX_CHUNK_NBYTES", "50000")
    encoded = xr.Variable(("t", "x"), np.zeros((100, 100)), encoding={"chunks": (100, 100)})
    opened = Opened(Entry("big", driver="zarr", href=""), "t", {"/": xr.Dataset({"v": encoded})}, stored=True)
    assert [axis.chunk for axis in plan_of(opened).axes] == [100, 100]
    assert [axis.chunk for axis in plan_of(opened, chunks={"t": 10}).axes] == [10, 100]


def groups(**sizes: int) -> xr.DataTree:
    def one(size: int, first: float) -> xr.Dataset:
        return xr.Dataset(
            {"v": ("x", np.arange(size) + first), f"only{size}": ("x", np.arange(size))}, {"x": np.arange(size)}
        )

    return xr.DataTree.from_dict({f"/{name}": one(size, place) for place, (name, size) in enumerate(sizes.items())})


def test_variables_of_groups_are_named_by_path_or_alone(made: Made, plan_of: PlanOf) -> None:
    opened = made(groups(a=4, b=5))
    plan = plan_of(opened, variables=["b/v"])
    np.testing.assert_array_equal(read_block(opened, plan, 1).v, np.arange(5) + 1)
    assert plan_of(opened, variables=["only4"]).variables == ("a/only4",)
    with pytest.raises(BadInputError, match="'v' is in several groups; write one of a/v, b/v"):
        plan_of(opened, variables=["v"])
    with pytest.raises(BadInputError, match="'a/v' and 'b/v' would both be 'v' in a block"):
        plan_of(opened, variables=["a/v", "b/v"])
    with pytest.raises(BadInputError, match="no data variable in its root; name some of a/v, a/only4"):
        plan_of(opened)


def test_a_dimension_that_is_another_in_another_group_is_refused(made: Made, plan_of: PlanOf) -> None:
    with pytest.raises(BadInputError, match="the dimension 'x' has 4 elements in 'a' and 5 in 'b'"):
        plan_of(made(groups(a=4, b=5)), variables=["a/v", "b/only5"])
    tree = groups(a=4, b=4)
    tree["b/w"] = tree["b/only4"]
    both = plan_of(made(tree), variables=["a/v", "b/w"])
    assert list(read_block(made(tree), both, 1).data_vars) == ["v", "w"]
    shifted = xr.DataTree.from_dict(
        {"/a": tree["a"].to_dataset(), "/b": tree["b"].to_dataset().assign_coords(x=[1, 2, 3, 4])}
    )
    with pytest.raises(BadInputError, match="the coordinate 'x' has other values in 'a' than in 'b'"):
        plan_of(made(shifted), variables=["a/v", "b/w"])


def test_values_that_no_store_holds_are_refused_by_name(made: Made, plan_of: PlanOf) -> None:
    strange = xr.Dataset({"v": ("x", np.zeros(3, dtype=[("a", "i4")]))})
    with pytest.raises(BadInputError, match="'v' holds"):
        plan_of(made(strange))


def test_a_million_slices_cost_no_more_than_one(plan_of: PlanOf, tmp_path: Path) -> None:
    """The plan holds no list of them: its text is short, and the last is found as fast as the first."""
    xr.Dataset({"v": ("t", np.zeros(10**6, "i1"))}).to_netcdf(tmp_path / "long.nc")
    opened = open_entry(Entry("long", "netcdf", str(tmp_path / "long.nc")), timeout_s=5)
    plan = plan_of(opened, chunks={"t": 1})
    assert plan.total == 10**6
    assert len(plan.to_json()) < 300
    began = perf_counter()
    for number in (1, 500_000, 10**6) * 100:
        assert plan.number_of({"t": [number - 1, number]}) == number
    assert perf_counter() - began < 1
    assert Reader(opened, plan).block(10**6).sizes == {"t": 1}
    with pytest.raises(ValueError, match="no cell 1000001"):
        plan.cell(10**6 + 1)


def test_plans_of_another_kind_are_told_apart(opened: Open, plan_of: PlanOf) -> None:
    plan = plan_of(opened("wind"))
    assert plan_from_json(plan.to_json()) == plan
    assert plan_from_json('{"v":1,"total":3}').total == 3
