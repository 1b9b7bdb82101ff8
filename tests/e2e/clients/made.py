"""Datasets made for what no file at hand has: every kind of value, name, attribute, unit and chunking."""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Literal

import cftime
import dask.array as da
import netCDF4
import numcodecs
import numpy as np
import pandas as pd
import xarray as xr
import zarr

RNG = np.random.default_rng(20260101)
NUMBERS = (
    "i1",
    "i2",
    "i4",
    "i8",
    "u1",
    "u2",
    "u4",
    "u8",
    "f2",
    "f4",
    "f8",
    "c8",
    "c16",
    "?",
    ">f4",
    ">i2",
    ">f8",
    ">c8",
)
WORDS = ["a", "", "größe", "日本語", "x" * 70]


def numbers() -> xr.Dataset:
    """One variable a numeric type; floats with the values that are none."""
    variables = {}
    for name in NUMBERS:
        values = RNG.integers(0, 100, (5, 7)).astype(name)
        if values.dtype.kind in "fc":
            values[0, :3] = [np.nan, np.inf, -np.inf]
        variables[f"{np.dtype(name).name}{'_big' * name.startswith('>')}"] = (("y", "x"), values)
    return xr.Dataset(variables)


def scalars() -> xr.Dataset:
    values = {
        "int": np.int32(-5),
        "float": np.float32(0.1),
        "bool": np.bool_(1),
        "text": "nord",
        "char": np.bytes_(b"x"),
    }
    lazy = {f"lazy_{name}": ((), da.from_array(np.asarray(value))) for name, value in values.items()}
    return xr.Dataset({name: ((), value) for name, value in values.items()} | lazy)


def texts() -> xr.Dataset:
    words = np.array(WORDS, dtype=object)
    return xr.Dataset(
        {
            "fixed": ("x", words.astype("U70")),
            "object": ("x", words),
            "numpy": ("x", words.astype(np.dtypes.StringDType())),
            "missing": ("x", np.array(["a", None, np.nan, "b", "c"], dtype=object)),
            "lazy": ("x", da.from_array(words, chunks=2)),
            "lazy_fixed": ("x", da.from_array(words.astype("U70"), chunks=((1, 3, 1),))),
        },
        coords={"x": ["p", "q", "r", "s", "t"]},
    )


def bytes_() -> xr.Dataset:
    return xr.Dataset(
        {
            "rotated_pole": ((), np.array(b"", "S1"), {"grid_mapping_name": "rotated_latitude_longitude"}),
            "code": ("x", np.array([b"ab", b"cdefg", b""], "S5")),
        }
    )


def times() -> xr.Dataset:
    """Every unit that xarray holds, with and without what is missing."""
    days = np.array(["1999-12-31", "2000-01-01", "2000-03-01"], "datetime64[s]")
    ds = xr.Dataset({"value": ("time", np.arange(3.0))}, coords={"time": days})
    for unit in ("s", "ms", "us", "ns"):
        ds[f"at_{unit}"] = ("time", days.astype(f"datetime64[{unit}]") + np.timedelta64(1, unit))
        ds[f"gap_{unit}"] = ("time", np.array([1, "NaT", 3], f"timedelta64[{unit}]"))
    ds["missing"] = ("time", np.array(["2000-01-01", "NaT", "2000-01-03T06"], "datetime64[ns]"))
    ds["never"] = ("time", np.array(["NaT"] * 3, "datetime64[ns]"))
    ds["once"] = ((), np.datetime64("2001-02-03T04:05:06.789", "ns"))
    ds["none"] = ("nothing", np.array([], "datetime64[ns]"))
    ds["time"].encoding = {"units": "hours since 2000-01-01", "calendar": "standard", "dtype": np.dtype("int32")}
    return ds


def calendars() -> xr.Dataset:
    def at(calendar: str, year: int = 2000) -> list[cftime.datetime]:
        return [
            cftime.datetime(year, 2, day, calendar=calendar) for day in (1, 28, 30 if calendar == "360_day" else 28)
        ]

    ds = xr.Dataset(coords={"time": ("time", at("360_day"))})
    for calendar in ("noleap", "all_leap", "julian", "standard", "proleptic_gregorian"):
        ds[calendar] = ("time", at(calendar))
    ds["year_0"] = ("time", [cftime.datetime(0, 1, day, calendar="noleap", has_year_zero=True) for day in (1, 2, 3)])
    ds["once"] = ((), at("360_day")[1])
    ds["gaps"] = ("time", np.array([*at("360_day")[:2], None], dtype=object))
    ds["time"].encoding = {"units": "days since 1999-01-01", "calendar": "360_day"}
    return ds


