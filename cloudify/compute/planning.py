"""A request over a dataset -> the grid on which it is cut, if a block of it fits into memory."""

from collections.abc import Mapping
from math import prod
from sys import maxsize
from typing import Final

import xarray as xr

from cloudify.chunks.grid import choose_grid
from cloudify.chunks.stored_type import StoredType, UnstorableError
from cloudify.compute.cells import Axis
from cloudify.compute.plan import Plan
from cloudify.compute.request import WHOLE, MapRequest
from cloudify.compute.selected import Selected, default_paths, find_paths, itemsize, select
from cloudify.datasets.opened import Opened
from cloudify.errors import BadInputError, BlockTooLargeError, ChunkTooLargeError
from cloudify.settings import Settings, load_settings

MOST_SLICES: Final = 2**31 - 1
"""Numbers of slices are kept in a column of 32 bits by some databases."""


def make_plan(
    request: MapRequest, opened: Opened, *, max_block_nbytes: int, group: str = "", settings: Settings | None = None
) -> Plan:
    """Cut a dataset. Blocks: coordinates of dimensions are read.

    Parameters
    ----------
    max_block_nbytes
        The most that a block may have in memory, coordinates and overlap included.
    group
        The group in which variables are looked for first.
    settings
        Those by which the dataset is served; by default those of the process.

    Raises
    ------
    UnknownVariableError
        If the dataset has no variable of a name.
    BadInputError
        If the variables do not fit together, or a dimension is none of theirs, or is empty.
    BlockTooLargeError
        If a block is above the limit, with chunks that are not.
    """
    group = group.strip("/")
    paths = find_paths(opened, request.variables, group) if request.variables else default_paths(opened, group)
    selected = select(opened, paths)
    _check_dims(request, selected)
    largest = max(selected.data, key=lambda name: selected.data[name].ndim)  # the first of those of equal rank
    served = _served(opened, selected, largest, settings)
    sizes = {dim: served[dim] for dim in map(str, selected.data[largest].dims)}
    rank = len(sizes)
    sizes |= {dim: selected.sizes[dim] for dim in request.chunks if dim not in sizes}
    sizes |= {dim: selected.sizes[dim] if size == WHOLE else size for dim, size in request.chunks.items()}
    axes = tuple(
        Axis(dim, selected.sizes[dim], min(size, selected.sizes[dim]), request.overlap.get(dim, 0))
        for dim, size in sizes.items()
    )
    nbytes = block_nbytes(selected, axes)
    if nbytes > max_block_nbytes:
        raise BlockTooLargeError(nbytes, max_block_nbytes, _fitting(selected, axes, max_block_nbytes))
    plan = Plan(axes, tuple(paths), rank, nbytes)
    if plan.total > MOST_SLICES:
        raise BadInputError("chunks", f"{plan.total} slices; the most is {MOST_SLICES}: larger chunks make fewer")
    return plan


def block_nbytes(selected: Selected, axes: tuple[Axis, ...]) -> int:
    """Return how many bytes the largest block has in memory: all variables and coordinates, with the overlap."""
    cut = {axis.dim: min(axis.size, axis.chunk + 2 * axis.overlap) for axis in axes}
    return sum(
        itemsize(variable.dtype) * prod(cut.get(str(dim), size) for dim, size in variable.sizes.items())
        for variable in selected.variables.values()
    )


def _check_dims(request: MapRequest, selected: Selected) -> None:
    dims = {str(dim): size for variable in selected.data.values() for dim, size in variable.sizes.items()}
    for name in ("chunks", "overlap"):
        for dim in getattr(request, name):
            if dim not in dims:
                known = ", ".join(dims) or "no dimension"
                raise BadInputError(name, f"no variable of it has a dimension {dim!r}; they have {known}")
    for name, variable in selected.data.items():
        empty = next((dim for dim, size in variable.sizes.items() if not size), None)
        if empty is not None:
            raise BadInputError("variables", f"{name!r} has no values: its dimension {empty!r} is empty")
        if not _is_plain(variable):
            raise BadInputError("variables", f"{name!r} holds {variable.dtype}, which no function can be given")


def _is_plain(variable: xr.Variable) -> bool:
    if variable.dtype.kind in "mM":
        return True
    try:
        StoredType.of(variable.dtype)
    except UnstorableError:
        return False
    return True


def _served(opened: Opened, selected: Selected, name: str, settings: Settings | None) -> Mapping[str, int]:
    """Return the chunk on which a variable is served, also where it is too large to be.

    By dimension: texts are stored with one more, for their letters.
    """
    own = settings or load_settings()
    path = selected.paths[name]
    source = opened.groups[f"/{path.rpartition('/')[0]}"].variables[name] if opened.stored else selected.data[name]
    wanted = dict(opened.entry.prepare.chunks)
    for most in (own.max_chunk_nbytes, maxsize):
        try:
            grid = choose_grid(
                path, source, _stored_itemsize(source),
                stored=opened.stored, chunk_nbytes=own.chunk_nbytes, max_chunk_nbytes=most, wanted=wanted,
            )  # fmt: skip
        except ChunkTooLargeError:
            continue
        return dict(zip(map(str, source.dims), grid.chunk, strict=True))
    raise AssertionError  # nothing is too large for the second


def _stored_itemsize(variable: xr.Variable) -> int:
    """Return the bytes of an element as a store holds it; times are counted in eight."""
    return 8 if variable.dtype.kind in "mM" else StoredType.of(variable.dtype).dtype.itemsize


def _fitting(selected: Selected, axes: tuple[Axis, ...], limit_nbytes: int) -> Mapping[str, int] | None:
    """Return smaller chunks that fit, cut from the leading axis on as the chunks of files mostly are; None for none."""
    chunks = [axis.chunk for axis in axes]
    for place in range(len(axes)):
        while True:
            tried = tuple(
                Axis(axis.dim, axis.size, chunk, axis.overlap) for axis, chunk in zip(axes, chunks, strict=True)
            )
            if block_nbytes(selected, tried) <= limit_nbytes:
                return {axis.dim: axis.chunk for axis in tried}
            if chunks[place] == 1:
                break
            chunks[place] = -(-chunks[place] // 2)
    return None
