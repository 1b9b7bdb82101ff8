"""Regions of a dask array equal those of the array as a whole, whatever its blocks are."""

from itertools import product

import dask.array as da
import numpy as np
import pytest

from cloudify.chunks.block import touched
from cloudify.chunks.evaluate import evaluate
from cloudify.chunks.lazy import Blocks
from cloudify.chunks.reductions import Reductions

VALUES = np.arange(25 * 7, dtype="int32").reshape(25, 7)
CHUNKS = {
    "uniform": ((10, 10, 5), (7,)),
    "irregular": ((7, 10, 8), (3, 4)),
    "single elements": ((1,) * 25, (1,) * 7),
    "with empty blocks": ((0, 7, 0, 18, 0), (7,)),
}
REGIONS = [
    (slice(a, b), slice(c, d))
    for (a, b), (c, d) in product([(0, 25), (0, 10), (7, 17), (24, 25), (6, 8)], [(0, 7), (2, 4), (6, 7)])
]


def read_region(array: da.Array, region: tuple[slice, ...]) -> np.ndarray:
    blocks = Blocks(array, "v", Reductions())
    keys, mosaic = touched(blocks, region)
    return mosaic.joined(evaluate(blocks.tasks(keys), keys))


@pytest.mark.parametrize("chunks", CHUNKS.values(), ids=CHUNKS.keys())
def test_regions_equal_those_of_the_whole(chunks: tuple[tuple[int, ...], ...]) -> None:
    array = da.from_array(VALUES, chunks=chunks) + 1
    for region in REGIONS:
        np.testing.assert_array_equal(read_region(array, region), VALUES[region] + 1)


def test_only_the_blocks_touched_are_evaluated() -> None:
    seen = []

    def block(block_info: dict[int, dict[str, tuple[int, ...]]]) -> np.ndarray:
        seen.append(block_info[None]["chunk-location"])
        return np.zeros((5, 7))

    array = da.map_blocks(block, chunks=((5,) * 5, (7,)), dtype="float64", meta=np.empty((0, 0)))
    read_region(array, (slice(8, 12), slice(0, 7)))
    assert sorted(seen) == [(1, 0), (2, 0)]


def test_a_scalar_stays_an_array() -> None:
    assert read_region(da.from_array(np.array(3.5)), ()) == 3.5
    assert isinstance(read_region(da.from_array(np.array("nord")), ()), np.ndarray)