def lazy() -> xr.Dataset:
    """Blocks of all sizes, also of values that zarr knows only encoded."""
    time = pd.date_range("2000-01-01", periods=25, freq="6h").to_numpy()
    noleap = np.array([cftime.DatetimeNoLeap(2000, 1, 1 + day) for day in range(25)], dtype=object)
    ds = xr.Dataset(
        {
            "irregular": (("time", "x"), da.from_array(RNG.normal(size=(25, 6)), chunks=((7, 10, 8), (1, 5)))),
            "uniform": (("time", "x"), da.from_array(RNG.normal(size=(25, 6)).astype("f4"), chunks=(10, 4))),
            "at": ("time", da.from_array(time, chunks=((7, 10, 8),))),
            "since": ("time", da.from_array(time - time[0], chunks=10)),
            "noleap": ("time", da.from_array(noleap, chunks=((7, 10, 8),))),
            "once": ((), da.from_array(time[3])),
        },
        coords={"time": time},
    )
    ds["noleap"].encoding = {"units": "days since 1999-01-01", "calendar": "noleap"}
    return ds


def empties() -> xr.Dataset:
    return xr.Dataset(
        {
            "floats": (("none", "x"), np.zeros((0, 4), "f4")),
            "texts": ("none", np.zeros(0, "U3")),
            "objects": ("none", np.zeros(0, object)),
            "lazy": (("none", "x"), da.zeros((0, 4), chunks=(1, 2))),
            "full": ("x", np.arange(4)),
        }
    )


def fills() -> xr.Dataset:
    """Chunks that hold nothing but what is missing."""
    values = RNG.normal(size=(6, 4))
    values[2:4] = np.nan
    counts = np.arange(6, dtype="i4").reshape(6, 1) * np.ones((1, 4), "i4")
    return xr.Dataset(
        {
            "gap": (("y", "x"), da.from_array(values, chunks=(2, 4))),
            "zero": (("y", "x"), da.from_array(np.zeros((6, 4), "i2"), chunks=(2, 4))),
            "marked": (("y", "x"), da.from_array(counts, chunks=(1, 4)), {"_FillValue": np.int32(3)}),
            "edges": (("y", "x"), da.from_array(values.astype("f4"), chunks=(4, 3))),
        }
    )


def attributes() -> xr.Dataset:
    odd = {
        "nan": np.nan, "inf": -np.inf, "list": [1.0, np.nan], "array": np.array([1, 2], "i2"), "one": np.float32(0.5),
        "bytes": b"caf\xc3\xa9", "bytes_": np.bytes_(b"x"), "flag": np.bool_(1), "text": np.str_("t"), "none": None,
        "nested": {"a": np.int64(1), "b": [np.nan]}, "when": np.datetime64("2000-01-01"), 7: "seven",
    }  # fmt: skip
    missing = {"missing_value": np.float32(np.nan), "_FillValue": np.float32(np.nan)}
    return xr.Dataset(
        {"t": ("x", np.array([1, np.nan, 3], "f4"), odd | missing), "n": ("x", [1, 2, 3], {"valid_range": (0, 9)})},
        attrs=odd,
    )


def names() -> xr.Dataset:
    words = ["sea ice", "größe", "日本", "a.b", "100%", "a+b", "q?x=1", "#1", "it's", "c", "0"]
    return xr.Dataset({word: (("the x", "ÿ"), np.full((2, 3), i, "i2")) for i, word in enumerate(words, 1)})


def slash() -> xr.Dataset:
    return xr.Dataset({"m/s": ("x", [1.0, 2.0])})


def levels() -> xr.Dataset:
    index = pd.MultiIndex.from_product([["a", "b"], [1, 2]], names=("letter", "number"))
    coords = xr.Coordinates.from_pandas_multiindex(index, "pair")
    return xr.Dataset({"v": ("pair", np.arange(4.0))}, coords=coords)


