"""The values of a part of a variable, block by block: no more of it is in memory at once."""

from collections.abc import Iterator, Mapping
from itertools import pairwise, product
from math import prod
from typing import Any, Final

import numpy as np
import xarray as xr

from cloudify.model.stop import go_on

Array = np.ndarray[Any, np.dtype[Any]]

BLOCK_NBYTES: Final = 2**24
"""About how much is read at once."""
MOST_NBYTES: Final = 2**27
"""How much is read at once where the source's own chunks reach that far."""
MOST_RUNS: Final = 8
"""A selection in so many pieces along a dimension is read piece by piece; in more, with what lies between."""


def blocks(variable: xr.Variable, along: Mapping[str, Array]) -> Iterator[tuple[tuple[slice, ...], Array]]:
    """Read a part of a variable: where in the part each block lies, and its values. Blocks.

    Parameters
    ----------
    along
        Dimension -> positions that are taken; all of one that is not here.
    """
    places = [along.get(str(dim), np.arange(size)) for dim, size in variable.sizes.items()]
    steps = block_shape(tuple(map(len, places)), chunk_of(variable), variable.dtype.itemsize, BLOCK_NBYTES, MOST_NBYTES)
    for where in product(*(_cuts(taken, step) for taken, step in zip(places, steps, strict=True))):
        go_on()
        yield where, _read(variable, [taken[span] for taken, span in zip(places, where, strict=True)])


def chunk_of(variable: xr.Variable) -> tuple[int, ...]:
    """Return the extent of the source's chunks, 1 along each dimension where it has none."""
    if variable.chunks is not None:
        return tuple(max(sizes, default=1) for sizes in variable.chunks)
    stored = variable.encoding.get("preferred_chunks")
    chunk = [stored.get(dim) if isinstance(stored, dict) else None for dim in variable.dims]
    return tuple(size if isinstance(size, int) and size > 0 else 1 for size in chunk)


def block_shape(
    shape: tuple[int, ...], chunk: tuple[int, ...], itemsize: int, aim_nbytes: int, most_nbytes: int
) -> tuple[int, ...]:
    """Return the extent of blocks: whole chunks, as many as `aim_nbytes` hold, or parts of one beyond `most_nbytes`.

    >>> block_shape((12, 96, 192), (1, 96, 192), 4, 2**18, 2**20), block_shape((4, 1000), (4, 1000), 1, 500, 1000)
    ((3, 96, 192), (1, 1000))
    """
    steps = [max(1, min(size, piece)) for size, piece in zip(shape, chunk, strict=True)]
    for axis in range(len(steps)):
        while steps[axis] > 1 and prod(steps) * itemsize > most_nbytes:
            steps[axis] = -(-steps[axis] // 2)
    for axis in reversed(range(len(steps))):
        room = aim_nbytes // max(1, prod(steps) * itemsize)
        steps[axis] = min(max(1, shape[axis]), steps[axis] * max(1, room))
    return tuple(steps)


def _cuts(places: Array, step: int) -> list[slice]:
    """Return the parts of a list of positions, each within one piece of `step` positions of the source."""
    edges = [0, *(np.flatnonzero(np.diff(places // step)) + 1).tolist(), len(places)]
    if len(edges) > 2 + 4 * -(-len(places) // step):  # positions that go to and fro
        edges = [*range(0, len(places), step), len(places)]
    return [slice(start, stop) for start, stop in pairwise(edges)]


def _read(variable: xr.Variable, places: list[Array]) -> Array:
    for axis, taken in enumerate(places):
        runs = np.split(taken, np.flatnonzero(np.diff(taken) != 1) + 1)
        if 1 < len(runs) <= MOST_RUNS:
            return np.concatenate([_read(variable, [*places[:axis], run, *places[axis + 1 :]]) for run in runs], axis)
    starts = [int(taken.min()) for taken in places]
    spans = [slice(start, int(taken.max()) + 1) for start, taken in zip(starts, places, strict=True)]
    values = variable.isel(dict(zip(variable.dims, spans, strict=True))).to_numpy()
    for axis, (start, taken) in enumerate(zip(starts, places, strict=True)):
        if values.shape[axis] != len(taken) or np.any(np.diff(taken) != 1):
            values = values.take(taken - start, axis)
    return values
