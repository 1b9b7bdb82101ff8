"""A diagnostic of a variable: what was asked for, what it takes, and its values."""

from dataclasses import dataclass
from math import prod
from typing import Any, Final, Literal, get_args

import numpy as np
import xarray as xr

from cloudify.datasets.opened import Opened
from cloudify.datasets.subject import Subject, nbytes_of, subject_of
from cloudify.diagnostics.blocks import blocks_along, plain
from cloudify.diagnostics.groups import Array, Groups, groups_of
from cloudify.diagnostics.kernel import STATISTICS, Accumulator, median, parts_of
from cloudify.diagnostics.lazy import Evaluate, anomalies, evaluated, lazy_values, medians
from cloudify.diagnostics.result import dataset_of
from cloudify.errors import BadOptionError, DiagnosticTooLargeError

Action = Literal["mean", "min", "max", "sum", "std", "var", "median", "count", "first", "last", "anomaly"]
ACTIONS: Final[tuple[Action, ...]] = get_args(Action)


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
    def leading(self) -> xr.DataArray:
        """The variable, its grouped dimension first, lazily."""
        return self.subject.variable.transpose(self.groups.dim, ...)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the result, the grouped dimension first."""
        leading = self.leading
        return (leading.shape[0] if self.action == "anomaly" else len(self.groups.labels), *leading.shape[1:])

    @property
    def size(self) -> int:
        """How many values the result has."""
        return prod(self.shape)

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


def compute(plan: Plan, evaluate: Evaluate | None = None) -> xr.Dataset:
    """Return the result, in memory. Blocks: all values of the variable are read, block by block.

    Parameters
    ----------
    evaluate
        What computes a variable that is a graph of dask; by default threads of this process.
    """
    groups, leading = plan.groups, plan.leading
    if leading.chunks is not None:
        values = evaluated(_lazily(plan), evaluate)
    elif plan.action == "median":
        values = _medians(leading, groups)
    elif plan.action == "anomaly":
        means = statistics(leading, groups, ("mean",))["mean"]
        blocks = blocks_along(leading, groups.dim)
        parts = [anomalies(_rows(block), groups.codes[span], means) for span, block in blocks]
        values = np.concatenate(parts)
    else:
        values = statistics(leading, groups, (plan.action,))[plan.action]
    return _dataset(plan, values.reshape(plan.shape))


def lazy(plan: Plan) -> xr.Dataset:
    """Return the result as a dataset whose chunks are computed when they are read. Blocks: coordinates are read."""
    return _dataset(plan, _lazily(plan))


def statistics(leading: xr.DataArray, groups: Groups, wanted: tuple[str, ...]) -> dict[str, Array]:
    """Return some of `STATISTICS` from one pass, each (groups, cells). Blocks.

    Parameters
    ----------
    leading
        The variable, its grouped dimension first, of at least one place; read block by block.
    """
    made: Accumulator | None = None
    for span, block in blocks_along(leading, groups.dim):
        rows = _rows(block)
        made = made or Accumulator(len(groups.labels), rows.shape[1], rows.dtype, wanted)
        made.add(rows, groups.codes[span])
    return {name: made.result(name) for name in wanted} if made else {}


def _medians(leading: xr.DataArray, groups: Groups) -> Array:
    """Return the medians, (groups, ...): these need all of a cell's values at once, so cells are read by slabs."""
    if leading.ndim == 1:
        return median(_rows(plain(leading.to_numpy())), groups.codes, len(groups.labels))
    dim = max(leading.dims[1:], key=lambda name: leading.sizes[name])
    parts = [medians(slab, groups.codes, len(groups.labels)) for _, slab in blocks_along(leading, dim)]
    return np.concatenate(parts, axis=leading.get_axis_num(dim))


def _lazily(plan: Plan) -> Any:  # noqa: ANN401  # dask has no types
    return lazy_values(plan.leading, plan.groups.codes, len(plan.groups.labels), plan.action)


def _dataset(plan: Plan, values: Any) -> xr.Dataset:  # noqa: ANN401  # in memory, or lazy
    return dataset_of(plan.subject, plan.groups, plan.action, values, plan.leading.dims)


def _rows(block: Array) -> Array:
    return block.reshape(block.shape[0], -1)


def _check_numbers(subject: Subject) -> None:
    variable, name = subject.variable, subject.name
    if variable.dtype.kind not in "biuf" or "calendar" in variable.encoding:
        raise BadOptionError(f"{name!r} holds no numbers, which diagnostics are made of; choose another variable")
    if name in variable.dims:
        raise BadOptionError(f"{name!r} is the coordinate of its own dimension; choose a variable along it")
    if not variable.dims or not variable.size:
        raise BadOptionError(f"{name!r} has no values along a dimension, so there is nothing to group")
