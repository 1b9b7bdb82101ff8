"""Chunks of lazy datasets, computed on a cluster in other processes."""

import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import dask.array as da
import httpx
import numpy as np
import psutil
import pytest
import xarray as xr

from cloudify import Server
from cloudify.cluster.cluster import Cluster
from cloudify.errors import ClusterUnavailableError
from cloudify.settings import Settings
from cloudify.testing import running

NOBODY = "tcp://127.0.0.1:1"
EMPTY = np.empty((0, 0))


def at(address: str, **settings: Any) -> Settings:
    return Settings(dask_address=address, **settings)


def chunk(url: str, key: str) -> httpx.Response:
    return httpx.get(f"{url}/datasets/a/zarr/{key}", timeout=60)


def values(url: str) -> xr.Dataset:
    with xr.open_dataset(f"{url}/datasets/a/zarr", engine="zarr", zarr_format=3, chunks=None) as ds:
        return ds.load()


def until(condition: Callable[[], Any], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def pids(blocks: int = 4) -> xr.Dataset:
    """The id of the process that computed a block, in every element of it."""

    def own_pid(block: np.ndarray) -> np.ndarray:
        return np.full_like(block, os.getpid())

    data = da.zeros((blocks, 3), chunks=(1, 3), dtype="int64").map_blocks(own_pid, dtype="int64", meta=EMPTY)
    return xr.Dataset({"pid": (("y", "x"), data)})


def test_chunks_are_computed_by_the_workers(cluster: Any) -> None:
    with running(Server({"a": pids()}, settings=at(cluster.address)).app) as url:
        found = set(values(url)["pid"].values.ravel().tolist())
    workers = {process.pid for process in psutil.Process(cluster.pid).children(recursive=True)}
    assert found <= workers
    assert os.getpid() not in found


def test_without_an_address_chunks_are_computed_in_the_server() -> None:
    with running(Server({"a": pids()}).app) as url:
        assert set(values(url)["pid"].values.ravel().tolist()) == {os.getpid()}


def test_values_and_bytes_equal_those_computed_here(cluster: Any, tmp_path: Path) -> None:
    """Elementwise, a reduction over all blocks, irregular blocks, a file opened lazily, text and a scalar."""
    rng = np.random.default_rng(4)
    source = xr.Dataset({"t": (("time", "x"), rng.normal(280, 9, (12, 50)).astype("float32"))})
    source.to_netcdf(tmp_path / "t.nc")
    ds = xr.open_dataset(tmp_path / "t.nc", chunks={"time": 5})
    ds["anomaly"] = ds["t"] - ds["t"].mean("time")
    ds["irregular"] = (("n", "m"), da.from_array(rng.normal(size=(25, 7)), chunks=((7, 10, 8), (3, 4))) / 3)
    ds["name"] = ("n", da.from_array(np.array([f"Ort {n}" for n in range(25)], dtype=object), chunks=9))
    ds["scalar"] = ((), da.from_array(np.array(3.5)) * 2)
    keys = ["t/c/0/0", "t/c/2/0", "anomaly/c/1/0", "irregular/c/0/0", "irregular/c/1/1", "name/c/2", "scalar/c"]
    with running(Server({"a": ds}).app) as url:
        expected = {key: chunk(url, key).content for key in keys}
    with running(Server({"a": ds}, settings=at(cluster.address)).app) as url:
        found = {key: chunk(url, key) for key in keys}
    assert {answer.status_code for answer in found.values()} == {200}
    assert {key: answer.content for key, answer in found.items()} == expected


def test_64_readers_of_one_cold_chunk_compute_it_once(cluster: Any, tmp_path: Path) -> None:
    def block(numbers: np.ndarray) -> np.ndarray:
        with (tmp_path / "computed").open("a") as file:  # workers are processes: a list of theirs is not ours
            file.write(f"{numbers.shape}\n")
        time.sleep(0.3)
        return numbers + 1

    data = da.zeros((4, 8), chunks=(1, 8), dtype="float32").map_blocks(block, dtype="float32", meta=EMPTY)
    ds = xr.Dataset({"v": (("y", "x"), data)})
    app = Server({"a": ds}, settings=at(cluster.address)).app
    with running(app) as url, ThreadPoolExecutor(64) as pool:
        answers = list(pool.map(lambda key: chunk(url, key), ["v/c/2/0", "v/2.0"] * 32))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.content for answer in answers}) == 1
    assert (tmp_path / "computed").read_text() == "(1, 8)\n"


