"""Plain values of slices become a table."""

import json
import tracemalloc
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from cloudify.compute.results import table
from cloudify.compute.results.columns import MOST_COLUMNS, survey
from cloudify.compute.results.table import assemble_table, rows_per_chunk
from cloudify.datasets.open import open_entry
from cloudify.errors import ValueTooLongError
from cloudify.model.entry import Entry
from cloudify.settings import Settings
from tests.compute.results.made import Folder, Left, temporaries

Open = Callable[[str], xr.Dataset]
NAN = float("nan")


def rows(values: list[Any]) -> list[tuple[int, str]]:
    return [(number, json.dumps(value)) for number, value in enumerate(values, start=1)]


@pytest.fixture
def tabled(blobs: Folder, opened: Open) -> Callable[..., xr.Dataset]:
    def tabled(values: list[Any]) -> xr.Dataset:
        return opened(assemble_table("f", Left(plain=rows(values)), blobs).manifest)

    return tabled


@pytest.mark.parametrize(
    ("values", "dtype", "expected"),
    [
        ([1, 2, 3], "int64", [1, 2, 3]),
        ([2**63 - 1, -(2**63)], "int64", [2**63 - 1, -(2**63)]),
        ([2**63, 1], "float64", [2.0**63, 1.0]),
        ([1, 2.5], "float64", [1.0, 2.5]),
        ([1, None], "float64", [1.0, NAN]),
        ([None, None], "float64", [NAN, NAN]),
        ([True, False], "bool", [True, False]),
        ([True, 1], "json", ["true", "1"]),
        ([True, None], "json", ["true", "null"]),
        (["a", "", "ü"], "text", ["a", "", "ü"]),
        (["a", None], "text", ["a", ""]),
        (["a", 1], "json", ['"a"', "1"]),
        ([[1, 2], []], "json", ["[1,2]", "[]"]),
        ([10**400, 1], "json", ["1" + 400 * "0", "1"]),
        (["\ud800"], "text", ["?"]),
        ([["\ud800"]], "json", ['["?"]']),
        ([{"a": 1}, 2], "json", ['{"a":1}', "2"]),
    ],
)
def test_a_column_has_the_type_of_all_its_values(
    tabled: Callable[..., xr.Dataset], values: list[Any], dtype: str, expected: list[Any]
) -> None:
    ds = tabled(values)
    assert (ds["f"].dtype.kind == "O" or ds["f"].dtype.kind == "T") is (dtype in {"text", "json"})
    if dtype not in {"text", "json"}:
        assert ds["f"].dtype == dtype
    np.testing.assert_array_equal(ds["f"].to_numpy(), np.array(expected, ds["f"].dtype))
    np.testing.assert_array_equal(ds["slice"], np.arange(1, len(values) + 1))
    assert "_FillValue" not in {**ds["f"].attrs, **ds["f"].encoding} or ds["f"].dtype == "float64"


def test_a_flat_object_is_one_column_a_key(tabled: Callable[..., xr.Dataset]) -> None:
    ds = tabled([{"n": 1, "mean": 0.5, "name": "a"}, {"n": 2, "mean": 1, "name": "b", "late": True}])
    assert list(ds.data_vars) == ["n", "mean", "name", "late"]
    assert [ds[name].dtype.kind for name in ("n", "mean")] == ["i", "f"]
    assert ds["name"].values.tolist() == ["a", "b"]
    assert ds["late"].values.tolist() == ["null", "true"]
    assert ds["mean"].sel(slice=2).item() == 1.0


def test_names_of_columns_can_be_keys_and_are_their_own(tabled: Callable[..., xr.Dataset]) -> None:
    ds = tabled([{"slice": 1, "a/b": 2, "a_b": 3, "..": 4, "": 5, "zarr.json": 6, "c": 7, "\ud800": 8, "x\0": 9}])
    assert {name: ds[name].item() for name in ds.data_vars} == {
        "slice_": 1, "a_b": 2, "a_b_": 3, "__": 4, "_": 5, "zarr.json": 6, "c": 7, "?": 8, "x_": 9,
    }  # fmt: skip
    assert ds["slice"].item() == 1


def test_a_failed_slice_is_no_row(blobs: Folder, opened: Open) -> None:
    """An integer has no value that means missing: a zero would be an answer nobody computed."""
    ds = opened(assemble_table("f", Left(plain=[(1, "10"), (3, "30")], failed=[2]), blobs).manifest)
    assert ds["slice"].values.tolist() == [1, 3]
    assert ds["f"].values.tolist() == [10, 30]
    assert ds["f"].dtype == "int64"
    assert ds.attrs["cloudify:failed_slices"] == [2]


def test_a_job_without_slices_has_a_table_without_rows(tabled: Callable[..., xr.Dataset]) -> None:
    assert tabled([]).sizes == {"slice": 0}


def test_more_keys_than_columns_are_one_column_of_json(tabled: Callable[..., xr.Dataset]) -> None:
    ds = tabled([{f"k{row}-{n}": n for n in range(MOST_COLUMNS // 2)} for row in range(3)])
    assert list(ds.data_vars) == ["f"]
    assert json.loads(ds["f"].values[2])["k2-499"] == 499


def test_a_long_table_is_cut_into_chunks(blobs: Folder, opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table, "MOST_ROWS", 7)
    ds = opened(assemble_table("f", Left(plain=rows(list(range(23)))), blobs).manifest)
    assert ds["f"].encoding["chunks"] == (7,)
    assert ds["f"].values.tolist() == list(range(23))
    assert temporaries(blobs.folder) == []


def test_a_table_is_never_held(blobs: Folder, opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    """8 MB of text pass through less than half of it, in chunks of half a megabyte."""
    monkeypatch.setattr(table, "MOST_TEXT_NBYTES", 2**19)

    class Streamed(Left):
        def values(self) -> Iterator[tuple[int, str]]:
            return ((n, json.dumps({"n": n, "text": f"{n:01000}"})) for n in range(1, 8001))

    tracemalloc.start()
    try:
        sha256 = assemble_table("f", Streamed(), blobs).manifest
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 3e6
    assert opened(sha256)["text"].values[-1] == f"{8000:01000}"


def test_texts_of_any_length_fit_into_chunks_that_can_be_read() -> None:
    assert rows_per_chunk(survey(["x" * 10] * 3)) == 3
    assert rows_per_chunk(survey(["x" * 2**20] * 3)) == 2
    with pytest.raises(ValueTooLongError, match="return bytes or a path"):
        rows_per_chunk(survey(["x" * 2**23]))


scalar = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
whatever = st.recursive(scalar, lambda below: st.lists(below) | st.dictionaries(st.text(), below), max_leaves=6)


@settings(max_examples=40, deadline=None)
@given(st.lists(whatever, min_size=1, max_size=6))
def test_any_values_make_a_table_that_opens(tmp_path_factory: pytest.TempPathFactory, values: list[Any]) -> None:
    blobs = Folder(tmp_path_factory.mktemp("any"))
    sha256 = assemble_table("f", Left(plain=rows(values)), blobs).manifest
    entry = Entry("job-1", "result", str(blobs.path(sha256)), immutable=True)
    ds = open_entry(entry, timeout_s=5, settings=Settings.load()).groups["/"].load()
    assert ds.sizes["slice"] == len(values)
    if not all(isinstance(value, dict) for value in values):
        got = ds["f"].values.tolist()
        for value, found in zip(values, got, strict=True):
            if isinstance(value, int | float) and not isinstance(found, str):
                assert found == value or found != found or float(value) == found
