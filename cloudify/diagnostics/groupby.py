"""A diagnostic of a variable: what was asked for, what it takes, and its values."""

from collections.abc import Hashable
from dataclasses import dataclass
from math import prod
from typing import Any, Final, Literal, get_args

import numpy as np
import xarray as xr

from cloudify.datasets.areas import cells_and_areas
from cloudify.datasets.opened import Opened
from cloudify.datasets.subject import Subject, nbytes_of, subject_of
from cloudify.diagnostics.blocks import blocks_along, plain
from cloudify.diagnostics.groups import Array, Groups, groups_of
from cloudify.diagnostics.kernel import STATISTICS, Accumulator, median, parts_of
from cloudify.diagnostics.lazy import Evaluate, accumulator, add, anomalies, evaluated, lazy_values, medians
from cloudify.diagnostics.result import dataset_of
from cloudify.diagnostics.weighted import WEIGHTED, Weights
from cloudify.errors import BadOptionError, DiagnosticTooLargeError

Action = Literal["mean", "min", "max", "sum", "std", "var", "median", "count", "first", "last", "anomaly"]
ACTIONS: Final[tuple[Action, ...]] = get_args(Action)


@dataclass(frozen=True, slots=True)
class Request:
    """What was asked for; only the action has been looked at."""

    variable: str
    coord: str
    action: Action
    by_area: bool = False
    """Whether the statistic runs over the variable's area too, each cell counting by its size."""


@dataclass(frozen=True, eq=False)
class Plan:
    """A diagnostic that can be computed; no values have been read."""

    subject: Subject
    groups: Groups
    action: Action
    weights: Weights | None = None

    @property
    def leading(self) -> xr.DataArray:
        """The variable, its grouped dimension first, those of an area last, lazily."""
        area = self.weights.dims if self.weights is not None else ()
        return self.subject.variable.transpose(self.groups.dim, ..., *area)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the result, the grouped dimension first."""
        count = self.subject.variable.sizes[self.groups.dim] if self.action == "anomaly" else len(self.groups.labels)
        return count, *(self.subject.variable.sizes[dim] for dim in self.others)

    @property
    def others(self) -> tuple[Hashable, ...]:
        """The other dimensions of the result."""
        dims = self.leading.dims[1:]
        return dims[: len(dims) - len(self.weights.dims)] if self.weights is not None else dims

    @property
    def size(self) -> int:
        """How many values the result has."""
        return prod(self.shape)

    @property
    def cells(self) -> int:
        """How many values a group's result has."""
        return prod(self.shape[1:])


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
    groups = groups_of(subject, request.coord)
    weights = _weights(opened, subject, groups, request.action) if request.by_area else None
    plan = Plan(subject, groups, request.action, weights)
    if not len(plan.groups.labels):
        raise BadOptionError(f"no value of {request.coord[:60]!r} is present, so there is no group")
    held = max(len(parts_of([request.action])), 1) if request.action in STATISTICS else 2
    nbytes = max(nbytes_of(subject.variable), 8 * len(plan.groups.labels) * plan.cells * held, 8 * plan.size)
    if nbytes > limit_nbytes:
        raise DiagnosticTooLargeError(nbytes, limit_nbytes)
    return plan


def _weights(opened: Opened, subject: Subject, groups: Groups, action: Action) -> Weights:
    if action not in WEIGHTED:
        raise BadOptionError(f"weights=area is for {', '.join(sorted(WEIGHTED))}; a {action} does not depend on sizes")
    if subject.grid.kind == "none":
        raise BadOptionError(f"weights=area: {subject.name!r} has no horizontal grid, so its cells have no size")
    cells, areas = cells_and_areas(opened, subject)
    sizes = areas.values.reshape([subject.ds.sizes[dim] for dim in cells.dims])
    if groups.dim not in cells.dims:
        return Weights(sizes.reshape(1, -1), cells.dims)
    axis = cells.dims.index(groups.dim)
    dims = tuple(dim for dim in cells.dims if dim != groups.dim)
    return Weights(np.moveaxis(sizes, axis, 0).reshape(sizes.shape[axis], -1), dims)


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
        means = statistics(plan, ("mean",))["mean"]
        blocks = blocks_along(leading, groups.dim)
        parts = [anomalies(_rows(block), groups.codes[span], means) for span, block in blocks]
        values = np.concatenate(parts)
    else:
        values = statistics(plan, (plan.action,))[plan.action]
    return _dataset(plan, values.reshape(plan.shape))


def lazy(plan: Plan) -> xr.Dataset:
    """Return the result as a dataset whose chunks are computed when they are read. Blocks: coordinates are read."""
    return _dataset(plan, _lazily(plan))


def statistics(plan: Plan, wanted: tuple[str, ...]) -> dict[str, Array]:
    """Return some of `STATISTICS` from one pass, (groups, cells) each. Blocks."""
    held: Accumulator | None = None
    for span, block in blocks_along(plan.leading, plan.groups.dim):
        weights = plan.weights.at(span) if plan.weights is not None else None
        held = held or accumulator(block, len(plan.groups.labels), wanted, weights)
        add(held, block, plan.groups.codes[span], weights)
    if held is None:  # a dimension of no length, which the plan refuses
        raise BadOptionError(f"{plan.subject.name!r} has no values to group")
    return {name: held.result(name) for name in wanted}


def _medians(leading: xr.DataArray, groups: Groups) -> Array:
    """Return the medians, (groups, ...): these need all of a cell's values at once, so cells are read by slabs."""
    if leading.ndim == 1:
        return median(_rows(plain(leading.to_numpy())), groups.codes, len(groups.labels))
    dim = max(leading.dims[1:], key=lambda name: leading.sizes[name])
    parts = [medians(slab, groups.codes, len(groups.labels)) for _, slab in blocks_along(leading, dim)]
    return np.concatenate(parts, axis=leading.get_axis_num(dim))


def _lazily(plan: Plan) -> Any:  # noqa: ANN401  # dask has no types
    return lazy_values(plan.leading, plan.groups.codes, len(plan.groups.labels), plan.action, plan.weights)


def _dataset(plan: Plan, values: Any) -> xr.Dataset:  # noqa: ANN401  # in memory, or lazy
    gone = plan.subject.horizontal if plan.weights is not None else ()
    return dataset_of(plan.subject, plan.groups, plan.action, values, (plan.groups.dim, *plan.others), gone)


def _rows(block: Array) -> Array:
    return block.reshape(block.shape[0], -1)


def _check_numbers(subject: Subject) -> None:
    variable, name = subject.variable, subject.name
    if not subject.holds_numbers:
        raise BadOptionError(f"{name!r} holds no numbers, which diagnostics are made of; choose another variable")
    if name in variable.dims:
        raise BadOptionError(f"{name!r} is the coordinate of its own dimension; choose a variable along it")
    if not variable.dims or not variable.size:
        raise BadOptionError(f"{name!r} has no values along a dimension, so there is nothing to group")
