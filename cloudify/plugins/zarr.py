"""``GET,HEAD /datasets/{dataset_id}/zarr/{key}``: every dataset as zarr v3 and v2 under one URL."""

from fastapi import APIRouter
from pydantic import Field
from starlette.responses import Response
from starlette.routing import Mount
from xpublish.plugins import Dependencies, Plugin, hookimpl

from cloudify.errors import UnknownKeyError
from cloudify.http.bytes import ZarrBytes
from cloudify.http.cors import PublicReads
from cloudify.http.lookup import Lookup
from cloudify.settings import Settings, load_settings


def read_key(dataset_id: str, key: str) -> Response:
    """One key of the dataset's zarr store: `zarr.json`, `{var}/zarr.json`, `{var}/c/0/1` (v3), or `.zmetadata`,
    `.zgroup`, `.zattrs`, `{var}/.zarray`, `{var}/0.1` (v2). Groups are path prefixes. Open the store with
    `xr.open_dataset(".../zarr", engine="zarr", chunks={}, zarr_format=3)`.
    """  # noqa: D205  # shown as one paragraph in the API docs
    raise UnknownKeyError(
        key, f"the keys of {dataset_id!r} are served by the application mounted in front of this route"
    )


class ZarrPlugin(Plugin):
    """Datasets as zarr."""

    name: str = "cloudify_zarr"
    settings: Settings = Field(default_factory=load_settings)

    @hookimpl
    def app_router(self, deps: Dependencies) -> APIRouter:
        """Mount the byte path, and document it: FastAPI does not list mounted applications."""
        app = PublicReads(ZarrBytes(Lookup(deps, self.settings), self.settings))
        router = APIRouter(tags=["zarr"])
        router.routes.append(Mount("/datasets/{dataset_id}/zarr", app=app))
        router.add_api_route("/datasets/{dataset_id}/zarr/{key:path}", read_key, response_class=Response)
        return router
