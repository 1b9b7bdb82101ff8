"""Makes the data of the example catalogs from the demo's files: `python scripts/make_catalogs.py`.

Values, attributes and bounds are those of the demo's files, for a few months, latitudes and cells; `mean.nc` is what
its `history` says. Needs what the tests need: kerchunk writes the reference sets.
"""

import json
import os
import re
import shutil
from pathlib import Path

import xarray as xr
from fsspec.implementations.reference import LazyReferenceMapper
from kerchunk.hdf import SingleHdf5ToZarr

from cloudify.datasets.source import RAW

CATALOGS = Path(__file__).parents[1] / "catalogs"
DEMO = CATALOGS.parent / "cloudify" / "demo"


def read(name: str) -> xr.Dataset:
    """Open a file of the demo with the values it stores."""
    ds = xr.open_dataset(DEMO / name, engine="netcdf4", **RAW).load()
    for variable in ds.variables.values():
        variable.encoding = {} if "_FillValue" in variable.attrs else {"_FillValue": None}
    return ds


def note(ds: xr.Dataset, change: str) -> xr.Dataset:
    """Add a line to the history, which keeps the names of files and not the folders they were in elsewhere."""
    history = re.sub(r"(?<=\s)/(?:[\w.-]+/)+", "", ds.attrs.get("history", ""))
    return ds.assign_attrs(history=f"{history}\ncloudify catalogs: {change}".strip())


def main() -> None:
    """Write the data below ``catalogs/data``."""
    os.chdir(CATALOGS)  # references name their targets as they are given, and these are relative
    shutil.rmtree("data", ignore_errors=True)
    Path("data/months").mkdir(parents=True)
    shutil.copyfile(DEMO / "LICENSE-ncarg.txt", "data/LICENSE-ncarg.txt")

    tas = note(read("mpi-esm-tas.nc").isel(time=slice(3), lat=slice(60, 68), lon=slice(8)), "three months of Europe")
    tas.to_netcdf("data/tas.nc", encoding={"tas": {"zlib": True, "shuffle": True, "chunksizes": (1, 8, 8)}})
    tas.to_zarr("data/tas-chunked.zarr", zarr_format=3, consolidated=True, encoding={"tas": {"chunks": (1, 8, 8)}})
    for position, month in enumerate(("01", "02")):
        tas.isel(time=[position]).to_netcdf(f"data/months/tas-2005-{month}.nc", format="NETCDF3_64BIT")

    mean = tas.mean("time", dtype="float64", keep_attrs=True).drop_vars("time_bnds")
    mean["tas"].attrs["cell_methods"] = "time: mean"
    mean.encoding = {}
    note(mean, "mean of the three months, as float64").to_netcdf("data/mean.nc", format="NETCDF3_64BIT")

    salinity = read("icon-ocean.nc").isel(ncells=slice(9000, 9064)).drop_vars("wet_c")
    note(salinity, "64 of the cells").to_netcdf("data/salinity.nc", format="NETCDF3_64BIT")

    references = SingleHdf5ToZarr("data/tas.nc", url="tas.nc", inline_threshold=300).translate()
    Path("data/tas-json.json").write_text(json.dumps(references, indent=0))
    write_parquet(references["refs"], "data/tas-parquet.parq")


def write_parquet(references: dict[str, object], path: str) -> None:
    """Write a reference set as parquet files; its targets lie beside the folder."""
    Path(path).mkdir()
    table = LazyReferenceMapper.create(path, record_size=64)
    for key, value in sorted(references.items(), key=lambda item: not item[0].endswith((".zarray", ".zgroup"))):
        table[key] = value.encode() if isinstance(value, str) else value
    table.flush()


if __name__ == "__main__":
    main()
