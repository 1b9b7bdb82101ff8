"""S3 stores: the same values as local files, signed or not; credentials nowhere; a dead one harms nobody."""

import json
import logging
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Thread
from typing import Any

import httpx
import pytest
import xarray as xr
from moto.server import ThreadedMotoServer

from cloudify import Server
from cloudify.catalog.targets import read_targets
from cloudify.settings import Settings
from cloudify.testing import running

DEMO = Path(__file__).parents[2] / "cloudify" / "demo"
KEY, SECRET = "AKIAEXAMPLEKEYNAME", "EXAMPLESECRETEXAMPLE"


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    """An S3 server on a socket, with the demo in the bucket ``demo``."""
    moto = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    moto.start()
    host, port = moto.get_host_and_port()
    url = f"http://{host}:{port}"
    httpx.put(f"{url}/demo").raise_for_status()
    found = {path: path.read_bytes() for path in (DEMO / "mpi-esm-wind.zarr").rglob("*") if path.is_file()}
    found |= {DEMO / name: (DEMO / name).read_bytes() for name in ("mpi-esm-tas.nc", "icon-ocean.nc")}
    document = {"version": 1, "refs": references("s3://demo/mpi-esm-wind.zarr/uas/c/0/0/0")}
    found[DEMO / "refs/good.json"] = json.dumps(document).encode()
    with httpx.Client(base_url=f"{url}/demo", headers={"x-amz-acl": "public-read"}) as client:
        for path, data in found.items():
            client.put(f"/{path.relative_to(DEMO)}", content=data).raise_for_status()
    yield url
    moto.stop()


def references(url: str) -> dict[str, Any]:
    size = (DEMO / "mpi-esm-wind.zarr/uas/c/0/0/0").stat().st_size
    zarray = {
        "zarr_format": 2, "shape": [size], "chunks": [size], "dtype": "|u1", "fill_value": None, "order": "C",
        "filters": None, "compressor": None,
    }  # fmt: skip
    attrs = {"_ARRAY_DIMENSIONS": ["byte"]}
    return {".zgroup": '{"zarr_format": 2}', "v/.zarray": zarray, "v/.zattrs": attrs, "v/0": [url, 0, size]}


def server(*targets: Path | str, **settings: Any) -> Server:
    return Server(read_targets(map(str, targets)), settings=Settings.load(token_check_s=0, **settings))


@pytest.mark.parametrize("signed", [True, False])
def test_values_are_those_of_local_files(s3: str, signed: bool, caplog: pytest.LogCaptureFixture) -> None:
    key = {"s3_access_key_id": KEY, "s3_secret_access_key": SECRET} if signed else {"s3_anonymous": True}
    targets = [
        f"s3://demo/{name}" for name in ("mpi-esm-wind.zarr", "mpi-esm-tas.nc", "icon-ocean.nc", "refs/good.json")
    ]
    app = server(
        *targets, "s3://demo/nowhere.nc", s3_endpoint_url=s3, s3_region="us-east-1", chunk_cache_nbytes=0, **key
    )
    with caplog.at_level(logging.DEBUG), running(app.app) as url:
        for name in ("mpi-esm-wind.zarr", "mpi-esm-tas.nc", "icon-ocean.nc"):
            with (
                xr.open_dataset(f"{url}/datasets/{name.split('.')[0]}/zarr", engine="zarr", zarr_format=3) as ours,
                xr.open_dataset(DEMO / name) as theirs,
            ):
                xr.testing.assert_identical(ours.compute(), theirs.compute())
        with xr.open_dataset(f"{url}/datasets/good/zarr", engine="zarr", zarr_format=3) as ds:
            assert ds["v"].to_numpy().tobytes() == (DEMO / "mpi-esm-wind.zarr/uas/c/0/0/0").read_bytes()
        for name in ("mpi-esm-wind.zarr", "mpi-esm-tas.nc", "icon-ocean.nc", "good.json"):
            document = httpx.get(f"{url}/datasets/{name.split('.')[0]}/kerchunk")
            assert document.status_code == 200
            assert "demo/" not in document.text
            assert s3 not in document.text
        with (
            xr.open_dataset(f"{url}/datasets/mpi-esm-tas/kerchunk", engine="zarr", zarr_format=2) as ours,
            xr.open_dataset(DEMO / "mpi-esm-tas.nc") as theirs,
        ):
            xr.testing.assert_identical(ours.compute(), theirs.compute())
        whole = (DEMO / "mpi-esm-tas.nc").read_bytes()
        file = httpx.get(f"{url}/datasets/mpi-esm-tas/source.nc", headers={"range": "bytes=-100"})
        assert (file.status_code, file.content) == (206, whole[-100:])
        gone = httpx.get(f"{url}/datasets/nowhere/zarr/zarr.json")
        assert gone.status_code == 502
        assert "its source is not there" in gone.json()["detail"]
        shown = [httpx.get(f"{url}{path}").text for path in ("/", "/plugins", "/versions", "/openapi.json")]
        shown += [gone.text, caplog.text, *(str(record.__dict__) for record in caplog.records)]
        for text in shown:
            assert KEY not in text
            assert SECRET not in text


