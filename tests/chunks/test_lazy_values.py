"""What is computed chunk by chunk is, bit for bit, what dask computes of the whole array."""

import operator
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import pytest
import xarray as xr
from dask import delayed
from dask.array.core import slices_from_chunks
from dask.highlevelgraph import HighLevelGraph

from cloudify.chunks.block import touched
from cloudify.chunks.evaluate import evaluate
from cloudify.chunks.lazy import Blocks
from cloudify.chunks.reductions import Reductions

TIMES = 36
VALUES = np.random.default_rng(7).normal(280, 9, (TIMES, 6, 8)).astype("float32")
Build = Callable[[], da.Array]


def source(chunks: Any = (1, 3, 8)) -> da.Array:
    return da.from_array(VALUES, chunks=chunks) * np.float32(1)


def dataset() -> xr.DataArray:
    times = xr.date_range("2001-01-01", periods=TIMES, freq="MS")
    return xr.DataArray(source(), dims=("time", "y", "x"), coords={"time": times})


def anomaly(*, lazy: bool) -> da.Array:
    groups = dataset().groupby("time.month")
    mean = groups.mean()
    return (groups - (mean if lazy else mean.compute())).data


def legacy() -> da.Array:
    """Tuples as tasks, nested lists of keys, a key that stands for another, and a value."""
    tasks: dict[Any, Any] = {
        "all": (np.arange, 12),
        "same": "all",
        ("part", 0): (operator.getitem, "same", (slice, 0, 5)),
        ("part", 1): (operator.getitem, "all", (slice, 5, 12)),
        ("sum", 0): (np.concatenate, [("part", 0), [100, 200]]),
        ("sum", 1): (np.add, ("part", 1), (sum, [1, (len, ("part", 0))])),
        ("sum", 2): np.array([7, 8]),
    }
    graph = HighLevelGraph.from_collections("sum", tasks, dependencies=[])
    return da.Array(graph, "sum", ((7, 7, 2),), dtype="int64")


def from_delayed() -> da.Array:
    make = delayed(lambda n: np.full((2, 3), n / 3))
    return da.concatenate([da.from_delayed(make(n), (2, 3), "float64") for n in range(9)]) + 1


def text() -> da.Array:
    names = np.array([f"Ort {'ä' * n}" for n in range(10)], dtype=object)
    return da.from_array(names, chunks=4).map_blocks(lambda block: block + "!", dtype=object)


def with_empty_blocks() -> da.Array:
    return da.from_array(VALUES[:, 0, 0], chunks=((0, 10, 0, 26, 0),)) / 3


CASES: dict[str, Build] = {
    "elementwise": lambda: (source() - 273.15) * 1.8 + 32,
    "broadcast": lambda: source() * da.from_array(np.arange(8.0), chunks=8) + da.arange(6, chunks=3)[:, None],
    "mean in time": lambda: source() - source().mean(axis=0),
    "mean of all": lambda: source() - source().mean(),
    "mean and standard deviation": lambda: (source() - source().mean(axis=0)) / source().std(axis=0),
    "deviation from what deviates": lambda: source() / (source() - source().mean(axis=0)).std(axis=0),
    "a reduction itself": lambda: source().max(axis=0),
    "along the last axis": lambda: source().sum(axis=2, keepdims=True),
    "anomaly": lambda: anomaly(lazy=False),
    "lazy anomaly": lambda: anomaly(lazy=True),
    "anomaly of a resampled mean": lambda: dataset().resample(time="QS").mean().data,
    "rolling": lambda: dataset().rolling(time=3).mean().data,
    "rechunked to larger": lambda: source().rechunk((12, 6, 4)),
    "rechunked to smaller": lambda: source((36, 6, 8)).rechunk((5, 2, 3)) + 1,
    "overlap": lambda: source((9, 6, 8)).map_overlap(lambda b: b + b.mean(), depth={0: 1}, boundary="reflect"),
    "stacked": lambda: da.stack([source(), source() + 1, source() * 2], axis=1),
    "concatenated": lambda: da.concatenate([source()[:7], source()[3:] + 1]),
    "cumulated": lambda: source().cumsum(axis=0),
    "taken": lambda: source()[np.array([5, 3, 3, 35, 0]), :, ::-2],
    "transposed": lambda: source().T + 1,
    "reshaped": lambda: source().reshape(TIMES, 48),
    "product of matrices": lambda: source()[:, :, 0] @ source()[:6, 0, :],
    "shuffled": lambda: da.shuffle(source(), [[1, 5], [0, 2, 3], [30, 35]], axis=0),
    "gufunc": lambda: da.apply_gufunc(lambda b: np.sort(b, axis=-1), "(i)->(i)", source(), output_dtypes="float32"),
    "block info": lambda: source().map_blocks(
        lambda b, block_info=None: b + block_info[0]["chunk-location"][0], dtype="float32"
    ),
    "from delayed": from_delayed,
    "tuples as tasks": legacy,
    "random": lambda: da.random.default_rng(3).normal(size=(20, 6), chunks=(3, 4)),
    "text": text,
    "fixed text": lambda: da.from_array(np.array(["a", "bc", "d"]), chunks=2),
    "empty blocks": with_empty_blocks,
    "irregular": lambda: source(((5, 20, 11), (1, 5), (3, 4, 1))) + 1,
    "scalar": lambda: source().mean() * 2,
    "persisted": lambda: source().persist(scheduler="sync") + 1,
}


@pytest.mark.parametrize("build", CASES.values(), ids=CASES.keys())
def test_each_block_equals_that_of_the_whole(build: Build) -> None:
    array = build()
    expected = array.compute(scheduler="sync")
    blocks = Blocks(array, "v", Reductions())
    for region in slices_from_chunks(array.chunks):
        if not expected[region].size and array.ndim:
            continue  # no chunk is empty
        keys, mosaic = touched(blocks, region)
        found = mosaic.joined(evaluate(blocks.tasks(keys), keys))
        assert (found.dtype, found.shape) == (array.dtype, expected[region].shape)
        if array.dtype == object:
            assert found.tolist() == expected[region].tolist()
        else:
            assert found.tobytes() == expected[region].tobytes()


def test_a_file_read_lazily_equals_what_is_in_it(tmp_path: Path) -> None:
    xr.Dataset({"t": (("time", "y", "x"), VALUES)}).to_netcdf(tmp_path / "t.nc")
    with xr.open_dataset(tmp_path / "t.nc", chunks={"time": 5}) as ds:
        blocks = Blocks(ds["t"].data, "t", Reductions())
        keys, mosaic = touched(blocks, (slice(5, 10), slice(0, 6), slice(0, 8)))
        np.testing.assert_array_equal(mosaic.joined(evaluate(blocks.tasks(keys), keys)), VALUES[5:10])
