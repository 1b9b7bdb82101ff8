# %% [markdown]
# # 4. Find data: STAC and intake
#
# For those who want data and do not know yet which. Every server lists what it has in two forms that other programs
# know: a STAC collection and an intake catalog. Needs `pystac`, `intake` and `intake-xarray`.

# %%
import warnings
from contextlib import ExitStack
from pathlib import Path

import intake
import pystac
import xarray as xr

import cloudify
from cloudify.testing import running

server = ExitStack()
url = server.enter_context(running(cloudify.Server(Path(cloudify.__file__).parent / "demo" / "demo.yaml").app))

# %% [markdown]
# ## STAC
#
# An item for each dataset says where and when it is. That was read from its coordinates, or stated by its catalog.

# %%
collection = pystac.Collection.from_file(f"{url}/stac-collection-all.json")
items = list(collection.get_items())
for item in items:
    print(item.id, item.bbox, item.properties["start_datetime"], item.properties["title"])

# %% [markdown]
# So one can choose before anything is opened: what covers the summer of 2005, and has eastward wind? (Times are
# ISO 8601 in UTC: they compare as texts.)

# %%
found = [
    item
    for item in items
    if item.properties["start_datetime"] <= "2005-07-01" <= item.properties["end_datetime"]
    and "uas" in item.properties["cube:variables"]
]
print("found:", [item.id for item in found])

# %% [markdown]
# An item's asset has the address, and how xarray opens it.

# %%
asset = found[0].assets["data"]
how = asset.extra_fields["xarray:open_kwargs"]
print(asset.href, how)
wind = xr.open_dataset(asset.href, **how, zarr_format=asset.extra_fields["zarr:zarr_format"])
print(f"mean eastward wind by STAC: {float(wind['uas'].mean(dtype='float64')):.4f} m/s")

# %% [markdown]
# ## Intake
#
# Each dataset is a source, `mpi-esm-tas`; `-zarr` and `-kerchunk` behind it choose between chunks encoded anew and the
# stored bytes. (`catalog["mpi-esm-tas"](method="kerchunk")` runs too, but intake 2.0.9 ignores the parameter.)

# %%
warnings.filterwarnings("ignore", message="Shell command not executed")  # intake says so whenever it opens a catalog
catalog = intake.open_catalog(f"{url}/intake.yaml")
print("sources:", *catalog)
tas = catalog["mpi-esm-tas-kerchunk"].to_dask()
print(f"mean temperature by intake: {float(tas['tas'].mean(dtype='float64')):.4f} K")

# %% [markdown]
# The other direction works too: `cloudify serve collection.json` and `cloudify serve intake.yaml` serve what the
# catalogs of others list. `catalogs/` has an example of each.

# %%
server.close()
