"""A plain runner: what the engine does with the pieces, in one loop; the result is a store in memory."""

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import iris_sample_data
import numpy as np
import pytest
import xarray as xr
from zarr.core.buffer import cpu
from zarr.storage import MemoryStore

from cloudify.compute.blocks import Reader
from cloudify.compute.coordinates import coordinate_parts
from cloudify.compute.fit import Fitter
from cloudify.compute.plan import DataPlan, Plan, plan_from_json
from cloudify.compute.planning import make_plan
from cloudify.compute.request import MapRequest, read_map
from cloudify.compute.template import Template
from cloudify.compute.templating import template_of
from cloudify.datasets.open import open_entry
from cloudify.datasets.opened import Opened
from cloudify.model.entry import Entry

DEMO = Path(__file__).parents[3] / "cloudify" / "demo"
IRIS = Path(iris_sample_data.__file__).parent / "sample_data"
SOURCE = {"source": "def f(block):\n    return block\n", "entry": "f"}
FILES = {
    "tas": ("netcdf", DEMO / "mpi-esm-tas.nc"),
    "wind": ("zarr", DEMO / "mpi-esm-wind.zarr"),
    "icon": ("netcdf", DEMO / "icon-ocean.nc"),
    "nemo": ("netcdf", IRIS / "NEMO" / "nemo_1m_20150101-20150201_grid-T.nc"),
    "rotated": ("netcdf", IRIS / "hybrid_height.nc"),
    "360-day": ("netcdf", IRIS / "A1B_north_america.nc"),
}


@dataclass(frozen=True)
class Plain:
    """As the process that ran a function hands it over."""

    json: str


@dataclass(frozen=True)
class File:
    """As well."""

    name: str
    data: bytes


@pytest.fixture(scope="session")
def made() -> Callable[[xr.Dataset | xr.DataTree], Opened]:
    """Return a dataset of Python as the server has it."""

    def one(data: xr.Dataset | xr.DataTree) -> Opened:
        tree = data if isinstance(data, xr.DataTree) else xr.DataTree(data)
        groups = {"/" if node is tree else node.path: node.to_dataset(inherit=False) for node in tree.subtree}
        return Opened(Entry("made", driver="object", href=""), "object-1", groups, stored=False)

    return one


def request_of(**inputs: Any) -> MapRequest:
    return MapRequest.from_json(read_map({"dataset": "made", "function": SOURCE, **inputs}).to_json())


def _plan_of(opened: Opened, *, max_block_nbytes: int = 2**28, **inputs: Any) -> Plan:
    plan = make_plan(request_of(**inputs), opened, max_block_nbytes=max_block_nbytes)
    back = plan_from_json(plan.to_json())
    assert back == plan
    assert isinstance(back, Plan)
    return back


@pytest.fixture(scope="session")
def plan_of() -> Callable[..., Plan]:
    return _plan_of


@dataclass
class Run:
    """Runs a function over all slices, and keeps what the last job left."""

    template: Template | None = None
    stored: dict[str, bytes] = field(default_factory=dict)
    """Key -> bytes."""

    def __call__(self, opened: Opened, function: Callable[[xr.Dataset], Any], **inputs: Any) -> xr.Dataset:
        plan = _plan_of(opened, **inputs)
        reader = Reader(opened, plan)
        return self._run(plan, function, reader.block, opened)

    def over(self, data: list[Any], function: Callable[[Any], Any]) -> xr.Dataset:
        return self._run(DataPlan(len(data)), function, lambda number: data[number - 1], None)

    def _run(
        self, plan: Plan | DataPlan, function: Callable[[Any], Any], read: Callable[[int], Any], opened: Opened | None
    ) -> xr.Dataset:
        parts, fitter = [], None
        for number in range(1, plan.total + 1):
            given = read(number)
            block = given if opened is not None else None
            value = function(given)
            if fitter is None:
                made = template_of(value, plan, number, "f", opened=opened, block=block)
                self.template = Template.from_json(made.to_json())
                assert self.template.to_json() == made.to_json()
                fitter = Fitter(self.template, plan, "f")
                parts += coordinate_parts(self.template, plan, opened)
            parts += fitter.fit(value, number, block)
        assert self.template is not None
        self.stored = self.template.documents(plan)
        for part in parts:
            assert part.key not in self.stored
            self.stored[part.key] = part.encode()
        expected = {
            "/".join((name, "c", *map(str, index)))
            for name, layout in self.template.layouts(plan).items()
            for index in np.ndindex(*layout.grid.counts)
        }
        assert {key for key in self.stored if not key.endswith("zarr.json")} == expected
        store = MemoryStore({key: cpu.Buffer.from_bytes(data) for key, data in self.stored.items()})
        return xr.open_zarr(store, chunks=None, consolidated=True, zarr_format=3).load()


@pytest.fixture(scope="session")
def run() -> Run:
    return Run()


@pytest.fixture(scope="session")
def plain() -> type[Plain]:
    return Plain


@pytest.fixture(scope="session")
def file() -> type[File]:
    return File


@pytest.fixture(scope="session")
def opened() -> Callable[[str], Opened]:
    """Open real data by a short name."""
    kept: dict[str, Opened] = {}

    def one(name: str) -> Opened:
        if name not in kept:
            driver, path = FILES[name]
            kept[name] = open_entry(Entry(name, driver, os.fspath(path)), timeout_s=10)
        return kept[name]

    return one


@pytest.fixture(scope="session")
def decoded() -> Callable[..., xr.Dataset]:
    """Open the same data with xarray alone."""

    def one(name: str, **options: Any) -> xr.Dataset:
        driver, path = FILES[name]
        return xr.open_dataset(path, engine="zarr" if driver == "zarr" else "netcdf4", chunks=None, **options)

    return one
