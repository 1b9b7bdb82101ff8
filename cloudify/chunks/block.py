"""The elements of one chunk, read from wherever they are, at a cost that does not grow with the number of chunks."""

from collections.abc import Callable, Mapping, Sequence
from itertools import product
from typing import Any

import numpy as np
import xarray as xr
from dask.local import get_sync

from cloudify.chunks.encode import Block

Evaluate = Callable[[Mapping[Any, Any], Sequence[Any]], Sequence[Any]]
"""Computes keys of a culled graph: ``get_sync`` here, a cluster's elsewhere."""


def read_region(
    variable: xr.Variable, region: tuple[slice, ...], edges: Sequence[Block] | None, evaluate: Evaluate = get_sync
) -> Block:
    """Return the elements of `region`.

    Parameters
    ----------
    region
        One slice with start and stop for each dimension.
    edges
        `block_edges` of the variable.
    evaluate
        What computes blocks of a dask graph.
    """
    if edges is None:
        return np.asarray(variable[region].values)
    return _read_blocks(variable.data, region, edges, evaluate)


def block_edges(variable: xr.Variable) -> tuple[Block, ...] | None:
    """Return where dask's blocks begin and end along each dimension, None for a variable without dask."""
    if variable.chunks is None:
        return None
    return tuple(np.cumsum((0, *sizes)) for sizes in variable.chunks)


def _read_blocks(
    array: Any,  # noqa: ANN401  # dask has no types
    region: tuple[slice, ...],
    edges: Sequence[Block],
    evaluate: Evaluate,
) -> Block:
    """Evaluate only the blocks that a region touches.

    ``cull`` on the graph is O(keys asked for); dask's own ``compute`` looks at every key of every layer.
    """
    spans = [_touched(axis, part) for axis, part in zip(edges, region, strict=True)]
    indices = list(product(*spans))
    keys = [(array.name, *index) for index in indices]
    blocks = evaluate(dict(array.dask.cull(set(keys))), keys)
    if len(blocks) == 1:
        return np.asarray(np.asarray(blocks[0])[_within(indices[0], region, edges)])  # a scalar stays an array
    out = np.empty([part.stop - part.start for part in region], dtype=array.dtype)
    for index, block in zip(indices, blocks, strict=True):
        target = tuple(
            slice(max(axis[i] - part.start, 0), min(axis[i + 1], part.stop) - part.start)
            for axis, part, i in zip(edges, region, index, strict=True)
        )
        out[target] = np.asarray(block)[_within(index, region, edges)]
    return out


def _touched(axis: Block, part: slice) -> range:
    """Return the blocks of an axis that hold elements of `part`; blocks may be empty."""
    first = int(np.searchsorted(axis, part.start, side="right")) - 1
    last = int(np.searchsorted(axis, part.stop, side="left"))
    return range(first, max(last, first + 1))


def _within(index: tuple[int, ...], region: tuple[slice, ...], edges: Sequence[Block]) -> tuple[slice, ...]:
    """Return the part of a block that lies in the region."""
    return tuple(
        slice(max(part.start - int(axis[i]), 0), min(part.stop, int(axis[i + 1])) - int(axis[i]))
        for axis, part, i in zip(edges, region, index, strict=True)
    )
