"""The fast lane answers what the layers behind it answer, to the letter."""

import os
from itertools import product
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import xarray as xr

from cloudify import Server
from cloudify.http.fast_lane import FastLane
from cloudify.settings import Settings
from cloudify.testing import running

KEYS = [
    "zarr/zarr.json", "zarr/.zmetadata", "zarr/t/zarr.json", "zarr/t/.zarray", "zarr/t/c/0/0", "zarr/t/1.0", "zarr/s/c",
    "zarr/t/c/9/9", "zarr/none", "zarr/", "zarr", "zarr/t/c/00/0", "zarr/../t/c/0/0", "zarr/t/c/0/0?x=1",
    "zarr/t?/c/0", "zarr/none?f=html", "zarr/none?%66=html", "zarr/t%0a/c/0", "zarr/%7f", "kerchunk/t/0.0",
    "kerchunk/.zmetadata", "source.nc", "keys",
]  # fmt: skip
HEADERS: list[dict[str, str]] = [
    {}, {"Accept-Encoding": "gzip"}, {"Accept-Encoding": "identity"}, {"Accept-Encoding": "zstd;q=0, gzip;q=0.1"},
    {"Accept": "text/html"}, {"Range": "bytes=0-9"}, {"If-None-Match": "*"}, {"If-None-Match": '"x"'},
    {"If-Match": '"x"'}, {"Cookie": "a=b"}, {"Origin": "http://a.example"}, {"X-Request-ID": "0" * 32},
    {"Host": "evil.example"}, {"Host": "localhost"}, {"Authorization": "Bearer cld_x"}, {"Authorization": "Basic eDp5"},
]  # fmt: skip

ASKED = [*product(HEADERS, ("GET", "HEAD")), ({}, "POST"), ({}, "OPTIONS")]
CLIENT = httpx.Client(headers={"Accept-Encoding": "zstd, gzip"})


@pytest.fixture(scope="module")
def urls(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """One server, with its fast lane and without."""
    folder = tmp_path_factory.mktemp("lane")
    variables = {"t": (("y", "x"), np.arange(600.0).reshape(20, 30)), "s": ((), 1.0)}
    attrs = {"history": "long enough to be compressed " * 50}
    ds = xr.Dataset(variables, attrs=attrs)
    ds.to_netcdf(folder / "a.nc", engine="h5netcdf", encoding={"t": {"chunksizes": (10, 30)}})
    server = Server(str(folder / "a.nc"), settings=Settings(data_dir=folder / "data"))
    assert isinstance(server.app, FastLane)
    with running(server.app) as fast, running(server.app.app) as behind, CLIENT:
        yield fast, behind


def answer(url: str, key: str, headers: dict[str, str], method: str) -> tuple[int, list[tuple[str, str]], bytes]:
    """Raw, without what differs from request to request."""
    request = CLIENT.build_request(method, f"{url}/datasets/a/{key}", headers=headers)
    response = CLIENT.send(request, stream=True)
    body = b"".join(response.iter_raw())
    own = response.headers.get("x-request-id", "none")
    if method != "OPTIONS":  # a preflight has none
        assert own == headers.get("X-Request-ID", own)
        assert len(own) == 32
        assert int(own, 16) >= 0
    port = url.rpartition(":")[2]
    kept = [(k, v.replace(own, "ID")) for k, v in response.headers.multi_items() if k not in {"date", "server"}]
    return response.status_code, sorted(kept), body.replace(own.encode(), b"ID").replace(port.encode(), b"PORT")


@pytest.mark.parametrize("key", KEYS)
def test_it_answers_what_the_layers_behind_it_answer(urls: Any, key: str) -> None:
    fast, behind = urls
    for headers, method in ASKED:
        for _ in range(2):  # the second time from what is kept
            assert answer(fast, key, headers, method) == answer(behind, key, headers, method), (key, headers, method)
    tag = httpx.get(f"{fast}/datasets/a/{key}").headers.get("etag")
    if tag is not None:
        known = {"If-None-Match": tag}
        assert answer(fast, key, known, "GET") == answer(behind, key, known, "GET")


def test_it_takes_what_it_can(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Documents, kept chunks and keys that are none do not reach the layers once the dataset is open."""
    xr.Dataset({"t": ("x", np.arange(4.0))}).to_netcdf(tmp_path / "a.nc", engine="h5netcdf")
    server = Server(str(tmp_path / "a.nc"), settings=Settings(data_dir=tmp_path / "data"))
    lane, passed = server.app, []
    assert isinstance(lane, FastLane)
    behind = lane.app

    async def counted(scope: Any, receive: Any, send: Any) -> None:
        passed.append(scope.get("path"))
        await behind(scope, receive, send)

    monkeypatch.setattr(lane, "app", counted)
    with running(lane) as url:
        paths = [f"{url}/datasets/a/zarr/{key}" for key in ("zarr.json", "t/c/0", "t/c/9", "t/.zarray")]
        first = [httpx.get(path) for path in paths]
        passed.clear()
        again = [httpx.get(path) for path in paths]
        assert not passed
        assert [(a.status_code, a.content) for a in again[:2]] == [(f.status_code, f.content) for f in first[:2]]
        assert again[2].status_code == 404
        os.utime(tmp_path / "a.nc", (1, 1))  # another version
        changed = httpx.get(paths[1])
        assert passed
        assert changed.headers["etag"] != again[1].headers["etag"]


def test_it_takes_stored_chunks_that_are_no_longer_kept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """They are read where they are asked for, if the system has them in memory; nothing of ours keeps them."""
    values = np.arange(8, dtype="f4")
    xr.Dataset({"t": ("x", values)}).to_zarr(tmp_path / "a.zarr", zarr_format=3, encoding={"t": {"chunks": (4,)}})
    for path in (tmp_path / "a.zarr").rglob("*"):
        os.utime(path, (1, 1))
    settings = Settings.load(data_dir=tmp_path / "data", chunk_cache_nbytes=0, token_check_s=60)
    lane, passed = Server(str(tmp_path / "a.zarr"), settings=settings).app, []
    assert isinstance(lane, FastLane)
    behind = lane.app

    async def counted(scope: Any, receive: Any, send: Any) -> None:
        passed.append(scope.get("path"))
        await behind(scope, receive, send)

    monkeypatch.setattr(lane, "app", counted)
    with running(lane) as url:
        paths = [f"{url}/datasets/a/zarr/t/{key}" for key in ("c/0", "c/1")]
        first = [httpx.get(path) for path in paths]
        passed.clear()
        again = [httpx.get(path) for path in paths]
        if passed:
            pytest.skip("the file system of the tests cannot tell what is in memory")
        assert [one.content for one in again] == [(tmp_path / f"a.zarr/t/c/{i}").read_bytes() for i in range(2)]
        assert [one.headers["etag"] for one in again] == [one.headers["etag"] for one in first]
        (tmp_path / "a.zarr/t/c/1").write_bytes(b"damaged")
        assert httpx.get(paths[0]).content == first[0].content
        refused = httpx.get(paths[1])
        assert (refused.status_code, refused.json()["type"]) == (502, "urn:cloudify:problems/source-changed")
