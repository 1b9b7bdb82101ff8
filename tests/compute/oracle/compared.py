"""Whether a result is what is expected: values, types, dimensions, chunks."""

from typing import Any

import numpy as np
import xarray as xr

from oracle.whole import POINTERS, Expected


def check(out: xr.Dataset, expected: dict[str, Expected], attrs: dict[str, Any], failed: list[int]) -> None:
    """Compare all of a result."""
    assert sorted(map(str, out.variables)) == sorted(expected)
    for name, wanted in expected.items():
        check_variable(out[name].variable, name, wanted, set(expected))
    assert sorted(attrs.get("cloudify:failed_slices", [])) == failed


def check_variable(got: xr.Variable, name: str, wanted: Expected, names: set[str]) -> None:
    assert len(got.dims) == len(wanted.dims), (name, got.dims, wanted.dims)
    assert all(want in {dim, "*"} for dim, want in zip(got.dims, wanted.dims, strict=True)), (
        name,
        got.dims,
        wanted.dims,
    )
    assert got.shape == wanted.values.shape, (name, got.shape, wanted.values.shape)
    if wanted.chunks is not None and got.ndim:
        assert tuple(got.encoding["chunks"]) == wanted.chunks, (name, got.encoding["chunks"], wanted.chunks)
    same_values(got.to_numpy(), wanted.values, name)
    for key, value in (wanted.attrs or {}).items():
        if key in POINTERS and value not in names:
            assert key not in got.attrs, (name, key)  # a function left the variable behind that it names
            continue
        assert key in got.attrs, (name, key)
        np.testing.assert_array_equal(got.attrs[key], value, f"{name}.{key}")


def same_values(got: Any, wanted: Any, name: str) -> None:
    """Compare element by element; a time may be counted in another unit, a text be of another kind of text."""
    if wanted.dtype.kind in "OUT":
        flat, other = got.ravel().tolist(), wanted.ravel().tolist()
        assert [None if _missing(item) else item for item in flat] == [
            None if _missing(item) else item for item in other
        ], (name, flat, other)
        return
    assert got.dtype.kind == wanted.dtype.kind, (name, got.dtype, wanted.dtype)
    if wanted.dtype.kind not in "mM":
        assert got.dtype == wanted.dtype.newbyteorder("="), (name, got.dtype, wanted.dtype)
    np.testing.assert_array_equal(got, wanted, name)


def _missing(item: object) -> bool:
    return item is None or item != item or item == ""
