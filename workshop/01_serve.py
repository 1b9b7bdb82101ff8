# %% [markdown]
# # 1. Serve files
#
# For those who have data. One command turns files into datasets that others open over HTTP; here it serves two of the
# demo's: a netCDF file and a zarr store of a climate simulation.
#
#     cloudify serve mpi-esm-tas.nc mpi-esm-wind.zarr
#
# A workshop must not wait for Ctrl-C, so this one starts the command from Python, on a free port (`--port 0`).

# %%
import atexit
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import numpy as np
import xarray as xr

import cloudify
from cloudify.testing import running

DEMO = Path(cloudify.__file__).parent / "demo"
own_files = tempfile.TemporaryDirectory()  # what a server keeps for itself: locks, summaries
command = [sys.executable, "-m", "cloudify", "serve", str(DEMO / "mpi-esm-tas.nc"), str(DEMO / "mpi-esm-wind.zarr")]
server = subprocess.Popen([*command, "--port", "0", "--data-dir", own_files.name], stdout=subprocess.PIPE, text=True)
atexit.register(server.terminate)  # should anything below fail

# %% [markdown]
# It says where it is and what it serves. A file's id is its name, without the ending.

# %%
url = ""
for line in server.stdout or ():
    print(line, end="")
    if line.startswith("  page "):
        url = line.split()[1].rstrip("/")
    if line.startswith("  try "):
        break

# %% [markdown]
# Open that page in a browser, or ask for the same as JSON: browsers get pages, programs get data.

# %%
with urlopen(f"{url}/?f=json") as answer:
    for row in json.load(answer)["datasets"]:
        print(row["id"], "is at", row["zarr"])

# %% [markdown]
# What works with a dataset, and what does not? The command `cloudify check mpi-esm-tas.nc` says it before anybody is
# served; a server says it too. What is `limited` or `fails` comes with a way to mend it.

# %%
with urlopen(f"{url}/datasets/mpi-esm-tas/check") as answer:
    for finding in json.load(answer)["findings"]:
        print(f"{finding['verdict']:<8} {finding['endpoint']:<9} {finding['subject']:<5} {finding['reason']}")

# %% [markdown]
# Who asks for what is not there is told what is.

# %%
try:
    urlopen(f"{url}/datasets/mpi-esm-taz/zarr/zarr.json")
except HTTPError as error:
    with error:
        print(error.code, json.load(error)["detail"])

# %%
server.terminate()
print(server.communicate()[0], end="")
own_files.cleanup()

# %% [markdown]
# ## The same from Python
#
# What exists in memory only needs no file: hand over datasets by id. `cloudify.Server(...).serve()` runs until Ctrl-C;
# `running` serves for the time of a block.

# %%
made = xr.Dataset({"height": (("y", "x"), np.arange(6.0).reshape(2, 3), {"units": "m"})})
with running(cloudify.Server({"made-here": made}).app) as url:
    served = xr.open_dataset(f"{url}/datasets/made-here/zarr", engine="zarr", zarr_format=3)
    print("sum of the heights:", float(served["height"].sum()), served["height"].attrs["units"])
