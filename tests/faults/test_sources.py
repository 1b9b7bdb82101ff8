"""A source that fails is said to fail: never 404, never fill values, never stale."""

import json
import os
import shutil
import subprocess
import sys
import time
from http.server import SimpleHTTPRequestHandler
from pathlib import Path
from typing import Any

import dask.array as da
import httpx
import netCDF4
import numpy as np
import pytest
import xarray as xr

from cloudify import Server
from cloudify.catalog.targets import read_targets
from cloudify.settings import Settings
from cloudify.testing import running

PROJECT = Path(__file__).parents[2]
DEMO = PROJECT / "cloudify" / "demo"


def server(*targets: Path | str, **settings: Any) -> Server:
    return Server(read_targets(map(str, targets)), settings=Settings.load(token_check_s=0, settle_s=0, **settings))


def problem(answer: httpx.Response, status: int, code: str) -> str:
    assert answer.status_code == status, answer.headers
    assert answer.headers["content-type"] == "application/problem+json"
    content = answer.json()
    assert content["type"] == f"urn:cloudify:problems/{code}"
    assert "Traceback" not in answer.text
    assert "/tmp" not in answer.text  # noqa: S108  # no path of the server
    return str(content["detail"])


def test_a_chunk_that_cannot_be_decoded_is_502_naming_its_key(tmp_path: Path) -> None:
    store = shutil.copytree(DEMO / "mpi-esm-wind.zarr", tmp_path / "wind.zarr")
    with running(server(store).app) as url:
        chunk = f"{url}/datasets/wind/zarr/uas/c/1/0/0"
        good = httpx.get(chunk).content
        for damage in (b"", b"\x00" * 100, good[: len(good) // 2], b"not a zstd frame at all"):
            (store / "uas" / "c" / "1" / "0" / "0").write_bytes(damage)
            for path, key in ((chunk, "uas/c/1/0/0"), (f"{url}/datasets/wind/zarr/uas/1.0.0", "uas/1.0.0")):
                detail = problem(httpx.get(path), 502, "unreadable-chunk")
                assert repr(key) in detail
            assert httpx.head(chunk).status_code == 502
        assert httpx.get(f"{url}/datasets/wind/zarr/uas/c/0/0/0").status_code == 200
        (store / "uas" / "c" / "1" / "0" / "0").write_bytes(good)
        assert httpx.get(chunk).content == good


def test_a_failing_graph_is_502_and_its_neighbours_are_served() -> None:
    def fail(block: np.ndarray, block_id: tuple[int, ...]) -> np.ndarray:
        if block_id == (1,):
            raise ZeroDivisionError("secret/path")
        return block

    data = da.zeros(6, chunks=2).map_blocks(fail, dtype="float64")
    with running(Server({"a": xr.Dataset({"v": ("x", data)})}).app) as url:
        answers = [httpx.get(f"{url}/datasets/a/zarr/v/c/{i}") for i in range(3)]
        assert [answer.status_code for answer in answers] == [200, 502, 200]
        assert "secret" not in problem(answers[1], 502, "unreadable-chunk")


@pytest.mark.parametrize("kept", [0, 3, 100, 5000, 500_000, -1])
def test_a_truncated_classic_file_is_not_zeros(tmp_path: Path, kept: int) -> None:
    """The netCDF C library itself reads zeros there."""
    whole = (DEMO / "mpi-esm-tas.nc").read_bytes()
    (tmp_path / "a.nc").write_bytes(whole[:kept])
    (tmp_path / "b.nc").write_bytes(whole)
    with running(server(tmp_path).app) as url:
        problem(httpx.get(f"{url}/datasets/a/zarr/zarr.json"), 502, "unreadable-dataset")
        problem(httpx.get(f"{url}/datasets/a/info"), 502, "unreadable-dataset")
        assert httpx.get(f"{url}/datasets/b/zarr/zarr.json").status_code == 200
        assert httpx.get(f"{url}/datasets").json() == ["a", "b"]
        row = httpx.get(f"{url}/").json()["datasets"][0]
        assert row["error"]
        page = httpx.get(f"{url}/", headers={"Accept": "text/html"}).text
        assert "cannot be opened: " in page


def test_truncating_a_file_while_it_is_open_is_not_zeros(tmp_path: Path) -> None:
    path = tmp_path / "a.nc"
    shutil.copyfile(DEMO / "mpi-esm-tas.nc", path)
    with running(server(path).app) as url:
        assert httpx.get(f"{url}/datasets/a/zarr/zarr.json").status_code == 200
        os.truncate(path, 500_000)
        problem(httpx.get(f"{url}/datasets/a/zarr/tas/c/0/0/0"), 502, "unreadable-dataset")


def test_a_deleted_source_is_502_until_it_is_back(tmp_path: Path) -> None:
    path = tmp_path / "a.nc"
    shutil.copyfile(DEMO / "mpi-esm-tas.nc", path)
    with running(server(path).app) as url:
        before = httpx.get(f"{url}/datasets/a/zarr/tas/c/0/0/0").content
        path.rename(tmp_path / "away")
        detail = problem(httpx.get(f"{url}/datasets/a/zarr/tas/c/0/0/0"), 502, "unreadable-dataset")
        assert "its source is not there" in detail
        (tmp_path / "away").rename(path)
        deadline = time.monotonic() + 20
        while httpx.get(f"{url}/datasets/a/zarr/zarr.json").status_code == 502:  # remembered for two seconds
            assert time.monotonic() < deadline
            time.sleep(0.1)
        assert httpx.get(f"{url}/datasets/a/zarr/tas/c/0/0/0").content == before


def test_a_replaced_source_has_new_values_and_a_new_tag(tmp_path: Path) -> None:
    path = tmp_path / "a.nc"
    xr.Dataset({"v": ("x", np.arange(3.0))}).to_netcdf(path)
    with running(server(path).app) as url:
        chunk = f"{url}/datasets/a/zarr/v/c/0"
        one = httpx.get(chunk)
        assert httpx.get(chunk, headers={"If-None-Match": one.headers["etag"]}).status_code == 304
        xr.Dataset({"v": ("x", np.arange(3.0) + 1)}).to_netcdf(tmp_path / "new.nc")
        (tmp_path / "new.nc").rename(path)
        two = httpx.get(chunk, headers={"If-None-Match": one.headers["etag"]})
        assert two.status_code == 200
        assert two.headers["etag"] != one.headers["etag"]
        with xr.open_dataset(f"{url}/datasets/a/zarr", engine="zarr", zarr_format=3) as ds:
            assert ds["v"].values.tolist() == [1.0, 2.0, 3.0]


def test_an_entry_that_cannot_be_opened_has_a_reason_and_the_server_starts(tmp_path: Path) -> None:
    (tmp_path / "not.nc").write_text("no netCDF at all")
    catalog = tmp_path / "catalog.yaml"
    catalog.write_text(
        "datasets:\n  missing: {href: nowhere.nc}\n  wrong: {href: not.nc}\n  strange: {href: x.grib, driver: teapot}\n"
        f"  good: {{href: {DEMO / 'icon-ocean.nc'}}}\n"
    )
    with running(server(catalog).app) as url:
        details = {
            name: problem(httpx.get(f"{url}/datasets/{name}/zarr/zarr.json"), 502, "unreadable-dataset")
            for name in ("missing", "wrong", "strange")
        }
        assert "its source is not there" in details["missing"]
        assert "the opener 'netcdf' failed" in details["wrong"]
        assert (
            "no opener for the driver 'teapot'; there are grib, kerchunk, netcdf, raster, result, series, zarr"
            in details["strange"]
        )
        assert httpx.get(f"{url}/datasets/good/zarr/zarr.json").status_code == 200
        assert httpx.get(f"{url}/ready").json() == {"status": "ready", "datasets": 4}


class Files(SimpleHTTPRequestHandler):
    """Serves a folder; answers 500 for what `broken` names."""

    broken: tuple[str, ...] = ()

    def do_GET(self) -> None:
        if self.path.endswith(self.broken):
            self.send_error(500)
        else:
            super().do_GET()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


@pytest.fixture
def remote(tmp_path: Path, serve_http: Any) -> Any:
    class Here(Files):
        def __init__(self, *args: Any) -> None:
            super().__init__(*args, directory=str(tmp_path))

    return Here, serve_http(Here)


def test_sources_over_http_are_served_and_fail_as_sources(tmp_path: Path, remote: Any) -> None:
    handler, base = remote
    shutil.copytree(DEMO / "mpi-esm-wind.zarr", tmp_path / "wind.zarr")
    shutil.copyfile(DEMO / "mpi-esm-tas.nc", tmp_path / "tas.nc")
    shutil.copyfile(DEMO / "icon-ocean.nc", tmp_path / "ocean.nc")
    local = {"wind": "mpi-esm-wind.zarr", "tas": "mpi-esm-tas.nc", "ocean": "icon-ocean.nc"}
    app = server(f"{base}/wind.zarr", f"{base}/tas.nc", f"{base}/ocean.nc", chunk_cache_nbytes=0).app
    with running(app) as url:
        for name, file in local.items():
            with (
                xr.open_dataset(f"{url}/datasets/{name}/zarr", engine="zarr", zarr_format=3) as ours,
                xr.open_dataset(DEMO / file) as theirs,
            ):
                xr.testing.assert_identical(ours.compute(), theirs.compute())
        handler.broken = ("vas/c/2/0/0",)
        detail = problem(httpx.get(f"{url}/datasets/wind/zarr/vas/c/2/0/0"), 502, "unreadable-chunk")
        assert base not in detail
        (tmp_path / "tas.nc").unlink()
        problem(httpx.get(f"{url}/datasets/tas/zarr/zarr.json"), 502, "unreadable-dataset")


def test_a_group_of_a_file_is_a_path(tmp_path: Path) -> None:
    with netCDF4.Dataset(tmp_path / "g.nc", "w") as file:
        file.createDimension("x", 3)
        file.createVariable("v", "f4", ("x",))[:] = [1, 2, 3]
        deep = file.createGroup("a").createGroup("b")
        deep.createDimension("x", 2)  # another length than above: no tree of xarray's could hold it
        deep.createVariable("w", "i2", ("x",))[:] = [7, 8]
    with running(server(tmp_path / "g.nc").app) as url:
        base = f"{url}/datasets/g/zarr"
        for zarr_format in (2, 3):
            with xr.open_dataset(base, group="a/b", engine="zarr", zarr_format=zarr_format) as ds:
                assert ds["w"].values.tolist() == [7, 8]
            with xr.open_dataset(base, engine="zarr", zarr_format=zarr_format) as ds:
                assert ds["v"].values.tolist() == [1, 2, 3]
        inside = httpx.get(f"{base}/a/zarr.json").json()["consolidated_metadata"]["metadata"]
        assert set(inside) == {"b", "b/w"}
        json.loads(httpx.get(f"{base}/a/b/.zmetadata").text)


def test_a_process_that_read_hdf5_over_http_ends_well(tmp_path: Path, remote: Any) -> None:
    """HDF5 closes its files after Python has gone, and h5py then calls Python."""
    _, base = remote
    shutil.copyfile(DEMO / "icon-ocean.nc", tmp_path / "ocean.nc")
    code = (
        "import threading\nfrom cloudify.datasets.open import open_entry\nfrom cloudify.model.entry import Entry\n"
        f"opened = open_entry(Entry('a', 'netcdf', '{base}/ocean.nc'), timeout_s=10)\n"
        "print(opened.groups['/']['S'].shape)\n"
        "threading.Thread(target=lambda held: threading.Event().wait(), args=[opened], daemon=True).start()\n"
    )  # a thread of a server may hold a dataset to the very end
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout) == (0, "(1, 3, 20480)\n"), done.stderr
