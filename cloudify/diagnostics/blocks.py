"""How the values of a variable are read: along one dimension, in whole chunks of the source."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import xarray as xr

from cloudify.datasets.subject import nbytes_of
from cloudify.diagnostics.groups import Array
from cloudify.model.stop import go_on

BLOCK_NBYTES = 2**24
"""About how much is read at once."""
MOST_NBYTES = 2**28
"""How much is read at once where the source's own chunks reach that far."""


def blocks_along(variable: xr.DataArray, dim: Any) -> Iterator[tuple[slice, Array]]:  # noqa: ANN401  # names are any Hashable
    """Read a variable block by block along a dimension: where each lies, and its values. Blocks.

    Raises
    ------
    StoppedError, TooSlowError
        As `cloudify.model.stop.go_on` does, before each block.
    """
    step = step_along(variable, dim)
    for start in range(0, variable.sizes[dim], step):
        go_on()
        span = slice(start, start + step)
        yield span, plain(variable.isel({dim: span}).to_numpy())


def step_along(variable: xr.DataArray, dim: Any) -> int:  # noqa: ANN401
    """Return how many places to read at once: whole chunks of the source, else they would be read several times."""
    place_nbytes = max(1, nbytes_of(variable) // max(1, variable.sizes[dim]))
    step = max(1, BLOCK_NBYTES // place_nbytes)
    chunk = max(variable.chunksizes[dim]) if dim in variable.chunksizes else _stored_chunk(variable, dim)
    most = max(1, MOST_NBYTES // place_nbytes)
    return min(max(chunk, step // chunk * chunk), max(step, most))


def plain(values: Array) -> Array:
    """Return values of a type that can be computed with and written: native, no truth values, no half precision."""
    return values.astype(plain_type(values.dtype), copy=False)


def plain_type(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Return the type that `plain` gives."""
    if dtype.kind == "b":
        return np.dtype(np.int8)
    return np.dtype(np.float32) if dtype == np.float16 else dtype.newbyteorder("=")


def _stored_chunk(variable: xr.DataArray, dim: Any) -> int:  # noqa: ANN401
    stored = variable.encoding.get("preferred_chunks")
    chunk = stored.get(dim) if isinstance(stored, dict) else None
    return chunk if isinstance(chunk, int) and chunk > 0 else 1
