"""How a part of a variable is read: what that touches of the source, and in which steps."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import xarray as xr

from cloudify.diagnostics.blocks import BLOCK_NBYTES, plain
from cloudify.errors import DiagnosticTooLargeError
from cloudify.model.stop import go_on

Array = np.ndarray[Any, np.dtype[Any]]
Index = int | slice

RUNS = 4
"""Most pieces along a dimension that are read one by one; what lies between those that are near is read with them."""
NEAR = 64
"""Elements between pieces that cost no more than another read, where a source has no chunks."""


def chunk_of(variable: xr.DataArray, dim: str) -> int:
    """Return the length of the source's chunks along a dimension, 1 where any part can be read."""
    if dim in variable.chunksizes:
        return int(max(variable.chunksizes[dim]))
    stored = variable.encoding.get("preferred_chunks")
    chunk = stored.get(dim) if isinstance(stored, dict) else None
    return chunk if isinstance(chunk, int) and chunk > 0 else 1


def check_nbytes(nbytes: int, limit_nbytes: int) -> None:
    """Refuse what is too much.

    Raises
    ------
    DiagnosticTooLargeError
        If it is more than `limit_nbytes`.
    """
    if nbytes > limit_nbytes:
        raise DiagnosticTooLargeError(nbytes, limit_nbytes)


def touched_nbytes(variable: xr.DataArray, part: Mapping[str, Index]) -> int:
    """Return how many bytes of values the chunks have that a part lies in, before anything is read.

    Parameters
    ----------
    part
        Dimension -> which part of it, of slices with both ends; a dimension that is not named is taken whole.
    """
    count = 1
    for name, size in variable.sizes.items():
        index, chunk = part.get(str(name), slice(0, size)), chunk_of(variable, str(name))
        first, end = (index, index + 1) if isinstance(index, int) else (index.start, index.stop)
        count *= min(size, -(-end // chunk) * chunk) - first // chunk * chunk
    return count * variable.dtype.itemsize


def blocks(variable: xr.DataArray, part: Mapping[str, Index], dim: str, span: slice) -> Iterator[tuple[slice, Array]]:
    """Read a part block by block along `dim`: where each block lies, and its values with `dim` as the first axis.

    Blocks end where chunks do, so that none is read twice.
    """
    chunk = chunk_of(variable, dim)
    row_nbytes = max(1, touched_nbytes(variable, {**part, dim: slice(0, min(chunk, variable.sizes[dim]))}))
    step = max(1, BLOCK_NBYTES // row_nbytes) * chunk
    start = span.start
    while start < span.stop:
        go_on()
        end = min(span.stop, (start // step + 1) * step)
        block = variable.isel({**part, dim: slice(start, end)})
        yield slice(start, end), np.moveaxis(plain(block.to_numpy()), block.get_axis_num(dim), 0)
        start = end


def runs(places: Array, chunk: int) -> list[slice]:
    """Return the pieces of a dimension that hold some places, `RUNS` at most, none of which share a chunk.

    >>> runs(np.array([0, 1, 2, 300, 301]), 10), runs(np.array([0, 9, 30]), 25)
    ([slice(0, 3, None), slice(300, 302, None)], [slice(0, 31, None)])
    """
    ordered = np.unique(places)
    gaps = np.diff(ordered)
    wide = np.flatnonzero(gaps > (chunk if chunk > 1 else NEAR))
    cuts = np.sort(wide[np.argsort(-gaps[wide], kind="stable")][: RUNS - 1])
    starts, ends = np.append(0, cuts + 1), np.append(cuts, ordered.size - 1)
    return [slice(int(ordered[a]), int(ordered[b]) + 1) for a, b in zip(starts, ends, strict=True)]
