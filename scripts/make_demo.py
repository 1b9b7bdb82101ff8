"""Makes the demo's data from the real files it is given: `python scripts/make_demo.py SOURCE_FOLDER`.

Values, attributes and bounds are those of the files. What is changed is said in each file's `history`:
`mpi-esm-wind` joins two files that share a grid, in chunks of three months; `icon-ocean` is compressed.
"""

import shutil
import sys
from pathlib import Path

import xarray as xr

from cloudify.datasets.source import RAW

DEMO = Path(__file__).parents[1] / "cloudify" / "demo"


def read(path: Path) -> xr.Dataset:
    """Open a file with the values it stores."""
    return xr.open_dataset(path, engine="netcdf4", **RAW).load()


def note(ds: xr.Dataset, change: str) -> xr.Dataset:
    """Add a line to the history."""
    return ds.assign_attrs(history=f"{ds.attrs.get('history', '')}\n{change}".strip())


def main(source: Path) -> None:
    """Write the demo's three datasets."""
    shutil.copyfile(source / "LICENSE-ncarg.txt", DEMO / "LICENSE-ncarg.txt")
    shutil.copyfile(source / "tas_rectilinear_grid_2D.nc", DEMO / "mpi-esm-tas.nc")

    wind = read(source / "uas_rectilinear_grid_2D.nc")
    wind["vas"] = read(source / "vas_rectilinear_grid_2D.nc")["vas"]
    wind = note(wind, "cloudify demo: uas and vas joined from two files of one simulation, written as zarr")
    for variable in wind.variables.values():
        variable.encoding = {} if "_FillValue" in variable.attrs else {"_FillValue": None}
    chunks = {name: {"chunks": (3, 96, 192)} for name in ("uas", "vas")}
    wind.to_zarr(DEMO / "mpi-esm-wind.zarr", mode="w", zarr_format=3, consolidated=True, encoding=chunks)

    ocean = note(read(source / "triangular_grid_ICON.nc"), "cloudify demo: compressed as netCDF-4, values unchanged")
    packed = {
        str(name): {"zlib": True, "complevel": 9, "shuffle": True, "_FillValue": None} for name in ocean.variables
    }
    ocean.to_netcdf(DEMO / "icon-ocean.nc", engine="netcdf4", encoding=packed)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
