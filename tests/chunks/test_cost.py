"""The cost of metadata and of one chunk does not grow with the number of chunks."""

import time
from concurrent.futures import ThreadPoolExecutor

import dask.array as da
import httpx
import numpy as np
import xarray as xr

from cloudify import Server
from cloudify.testing import running


def lazy(chunks: int) -> xr.Dataset:
    """(x - 273.15) * 1.8 + 32 over `chunks` chunks of 16 x 16."""
    values = da.full((chunks, 16, 16), 300.0, chunks=(1, 16, 16), dtype="float32")
    return xr.Dataset({"t": (("time", "y", "x"), (values - 273.15) * 1.8 + 32)}, coords={"time": np.arange(chunks)})


def test_metadata_of_100_000_chunks_takes_at_most_100_ms_of_cpu() -> None:
    """First request, the whole process: the server runs in a thread of this one, so that all of its CPU counts."""
    with running(Server({"warm": lazy(10), "big": lazy(100_000)}).app) as url, httpx.Client(base_url=url) as client:
        assert client.get("/datasets/warm/zarr/zarr.json").status_code == 200
        before = time.process_time()
        answer = client.get("/datasets/big/zarr/zarr.json")
        spent_s = time.process_time() - before
        array = answer.json()["consolidated_metadata"]["metadata"]["t"]
        assert array["shape"] == [100_000, 16, 16]
        assert array["chunk_grid"]["configuration"]["chunk_shape"] == [1, 16, 16]
        assert spent_s <= 0.1


def test_64_readers_of_one_cold_chunk_compute_it_once() -> None:
    computed = []

    def block(values: np.ndarray) -> np.ndarray:
        computed.append(values.shape)
        time.sleep(0.2)  # long enough for all of them to arrive
        return values + 1

    data = da.zeros((4, 8), chunks=(1, 8), dtype="float32").map_blocks(block, dtype="float32", meta=np.empty((0, 0)))
    ds = xr.Dataset({"v": (("y", "x"), data)})
    with running(Server({"a": ds}).app) as url, ThreadPoolExecutor(64) as pool:
        assert httpx.get(f"{url}/datasets/a/zarr/zarr.json").status_code == 200
        keys = [f"{url}/datasets/a/zarr/v/{key}" for key in ("c/2/0", "2.0") * 32]
        answers = list(pool.map(httpx.get, keys))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.content for answer in answers}) == 1
    assert computed == [(1, 8)]
