"""A chunk for a cluster: one task, encoded by the worker, and only where that pays."""

import time
from pathlib import Path
from typing import Any

import dask.array as da
import httpx
import numpy as np
import pytest
import xarray as xr

from cloudify import Server
from cloudify.chunks import pace
from cloudify.chunks.codec import Codec
from cloudify.chunks.hierarchy import Hierarchy
from cloudify.cluster import connection
from cloudify.cluster.cluster import Cluster
from cloudify.cluster.loop import LOOP
from cloudify.settings import Settings
from cloudify.testing import running

BUILD: dict[str, Any] = {
    "token": "t", "codec": Codec("zstd"), "stored": False, "chunk_nbytes": 2**20, "max_chunk_nbytes": 2**20
}  # fmt: skip


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[tuple[dict[Any, Any], list[Any], Any]]:
    """Each submission: the graph, the keys and what came back."""
    seen = []
    evaluate = Cluster.evaluate

    def noted(self: Cluster, graph: Any, keys: Any) -> Any:
        values = evaluate(self, graph, keys)
        seen.append((graph, keys, values))
        return values

    monkeypatch.setattr(Cluster, "evaluate", noted)
    return seen


def at(cluster: Any) -> Settings:
    return Settings(dask_address=cluster.address)


def test_a_chunk_is_one_task_and_comes_back_encoded(cluster: Any, sent: list[Any]) -> None:
    values = da.from_array(np.arange(24.0).reshape(6, 4), chunks=(2, 4))
    ds = xr.Dataset({"v": (("y", "x"), (values - 1) * 2 + values)})
    with running(Server({"a": ds}, settings=at(cluster)).app) as url:
        data = httpx.get(f"{url}/datasets/a/zarr/v/c/1/0", timeout=60).content
    ((graph, keys, values),) = sent
    assert len(graph) == len(keys) == 1
    assert values == [data]
    expected = Hierarchy.build({"/": ds}, **BUILD).find("v/c/1/0")
    assert data == expected.read()


def test_workers_that_do_not_have_our_version_send_values(
    cluster: Any, sent: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Cluster, "encodes", lambda _: False)
    values = da.from_array(np.arange(24.0).reshape(6, 4), chunks=(2, 4))
    ds = xr.Dataset({"v": (("y", "x"), values - values.mean(axis=0))})
    with running(Server({"a": ds}, settings=at(cluster)).app) as url:
        data = httpx.get(f"{url}/datasets/a/zarr/v/c/1/0", timeout=60).content
    assert data == Hierarchy.build({"/": ds}, **BUILD).find("v/c/1/0").read()
    _, (graph, keys, found) = sent  # the mean, and the chunk
    assert keys == [(ds["v"].data.name, 1, 0)]
    assert set(keys) < set(graph)
    np.testing.assert_array_equal(found[0], values.compute()[2:4] - values.compute().mean(axis=0))


@pytest.mark.parametrize(("package", "expected"), [(connection.OURS, True), ("of-somebody-else", False)])
def test_whether_workers_have_our_version_is_asked_when_connecting(
    cluster: Any, monkeypatch: pytest.MonkeyPatch, package: str, expected: bool
) -> None:
    monkeypatch.setattr(connection, "OURS", package)
    connected = connection.Connection(cluster.address)
    try:
        assert LOOP.run(connected.encodes(connect_s=20), 20) is expected
    finally:
        LOOP.run(connected.close(), 10)


def test_of_a_chunk_of_many_tasks_the_cluster_gets_each(cluster: Any, sent: list[Any]) -> None:
    values = da.from_array(np.arange(400.0).reshape(100, 4), chunks=(1, 4))
    ds = xr.Dataset({"v": ("x", values.sum(axis=0))})
    with running(Server({"a": ds}, settings=at(cluster)).app) as url:
        data = httpx.get(f"{url}/datasets/a/zarr/v/c/0", timeout=60).content
    ((graph, keys, values),) = sent
    assert len(graph) > 200
    assert (len(keys), values) == (1, [data])
    assert data == Hierarchy.build({"/": ds}, **BUILD).find("v/c/0").read()


