"""Hosts a file as the anomaly from its mean in time: a Dask cluster computes each chunk when somebody reads it.

``python scripts/host_with_dask.py [FILE] [--port 9000]``; then ``xr.open_dataset(".../datasets/anomaly/zarr")``.
The cluster is that of ``ZARR_ADDRESS``, or else one of this machine's own, which ends with the script.
"""

import argparse
import asyncio
import os
from importlib.resources import files
from pathlib import Path

import xarray as xr
import xpublish as xp

from cloudify.utils.daskhelper import get_dask_cluster

DEMO = Path(str(files("cloudify"))) / "demo" / "mpi-esm-tas.nc"


def anomaly(ds: xr.Dataset) -> xr.Dataset:
    """Return by how much each number with a time differs from its mean in time.

    Only the mean is computed here: a lazy one would keep the first reader waiting.
    """
    varying = ds[[name for name, var in ds.data_vars.items() if "time" in var.dims and var.dtype.kind in "fiu"]]
    difference = varying - varying.mean("time").compute()
    for name, variable in difference.data_vars.items():
        variable.attrs["long_name"] = f"Anomaly of {variable.attrs.pop('standard_name', name)}"
    return difference


def main() -> None:
    """Start the cluster, tell the server where it is, and serve."""
    options = argparse.ArgumentParser(description="Host a file as the anomaly from its mean in time.")
    options.add_argument("file", nargs="?", default=str(DEMO), help="a netCDF file with a time axis")
    options.add_argument("--host", default="127.0.0.1")
    options.add_argument("--port", type=int, default=9000)
    given = options.parse_args()
    if "ZARR_ADDRESS" not in os.environ:
        zarrcluster = asyncio.run(get_dask_cluster())
        os.environ["ZARR_ADDRESS"] = zarrcluster.scheduler._address  # noqa: SLF001  # as the address is known
    ds = xr.open_dataset(given.file, chunks={"time": 1})
    collection = xp.Rest({"anomaly": anomaly(ds)})
    collection.serve(host=given.host, port=given.port, log_level="warning")


if __name__ == "__main__":  # or every worker of the cluster would run it
    main()
