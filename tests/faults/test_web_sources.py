"""Stores of other web servers: what they answer is believed for 404 only, and no more is read than can be needed."""

import json
import shutil
import time
from http.server import SimpleHTTPRequestHandler
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import xarray as xr

from cloudify import Server
from cloudify.catalog.targets import read_targets
from cloudify.settings import Settings
from cloudify.testing import running

DEMO = Path(__file__).parents[2] / "cloudify" / "demo"
CHUNK = "vas/c/2/0/0"


class Other(SimpleHTTPRequestHandler):
    """Serves a folder; answers what `status` says, or drips, for paths that end in `CHUNK`."""

    folder = ""
    status = 200
    behaviour = ""
    asked: tuple[str, ...] = ()

    def __init__(self, *args: Any) -> None:
        super().__init__(*args, directory=self.folder)

    def do_GET(self) -> None:
        type(self).asked += (self.headers.get("x-key", ""),)
        if not self.path.endswith(CHUNK) or (self.status == 200 and not self.behaviour):
            super().do_GET()
        elif self.status != 200:
            self.send_error(self.status)
        else:
            self.send_response(200)
            self.end_headers()
            try:
                for _ in range(10_000):
                    self.wfile.write(b"\0" * (2**16 if self.behaviour == "endless" else 1))
                    time.sleep(0 if self.behaviour == "endless" else 0.2)
            except OSError:
                return

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


@pytest.fixture
def other(tmp_path: Path, serve_http: Any) -> tuple[type[Other], str]:
    handler = type("Here", (Other,), {"folder": str(tmp_path)})
    return handler, serve_http(handler)


def server(*targets: Path | str, **settings: Any) -> Server:
    return Server(read_targets(map(str, targets)), settings=Settings.load(**settings))


@pytest.mark.parametrize("status", [301, 400, 401, 403, 429, 500, 503])
def test_a_chunk_that_the_other_server_refuses_is_502(tmp_path: Path, other: Any, status: int) -> None:
    handler, base = other
    shutil.copytree(DEMO / "mpi-esm-wind.zarr", tmp_path / "wind.zarr")
    handler.status = status
    with running(server(f"{base}/wind.zarr").app) as url:
        answer = httpx.get(f"{url}/datasets/wind/zarr/{CHUNK}")
        assert answer.status_code == 502
        assert answer.json()["type"] == "urn:cloudify:problems/unreadable-chunk"
        assert base not in answer.text
        assert httpx.get(f"{url}/datasets/wind/zarr/vas/c/0/0/0").status_code == 200


@pytest.mark.parametrize("behaviour", ["endless", "drips"])
def test_a_chunk_without_end_is_502_in_time(tmp_path: Path, other: Any, behaviour: str) -> None:
    handler, base = other
    shutil.copytree(DEMO / "mpi-esm-wind.zarr", tmp_path / "wind.zarr")
    handler.behaviour = behaviour
    with running(server(f"{base}/wind.zarr", remote_timeout_s=1.5).app) as url:
        start = time.monotonic()
        assert httpx.get(f"{url}/datasets/wind/zarr/{CHUNK}", timeout=30).status_code == 502
        assert time.monotonic() - start < 6


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_a_store_without_consolidated_metadata_is_refused(tmp_path: Path, other: Any, zarr_format: int) -> None:
    """It would open empty: nothing over http tells what is in it."""
    _, base = other
    ds = xr.Dataset({"v": ("x", np.arange(3.0))})
    ds.to_zarr(tmp_path / "a.zarr", zarr_format=zarr_format, consolidated=False)
    shutil.copytree(tmp_path / "a.zarr", tmp_path / "b.zarr")
    with running(server(f"{base}/a.zarr", tmp_path / "b.zarr").app) as url:
        remote, local = (httpx.get(f"{url}/datasets/{one}/zarr/zarr.json") for one in "ab")
        assert remote.status_code == 502
        assert "no consolidated metadata" in remote.json()["detail"]
        assert local.status_code == 200