def test_a_reduction_is_computed_there_once(cluster: Any, tmp_path: Path) -> None:
    def block(numbers: np.ndarray) -> np.ndarray:
        with (tmp_path / "read").open("a") as file:  # workers are processes
            file.write("x")
        return numbers + 1

    source = da.from_array(np.arange(60.0).reshape(20, 3), chunks=(1, 3))
    values = source.map_blocks(block, dtype="float64", meta=np.empty((0, 0)))
    ds = xr.Dataset({"v": (("y", "x"), values - values.mean(axis=0))})
    with running(Server({"a": ds}, settings=at(cluster)).app) as url:
        store = f"{url}/datasets/a/zarr"
        with xr.open_dataset(store, engine="zarr", zarr_format=3, chunks=None) as served:
            np.testing.assert_array_equal(served["v"], (np.arange(20)[:, None] - 9.5) * 3 * np.ones(3))
    assert (tmp_path / "read").stat().st_size == 40


def catalog(folder: Path) -> Path:
    for number in range(6):
        values = np.full((1, 2), float(number))
        xr.Dataset({"v": (("t", "x"), values)}, {"t": [number]}).to_netcdf(folder / f"part{number}.nc")
    entries = "".join(
        f"  {place}: {{href: 'part*.nc', driver: series, options: {{dim: t}}, compute: {place}}}\n"
        for place in ("auto", "cluster", "server")
    )
    (folder / "catalog.yaml").write_text(f"cloudify: 1\ndatasets:\n{entries}")
    return folder / "catalog.yaml"


@pytest.mark.parametrize(("slow_s", "of_auto"), [(0.0, 3), (60.0, 0)], ids=["slow chunks", "quick chunks"])
def test_an_entry_says_where_its_chunks_are_computed_or_that_is_measured(
    cluster: Any, sent: list[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, slow_s: float, of_auto: int
) -> None:
    """The first three of six are measured."""
    monkeypatch.setattr(pace, "SLOW_S", slow_s)
    counts = {}
    settings = Settings(dask_address=cluster.address, chunk_cache_nbytes=0)  # they are the same bytes
    with running(Server(catalog(tmp_path), settings=settings).app) as url:
        for place in ("auto", "cluster", "server"):
            before = len(sent)
            for number in range(6):
                answer = httpx.get(f"{url}/datasets/{place}/zarr/v/c/{number}/0", timeout=60)
                assert answer.status_code == 200
            counts[place] = len(sent) - before
            with xr.open_dataset(f"{url}/datasets/{place}/zarr", engine="zarr", zarr_format=3) as ds:
                assert ds["v"].values.tolist() == [[float(n)] * 2 for n in range(6)]
    assert counts == {"auto": of_auto, "cluster": 6, "server": 0}


def test_what_takes_long_once_is_not_taken_for_slow() -> None:
    waits = iter([0.3, 0.0, 0.3, 0.3, 0.3])

    def block(numbers: np.ndarray) -> np.ndarray:
        time.sleep(next(waits))
        return numbers

    values = da.zeros((5, 2), chunks=(1, 2)).map_blocks(block, dtype="float64", meta=np.empty((0, 0)))
    hierarchy = Hierarchy.build({"/": xr.Dataset({"v": (("y", "x"), values)})}, **BUILD)
    chunks = [hierarchy.find(f"v/c/{n}/0") for n in range(5)]
    for chunk in chunks:
        assert not chunk.suits_cluster
        chunk.read()
    assert not chunks[0].suits_cluster


def test_what_comes_out_of_memory_never_suits_a_cluster() -> None:
    hierarchy = Hierarchy.build({"/": xr.Dataset({"v": ("x", [1.0, 2.0])})}, **BUILD, compute="cluster")
    assert not hierarchy.find("v/c/0").suits_cluster
