"""Any dataset that xarray holds is served, and opened again it is what it was."""

import string
from itertools import pairwise
from typing import Any

import dask.array as da
import httpx
import numpy as np
import pytest
import xarray as xr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from xpublish.plugins import Plugin, hookimpl

from cloudify import Server
from cloudify.testing import running

RAW = {"engine": "zarr", "mask_and_scale": False, "decode_times": False, "chunks": {}}
DTYPES = ("i1", "i2", ">i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", ">f8", "c8", "c16", "?", "S3", "U4")
NAMES = st.text(string.ascii_letters + string.digits + " _-.ÄñΩ日", min_size=1, max_size=8).filter(
    lambda name: name.strip(" .") == name and not name.startswith("__")
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(string.ascii_letters, max_size=4), inner),
    max_leaves=4,
)  # fmt: skip
ATTRS = st.dictionaries(NAMES.map(lambda name: f"a{name}"), JSON, max_size=3)


@st.composite
def pieces(draw: st.DrawFn, extent: int) -> tuple[int, ...]:
    """Cut an axis into blocks of any sizes."""
    cuts = draw(st.lists(st.integers(0, extent), max_size=3))
    edges = [0, *sorted(cuts), extent]
    return tuple(b - a for a, b in pairwise(edges))


@st.composite
def variables(draw: st.DrawFn, sizes: dict[str, int]) -> xr.Variable:
    dims = draw(st.lists(st.sampled_from(sorted(sizes)), unique=True, max_size=3))
    dtype = np.dtype(draw(st.sampled_from(DTYPES)))
    plain = st.characters(min_codepoint=1, exclude_categories=["Cs"])
    text = {"elements": st.text(plain, max_size=4)} if dtype.kind == "U" else {}
    values: Any = draw(npst.arrays(dtype, tuple(sizes[dim] for dim in dims), **text))
    attrs = draw(ATTRS)
    if dtype.kind in "iufb" and values.size and draw(st.booleans()):
        attrs["_FillValue"] = values.ravel()[0]
    if draw(st.booleans()):
        values = da.from_array(values, chunks=tuple(draw(pieces(sizes[dim])) for dim in dims))
    return xr.Variable(dims, values, attrs)


@st.composite
def datasets(draw: st.DrawFn) -> xr.Dataset:
    sizes = {dim: draw(st.integers(0, 6)) for dim in ("x", "y", "z")}
    names = draw(st.lists(NAMES.filter(lambda name: name not in sizes), unique=True, min_size=1, max_size=4))
    return xr.Dataset({name: draw(variables(sizes)) for name in names}, attrs=draw(ATTRS))


class Stage(Plugin):
    """Provides whatever dataset stands on it."""

    name: str = "stage"

    @hookimpl
    def get_datasets(self) -> list[str]:
        return ["staged"]

    @hookimpl
    def get_datatree(self, dataset_id: str) -> xr.DataTree | None:
        return STAGED.get(dataset_id)


STAGED: dict[str, xr.DataTree] = {}


@pytest.fixture(scope="module")
def stage() -> Any:
    server = Server({})
    server.rest.register_plugin(Stage())
    with running(server.app) as url:
        yield url


def same(read: xr.Variable, held: xr.Variable) -> None:
    assert read.dims == held.dims
    left, right = read.to_numpy(), held.to_numpy()
    if right.dtype.kind == "U":
        assert [str(item) for item in left.ravel().tolist()] == right.ravel().tolist()
        return
    assert read.dtype == right.dtype.newbyteorder("=")
    left = left.astype(read.dtype)  # a scalar of bytes loses its length between zarr and xarray
    assert left.astype(left.dtype.newbyteorder("<")).tobytes() == right.astype(right.dtype.newbyteorder("<")).tobytes()


@pytest.mark.filterwarnings("ignore:.*does not have a Zarr V3 specification")
@settings(
    max_examples=60, derandomize=True, deadline=None, database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture],
)  # fmt: skip
@given(ds=datasets())
def test_any_dataset_opens_as_it_was(stage: str, ds: xr.Dataset) -> None:
    dataset_id = f"staged{len(STAGED)}"
    STAGED[dataset_id] = xr.DataTree(ds)
    for zarr_format in (2, 3):
        url = f"{stage}/datasets/{dataset_id}/zarr"
        with xr.open_dataset(url, zarr_format=zarr_format, **RAW) as served:  # type: ignore[arg-type]
            assert set(served.variables) == set(ds.variables)
            assert served.attrs == ds.attrs
            for name, variable in ds.variables.items():
                same(served.variables[name], variable)
                attrs = dict(served.variables[name].attrs)
                fill, held = attrs.pop("_FillValue", None), dict(variable.attrs)
                expected = held.pop("_FillValue", np.nan if variable.dtype.kind in "fc" else None)
                assert attrs == held
                assert fill == expected or (fill != fill and expected != expected)  # NaN
    for key in ("zarr.json", ".zmetadata"):
        httpx.get(f"{url}/{key}").json()