def tree() -> xr.DataTree:
    root = xr.Dataset({"area": ("x", np.arange(3.0))}, coords={"x": [10, 20, 30]}, attrs={"title": "a tree"})
    return xr.DataTree.from_dict(
        {
            "/": root,
            "/ocean": xr.Dataset({"tos": ("x", np.array([1, 2, 3], "f4"))}),
            "/ocean/deep sea": xr.Dataset({"so": ("z", np.array([35, 36], "i2"))}),
            "/land/soil": xr.Dataset({"moist": ("x", da.from_array(np.arange(3.0), chunks=((1, 2),)))}),
        }
    )


OBJECTS: Mapping[str, Callable[[], xr.Dataset | xr.DataTree]] = {
    made.__name__.rstrip("_"): made
    for made in (
        numbers, scalars, texts, bytes_, times, calendars, lazy, empties, fills, attributes, names, slash, levels, tree,
    )
}  # fmt: skip
"""Handed over in Python, by name."""


def netcdf4(path: Path) -> None:
    """Filters of HDF5, packing, text, groups, and a record dimension without records."""
    with netCDF4.Dataset(path, "w") as file:
        for name, size in (("time", None), ("none", None), ("y", 50), ("x", 40), ("n", 5)):
            file.createDimension(name, size)
        packed = file.createVariable(
            "packed", "i2", ("time", "y", "x"), fill_value=-999, zlib=True, shuffle=True, fletcher32=True,
            chunksizes=(1, 25, 40),
        )  # fmt: skip
        packed.scale_factor, packed.add_offset, packed.units = np.float32(0.01), np.float32(273.15), "K"
        packed.set_auto_maskandscale(False)
        values = RNG.integers(-500, 500, (3, 50, 40)).astype("i2")
        values[1] = -999
        packed[:] = values
        time = file.createVariable("time", "f8", ("time",))
        time.units, time.calendar = "days since 2001-01-01", "noleap"
        time[:] = [0, 31, 59]
        for name, kind in (("byte", "i1"), ("ubyte", "u1"), ("long", "i8"), ("ulong", "u8")):
            file.createVariable(name, kind, ("n",))[:] = range(5)
        file.createVariable("big", ">f4", ("n",), endian="big")[:] = [0.5, 1.5, 2.5, 3.5, 4.5]
        file.createVariable("word", str, ("n",))[:] = np.array(WORDS, dtype=object)
        file.createVariable("chars", "S1", ("n",))[:] = np.array(list("abcde"), "S1")
        file.createVariable("pole", "S1", ()).grid_mapping_name = "rotated_latitude_longitude"
        file.createVariable("empty", "f4", ("none", "x"))
        unset = file.createVariable("unset", "f4", ("y", "x"), fill_value=np.float32(1e20), chunksizes=(20, 20))
        unset.missing_value = np.float32(1e20)
        inner = file.createGroup("inner")
        inner.createVariable("v", "f4", ("x",), zlib=True, complevel=9)[:] = np.arange(40)


def netcdf3(path: Path) -> None:
    """Big-endian, records of several variables interleaved, characters, packing."""
    with netCDF4.Dataset(path, "w", format="NETCDF3_64BIT_OFFSET") as file:
        for name, size in (("time", None), ("x", 7), ("length", 4)):
            file.createDimension(name, size)
        file.createVariable("t", "f4", ("time", "x"), fill_value=-99.9)[:] = RNG.normal(size=(4, 7))
        file.createVariable("station", "S1", ("x", "length"))[:] = np.array([list("abcd")] * 7, "S1")
        packed = file.createVariable("packed", "i1", ("time", "x"))
        packed.scale_factor = 0.5
        packed[:] = np.arange(28).reshape(4, 7) / 2
        time = file.createVariable("time", "i4", ("time",))
        time.units = "hours since 1970-01-01 00:00:0.0"
        time[:] = [0, 6, 12, 18]


def zarr2(path: Path) -> None:
    """Filters, Fortran order, another separator, and a chunk that nobody wrote."""
    ds = xr.Dataset(
        {
            "t": (("y", "x"), RNG.normal(size=(7, 5)).astype("f4"), {"_FillValue": np.float32(-1)}),
            "packed": (("y", "x"), np.arange(35).reshape(7, 5) / 10),
            "word": ("x", np.array(WORDS, dtype=object)),
        },
        coords={"x": np.arange(5)},
    )
    encoding = {
        "t": {"chunks": (3, 2), "compressors": (numcodecs.Blosc("lz4hc"),), "filters": [numcodecs.Shuffle(4)]},
        "packed": {"dtype": "i4", "scale_factor": 0.1, "filters": [numcodecs.Delta("i4")], "_FillValue": -1},
    }
    ds.to_zarr(path, zarr_format=2, encoding=encoding, consolidated=True)
    group = zarr.open_group(path, mode="a", zarr_format=2)
    lonely = group.create_array("lonely", shape=(4, 4), chunks=(2, 2), dtype="f8", fill_value=-5.0, order="F")
    lonely.attrs["_ARRAY_DIMENSIONS"] = ["a", "b"]
    lonely[:2] = np.arange(8.0).reshape(2, 4)
    zarr.consolidate_metadata(path, zarr_format=2)


