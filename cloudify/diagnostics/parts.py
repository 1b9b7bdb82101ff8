"""The values of a part of a variable, block by block: no more of it is in memory at once."""

from collections.abc import Iterator, Mapping
from itertools import pairwise, product
from math import prod
from typing import Any, Final

import numpy as np
import xarray as xr

from cloudify.model.stop import go_on

Array = np.ndarray[Any, np.dtype[Any]]
Places = Array | range
"""Positions along a dimension, of a whole one without a list of them."""

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
    places: list[Places] = [along.get(str(dim), range(size)) for dim, size in variable.sizes.items()]
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


def _cuts(places: Places, step: int) -> list[slice]:
    """Return the parts of a list of positions, each within one piece of `step` positions of the source."""
    edges = [*range(0, len(places), step), len(places)]
    if not isinstance(places, range):
        within = [0, *(np.flatnonzero(np.diff(places // step)) + 1).tolist(), len(places)]
        edges = within if len(within) <= 4 * len(edges) else edges  # else they go to and fro
    return [slice(start, stop) for start, stop in pairwise(edges)]


def _read(variable: xr.Variable, places: list[Places]) -> Array:
    for axis, taken in enumerate(places):
        runs = _runs(taken)
        if 1 < len(runs) <= MOST_RUNS:
            return np.concatenate([_read(variable, [*places[:axis], run, *places[axis + 1 :]]) for run in runs], axis)
    spans = [_span(taken) for taken in places]
    values = variable.isel(dict(zip(variable.dims, spans, strict=True))).to_numpy()
    for axis, (span, taken) in enumerate(zip(spans, places, strict=True)):
        if len(_runs(taken)) > 1:
            values = values.take(np.asarray(taken) - span.start, axis)
    return values


def _runs(taken: Places) -> list[Places]:
    """Return the parts that follow one another without a gap."""
    if isinstance(taken, range):
        return [taken]
    return list(np.split(taken, np.flatnonzero(np.diff(taken) != 1) + 1))


def _span(taken: Places) -> slice:
    return slice(taken.start, taken.stop) if isinstance(taken, range) else slice(int(taken.min()), int(taken.max()) + 1)
