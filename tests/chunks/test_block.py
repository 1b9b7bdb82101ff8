"""Regions of a dask array equal those of the array as a whole, whatever its blocks are."""

from itertools import product

import dask.array as da
import numpy as np
import pytest
import xarray as xr

from cloudify.chunks.block import block_edges, read_region

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


@pytest.mark.parametrize("chunks", CHUNKS.values(), ids=CHUNKS.keys())
def test_regions_equal_those_of_the_whole(chunks: tuple[tuple[int, ...], ...]) -> None:
    variable = xr.Variable(("y", "x"), da.from_array(VALUES, chunks=chunks) + 1)
    edges = block_edges(variable)
    for region in REGIONS:
        np.testing.assert_array_equal(read_region(variable, region, edges), VALUES[region] + 1)


def test_only_the_blocks_touched_are_evaluated() -> None:
    seen = []

    def block(block_info: dict[int, dict[str, tuple[int, ...]]]) -> np.ndarray:
        seen.append(block_info[None]["chunk-location"])
        return np.zeros((5, 7))

    array = da.map_blocks(block, chunks=((5,) * 5, (7,)), dtype="float64", meta=np.empty((0, 0)))
    variable = xr.Variable(("y", "x"), array)
    read_region(variable, (slice(8, 12), slice(0, 7)), block_edges(variable))
    assert sorted(seen) == [(1, 0), (2, 0)]


def test_a_scalar_is_read_with_and_without_dask() -> None:
    for data in (np.array(3.5), da.from_array(np.array(3.5))):
        variable = xr.Variable((), data)
        assert read_region(variable, (), block_edges(variable)) == 3.5
    text = xr.Variable((), da.from_array(np.array("nord")))
    assert isinstance(read_region(text, (), block_edges(text)), np.ndarray)
