"""Blocks: what a function is given of a dataset, read and decoded, with its true coordinates."""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import xarray as xr

from cloudify.chunks.block import touched
from cloudify.chunks.evaluate import evaluate
from cloudify.chunks.lazy import Blocks
from cloudify.chunks.reductions import Reductions
from cloudify.compute.cells import Cell
from cloudify.compute.plan import Plan
from cloudify.compute.selected import Selected, itemsize, select
from cloudify.compute.stored_cells import StoredCells
from cloudify.datasets.opened import Opened
from cloudify.model.stop import go_on

Array = np.ndarray[Any, np.dtype[Any]]

HELD_NBYTES: Final = 2**24
"""Coordinates up to this size are read once and held; others with each block, as data are."""


class Reader:
    """Reads the blocks of a plan. Safe to use from many threads; holds the coordinates as long as it lives."""

    def __init__(self, opened: Opened, plan: Plan) -> None:
        self.opened, self.plan = opened, plan
        self.selected: Selected = select(opened, plan.variables)
        held = _held(self.selected.coords)
        reductions = Reductions()
        self._parts = {
            name: _Part(variable, reductions, StoredCells.of(opened, self.selected.paths[name], variable, plan))
            for name, variable in self.selected.variables.items()
            if name not in held
        }
        self._cut = {axis.dim for axis in plan.axes if axis.count > 1}
        self._frame = xr.Dataset(
            {name: self._parts[name].stand_in for name in self.selected.data},
            {name: held[name] if name in held else self._parts[name].stand_in for name in self.selected.coords},
            self.selected.attrs,
        )
        self._shares = any(self._cut.isdisjoint(part.dims) for part in self._parts.values())

    def block(self, number: int) -> xr.Dataset:
        """Read the block of a slice, in memory. Blocks; raises what the source raises (`datasets.source.failures`).

        Raises
        ------
        StoppedError, CloudifyError
            As `model.stop.go_on`, between variables.
        """
        cell = self.plan.read_cell(number)
        block = self._frame.isel({dim: part for dim, part in cell.items() if dim in self._cut})
        if self._shares:
            block = block.copy(deep=False)  # a variable that is not cut is still that of the frame
        for name, part in self._parts.items():
            block.variables[name]._data = part.read(cell)  # noqa: SLF001  # to set `data` looks at each object in it
        return block


def read_block(opened: Opened, plan: Plan, number: int) -> xr.Dataset:
    """Read one block; of many, a `Reader` reads the coordinates once."""
    return Reader(opened, plan).block(number)


class _Part:
    """One variable, cell by cell."""

    def __init__(self, variable: xr.Variable, reductions: Reductions, stored: StoredCells | None) -> None:
        self._variable, self._stored = variable, stored
        self.dims = tuple(map(str, variable.dims))
        self._blocks = Blocks.of("", variable, reductions)
        self.stand_in = xr.Variable(variable.dims, np.broadcast_to(np.False_, variable.shape), variable.attrs)
        """Of its shape, at no cost of memory: the values are put in its place."""

    def read(self, cell: Cell) -> Array:
        """Read the part of it that lies in a cell: whole along dimensions that are not cut."""
        go_on()
        sizes = self._variable.shape
        region = tuple(cell.get(dim, slice(0, size)) for dim, size in zip(self.dims, sizes, strict=True))
        chunk = self._stored.read(region) if self._stored is not None else None
        if chunk is not None:
            return chunk
        if self._blocks is None:
            return self._variable[region].to_numpy()
        keys, mosaic = touched(self._blocks, region)
        return mosaic.joined(evaluate(self._blocks.tasks(keys), keys))


def _held(coords: Mapping[str, xr.Variable]) -> dict[str, xr.Variable]:
    """Return the coordinates that are held, in memory, without the encoding that tells where their source is."""
    held: dict[str, xr.Variable] = {}
    nbytes = 0
    for name, variable in sorted(coords.items(), key=lambda item: item[1].size):
        nbytes += variable.size * itemsize(variable.dtype)
        if nbytes <= HELD_NBYTES or variable.dims == (name,):
            held[name] = xr.Variable(variable.dims, variable.to_numpy(), variable.attrs)
    return held
