"""A diagnostic of a variable: what was asked for, what it takes, and its values."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from typing import Any, Final, Literal, get_args

import numpy as np
import xarray as xr

from cloudify.datasets.opened import Opened
from cloudify.datasets.subject import Subject, nbytes_of, subject_of
from cloudify.diagnostics.groups import NONE, Array, Groups, groups_of
from cloudify.diagnostics.kernel import STATISTICS, Accumulator, median, parts_of
from cloudify.diagnostics.result import dataset_of
from cloudify.errors import BadOptionError, DiagnosticTooLargeError
from cloudify.model.stop import go_on

Action = Literal["mean", "min", "max", "sum", "std", "var", "median", "count", "first", "last", "anomaly"]
ACTIONS: Final[tuple[Action, ...]] = get_args(Action)
BLOCK_NBYTES = 2**24
"""About how much is read at once."""
MOST_NBYTES = 2**28
"""How much is read at once where the source's own chunks reach that far."""


@dataclass(frozen=True, slots=True)
class Request:
    """What was asked for; only the action has been looked at."""

    variable: str
    coord: str
    action: Action


@dataclass(frozen=True, eq=False)
class Plan:
    """A diagnostic that can be computed; no values have been read."""

    subject: Subject
    groups: Groups
    action: Action

    @property
    def size(self) -> int:
        """How many values the result has."""
        return self.subject.variable.size if self.action == "anomaly" else len(self.groups.labels) * self.cells

    @property
    def cells(self) -> int:
        """How many values a group's result has."""
        sizes = self.subject.variable.sizes
        return prod(size for dim, size in sizes.items() if dim != self.groups.dim)


def plan_groupby(opened: Opened, request: Request, limit_nbytes: int) -> Plan:
    """Decide what is computed. Blocks: coordinates are read.

    Raises
    ------
    UnknownVariableError, UnknownGroupingError, BadOptionError
        If it cannot be, and why.
    DiagnosticTooLargeError
        If more than `limit_nbytes` of values are to be read, or held as a result.
    """
    subject = subject_of(opened, request.variable)
    _check_numbers(subject)
    plan = Plan(subject, groups_of(subject, request.coord), request.action)
    if not len(plan.groups.labels):
        raise BadOptionError(f"no value of {request.coord[:60]!r} is present, so there is no group")
    held = max(len(parts_of([request.action])), 1) if request.action in STATISTICS else 2
    nbytes = max(nbytes_of(subject.variable), 8 * len(plan.groups.labels) * plan.cells * held, 8 * plan.size)
    if nbytes > limit_nbytes:
        raise DiagnosticTooLargeError(nbytes, limit_nbytes)
    return plan


def compute(plan: Plan) -> xr.Dataset:
    """Return the result, in memory. Blocks: all values of the variable are read, block by block."""
    groups, variable = plan.groups, plan.subject.variable
    leading = variable.transpose(groups.dim, ...)
    if plan.action == "median":
        values = _medians(leading, groups)
    elif plan.action == "anomaly":
        values = _anomalies(leading, groups, statistics(leading, groups, ("mean",))["mean"])
    else:
        values = statistics(leading, groups, (plan.action,))[plan.action]
    shape = (leading.shape[0] if plan.action == "anomaly" else len(groups.labels), *leading.shape[1:])
    return dataset_of(plan.subject, groups, plan.action, values.reshape(shape), leading.dims)


def statistics(leading: xr.DataArray, groups: Groups, wanted: tuple[str, ...]) -> dict[str, Array]:
    """Return some of `STATISTICS` from one pass, each (groups, cells). Blocks.

    Parameters
    ----------
    leading
        The variable, its grouped dimension first; lazy ones are read block by block.
    """
    made: Accumulator | None = None
    for span, rows in _blocks(leading):
        made = made or Accumulator(len(groups.labels), rows.shape[1], rows.dtype, wanted)
        made.add(rows, groups.codes[span])
    if made is None:  # a dimension of no length has no groups, which the plan refuses
        return {}
    return {name: made.result(name) for name in wanted}


def _anomalies(leading: xr.DataArray, groups: Groups, mean: Array) -> Array:
    """Subtract the mean of its group from each value: of the values' own type where that is float, else float64."""
    parts = []
    for span, rows in _blocks(leading):
        codes = groups.codes[span]
        less = np.where((codes == NONE)[:, None], np.nan, mean[codes])
        parts.append((rows - less).astype(rows.dtype if rows.dtype.kind == "f" else np.float64, copy=False))
    return np.concatenate(parts)


def _medians(leading: xr.DataArray, groups: Groups) -> Array:
    """Return the medians, (groups, cells): these need all of a cell's values at once, so cells are read by slabs."""
    if leading.ndim == 1:
        return median(_plain(leading.to_numpy())[:, None], groups.codes, len(groups.labels))
    dim = max(leading.dims[1:], key=lambda name: leading.sizes[name])
    axis, size = leading.get_axis_num(dim), leading.sizes[dim]
    step = _step(leading, dim)
    parts = []
    for start in range(0, size, step):
        go_on()
        slab = leading.isel({dim: slice(start, start + step)})
        medians = median(_rows(slab), groups.codes, len(groups.labels))
        parts.append(medians.reshape(len(groups.labels), *slab.shape[1:]))
    return np.concatenate(parts, axis=axis)


def _blocks(leading: xr.DataArray) -> Iterator[tuple[slice, Array]]:
    """Read blocks along the first dimension: where they lie, and their values, (places, cells)."""
    dim = leading.dims[0]
    step = _step(leading, dim)
    for start in range(0, leading.sizes[dim], step):
        go_on()
        span = slice(start, start + step)
        yield span, _rows(leading.isel({dim: span}))


def _step(leading: xr.DataArray, dim: Any) -> int:  # noqa: ANN401  # xarray's names are any Hashable
    """Return how many places to read at once: whole chunks of the source, else they would be read several times."""
    place_nbytes = max(1, nbytes_of(leading) // leading.sizes[dim])
    step = max(1, BLOCK_NBYTES // place_nbytes)
    chunk = max(leading.chunksizes[dim]) if dim in leading.chunksizes else _stored_chunk(leading, dim)
    most = max(1, MOST_NBYTES // place_nbytes)
    return min(max(chunk, step // chunk * chunk), max(step, most))


def _stored_chunk(leading: xr.DataArray, dim: Any) -> int:  # noqa: ANN401
    stored = leading.encoding.get("preferred_chunks")
    chunk = stored.get(dim) if isinstance(stored, dict) else None
    return chunk if isinstance(chunk, int) and chunk > 0 else 1


def _rows(block: xr.DataArray) -> Array:
    return _plain(block.to_numpy()).reshape(block.shape[0], -1)


def _plain(values: Array) -> Array:
    """Return values of a type that can be computed with and written: native, no truth values, no half precision."""
    if values.dtype.kind == "b":
        return values.astype(np.int8)
    if values.dtype == np.float16:
        return values.astype(np.float32)
    return values.astype(values.dtype.newbyteorder("="), copy=False)


def _check_numbers(subject: Subject) -> None:
    variable, name = subject.variable, subject.name
    if variable.dtype.kind not in "biuf" or "calendar" in variable.encoding:
        raise BadOptionError(f"{name!r} holds no numbers, which diagnostics are made of; choose another variable")
    if name in variable.dims:
        raise BadOptionError(f"{name!r} is the coordinate of its own dimension; choose a variable along it")
    if not variable.dims or not variable.size:
        raise BadOptionError(f"{name!r} has no values along a dimension, so there is nothing to group")
