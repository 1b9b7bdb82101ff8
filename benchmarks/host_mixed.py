"""The demo beside datasets that dask computes, with caches that are soon full: `python host_mixed.py STORE PORT`."""

import sys

import xarray as xr

from cloudify import Server
from cloudify.cli.serve import DEMO
from cloudify.settings import Settings

MIB = 2**20


def main(store: str, port: int) -> None:
    """Serve until told to stop."""
    ds = xr.open_dataset(store, engine="zarr", chunks={}, consolidated=False)
    anomaly = ds - ds["tas"].isel(time=0).load()
    settings = Settings.load(
        port=port, chunk_cache_nbytes=2 * MIB, kept_nbytes=8 * MIB, drawing_processes=1, open_datasets=3,
    )  # fmt: skip
    Server(DEMO, objects={"noise": anomaly}, settings=settings).serve()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