def test_credentials_are_masked_in_the_settings_and_work_from_the_entry(s3: str, tmp_path: Path) -> None:
    env = os.environ | {"CLOUDIFY_S3_ACCESS_KEY_ID": KEY, "CLOUDIFY_S3_SECRET_ACCESS_KEY": SECRET}
    command = [str(Path(sys.executable).parent / "cloudify"), "config", "show"]
    shown = subprocess.run(command, env=env, capture_output=True, text=True, check=True, cwd=tmp_path).stdout
    assert "s3_secret_access_key" in shown
    assert KEY not in shown
    assert SECRET not in shown
    options = {"endpoint_url": s3, "region": "us-east-1", "access_key_id": KEY, "secret_access_key": SECRET}
    entry = {"href": "s3://demo/icon-ocean.nc", "options": options}
    (tmp_path / "c.yaml").write_text(json.dumps({"datasets": {"a": entry}}))
    with running(server(tmp_path / "c.yaml").app) as url:
        assert httpx.get(f"{url}/datasets/a/zarr/zarr.json").status_code == 200
        for path in ("/", "/datasets/a/info", "/plugins"):
            text = httpx.get(f"{url}{path}").text
            assert KEY not in text
            assert SECRET not in text


@pytest.mark.parametrize("target", ["s3://demo/a.zarr", "s3://demo/a.nc", "s3://demo/a.json", "s3://demo/a.parq"])
def test_a_dead_endpoint_is_502_in_time_and_others_are_served(tmp_path: Path, target: str) -> None:
    shutil.copyfile(DEMO / "icon-ocean.nc", tmp_path / "good.nc")
    with socket.create_server(("127.0.0.1", 0)) as silent:  # takes connections and says nothing
        endpoint = f"http://127.0.0.1:{silent.getsockname()[1]}"
        app = server(target, tmp_path / "good.nc", s3_endpoint_url=endpoint, remote_timeout_s=1.5).app
        with running(app) as url:
            answers: list[tuple[int, float]] = []

            def ask() -> None:
                start = time.monotonic()
                status = httpx.get(f"{url}/datasets/a/zarr/zarr.json", timeout=30).status_code
                answers.append((status, time.monotonic() - start))

            threads = [Thread(target=ask) for _ in range(4)]
            for thread in threads:
                thread.start()
            start = time.monotonic()
            assert httpx.get(f"{url}/datasets/good/zarr/zarr.json").status_code == 200
            assert time.monotonic() - start < 1.4
            for thread in threads:
                thread.join()
            assert [status for status, _ in answers] == [502] * 4
            assert max(seconds for _, seconds in answers) < 4


def test_a_closed_port_is_502_after_bounded_retries() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with running(server("s3://demo/a.zarr", s3_endpoint_url=f"http://127.0.0.1:{port}", remote_timeout_s=3).app) as url:
        start = time.monotonic()
        answer = httpx.get(f"{url}/datasets/a/zarr/zarr.json", timeout=30)
        assert answer.status_code == 502
        assert time.monotonic() - start < 3.5
        assert str(port) not in answer.text
