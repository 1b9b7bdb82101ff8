# %% [markdown]
# # 3. A catalog of your own
#
# For those who have many data. A catalog gives ids, titles and licences, and says how values are prepared. On the
# command line it is one more thing to serve: `cloudify serve archive.yaml incoming/`.

# %%
import json
import logging
import shutil
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import xarray as xr

import cloudify
from cloudify.settings import load_settings
from cloudify.testing import running

DEMO = Path(cloudify.__file__).parent / "demo"
PATIENCE_S = 30
folder = Path(tempfile.mkdtemp())

# %% [markdown]
# Three entries. The wind is sent in chunks of a month and with 8 bits of mantissa, which compresses well: its values
# are right to one in 500. Each depth of the ocean becomes a dataset of its own. The third file does not exist.

# %%
CATALOG = """
cloudify: 1
title: My archive
datasets:
  wind:
    href: {demo}/mpi-esm-wind.zarr
    title: Near-surface wind 2005
    license: LICENSE-ncarg
    keywords: [atmosphere, wind]
    prepare:
      keepbits: 8
      chunks: {{time: 1}}
  salinity:
    href: {demo}/icon-ocean.nc
    title: Ocean salinity
    license: LICENSE-ncarg
    interval: [2098-11-18, 2098-11-18]
    prepare:
      split: depth
  lost:
    href: lost.nc
"""
(folder / "archive.yaml").write_text(CATALOG.format(demo=DEMO))
(folder / "incoming").mkdir()
shutil.copy(DEMO / "icon-ocean.nc", folder / "incoming" / "ocean.nc")

# %%
end = ExitStack()
logging.basicConfig(filename=folder / "server.log")  # what an operator reads; the command logs to its terminal
targets = [str(folder / "archive.yaml"), str(folder / "incoming")]
url = end.enter_context(running(cloudify.Server.of_targets(targets, settings=load_settings()).app))


def listed() -> list[str]:
    """Ask the server for the ids of all datasets."""
    with urlopen(f"{url}/datasets") as answer:
        ids: list[str] = json.load(answer)
    return ids


print("datasets:", *listed())

# %% [markdown]
# ## Prepared values
#
# What the catalog says is done when a chunk is read; the source stays as it is.

# %%
served = xr.open_dataset(f"{url}/datasets/wind/zarr", engine="zarr", chunks={}, zarr_format=3)
source = xr.open_dataset(DEMO / "mpi-esm-wind.zarr", engine="zarr", zarr_format=3)
change = abs(served["uas"] - source["uas"]) / abs(source["uas"])
print("chunks of the wind:", len(served["uas"].chunksizes["time"]), "instead of 4")
print(f"largest change of a value: one in {1 / float(change.max()):.0f}")


# %%
def chunk_nbytes(url: str) -> int:
    """Return how many bytes of the first month go over the wire."""
    with urlopen(f"{url}/datasets/wind/zarr/uas/c/0/0/0") as answer:
        return len(answer.read())


print("bytes of January:", chunk_nbytes(url), "for", source["uas"][0].nbytes, "of float32")

# %% [markdown]
# ## Watching
#
# What comes, goes and changes is noticed while it is served. Write elsewhere and rename: then nobody sees half a file.

# %%
started = time.monotonic()
shutil.copy(DEMO / "mpi-esm-tas.nc", folder / "part")
(folder / "part").rename(folder / "incoming" / "tas-2005.nc")
while "tas-2005" not in listed() and time.monotonic() < started + PATIENCE_S:
    time.sleep(0.05)
print(f"tas-2005 was there after {time.monotonic() - started:.1f} s:", *listed())

# %% [markdown]
# ## What cannot be opened
#
# One bad entry costs only itself: its readers are told what is wrong, and the rest is served. The command
# `cloudify check archive.yaml` opens every entry, and finds such things before they do.

# %%
try:
    urlopen(f"{url}/datasets/lost/zarr/zarr.json")
except HTTPError as error:
    with error:
        print(error.code, json.load(error)["detail"])

# %%
end.close()
shutil.rmtree(folder)
