# %% [markdown]
# # 5. Functions before hosting, with Dask
#
# For those whose dataset is a computation. A lazy dataset is served like any other: what a chunk depends on is computed
# when somebody reads that chunk. With a Dask cluster, the cluster does it.

# %%
import asyncio
import json
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen

import dask.array as da
import numpy as np
import xarray as xr
import xpublish

import cloudify
from cloudify.testing import running
from cloudify.utils.daskhelper import get_dask_cluster

DEMO = Path(cloudify.__file__).parent / "demo"

# %% [markdown]
# The function: how much each month differs from the mean of the year. Only the mean is computed before hosting: a lazy
# one would be computed, and kept, when the first chunk is read.


# %%
def anomaly(ds: xr.Dataset) -> xr.Dataset:
    """Return by how much the temperature of each month differs from the mean in time."""
    return ds[["tas"]] - ds[["tas"]].mean("time").compute()


# %% [markdown]
# And, to see where things are computed, a dataset whose values are the numbers of the processes that computed them.


# %%
def whereabouts() -> xr.Dataset:
    """Return twelve chunks, each the number of the process that computes it."""

    def own_pid(block: np.ndarray) -> np.ndarray:
        return np.full_like(block, os.getpid())

    return xr.Dataset({"pid": ("chunk", da.zeros(12, chunks=1, dtype="int64").map_blocks(own_pid, dtype="int64"))})


# %% [markdown]
# The host script. `ZARR_ADDRESS` tells the server which cluster is to compute; what is served is a plain
# `xpublish.Rest`. A script would end with `rest.serve(host="127.0.0.1", port=9000)`.


# %%
@contextmanager
def hosted() -> Iterator[str]:
    """Serve the two datasets, computed on a cluster of this machine; the value is the URL."""
    with ThreadPoolExecutor(1) as thread:  # asyncio.run(...) does in a script; a notebook has a loop of its own
        cluster = thread.submit(asyncio.run, get_dask_cluster(n_workers=2, threads_per_worker=1)).result()
    os.environ["ZARR_ADDRESS"] = cluster.scheduler.address
    ds = xr.open_dataset(DEMO / "mpi-esm-tas.nc", chunks={"time": 1})
    rest = xpublish.Rest({"anomaly": anomaly(ds), "whereabouts": whereabouts()})
    with cluster, running(rest.app) as url:
        yield url


# %% [markdown]
# A reader does not notice any of that: it is zarr, as ever.


# %%
def read(url: str) -> None:
    """Print what a reader finds."""
    with urlopen(f"{url}/ready") as answer:
        print("workers:", json.load(answer)["workers"])
    served = xr.open_dataset(f"{url}/datasets/anomaly/zarr", engine="zarr", chunks={}, zarr_format=3)
    print("chunks:", served["tas"].chunks)
    print(f"warmest anomaly of July: {float(served['tas'].sel(time='2005-07').max()):.2f} K")
    pids = xr.open_dataset(f"{url}/datasets/whereabouts/zarr", engine="zarr", zarr_format=3)["pid"]
    computed = set(pids.to_numpy().tolist())
    print("computed by", len(computed), "processes, this one among them:", os.getpid() in computed)


# %% [markdown]
# Each worker imports the script that started it. Without the first line of this cell it would run the whole of it, and
# start a cluster again. `scripts/host_with_dask.py` is a complete host script.

# %%
if __name__ == "__main__":
    with hosted() as url:
        read(url)
