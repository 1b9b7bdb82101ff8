"""Clients that close their connection before they are answered: what was begun for them ends."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dask.array as da
import httpx
import numpy as np
import xarray as xr

from cloudify import Server
from cloudify.settings import Settings
from cloudify.testing import running

BLOCKS = 400
BLOCK_S = 0.02


def until(holds: Callable[[], Any], seconds: float = 5.0) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@contextmanager
def asking(url: str, path: str) -> Iterator[None]:
    """Ask for something, and leave without having read the answer."""
    host, _, port = url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port))) as sock:
        sock.sendall(f"GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
        yield


def slow(computed: list[int]) -> xr.Dataset:
    """A variable of which each block takes a while, and is too large for two to be read at once."""

    def block(part: np.ndarray) -> np.ndarray:
        computed.append(1)
        time.sleep(BLOCK_S)
        return part

    cells = 2**21
    values = da.zeros((BLOCKS, cells), chunks=(1, cells)).map_blocks(block, dtype="f8", meta=np.empty((0, 0)))
    return xr.Dataset({"t": (("time", "x"), values)}, {"time": np.arange(BLOCKS) // BLOCKS})


def test_a_diagnostic_ends_when_the_last_who_waits_for_it_leaves() -> None:
    computed: list[int] = []
    settings = Settings(max_diagnostic_nbytes=2**40)
    with running(Server({"slow": slow(computed)}, settings=settings).app) as url:
        with asking(url, "/datasets/slow/groupby/t/time/mean?f=nc"):
            until(lambda: computed, 30)
        time.sleep(0.5)  # by then it has been told
        seen = len(computed)
        time.sleep(20 * BLOCK_S)
        assert len(computed) == seen < BLOCKS / 2


def test_a_diagnostic_that_takes_too_long_ends_with_the_reason() -> None:
    computed: list[int] = []
    settings = Settings(max_diagnostic_nbytes=2**40, diagnostic_timeout_s=0.2)
    with running(Server({"slow": slow(computed)}, settings=settings).app) as url:
        answer = httpx.get(f"{url}/datasets/slow/groupby/t/time/mean?f=nc", timeout=30)
        assert (answer.status_code, answer.json()["type"]) == (422, "urn:cloudify:problems/too-slow")
        assert "not computed within 0.2 s" in answer.json()["detail"]
    assert len(computed) < BLOCKS / 2


def test_chunks_beyond_the_queue_are_asked_to_come_again_and_no_other() -> None:
    computed: list[int] = []
    released = threading.Event()

    def block(part: np.ndarray) -> np.ndarray:
        computed.append(1)
        assert released.wait(30)
        return part

    values = da.zeros((12, 2), chunks=(1, 2)).map_blocks(block, dtype="f8", meta=np.empty((0, 0)))
    settings = Settings(read_threads=1, queue=3)
    with running(Server({"slow": xr.Dataset({"t": (("time", "x"), values)})}, settings=settings).app) as url:
        assert httpx.get(f"{url}/datasets/slow/zarr/zarr.json").status_code == 200
        with ThreadPoolExecutor(12) as pool:
            asked = [pool.submit(httpx.get, f"{url}/datasets/slow/zarr/t/c/{i}/0", timeout=60) for i in range(12)]
            until(lambda: sum(one.done() for one in asked) == 8)
            assert httpx.get(f"{url}/health").status_code == 200  # nothing else waits
            released.set()
            answers = [one.result() for one in asked]
    assert sorted(answer.status_code for answer in answers) == [200] * 4 + [503] * 8
    refused = next(answer for answer in answers if answer.status_code == 503)
    assert (refused.json()["type"].rpartition("/")[2], refused.headers["retry-after"]) == ("queue-full", "2")
    assert len(computed) == 4


def test_a_chunk_that_is_not_there_in_time_is_said() -> None:
    def block(part: np.ndarray) -> np.ndarray:
        time.sleep(1)
        return part

    values = da.zeros(2).map_blocks(block, dtype="f8", meta=np.empty(0))
    settings = Settings(chunk_timeout_s=0.1)
    with running(Server({"slow": xr.Dataset({"t": ("x", values)})}, settings=settings).app) as url:
        late = httpx.get(f"{url}/datasets/slow/zarr/t/c/0")
        assert (late.status_code, late.json()["type"].rpartition("/")[2]) == (503, "deadline")
        assert "retry-after" in late.headers


def test_a_file_that_nobody_waits_for_is_not_written_on_and_leaves_nothing(tmp_path: Path) -> None:
    computed: list[int] = []
    settings = Settings(max_subset_nbytes=2**40, data_dir=tmp_path)
    with running(Server({"slow": slow(computed)}, settings=settings).app) as url:
        with asking(url, "/datasets/slow/subset.nc"):
            until(lambda: computed, 30)
        until(lambda: not list((tmp_path / "subsets").iterdir()), 30)
        seen = len(computed)
        time.sleep(20 * BLOCK_S)
        assert len(computed) == seen < BLOCKS / 2


def test_a_file_that_takes_too_long_is_refused_with_the_reason(tmp_path: Path) -> None:
    computed: list[int] = []
    settings = Settings(max_subset_nbytes=2**40, diagnostic_timeout_s=0.2, data_dir=tmp_path)
    with running(Server({"slow": slow(computed)}, settings=settings).app) as url:
        answer = httpx.get(f"{url}/datasets/slow/subset.nc", timeout=30)
        assert (answer.status_code, answer.json()["type"]) == (422, "urn:cloudify:problems/too-slow")
        until(lambda: not list((tmp_path / "subsets").iterdir()), 30)
    assert len(computed) < BLOCKS / 2
