# %% [markdown]
# # 6. Datasets by id, and an endpoint of your own
#
# For those who build a service. Two kinds of plugin: a *provider*, which brings datasets, and one that brings routes.

# %%
import json
import shutil
import tempfile
from contextlib import ExitStack
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import xarray as xr
import xpublish
from fastapi import APIRouter
from xpublish.plugins import Plugin, hookimpl

import cloudify
from cloudify.errors import NotFoundError
from cloudify.http.deps import Dataset
from cloudify.http.routing import ProblemRoute
from cloudify.plugins.dynamic import DynamicProvider
from cloudify.testing import running

DEMO = Path(cloudify.__file__).parent / "demo"
folder = Path(tempfile.mkdtemp())

# %% [markdown]
# ## An endpoint
#
# `GET /datasets/{dataset_id}/range/{name}`: between which values a variable lies. The thinking is a plain function;
# what it needs it asks for by annotation, and `Dataset` is the dataset of the URL, decoded. The class only wires.


# %%
def value_range(ds: Dataset, name: str) -> dict[str, float | str]:
    """Return the least and the largest value of a variable, and their unit."""
    if name not in ds.data_vars:
        raise NotFoundError(f"no variable {name!r}; there are {', '.join(map(str, ds.data_vars))}")
    return {"from": float(ds[name].min()), "to": float(ds[name].max()), "units": ds[name].attrs.get("units", "1")}


class RangePlugin(Plugin):
    """Ranges of variables."""

    name: str = "range"

    @hookimpl
    def dataset_router(self) -> APIRouter:
        """Wire the route."""
        router = APIRouter(route_class=ProblemRoute)  # failures of cloudify.errors become answers
        router.add_api_route("/range/{name}", value_range)
        return router


# %% [markdown]
# ## A provider
#
# `DynamicProvider` looks for a dataset when its id is asked for: no list, no restart, any number of files. Both are
# added to a plain `xpublish.Rest`, which `scripts/host_dynamic.py` does too.

# %%
rest = xpublish.Rest({})
rest.register_plugin(DynamicProvider(pattern=f"{folder}/run-{{id}}.nc"))
rest.register_plugin(RangePlugin())
server = ExitStack()
url = server.enter_context(running(rest.app))


# %%
def get(path: str) -> object:
    """Ask for JSON, whatever the status."""
    try:
        with urlopen(url + path) as answer:
            return json.load(answer)
    except HTTPError as error:
        with error:
            return json.load(error)["detail"]


print("before:", get("/datasets/2005/range/tas"))
shutil.copy(DEMO / "mpi-esm-tas.nc", folder / "run-2005.nc")
print("after:", get("/datasets/2005/range/tas"))
print("no such variable:", get("/datasets/2005/range/tos"))

# %% [markdown]
# All other endpoints know the dataset too.

# %%
ds = xr.open_dataset(f"{url}/datasets/2005/zarr", engine="zarr", chunks={}, zarr_format=3)
print("months:", ds.sizes["time"], "| listed:", get("/datasets"))

# %% [markdown]
# To have a plugin in every server of an environment, `cloudify serve` included, make it a package with an entry point:
# `plugins/cloudify-example` is one, and `docs/how-to/write-a-plugin.md` explains it.

# %%
server.close()
shutil.rmtree(folder)
