"""A real server whose datasets come while it runs, and a client of it."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import xarray as xr
import zarr
from pydantic import Field
from xpublish.plugins import Plugin, hookimpl

import cloudify
from cloudify import Server
from cloudify.catalog.catalog import Catalog
from cloudify.client.connect import RemoteServer
from cloudify.client.jobs import Job
from cloudify.model.entry import Entry
from cloudify.settings import Settings
from cloudify.testing import running
from oracle import functions
from oracle.datasets import Case, kept

SOURCES = Path(functions.__file__).read_text()


class Objects(Plugin):
    """Datasets in memory, by id."""

    name: str = "objects"
    held: dict[str, Any] = Field(default_factory=dict)

    @hookimpl
    def get_datasets(self) -> list[str]:
        return list(self.held)

    @hookimpl
    def get_datatree(self, dataset_id: str) -> xr.DataTree | None:
        found = self.held.get(dataset_id)
        return found if found is None or isinstance(found, xr.DataTree) else xr.DataTree(found)


class Served:
    """A server, and what it is given to serve."""

    def __init__(self, folder: Path, server: Server, objects: Objects, client: RemoteServer, token: str) -> None:
        self._folder, self._server, self._objects = folder, server, objects
        self.client, self.headers = client, {"Authorization": f"Bearer {token}"}
        self._entries: list[Entry] = []

    def put(self, case: Case) -> tuple[str, xr.Dataset]:
        """Serve a dataset; return its id, and the same as xarray alone opens it."""
        name = f"d{len(self._entries) + len(self._objects.held)}"
        if case.kind == "object":
            self._objects.held[name] = xr.DataTree(case.ds)
            return name, case.ds
        path = self._folder / name
        driver, ds = kept(case, path)
        return self.put_file(name, driver, path), ds

    def put_file(self, name: str, driver: str, path: Path) -> str:
        self._entries.append(Entry(name, driver, os.fspath(path)))
        self._server.adopt(Catalog(tuple(self._entries)))
        return name

    def chunks_of(self, dataset: str) -> Callable[[str], tuple[int, ...]]:
        """Return what tells the chunk in which a variable of a dataset is served."""
        url = f"{self.client.url}/datasets/{dataset}/zarr"
        group = zarr.open_group(url, mode="r", zarr_format=3)
        return lambda name: group[name].chunks  # type: ignore[union-attr]

    def run(self, entry: str, dataset: str, **inputs: Any) -> Job:
        """Begin a job with a function of `functions`."""
        function = {"source": SOURCES, "entry": entry}
        return self.client.execute("map", {"dataset": dataset, "function": function, **inputs})

    def readings(self, job_id: str) -> Iterator[xr.Dataset]:
        """Open the result of a job with xarray alone, in both formats."""
        for zarr_format in (2, 3):
            yield xr.open_dataset(
                self._url(job_id), engine="zarr", zarr_format=zarr_format, storage_options=self._options()
            )

    def arrays(self, job_id: str) -> Iterator[zarr.Group]:
        """Open it with zarr-python, in both formats: numbers as they are stored."""
        for zarr_format in (2, 3):
            yield zarr.open_group(self._url(job_id), mode="r", zarr_format=zarr_format, storage_options=self._options())

    def _url(self, job_id: str) -> str:
        return f"{self.client.url}/datasets/job-{job_id}/zarr"

    def _options(self) -> dict[str, Any]:
        return {"client_kwargs": {"headers": self.headers, "trust_env": False}}


@contextmanager
def serving(folder: Path, **settings: Any) -> Iterator[Served]:
    """Have a server whose jobs run on threads of this process, until the block ends."""
    given = {"data_dir": folder / "data", "unsafe_compute": True, "dask": "none", "token_check_s": 0.0} | settings
    objects = Objects()
    server = Server({}, settings=Settings(**given), plugins=[objects])
    token = server.service.store.tokens.create("ann", ["read", "compute", "deploy"])
    with running(server.app) as url, cloudify.connect(url, token=token) as client:
        yield Served(folder, server, objects, client, token)
