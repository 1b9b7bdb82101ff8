"""Cells that are stored chunks, read without zarr-python and xarray, against what these read."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
import zarr
from numcodecs import Blosc, Delta, GZip, Zstd
from xarray.backends.zarr import FillValueCoder
from zarr.codecs import BloscCodec, GzipCodec, ZstdCodec

from cloudify.compute.blocks import Reader
from cloudify.compute.plan import Plan
from cloudify.compute.stored_cells import StoredCells
from cloudify.datasets.open import open_entry
from cloudify.datasets.opened import Opened
from cloudify.datasets.source import failures
from cloudify.model.entry import Entry, Preparation

PlanOf = Callable[..., Plan]
SHAPE, CHUNK = (5, 7), (2, 3)
VALUES = np.linspace(-1, 1, 35).reshape(SHAPE)


def store(folder: Path, zarr_format: int = 3, *, dtype: str = "<f4", attrs: Any = None, **options: Any) -> Opened:
    """Store values along t and x, in chunks of two and three, and open them."""
    group = zarr.create_group(folder / "a.zarr", zarr_format=zarr_format)
    if zarr_format == 3 and "_FillValue" in (attrs or {}):
        attrs = attrs | {"_FillValue": FillValueCoder.encode(attrs["_FillValue"], np.dtype(dtype))}
    names: Any = {"dimension_names": ("t", "x")} if zarr_format == 3 else {}
    array = group.create_array("v", shape=SHAPE, chunks=CHUNK, dtype=dtype, **names, **options)
    array[:] = (VALUES * 100).astype(dtype)
    array.attrs.update((attrs or {}) | ({} if zarr_format == 3 else {"_ARRAY_DIMENSIONS": ["t", "x"]}))
    return opened(folder)


def opened(folder: Path) -> Opened:
    return open_entry(Entry("a", "zarr", os.fspath(folder / "a.zarr")), timeout_s=10)


def cells(data: Opened, plan: Plan) -> StoredCells | None:
    return StoredCells.of(data, "v", data.tree["v"].variable, plan)


def plainly(folder: Path) -> xr.DataArray:
    return xr.open_zarr(folder / "a.zarr", chunks=None, consolidated=False)["v"]


@pytest.mark.parametrize(
    ("zarr_format", "options"),
    [
        (3, {"compressors": ZstdCodec(level=1)}),
        (3, {"compressors": BloscCodec(cname="lz4", shuffle="shuffle", typesize=4)}),
        (3, {"compressors": GzipCodec(level=1)}),
        (3, {"compressors": None}),
        (3, {"attrs": {"_FillValue": float("nan"), "units": "K"}}),
        (3, {"dtype": "int16", "attrs": {"units": "m"}}),
        (2, {"compressors": Zstd(1), "fill_value": float("nan")}),
        (2, {"compressors": Blosc("zstd", 1, Blosc.BITSHUFFLE), "fill_value": None}),
        (2, {"compressors": GZip(1), "dtype": "<i8", "fill_value": None}),
    ],
)
def test_stored_chunks_are_read_as_xarray_reads_them(
    tmp_path: Path, plan_of: PlanOf, zarr_format: int, options: dict[str, Any]
) -> None:
    data = store(tmp_path, zarr_format, **options)
    plan = plan_of(data)
    stored, reader = cells(data, plan), Reader(data, plan)
    assert stored is not None
    assert plan.total == 9
    for number in range(1, 10):
        cell = plan.read_cell(number)
        expected = plainly(tmp_path).isel(cell)
        np.testing.assert_array_equal(stored.read((cell["t"], cell["x"])), expected)
        xr.testing.assert_identical(reader.block(number)["v"], expected.drop_attrs().assign_attrs(expected.attrs))


@pytest.mark.parametrize(
    ("zarr_format", "options"),
    [
        (3, {"attrs": {"_FillValue": 7.0}}),
        (3, {"attrs": {"missing_value": 7.0}}),
        (3, {"attrs": {"scale_factor": 0.5}}),
        (3, {"dtype": "int16", "attrs": {"_FillValue": -100}}),
        (3, {"dtype": "int64", "attrs": {"units": "days since 2000-01-01"}}),
        (3, {"dtype": "uint8", "attrs": {"_Unsigned": "false"}}),
        (3, {"dtype": "int8", "attrs": {"dtype": "bool"}}),
        (2, {"fill_value": 0.0}),
        (2, {"fill_value": None, "dtype": ">f4"}),
        (2, {"fill_value": None, "order": "F"}),
        (2, {"fill_value": None, "filters": [Delta("<f4")]}),
        (3, {"shards": (4, 6)}),
    ],
)
def test_values_that_are_not_as_they_are_stored_are_left_to_xarray(
    tmp_path: Path, plan_of: PlanOf, zarr_format: int, options: dict[str, Any]
) -> None:
    data = store(tmp_path, zarr_format, **options)
    plan = plan_of(data, chunks={"t": 2, "x": 3})
    assert cells(data, plan) is None
    reader = Reader(data, plan)
    for number in range(1, 10):
        expected = plainly(tmp_path).isel(plan.read_cell(number))
        np.testing.assert_array_equal(reader.block(number)["v"], expected)


@pytest.mark.parametrize("inputs", [{"chunks": {"t": 1}}, {"chunks": {"x": 7}}, {"overlap": {"t": 1}}])
def test_cells_that_are_no_stored_chunks_are_left_to_xarray(
    tmp_path: Path, plan_of: PlanOf, inputs: dict[str, Any]
) -> None:
    data = store(tmp_path)
    plan = plan_of(data, **inputs)
    reader = Reader(data, plan)
    for number in range(1, plan.total + 1):
        expected = plainly(tmp_path).isel(plan.read_cell(number))
        np.testing.assert_array_equal(reader.block(number)["v"], expected)


def test_a_chunk_that_was_never_written_holds_the_fill_value(tmp_path: Path, plan_of: PlanOf) -> None:
    store(tmp_path, fill_value=3.5)
    (tmp_path / "a.zarr" / "v" / "c" / "1" / "2").unlink()
    data = opened(tmp_path)
    np.testing.assert_array_equal(Reader(data, plan_of(data)).block(6)["v"], [[3.5], [3.5]])
    np.testing.assert_array_equal(Reader(data, plan_of(data)).block(5)["v"], plainly(tmp_path)[2:4, 3:6])


@pytest.mark.parametrize("damage", [b"", b"no frame of zstd", b"\x28\xb5\x2f\xfd\x20\x00\x01\x00\x00"])
def test_a_damaged_chunk_is_a_failure_of_the_source(tmp_path: Path, plan_of: PlanOf, damage: bytes) -> None:
    """The last is a frame of nothing. Damage never becomes values."""
    store(tmp_path, compressors=ZstdCodec(level=1))
    (tmp_path / "a.zarr" / "v" / "c" / "1" / "2").write_bytes(damage)
    data = opened(tmp_path)
    reader = Reader(data, plan_of(data))
    with pytest.raises(failures()):
        reader.block(6)
    assert reader.block(5)["v"].shape == (2, 3)


def test_a_dataset_that_its_catalog_prepares_is_left_to_xarray(tmp_path: Path, plan_of: PlanOf) -> None:
    store(tmp_path)
    entry = Entry("a", "zarr", os.fspath(tmp_path / "a.zarr"), prepare=Preparation(keepbits=3))
    data = open_entry(entry, timeout_s=10)
    assert cells(data, plan_of(data)) is None
    kept = Reader(data, plan_of(data)).block(1)["v"]
    assert not (kept == plainly(tmp_path)[:2, :3]).all()
    np.testing.assert_allclose(kept, plainly(tmp_path)[:2, :3], rtol=1 / 16)