def test_headers_of_the_entry_are_sent_and_never_shown(tmp_path: Path, other: Any) -> None:
    handler, base = other
    shutil.copytree(DEMO / "mpi-esm-wind.zarr", tmp_path / "wind.zarr")
    entry = {"href": f"{base}/wind.zarr", "options": {"headers": {"x-key": "open-sesame"}}}
    (tmp_path / "c.yaml").write_text(json.dumps({"datasets": {"a": entry}}))
    with running(server(tmp_path / "c.yaml").app) as url:
        assert httpx.get(f"{url}/datasets/a/zarr/{CHUNK}").status_code == 200
        assert set(handler.asked) == {"open-sesame"}
        assert "sesame" not in httpx.get(f"{url}/").text + httpx.get(f"{url}/datasets/a/info").text


def test_stored_bytes_of_other_servers_are_passed_on(other: Any, tmp_path: Path) -> None:
    """A store, a classic file, and an HDF5 file that a program of its own looks through."""
    handler, base = other
    shutil.copytree(DEMO / "mpi-esm-wind.zarr", tmp_path / "wind.zarr")
    shutil.copyfile(DEMO / "mpi-esm-tas.nc", tmp_path / "tas.nc")
    xr.Dataset({"v": ("x", np.arange(8.0))}).to_netcdf(tmp_path / "four.nc", encoding={"v": {"chunksizes": (2,)}})
    with running(server(f"{base}/wind.zarr", f"{base}/tas.nc", f"{base}/four.nc").app) as url:
        chunk = httpx.get(f"{url}/datasets/wind/kerchunk/vas/c/1/0/0")
        assert chunk.content == (tmp_path / "wind.zarr/vas/c/1/0/0").read_bytes()
        assert base not in httpx.get(f"{url}/datasets/wind/kerchunk").text
        for name in ("tas", "four"):
            with (
                xr.open_dataset(f"{url}/datasets/{name}/kerchunk", engine="zarr", zarr_format=2) as ours,
                xr.open_dataset(tmp_path / f"{name}.nc") as theirs,
            ):
                xr.testing.assert_identical(ours.compute(), theirs.compute())
        handler.status = 500
        answer = httpx.get(f"{url}/datasets/wind/kerchunk/{CHUNK}")
        assert (answer.status_code, answer.json()["type"]) == (502, "urn:cloudify:problems/unreadable-chunk")
        assert httpx.get(f"{url}/datasets/wind/kerchunk/vas/c/1/0/0").status_code == 200
        (tmp_path / "wind.zarr/vas/c/1/0/0").unlink()
        assert httpx.get(f"{url}/datasets/wind/kerchunk/vas/c/1/0/0").status_code == 404


def test_a_document_of_more_than_a_million_chunks_is_refused_and_the_store_is_not(other: Any, tmp_path: Path) -> None:
    """Of a store elsewhere every chunk may have been written."""
    _, base = other
    zarray = {
        "zarr_format": 2, "shape": [2_000_000], "chunks": [1], "dtype": "<f4", "fill_value": -1.0, "order": "C",
        "filters": None, "compressor": None,
    }  # fmt: skip
    metadata = {".zgroup": {"zarr_format": 2}, "v/.zarray": zarray, "v/.zattrs": {"_ARRAY_DIMENSIONS": ["x"]}}
    (tmp_path / "many.zarr" / "v").mkdir(parents=True)
    (tmp_path / "many.zarr" / ".zmetadata").write_text(json.dumps({"metadata": metadata}))
    (tmp_path / "many.zarr" / "v" / "1999999").write_bytes(np.float32(7).tobytes())
    with running(server(f"{base}/many.zarr").app) as url:
        answer = httpx.get(f"{url}/datasets/many/kerchunk")
        assert (answer.status_code, answer.json()["type"]) == (413, "urn:cloudify:problems/too-many-chunks")
        with xr.open_dataset(f"{url}/datasets/many/kerchunk", engine="zarr", zarr_format=2, chunks={}) as ds:
            assert float(ds["v"][1_999_999]) == 7.0
            assert np.isnan(float(ds["v"][5]))
