"""``GET,HEAD /datasets/{dataset_id}/kerchunk``, ``/kerchunk/{key}`` and ``/source.nc``: the stored bytes, untouched.

The bare URL is a reference document for ``engine="kerchunk"``, and the root of a store for ``engine="zarr"``.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, cast

from fastapi import APIRouter
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route
from starlette.types import Scope
from xpublish.plugins import Dependencies, Plugin, hookimpl

from cloudify.chunks.cache import ByteCache
from cloudify.chunks.hierarchy import Document
from cloudify.chunks.references import write_references
from cloudify.chunks.stored_bytes import find_stored_bytes
from cloudify.datasets.methods import without_stored_bytes
from cloudify.errors import NoStoredBytesError, UnknownKeyError, UnreadableDatasetError
from cloudify.http.bytes import KeyBytes
from cloudify.http.checks import Checked
from cloudify.http.cors import PublicReads
from cloudify.http.hosts import root_url
from cloudify.http.identified import Identified
from cloudify.http.lookup import Lookup
from cloudify.http.offload import Offload
from cloudify.http.sources import SourceFiles, Sources, StoredChunks
from cloudify.http.stores import Found, Store
from cloudify.model.finding import Finding
from cloudify.settings import Settings, load_settings

if TYPE_CHECKING:
    from cloudify.chunks.passthrough import Passthrough

WRITERS = 2
"""Reference documents written at once: each may hold a million chunks."""


def read_references(dataset_id: str) -> Response:
    """The kerchunk reference document of a dataset: metadata inline, chunks as URLs of this server. Open it with
    `xr.open_dataset(".../kerchunk", engine="kerchunk", chunks={})`, or as a store with `engine="zarr"`.
    """  # noqa: D205  # shown as one paragraph in the API docs
    raise UnknownKeyError(dataset_id, "the document is served by the application in front of this route")


def read_stored_key(dataset_id: str, key: str) -> Response:
    """One key of the dataset's stored bytes: metadata as the source has them, chunks untouched; byte ranges."""
    raise UnknownKeyError(key, f"the keys of {dataset_id!r} are served by the application in front of this route")


def read_source_file(dataset_id: str) -> Response:
    """The dataset's netCDF file, where it is one; byte ranges, so that `netCDF4.Dataset(".../source.nc#mode=bytes")`
    reads it from here.
    """  # noqa: D205
    raise UnknownKeyError(dataset_id, "the file is served by the application in front of this route")


class ReferenceDocuments(KeyBytes):
    """ASGI application for the reference documents."""

    def __init__(self, chunks: StoredChunks, settings: Settings) -> None:
        super().__init__(chunks, settings)
        self._settings = settings
        self._documents = ByteCache(settings.chunk_cache_nbytes // 4)
        self._write = Offload(WRITERS)

    async def _find(self, scope: Scope, store: Store, key: str) -> Found:  # noqa: ARG002  # the path says it all
        root = root_url(Request(scope), self._settings)
        dataset_id = scope["path_params"]["dataset_id"]
        name = f"{dataset_id}\n{store.token}\n{root}"
        body = self._documents.get(name)
        if body is None:
            passthrough = cast("Passthrough", store)
            body = await self._write(lambda: write_references(passthrough, f"{root}/datasets/{dataset_id}"))
            self._documents.put(name, body)
        return Document.of(body)


class KerchunkPlugin(Plugin):
    """Datasets as stored bytes."""

    name: str = "cloudify_kerchunk"
    settings: Settings = Field(default_factory=load_settings)

    @hookimpl
    def app_router(self, deps: Dependencies) -> APIRouter:
        """Mount the byte paths, and document them: FastAPI does not list mounted applications."""
        sources = Sources(Lookup(deps, self.settings), self.settings)
        chunks = StoredChunks(sources)
        documents = PublicReads(Identified(ReferenceDocuments(chunks, self.settings)))
        router = APIRouter(tags=["kerchunk"])
        path = "/datasets/{dataset_id}"
        router.routes += [
            # xpublish takes a Mount and a Route of one spelling for a conflict
            Route("/datasets/{dataset_id:str}/kerchunk", endpoint=documents),
            Route(f"{path}/kerchunk.json", endpoint=documents),
            Mount(f"{path}/kerchunk", app=PublicReads(Identified(KeyBytes(chunks, self.settings)))),
            Route(f"{path}/source.nc", endpoint=PublicReads(Identified(KeyBytes(SourceFiles(sources), self.settings)))),
        ]
        router.add_api_route(f"{path}/kerchunk", read_references, response_class=Response)
        router.add_api_route(f"{path}/kerchunk/{{key:path}}", read_stored_key, response_class=Response)
        router.add_api_route(f"{path}/source.nc", read_source_file, response_class=Response)
        return router

    def check(self, checked: Checked) -> Iterator[Finding]:
        """Say whether the stored bytes can be passed on, and which variables are encoded by us instead."""
        if reason := without_stored_bytes(checked.opened.entry):
            yield Finding("kerchunk", "", "limited", reason, "readers use /zarr")
            return
        timeout_s = self.settings.remote_timeout_s
        try:
            found = find_stored_bytes(checked.opened, checked.hierarchy, timeout_s=timeout_s, settings=self.settings)
        except (NoStoredBytesError, UnreadableDatasetError) as error:
            yield Finding("kerchunk", "", "limited", str(error), "readers use /zarr")
            return
        yield Finding("kerchunk", "", "works", f"{len(found.grids)} variables as they are stored")
        for path, reason in found.encoded.items():
            yield Finding("kerchunk", path, "works", f"its chunks are those under /zarr: {reason}")
