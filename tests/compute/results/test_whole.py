"""One value, of whatever kind, becomes a result; plain files too."""

from collections.abc import Callable
from typing import Any

import cftime
import numpy as np
import pytest
import xarray as xr

from cloudify.chunks.stored_type import UnstorableError
from cloudify.compute.results.assemble import assemble_files
from cloudify.compute.results.whole import assemble_whole
from cloudify.datasets.manifest import files_of, find_file, read_manifest, references
from cloudify.model.outcome import Piece
from tests.compute.results.made import Folder, Left, temporaries

Open = Callable[[str], xr.Dataset]


def test_a_dataset_comes_back_with_coordinates_times_and_attributes(blobs: Folder, opened: Open) -> None:
    ds = xr.Dataset(
        {"tas": (("time", "x"), np.arange(6.0).reshape(2, 3), {"units": "K"}), "name": ("x", ["a", "b", "c"])},
        {"time": [cftime.Datetime360Day(2001, 2, 30), cftime.Datetime360Day(2001, 3, 1)], "lat": ("x", [1, 2, 3])},
        {"title": "made"},
    )
    found = opened(assemble_whole("f", ds, blobs).manifest)
    xr.testing.assert_identical(found.drop_vars("time"), ds.drop_vars("time"))
    assert found["time"].values.tolist() == ds["time"].values.tolist()
    assert "lat" in found.coords


@pytest.mark.parametrize(
    ("value", "name", "expected"),
    [
        (np.arange(4, dtype="i2"), "f", np.arange(4, dtype="i2")),
        (xr.DataArray([1.5, np.nan], dims="x"), "f", np.array([1.5, np.nan])),
        (xr.DataArray([1], dims="x", name="sfcWind"), "sfcWind", np.array([1])),
        (3, "f", np.array(3)),
        (0.5, "f", np.array(0.5)),
        (True, "f", np.array(True)),  # noqa: FBT003
        ("text", "f", np.array("text", object)),
        ([1, [2]], "f", np.array("[1,[2]]", object)),
        ({"n": 3, "deep": {"a": 1}}, "n", np.array(3)),
        ({"n": 3, "deep": {"a": 1}}, "deep", np.array('{"a":1}', object)),
    ],
)
def test_any_value_is_a_variable(blobs: Folder, opened: Open, value: Any, name: str, expected: Any) -> None:
    found = opened(assemble_whole("f", value, blobs).manifest)[name]
    np.testing.assert_array_equal(found.to_numpy(), expected)
    assert found.dtype.kind in ("OT" if expected.dtype.kind == "O" else expected.dtype.kind)


def test_no_computed_integer_is_masked(blobs: Folder, opened: Open) -> None:
    value = xr.DataArray([0, -1, 7], dims="x", attrs={"_FillValue": -1, "missing_value": 7, "units": "1"})
    found = opened(assemble_whole("f", value, blobs).manifest)["f"]
    assert (found.dtype, found.values.tolist(), found.attrs) == (np.dtype("int64"), [0, -1, 7], {"units": "1"})


def test_a_large_array_is_cut_into_chunks_that_can_be_served(blobs: Folder, opened: Open) -> None:
    value = np.arange(3_000_000.0).reshape(3000, 1000)
    found = opened(assemble_whole("f", value, blobs).manifest)["f"]
    np.testing.assert_array_equal(found, value)
    assert np.prod(found.encoding["chunks"]) * 8 <= 2**22


def test_what_no_store_holds_is_named(blobs: Folder) -> None:
    ds = xr.Dataset({"good": ("x", [1.0]), "odd": ("x", np.array([1.0], "longdouble"))})
    with pytest.raises(UnstorableError, match="variable 'odd'"):
        assemble_whole("f", ds, blobs)
    assert not blobs.folder.exists() or blobs.names() == set()


def test_failed_slices_stand_in_a_combined_result_too(blobs: Folder, opened: Open) -> None:
    assert opened(assemble_whole("f", 1, blobs, failed=((2, 3),)).manifest).attrs["cloudify:failed_slices"] == [2, 3]


def test_files_are_listed_in_their_order_with_media_types(blobs: Folder) -> None:
    contents = {"1-a.nc": b"x" * 10, "2-b.csv": b"y", "10-ü b": b""}
    pieces = [Piece(name, *blobs.put(data)) for name, data in contents.items()]
    sha256 = assemble_files(Left(pieces, failed=[3]), blobs).manifest
    manifest = read_manifest(blobs.path(sha256))
    found = list(files_of(manifest, blobs.folder))
    assert [(file.name, file.nbytes, file.media_type) for file in found] == [
        ("1-a.nc", 10, "application/x-netcdf"), ("2-b.csv", 1, "text/csv"), ("10-ü b", 0, "application/octet-stream"),
    ]  # fmt: skip
    assert {file.name: blobs.path(file.sha256).read_bytes() for file in found} == contents
    assert find_file(manifest, blobs.folder, "2-b.csv") == found[1]
    assert find_file(manifest, blobs.folder, "../1-a.nc") is None
    assert manifest.failed == ((3, 3),)
    assert set(references(blobs.path(sha256))) == blobs.names()
    assert temporaries(blobs.folder) == []


def test_a_result_of_files_is_a_dataset_without_variables(blobs: Folder, opened: Open) -> None:
    assert not opened(assemble_files(Left([Piece("a", *blobs.put(b"a"))]), blobs).manifest).variables
