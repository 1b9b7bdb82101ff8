"""The elements of one chunk, read from wherever they are, at a cost that does not grow with the number of chunks."""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np

from cloudify.chunks.encode import Block
from cloudify.chunks.lazy import Blocks
from cloudify.chunks.task_keys import Key

Region = tuple[slice, ...]
"""A slice with start and stop for each dimension."""


@dataclass(frozen=True, slots=True)
class Mosaic:
    """How a region is put together from the blocks that it touches."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    parts: tuple[tuple[Region, Region], ...]
    """For each block: where it goes, and which part of it."""

    def joined(self, blocks: Sequence[Any]) -> Block:
        """Return the elements of the region, of the values of its blocks."""
        if len(self.parts) == 1:
            return np.asarray(np.asarray(blocks[0])[self.parts[0][1]])  # a scalar stays an array
        out = np.empty(self.shape, dtype=self.dtype)
        for (target, within), block in zip(self.parts, blocks, strict=True):
            out[target] = np.asarray(block)[within]
        return out


def touched(blocks: Blocks, region: Region) -> tuple[list[Key], Mosaic]:
    """Return the keys of the blocks that hold elements of a region, and how it is put together from them."""
    spans = [_span(axis, part) for axis, part in zip(blocks.edges, region, strict=True)]
    indices = list(product(*spans))
    parts = tuple((_target(index, region, blocks.edges), _within(index, region, blocks.edges)) for index in indices)
    shape = tuple(part.stop - part.start for part in region)
    return [(blocks.name, *index) for index in indices], Mosaic(shape, blocks.dtype, parts)


def _span(axis: Block, part: slice) -> range:
    """Return the blocks of an axis that hold elements of `part`; blocks may be empty."""
    first = bisect_right(axis, part.start) - 1
    return range(first, max(bisect_left(axis, part.stop), first + 1))


def _target(index: tuple[int, ...], region: Region, edges: Sequence[Block]) -> Region:
    """Return the part of the region that lies in a block."""
    return tuple(
        slice(max(int(axis[i]) - part.start, 0), min(int(axis[i + 1]), part.stop) - part.start)
        for axis, part, i in zip(edges, region, index, strict=True)
    )


def _within(index: tuple[int, ...], region: Region, edges: Sequence[Block]) -> Region:
    """Return the part of a block that lies in the region."""
    return tuple(
        slice(max(part.start - int(axis[i]), 0), min(part.stop, int(axis[i + 1])) - int(axis[i]))
        for axis, part, i in zip(edges, region, index, strict=True)
    )
