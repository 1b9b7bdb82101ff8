"""Blocks: what a function is given of a dataset, read and decoded, with its true coordinates."""

from collections.abc import Callable, Mapping
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
from cloudify.datasets.opened import Opened
from cloudify.model.stop import go_on

Array = np.ndarray[Any, np.dtype[Any]]
Read = Callable[[tuple[slice, ...]], Array]

HELD_NBYTES: Final = 2**24
"""Coordinates up to this size are read once and held; others with each block, as data are."""


class Reader:
    """Reads the blocks of a plan. Safe to use from many threads; holds the coordinates as long as it lives."""

    def __init__(self, opened: Opened, plan: Plan) -> None:
        self.opened, self.plan = opened, plan
        self.selected: Selected = select(opened, plan.variables)
        held, apart = _parted(self.selected.coords)
        self._frame = xr.Dataset(coords={name: _plain(variable) for name, variable in held.items()})
        reductions = Reductions()
        self._data = {name: _Part(variable, reductions) for name, variable in self.selected.data.items()}
        self._coords = {name: _Part(variable, reductions) for name, variable in apart.items()}

    def block(self, number: int) -> xr.Dataset:
        """Read the block of a slice, in memory. Blocks; raises what the source raises (`datasets.source.failures`).

        Raises
        ------
        StoppedError, CloudifyError
            As `model.stop.go_on`, between variables.
        """
        cell = self.plan.read_cell(number)
        frame = self._frame.isel({dim: part for dim, part in cell.items() if dim in self._frame.dims})
        coords = {name: part.read(cell) for name, part in self._coords.items()}
        return xr.Dataset(
            {name: part.read(cell) for name, part in self._data.items()},
            {**frame.coords, **coords} if coords else frame.coords,
            self.selected.attrs,
        )


def read_block(opened: Opened, plan: Plan, number: int) -> xr.Dataset:
    """Read one block; of many, a `Reader` reads the coordinates once."""
    return Reader(opened, plan).block(number)


class _Part:
    """One variable, cell by cell."""

    def __init__(self, variable: xr.Variable, reductions: Reductions) -> None:
        self._variable = variable
        self._dims = tuple(map(str, variable.dims))
        self._blocks = Blocks.of("", variable, reductions)

    def read(self, cell: Cell) -> xr.Variable:
        """Read the part of it that lies in a cell: whole along dimensions that are not cut."""
        go_on()
        sizes = self._variable.shape
        region = tuple(cell.get(dim, slice(0, size)) for dim, size in zip(self._dims, sizes, strict=True))
        if self._blocks is None:
            values = self._variable[region].to_numpy()
        else:
            keys, mosaic = touched(self._blocks, region)
            values = mosaic.joined(evaluate(self._blocks.tasks(keys), keys))
        return xr.Variable(self._dims, values, self._variable.attrs, fastpath=True)


def _parted(
    coords: Mapping[str, xr.Variable],
) -> tuple[dict[str, xr.Variable], dict[str, xr.Variable]]:
    """Part coordinates into those that are held and those that are read with each block."""
    held: dict[str, xr.Variable] = {}
    nbytes = 0
    for name, variable in sorted(coords.items(), key=lambda item: item[1].size):
        nbytes += variable.size * itemsize(variable.dtype)
        if nbytes <= HELD_NBYTES or variable.dims == (name,):
            held[name] = variable
    return (
        {name: variable for name, variable in coords.items() if name in held},
        {name: variable for name, variable in coords.items() if name not in held},
    )


def _plain(variable: xr.Variable) -> xr.Variable:
    """Return a variable in memory without its encoding, which tells where the source is."""
    return xr.Variable(variable.dims, variable.to_numpy(), variable.attrs)