def test_64_chunks_at_once_do_not_wait_for_each_other_in_circles(cluster: Any) -> None:
    with running(Server({"a": pids(64)}, settings=at(cluster.address, dask_chunks=4)).app) as url:
        with ThreadPoolExecutor(64) as pool:
            answers = list(pool.map(lambda n: chunk(url, f"pid/c/{n}/0"), range(64)))
        assert {answer.status_code for answer in answers} == {200}


def test_only_the_blocks_of_a_chunk_are_sent(cluster: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """One submission, whose graph does not grow with the number of chunks."""
    sent = []
    evaluate = Cluster.evaluate

    def counted(self: Cluster, graph: Any, keys: Any) -> Any:
        sent.append((len(graph), len(keys)))
        return evaluate(self, graph, keys)

    monkeypatch.setattr(Cluster, "evaluate", counted)
    for blocks in (10, 10_000):
        with running(Server({"a": pids(blocks)}, settings=at(cluster.address)).app) as url:
            assert chunk(url, "pid/c/7/0").status_code == 200
    assert sent[0] == sent[1] == (sent[0][0], 1)
    assert sent[0][0] < 5


def test_what_a_graph_raises_on_a_worker_is_a_chunk_that_cannot_be_read(cluster: Any) -> None:
    def block(numbers: np.ndarray) -> np.ndarray:
        raise TimeoutError(numbers.shape)  # the function's own, not the cluster's

    data = da.zeros((2, 2), chunks=(1, 2)).map_blocks(block, dtype="float64", meta=EMPTY)
    ds = xr.Dataset({"v": (("y", "x"), data)})
    with running(Server({"a": ds}, settings=at(cluster.address)).app) as url:
        answer = chunk(url, "v/c/0/0")
        assert answer.status_code == 502
        assert answer.json()["type"] == "urn:cloudify:problems/unreadable-chunk"
        assert "TimeoutError" in answer.json()["detail"]


def test_a_worker_that_dies_is_replaced(cluster: Any, tmp_path: Path) -> None:
    def block(numbers: np.ndarray) -> np.ndarray:
        died = tmp_path / "died"
        if not died.exists():
            died.touch()
            os._exit(1)
        return numbers + 7

    data = da.zeros((2, 2), chunks=(1, 2)).map_blocks(block, dtype="float64", meta=EMPTY)
    ds = xr.Dataset({"v": (("y", "x"), data)})
    with running(Server({"a": ds}, settings=at(cluster.address)).app) as url:
        np.testing.assert_array_equal(values(url)["v"], np.full((2, 2), 7.0))
    assert (tmp_path / "died").exists()
    until(lambda: Cluster(cluster.address, connect_s=20, chunk_s=1).workers() == 2)


def test_a_graph_that_cannot_be_sent_is_computed_here(cluster: Any) -> None:
    lock = threading.Lock()

    def block(numbers: np.ndarray) -> np.ndarray:
        with lock:
            return numbers + os.getpid()

    data = da.zeros((2, 2), chunks=(1, 2)).map_blocks(block, dtype="float64", meta=EMPTY)
    ds = xr.Dataset({"v": (("y", "x"), data)})
    with running(Server({"a": ds}, settings=at(cluster.address)).app) as url:
        np.testing.assert_array_equal(values(url)["v"], np.full((2, 2), float(os.getpid())))


def test_a_chunk_that_takes_too_long_is_given_up(cluster: Any) -> None:
    def block(numbers: np.ndarray) -> np.ndarray:
        time.sleep(2)
        return numbers

    data = da.zeros((2, 2), chunks=(1, 2)).map_blocks(block, dtype="float64", meta=EMPTY)
    ds = xr.Dataset({"v": (("y", "x"), data)})
    assert Cluster(cluster.address, connect_s=20, chunk_s=1).workers() == 2
    with running(Server({"a": ds}, settings=at(cluster.address, dask_connect_s=0.4, dask_chunk_s=0.1)).app) as url:
        answer = chunk(url, "v/c/0/0")
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
        assert answer.json()["detail"] == "the Dask cluster did not compute this chunk within 0.1 s"


def test_a_cluster_that_is_away_is_no_fill_value_and_keeps_nothing_else_waiting() -> None:
    ds = pids().assign(stored=(("y", "x"), np.arange(12.0).reshape(4, 3)))
    app = Server({"a": ds}, settings=at(NOBODY, dask_connect_s=1.5, read_threads=1, dask_chunks=4)).app
    with running(app) as url, ThreadPoolExecutor(16) as pool:
        waiting = [pool.submit(chunk, url, f"pid/c/{n % 4}/0") for n in range(16)]
        assert chunk(url, "stored/c/0/0").status_code == 200
        assert not any(asked.done() for asked in waiting)
        answers = [asked.result(timeout=10) for asked in waiting]  # one tried to connect, nobody after it
        threads = threading.active_count()
        answers += [chunk(url, "pid/c/0/0") for _ in range(20)]
        answers.append(httpx.get(f"{url}/ready", timeout=10))
        for answer in answers:
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
            assert answer.json()["type"] == "urn:cloudify:problems/cluster-unavailable"
            assert "127.0.0.1" not in answer.text
        assert httpx.get(f"{url}/health").status_code == 200
        assert threading.active_count() <= threads + 1  # attempts leave no thread behind


@pytest.mark.parametrize("address", ["tls://127.0.0.1:1", "tcp://[::1]:1", "inproc://10.0.0.1/1/1"])
def test_an_address_without_a_scheduler_is_a_cluster_that_is_away(address: str) -> None:
    with pytest.raises(ClusterUnavailableError):
        Cluster(address, connect_s=0.3, chunk_s=1).workers()


def test_a_scheduler_that_was_killed_and_came_back_works_without_a_restart(cluster: Any) -> None:
    with running(Server({"a": pids(8)}, settings=at(cluster.address, dask_connect_s=1)).app) as url:
        assert chunk(url, "pid/c/0/0").status_code == 200
        assert httpx.get(f"{url}/ready").json() == {"status": "ready", "datasets": 1, "workers": 2}
        cluster.kill()
        answer = chunk(url, "pid/c/1/0")
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
        assert chunk(url, "pid/c/0/0").status_code == 200  # computed before, and kept
        assert httpx.get(f"{url}/ready", timeout=10).status_code == 503
        cluster.start()
        until(lambda: chunk(url, "pid/c/1/0").status_code == 200)
        assert httpx.get(f"{url}/ready").json()["workers"] == 2


def test_a_scheduler_killed_during_a_chunk_is_told_at_once(cluster: Any, tmp_path: Path) -> None:
    def block(numbers: np.ndarray) -> np.ndarray:
        (tmp_path / "begun").touch()
        time.sleep(60)
        return numbers

    data = da.zeros((2, 2), chunks=(1, 2)).map_blocks(block, dtype="float64", meta=EMPTY)
    ds = xr.Dataset({"v": (("y", "x"), data)})
    with running(Server({"a": ds}, settings=at(cluster.address)).app) as url, ThreadPoolExecutor(1) as pool:
        asked = pool.submit(chunk, url, "v/c/0/0")
        until((tmp_path / "begun").exists)
        cluster.kill()
        answer = asked.result(timeout=10)
        assert answer.status_code == 503
        assert answer.json()["detail"].startswith("the Dask cluster was lost")
    cluster.start()
