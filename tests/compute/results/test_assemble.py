"""From what functions return to a result, by the plan and the template of a job."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cftime
import numpy as np
import pytest
import xarray as xr

from cloudify.compute.blocks import Reader
from cloudify.compute.fit import fit
from cloudify.compute.plan import AnyPlan, DataPlan, Plan
from cloudify.compute.planning import make_plan
from cloudify.compute.request import read_map
from cloudify.compute.results.assemble import assemble
from cloudify.compute.results.parts import store_parts
from cloudify.compute.templating import template_of
from cloudify.datasets.manifest import references
from cloudify.datasets.open import open_entry
from cloudify.datasets.opened import Opened
from cloudify.model.entry import Entry
from tests.compute.results.made import Folder, Left

Open = Callable[[str], xr.Dataset]


@dataclass(frozen=True)
class Plain:
    """A plain value, as the process of a function hands it over."""

    json: str


@dataclass(frozen=True)
class File:
    """A file, as the process of a function hands it over."""

    name: str
    data: bytes


def run(
    blobs: Folder, plan: AnyPlan, function: Callable[[Any], Any], opened: Opened | None = None,
    failed: tuple[int, ...] = (),
) -> str:  # fmt: skip
    """Do what a job does, and return its result; what it is to hold is what it needs besides the pieces."""
    reader = Reader(opened, plan) if opened is not None and isinstance(plan, Plan) else None
    done = [number for number in range(1, plan.total + 1) if number not in failed]
    blocks = {number: reader.block(number) if reader else None for number in done}
    values = {number: function(number if block is None else block) for number, block in blocks.items()}
    template = template_of(values[done[0]], plan, done[0], "f", opened=opened, block=blocks[done[0]])
    parts = {n: fit(value, template, plan, n, block=blocks[n]) for n, value in values.items()}
    pieces = [piece for number in done for piece in store_parts(parts[number], blobs)]
    plain = [(number, value.json) for number, value in values.items() if isinstance(value, Plain)]
    written = assemble(template, plan, "f", Left(pieces, plain, failed), blobs, opened=opened)
    assert set(references(blobs.path(written.manifest))) == written.held | {piece.sha256 for piece in pieces}
    return written.manifest


@pytest.fixture
def source(tmp_path: Path) -> tuple[Opened, xr.Dataset]:
    """Two years of months of a calendar of 360 days, on a grid of 4 x 6."""
    time = [cftime.Datetime360Day(2000 + n // 12, 1 + n % 12, 16) for n in range(24)]
    ds = xr.Dataset(
        {"tas": (("time", "lat", "lon"), np.arange(24.0 * 24).reshape(24, 4, 6).astype("f4"), {"units": "K"})},
        {"time": time, "lat": [-60.0, -20.0, 20.0, 60.0], "lon": np.arange(6) * 60.0},
    )
    ds.to_netcdf(tmp_path / "source.nc")
    return open_entry(Entry("source", "netcdf", str(tmp_path / "source.nc")), timeout_s=5), ds


def plan_of(opened: Opened, **chunks: int) -> AnyPlan:
    given = {"dataset": "source", "function": {"source": "", "entry": "f"}, "chunks": chunks}
    return make_plan(read_map(given), opened, max_block_nbytes=2**28)


def test_a_mean_over_years_has_a_time_and_bounds_for_each(
    blobs: Folder, opened: Open, source: tuple[Opened, xr.Dataset]
) -> None:
    dataset, ds = source
    plan = plan_of(dataset, time=12, lat=4, lon=6)
    found = opened(run(blobs, plan, lambda block: block["tas"].mean("time"), dataset))
    expected = np.stack([ds["tas"][:12].mean("time"), ds["tas"][12:].mean("time")])
    np.testing.assert_allclose(found["tas"], expected, rtol=1e-6)
    assert found["tas"].dims == ("time", "lat", "lon")
    assert found["time"].values.tolist() == [ds["time"].values[0], ds["time"].values[12]]
    bounds = found[found["time"].attrs.get("bounds") or found["time"].encoding["bounds"]]
    assert bounds.values.tolist() == [[ds["time"].values[n] for n in ends] for ends in ((0, 11), (12, 23))]
    np.testing.assert_array_equal(found["lat"], ds["lat"])


def test_blocks_in_two_dimensions_come_together(blobs: Folder, opened: Open, source: tuple[Opened, xr.Dataset]) -> None:
    dataset, ds = source
    plan = plan_of(dataset, time=10, lat=3, lon=6)
    found = opened(run(blobs, plan, lambda block: block["tas"] * 2, dataset))
    np.testing.assert_array_equal(found["tas"], ds["tas"] * 2)
    assert found["tas"].encoding["chunks"] == (10, 3, 6)


def test_a_slice_that_failed_leaves_a_hole_of_its_own_region(
    blobs: Folder, opened: Open, source: tuple[Opened, xr.Dataset]
) -> None:
    dataset, ds = source
    plan = plan_of(dataset, time=12, lat=2, lon=6)
    found = opened(run(blobs, plan, lambda block: block["tas"] * 2, dataset, failed=(1, 3)))
    gone = np.zeros(ds["tas"].shape, bool)
    gone[:12, :2] = gone[12:, :2] = True
    np.testing.assert_array_equal(np.isnan(found["tas"]), gone)
    np.testing.assert_array_equal(found["tas"].values[~gone], (ds["tas"] * 2).values[~gone])
    assert not np.isnan(found["lat"]).any()


def test_arrays_of_data_stand_one_below_the_other(blobs: Folder, opened: Open) -> None:
    found = opened(run(blobs, DataPlan(3), lambda number: np.arange(4) * number))["f"]
    assert found.dims[0] == "slice"
    assert found.values.tolist() == [[0, 1, 2, 3], [0, 2, 4, 6], [0, 3, 6, 9]]
    assert found["slice"].values.tolist() == [1, 2, 3]


def test_plain_values_of_data_are_a_table(blobs: Folder, opened: Open) -> None:
    found = opened(run(blobs, DataPlan(4), lambda number: Plain(f'{{"n": {number}}}'), failed=(2,)))
    assert (found["n"].values.tolist(), found["slice"].values.tolist()) == ([1, 3, 4], [1, 3, 4])


def test_files_of_data_are_listed(blobs: Folder, opened: Open) -> None:
    manifest = run(blobs, DataPlan(2), lambda number: File("map.png", b"x" * number))
    assert not opened(manifest).variables
