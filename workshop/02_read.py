# %% [markdown]
# # 2. Read a dataset
#
# For those who want data. All you need is a URL and a reader of zarr: this uses xarray. The first cell starts a server
# to have one; with `make demo` running elsewhere, leave it out and say `url = "http://127.0.0.1:9000"`.

# %%
from contextlib import ExitStack
from pathlib import Path

import netCDF4
import numpy as np
import xarray as xr

import cloudify
from cloudify.testing import running

server = ExitStack()
url = server.enter_context(running(cloudify.Server(Path(cloudify.__file__).parent / "demo" / "demo.yaml").app))

# %% [markdown]
# Opening reads the metadata and the coordinates. `chunks={}` keeps the rest lazy, in the chunks that the server has;
# `zarr_format=3` saves a few requests, as both formats of zarr are under this URL.

# %%
wind = xr.open_dataset(f"{url}/datasets/mpi-esm-wind/zarr", engine="zarr", chunks={}, zarr_format=3)
print(wind[["uas", "vas"]])
print("months in each chunk:", wind["uas"].chunksizes["time"])

# %% [markdown]
# Computing reads what is needed and no more: for July one chunk of each variable.

# %%
july = wind.sel(time="2005-07")
speed = np.hypot(july["uas"], july["vas"])
print(f"strongest mean wind of July: {float(speed.max()):.2f} m/s")

# %% [markdown]
# A mean over the globe weights each cell by its area, which goes with the cosine of its latitude.

# %%
ds = xr.open_dataset(f"{url}/datasets/mpi-esm-tas/zarr", engine="zarr", chunks={}, zarr_format=3)
area = xr.DataArray(np.cos(np.deg2rad(ds["lat"])))
print(f"mean temperature of 2005: {float(ds['tas'].weighted(area).mean()):.2f} K")

# %% [markdown]
# ## The bytes as they are stored
#
# `/zarr` encodes chunks anew: compressed, little-endian, every source alike. `/kerchunk` passes on the very bytes of
# the source. It opens with kerchunk's engine (needs `kerchunk`), or with zarr's.

# %%
stored = xr.open_dataset(f"{url}/datasets/mpi-esm-tas/kerchunk", engine="kerchunk", chunks={})
print("equal to those of /zarr:", bool((stored["tas"] == ds["tas"]).all()))
print("months in each chunk of the file:", stored["tas"].chunksizes["time"])
print("months in each chunk of /zarr:", ds["tas"].chunksizes["time"])

# %% [markdown]
# A dataset that is one netCDF file is there as that file too. The netCDF library reads parts of it by itself.

# %%
with netCDF4.Dataset(f"{url}/datasets/mpi-esm-tas/source.nc#mode=bytes") as file:
    print("first value by netCDF4:", file["tas"][0, 0, 0].item(), file["tas"].units)

# %% [markdown]
# Any grid will do. This one has 20,480 triangles; the vertices of each come along.

# %%
ocean = xr.open_dataset(f"{url}/datasets/icon-ocean/zarr", engine="zarr", chunks={}, zarr_format=3, decode_times=False)
wet = ocean["S"].where(ocean["wet_c"] > 0)
for metres in ocean["depth"].to_numpy():
    print(f"mean salinity at {metres:.0f} m: {float(wet.sel(depth=metres).mean()):.2f} psu")
print("vertices:", dict(ocean["clon_vertices"].sizes))

# %%
server.close()
