"""The tasks of one chunk: those of dask's own culling, at a cost that is the same among many chunks as among few."""

import sys
from collections.abc import Callable, Iterator
from typing import Any

import dask.array as da
import numpy as np
import pytest
import xarray as xr
from dask.base import tokenize
from dask.blockwise import Blockwise

from cloudify.chunks.block import touched
from cloudify.chunks.evaluate import evaluate
from cloudify.chunks.graph import Graph
from cloudify.chunks.lazy import Blocks
from cloudify.chunks.reductions import Reductions
from cloudify.chunks.symbolic import SymbolicLayer
from cloudify.diagnostics.lazy import lazy_values

FEW, MANY = 100, 5_000


def source(chunks: int) -> xr.DataArray:
    times = xr.date_range("1900-01-01", periods=chunks, freq="h")
    data = da.full((chunks, 4, 4), 300.0, chunks=(1, 4, 4), dtype="float32")
    return xr.DataArray(data, dims=("time", "y", "x"), coords={"time": times})


def groups_less_mean(chunks: int, group: str) -> da.Array:
    groups = source(chunks).groupby(group)
    return (groups - groups.mean().compute(scheduler="sync")).data


def diagnostic(chunks: int) -> da.Array:
    return lazy_values(source(chunks), np.arange(chunks) % 24, 24, "anomaly")


def tuples(chunks: int) -> da.Array:
    """A materialised layer of tuples, as older code makes them."""
    tasks: dict[Any, Any] = {("made", n, 0): (np.full, (1, 4), n) for n in range(chunks)}
    return da.Array(tasks, "made", ((1,) * chunks, (4,)), dtype="int64")


def rows(chunks: int) -> da.Array:
    return source(chunks).data[:, 0, :]


BUILDS: dict[str, Callable[[int], da.Array]] = {
    "elementwise": lambda n: (source(n).data - 273.15) * 1.8 + 32,
    "anomaly of groups": lambda n: groups_less_mean(n, "time.hour"),
    "lazy mean": lambda n: (source(n) - source(n).mean("time")).data,
    "diagnostic": diagnostic,
    "tuples": tuples,
    "overlap": lambda n: rows(n).map_overlap(lambda b: b + 1, depth={0: 1}, boundary="none", dtype="float32"),
    "rechunked": lambda n: rows(n).rechunk((2, 4)),
    "concatenated": lambda n: da.concatenate([rows(n)[: n // 2], rows(n)[n // 2 :]]),
}


def calls(work: Callable[[], Any]) -> int:
    """Count the calls of functions, those of C as well."""
    counted = 0

    def count(_frame: Any, event: str, _arg: Any) -> None:
        nonlocal counted
        counted += event in {"call", "c_call"}

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        work()
    finally:
        sys.setprofile(before)
    return counted


@pytest.mark.parametrize("build", BUILDS.values(), ids=BUILDS.keys())
def test_one_chunk_costs_as_much_among_many_as_among_few(build: Callable[[int], da.Array]) -> None:
    """Counted, not timed: tasks, and calls of functions when one has been read before."""
    costs = []
    for chunks in (FEW, MANY):
        array = build(chunks)
        blocks = Blocks(array, "v", Reductions())

        def read(number: int, array: da.Array = array, blocks: Blocks = blocks) -> None:
            start = sum(array.chunks[0][:number])
            region = (slice(start, start + array.chunks[0][number]), *(slice(0, n) for n in array.shape[1:]))
            keys, mosaic = touched(blocks, region)
            mosaic.joined(evaluate(blocks.tasks(keys), keys))

        read(31)
        costs.append((len(blocks.tasks([(array.name, 31, *(0,) * (array.ndim - 1))])), calls(lambda: read(31))))
    (few_tasks, few_calls), (many_tasks, many_calls) = costs
    assert few_tasks == many_tasks <= 16
    assert many_calls <= 1.05 * few_calls


def layers() -> Iterator[Blockwise]:
    arrays = [
        (source(12).data - 273.15) * 1.8 + da.arange(4, chunks=4),
        da.from_array(np.arange(24.0).reshape(4, 6), chunks=(2, 3)) @ da.ones((6, 2), chunks=3),
        source(6).data.map_blocks(lambda b, block_id=None: b + sum(block_id), dtype="float32"),
        source(6).data.map_blocks(lambda b: b[None], new_axis=0, chunks=(1, 1, 4, 4), dtype="float32"),
        source(6).data.mean(axis=(0, 1)),
        da.random.default_rng(1).normal(size=(6, 4), chunks=(2, 2)),
        da.from_array(np.array(3.5)) * da.from_array(np.arange(6), chunks=2),
    ]
    for array in arrays:
        yield from (layer for layer in array.dask.layers.values() if isinstance(layer, Blockwise))


def test_tasks_made_of_a_pattern_are_those_that_dask_makes() -> None:
    """What we use of dask's private parts still is what it was."""
    made = 0
    for layer in layers():
        own = dict(SymbolicLayer(layer).tasks(list(dict(layer))))
        assert own.keys() == dict(layer).keys()
        for key, task in own.items():
            theirs = layer[key]
            assert (task.key, task.dependencies) == (theirs.key, theirs.dependencies)
            assert tokenize(task.func, task.args, task.kwargs) == tokenize(theirs.func, theirs.args, theirs.kwargs)
            made += 1
    assert made > 50


def test_tasks_are_those_of_culling() -> None:
    for build in BUILDS.values():
        array = build(48)
        key = (array.name, 7, *(0,) * (array.ndim - 1))
        assert Graph(array).tasks([key]).keys() == dict(array.dask.cull({key})).keys()


def test_what_ends_the_walk_is_left_out_with_all_that_only_it_needs() -> None:
    array = (source(20) - source(20).mean("time")).data
    graph = Graph(array)
    everything = graph.tasks([(array.name, 3, 0, 0)])
    mean = next(key for key in everything if key[0].startswith("mean_agg"))
    rest = graph.tasks([(array.name, 3, 0, 0)], ends={mean})
    assert len(everything) > 40
    assert len(rest) < 6
    assert mean not in rest


def test_keys_are_told_from_what_only_looks_like_one() -> None:
    array = groups_less_mean(30, "time.hour")
    graph = Graph(array)
    assert (array.name, 29, 0, 0) in graph
    for stranger in (
        (array.name, 30, 0, 0),
        (array.name, -1, 0, 0),
        (array.name, 0),
        (array.name, "0", 0, 0),
        array.name,
    ):
        assert stranger not in graph
    assert all(key in graph for key in graph.tasks([(array.name, 3, 0, 0)]))
    with pytest.raises(KeyError):
        graph.tasks(["nothing"])
