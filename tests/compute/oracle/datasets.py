"""Random datasets, small and awkward."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cftime
import numpy as np
import xarray as xr
from hypothesis import strategies as st

DIMS = ("t", "y", "x", "z")
TYPES = (
    "f4",
    "f8",
    "f2",
    ">f4",
    "i1",
    "i2",
    "i8",
    "u1",
    "u2",
    "u8",
    "?",
    "str",
    "M8[ns]",
    "M8[s]",
    "m8[ns]",
    "cftime",
    "packed",
    "filled",
    "c8",
    "c16",
    "bytes",
)
EXCEPT = {
    "object": {"packed", "filled"},
    "netcdf": {"f2", "c8", "c16"},
    "zarr2": {"f2", "c8", "c16", "bytes"},
    "zarr3": {"f2", "c8", "c16", "bytes"},
}
"""What a dataset is kept as -> types that it is not tried with there."""
Variables = dict[str, xr.Variable]
STRINGS = ("", "a", "größer", "\N{SNOWMAN}", "long text " * 3)


@dataclass
class Case:
    """A dataset, and how it is kept."""

    ds: xr.Dataset
    kind: str
    """``object``, ``netcdf``, ``zarr2`` or ``zarr3``."""
    options: dict[str, Any]

    def __repr__(self) -> str:
        return f"{self.kind} {self.options} {self.ds!r}"


def array(dtype: str, dims: tuple[str, ...], sizes: dict[str, int], rng: np.random.Generator) -> xr.Variable:
    shape = tuple(sizes[dim] for dim in dims)
    numbers = np.asarray(rng.integers(0, 100, shape))
    if dtype in {"packed", "filled"}:
        values = np.asarray(numbers / 2.0)
        values[rng.random(shape) < 0.2] = np.nan
        packing: dict[str, Any] = {"dtype": "i2", "_FillValue": np.int16(-999)}
        packing |= {"scale_factor": 0.5, "add_offset": 10.0} if dtype == "packed" else {}
        values = values if dtype == "packed" else np.round(values)
        return xr.Variable(dims, values, {"units": "K"}, packing)
    if dtype == "str":
        return xr.Variable(dims, np.array([*STRINGS], object)[numbers % len(STRINGS), ...])
    if dtype == "bytes":
        return xr.Variable(dims, np.array([b"ab", b"c", b"de"])[numbers % 3, ...])
    if dtype == "cftime":
        days = np.array([cftime.Datetime360Day(2000 + n // 30, 2, 1 + n % 30, n % 24) for n in range(100)])
        return xr.Variable(dims, days[numbers, ...])
    if dtype[0] in "mM":
        unit = np.timedelta64(1, "h") if dtype == "M8[s]" else np.timedelta64(1_000_000, "us")
        base = np.array("2000-01-01", dtype) if dtype[0] == "M" else np.array(0, dtype)
        values = np.asarray(base + numbers * unit).astype(dtype)
        values[rng.random(shape) < 0.1] = np.array("NaT", dtype)
        return xr.Variable(dims, values)
    kind = np.dtype(dtype).kind
    values = np.asarray(rng.random(shape) * 100 - 50 if kind in "fc" else numbers).astype(dtype)
    if kind in "fc":
        values[rng.random(shape) < 0.1] = np.nan
    if kind == "c":
        values = values * np.array(1 + 2j, dtype)
    return xr.Variable(
        dims, values, {"long_name": f"of {dtype}", "valid_min": np.float32(-5), "flags": np.array([1, 2], "i2")}
    )


def _time(draw: Any, size: int) -> xr.Variable | None:
    kind = draw(st.sampled_from(["none", "ns", "360_day", "noleap", "numbers", "names", "down"]))
    if kind == "ns":
        return xr.Variable(
            "t", np.array("1999-12-30", "M8[ns]") + np.arange(size) * np.timedelta64(1, "D"), {"standard_name": "time"}
        )
    if kind in {"360_day", "noleap"}:
        first = cftime.datetime(2000, 2, 27, calendar=kind)
        return xr.Variable(
            "t", xr.date_range(str(first), periods=size, freq="D", calendar=kind, use_cftime=True).values
        )
    if kind == "numbers":
        return xr.Variable("t", np.arange(size, dtype="i4") * 3)
    if kind == "names":
        return xr.Variable("t", np.array([f"step {n}" for n in range(size)], object))
    return xr.Variable("t", 10.0 - np.arange(size)) if kind == "down" else None


@st.composite
def cases(draw: Any) -> Case:
    """Draw a dataset of up to four dimensions, of which the first variable has all."""
    kind = draw(st.sampled_from(sorted(EXCEPT)))
    dims = DIMS[: draw(st.integers(1, len(DIMS)))]
    sizes = {dim: draw(st.integers(1, 7 if dim in "tx" else 4)) for dim in dims}
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    types = [name for name in TYPES if name not in EXCEPT[kind]]
    coords, data = _coordinates(draw, sizes, rng)
    names = draw(st.lists(st.sampled_from(["v", "w", "u", "tas"]), min_size=1, max_size=3, unique=True))
    for place, name in enumerate(names):
        own = dims if place == 0 else tuple(draw(st.permutations(dims)))[: draw(st.integers(0, len(dims)))]
        dtype = draw(st.sampled_from(types))
        data[name] = array(dtype, own, sizes, rng)
        if kind != "object" and own and dtype != "bytes":
            chunk = tuple(draw(st.integers(1, sizes[dim])) for dim in own)
            data[name].encoding["chunksizes" if kind == "netcdf" else "chunks"] = chunk
    if len(dims) > 1 and draw(st.booleans()):
        data["crs"] = xr.Variable((), np.int32(0), {"grid_mapping_name": "latitude_longitude"})
        data[names[0]].attrs["grid_mapping"] = "crs"
    order = draw(st.permutations(sorted(data)))
    ds = xr.Dataset({name: data[name] for name in order}, coords, {"title": "a random dataset", "n": np.int64(5)})
    return Case(ds, kind, {"unlimited_dims": ["t"]} if kind == "netcdf" and draw(st.booleans()) else {})


def _coordinates(draw: Any, sizes: dict[str, int], rng: np.random.Generator) -> tuple[Variables, Variables]:
    """Draw coordinates, and the bounds of one, which are no coordinate."""
    coords: Variables = {}
    beside: Variables = {}
    if (time := _time(draw, sizes["t"])) is not None:
        coords["t"] = time
    if "y" in sizes and draw(st.booleans()):
        middle = 40.0 - 10 * np.arange(sizes["y"])
        coords["y"] = xr.Variable("y", middle, {"units": "degrees_north", "bounds": "y_edges"})
        beside["y_edges"] = xr.Variable(("y", "nv"), np.stack([middle + 5, middle - 5], 1))
    if "x" in sizes and draw(st.booleans()):
        plane = rng.random((sizes["y"], sizes["x"]))
        coords |= {"lat2": xr.Variable(("y", "x"), plane), "mask2": xr.Variable(("y", "x"), plane > 1 / 2)}
    if draw(st.booleans()):
        coords["height"] = xr.Variable((), 2.0, {"units": "m"})
    if draw(st.booleans()):
        coords["age"] = xr.Variable("t", np.arange(sizes["t"], dtype="i2") * 7 % 5)
    return coords, beside


def kept(case: Case, path: Path) -> tuple[str, xr.Dataset]:
    """Write a dataset; return the driver that opens it, and the same as xarray alone opens it."""
    if case.kind == "netcdf":
        case.ds.to_netcdf(path, engine="netcdf4", **case.options)
        with xr.open_dataset(path, engine="netcdf4", chunks=None) as ds:
            return "netcdf", ds.load()
    case.ds.to_zarr(path, zarr_format=2 if case.kind == "zarr2" else 3, consolidated=True)
    return "zarr", xr.open_zarr(path, chunks=None, consolidated=True).load()