def zarr3(path: Path) -> None:
    """Shards, text, groups."""
    ds = xr.Dataset(
        {
            "t": (("y", "x"), RNG.normal(size=(8, 6)).astype("f4")),
            "n": (("y", "x"), np.arange(48, dtype="i2").reshape(8, 6), {"_FillValue": np.int16(7)}),
            "word": ("w", np.array(WORDS, dtype=object)),
            "time": ("y", pd.date_range("2000-01-01", periods=8)),
        }
    )
    encoding = {"t": {"chunks": (2, 3), "shards": (4, 6)}, "n": {"chunks": (3, 4)}}
    ds.to_zarr(path, zarr_format=3, encoding=encoding, consolidated=False)
    xr.Dataset({"v": ("z", np.arange(3))}).to_zarr(path, group="inner", zarr_format=3, mode="a", consolidated=False)
    zarr.consolidate_metadata(path, zarr_format=3)


CODECS2: Mapping[str, Any] = {
    "none": None, "zstd": numcodecs.Zstd(5), "zstd_sum": numcodecs.Zstd(3, checksum=True), "gzip": numcodecs.GZip(6),
    **{
        f"blosc_{cname}_{shuffle}": numcodecs.Blosc(cname, 7, shuffle)
        for cname, shuffle in (("lz4", 1), ("lz4hc", 2), ("zstd", 0), ("zlib", 1), ("blosclz", -1))
    },
}  # fmt: skip
CODECS3: Mapping[str, Any] = {
    "none": None, "zstd": zarr.codecs.ZstdCodec(level=5), "zstd_sum": zarr.codecs.ZstdCodec(level=3, checksum=True),
    "gzip": zarr.codecs.GzipCodec(level=6),
    **{
        f"blosc_{cname}_{shuffle}": zarr.codecs.BloscCodec(cname=cname, clevel=7, shuffle=shuffle)
        for cname, shuffle in (
            ("lz4", "shuffle"), ("lz4hc", "bitshuffle"), ("zstd", "noshuffle"), ("zlib", "shuffle"),
            ("blosclz", "bitshuffle"),
        )
    },
}  # fmt: skip
"""Compressions that zarr v2 and v3 share, by the name of a variable."""


def codecs(path: Path, zarr_format: Literal[2, 3], compressors: Mapping[str, Any]) -> None:
    """Every compression that is passed on as it is stored, edges cut off, and a chunk that nobody wrote."""
    group = zarr.open_group(path, mode="w", zarr_format=zarr_format)
    values = np.arange(35, dtype="f4").reshape(7, 5) / 7
    more: dict[str, Any] = {"dimension_names": ("y", "x")} if zarr_format == 3 else {}
    for name, compressor in compressors.items():
        array = group.create_array(
            name, shape=(7, 5), chunks=(3, 2), dtype="f4", fill_value=-2.0, compressors=compressor, filters=None, **more
        )
        array.attrs["_ARRAY_DIMENSIONS"] = ["y", "x"]
        array[3:] = values[3:]
    zarr.consolidate_metadata(path, zarr_format=zarr_format)


FILES: Mapping[str, tuple[str, Callable[[Path], None]]] = {
    "made-netcdf4": ("made.nc", netcdf4),
    "made-netcdf3": ("made3.nc", netcdf3),
    "made-zarr2": ("made2.zarr", zarr2),
    "made-zarr3": ("made3.zarr", zarr3),
    "made-codecs2": ("codecs2.zarr", partial(codecs, zarr_format=2, compressors=CODECS2)),
    "made-codecs3": ("codecs3.zarr", partial(codecs, zarr_format=3, compressors=CODECS3)),
}
"""Written into a folder and served from there, by name."""
