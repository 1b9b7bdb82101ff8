"""A diagnostic as a graph of dask: computed chunk by chunk, when somebody reads it, here or on a cluster.

Each block of the source is taken in once, in an accumulator of the groups that it has places of; accumulators are
merged as a tree, so that no task holds more than a few of them. A source that is no graph is read as one, in whole
chunks. Of a result that is large, and that has groups which lie in different blocks, a chunk holds few groups: who
reads one reads those blocks only.
"""

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from math import prod
from secrets import token_hex
from typing import Any

import numpy as np
import xarray as xr

from cloudify.diagnostics.blocks import plain, plain_type, step_along
from cloudify.diagnostics.groups import NONE, Array
from cloudify.diagnostics.kernel import Accumulator, median
from cloudify.diagnostics.weighted import WeightedAccumulator, Weights
from cloudify.model.stop import go_on

FAN_IN = 8
"""How many accumulators one task merges."""
CHUNK_NBYTES = 2**22
"""Chunks of a result above this hold fewer groups, if that saves reading."""
MOST_TASKS = 100_000
DaskArray = Any
"""``dask.array.Array``: dask has no types."""
Key = Any
"""Name of a task and the index of its block."""
Evaluate = Callable[[Mapping[Any, Any], Sequence[Any]], Sequence[Any]]
"""Computes keys of a graph."""


@dataclass(frozen=True, eq=False)
class Partial:
    """What was accumulated of some places: only of the groups that are among them."""

    found: Array
    """Their numbers, ascending."""
    held: Accumulator

    def __sizeof__(self) -> int:
        """Return the bytes of what is accumulated: who keeps it has to know."""
        return object.__sizeof__(self) + self.found.nbytes + sum(array.nbytes for array in self.held.held.values())


@dataclass(frozen=True, eq=False)
class _Graph:
    """The tasks of one diagnostic."""

    source: DaskArray
    """The grouped dimension first."""
    codes: Array
    groups: int
    weights: Weights | None = None
    token: str = field(default_factory=lambda: token_hex(8))
    tasks: dict[Key, Any] = field(default_factory=dict)

    @property
    def others(self) -> tuple[tuple[int, ...], ...]:
        """The sizes of the blocks along the other dimensions that the result has."""
        inner = len(self.weights.dims) if self.weights is not None else 0
        chunks: tuple[tuple[int, ...], ...] = self.source.chunks
        return chunks[1 : len(chunks) - inner]

    @property
    def cells(self) -> Iterable[tuple[int, ...]]:
        """The index of each block along these."""
        return product(*(range(len(sizes)) for sizes in self.others))

    def shape(self, cell: tuple[int, ...]) -> tuple[int, ...]:
        """Return the extents of a block of cells."""
        return tuple(sizes[i] for sizes, i in zip(self.others, cell, strict=True))

    def block(self, number: int, cell: tuple[int, ...]) -> Key:
        """Return the key of a block of the source; what an area runs over lies in one."""
        return (self.source.name, number, *cell, *(0,) * (len(self.source.chunks) - 1 - len(cell)))

    def codes_of_blocks(self) -> list[Array]:
        """Return the group of each place, block by block."""
        return np.split(self.codes, np.cumsum(self.source.chunks[0])[:-1])

    def reduced(self, statistic: str, span: range, cell: tuple[int, ...]) -> Key:
        """Add the tasks of a statistic of some groups in one block of cells; return the key of their accumulator."""
        keys: list[Key] = []
        start = 0
        for number, codes in enumerate(self.codes_of_blocks()):
            weights = self.weights.at(slice(start, start + len(codes))) if self.weights is not None else None
            start += len(codes)
            within = np.where((codes >= span.start) & (codes < span.stop), codes, NONE)
            if (within != NONE).any():
                keys.append((f"part-{self.token}", span.start, number, *cell))
                self.tasks[keys[-1]] = (take_in, self.block(number, cell), within, statistic, weights)
        level = 0
        while len(keys) > 1:
            level += 1
            for number in range(0, len(keys), FAN_IN):
                key = (f"merge-{self.token}-{level}", span.start, number // FAN_IN, *cell)
                self.tasks[key] = (merge, keys[number : number + FAN_IN])
            keys = [(f"merge-{self.token}-{level}", span.start, n, *cell) for n in range(-(-len(keys) // FAN_IN))]
        return keys[0]

    def array(self, first: tuple[int, ...], dtype: np.dtype[Any]) -> DaskArray:
        """Return the result as an array, of which the tasks named ``diagnostic-`` are the blocks."""
        import dask.array as da
        from dask.highlevelgraph import HighLevelGraph

        name = f"diagnostic-{self.token}"
        graph = HighLevelGraph.from_collections(name, self.tasks, dependencies=[self.source])
        chunks = (first, *self.others)
        return da.Array(graph, name, chunks, meta=np.empty((0,) * len(chunks), dtype))  # type: ignore[no-untyped-call]


def lazy_values(
    leading: xr.DataArray, codes: Array, groups: int, action: str, weights: Weights | None = None
) -> DaskArray:
    """Return the values of a diagnostic lazily: a place for each group, for an anomaly as in the source.

    Parameters
    ----------
    leading
        The variable, its grouped dimension first, of at least one place; those that `weights` run over last.
    codes
        The group of each place, `NONE` for no group.
    weights
        Of the actions in `WEIGHTED` only.
    """
    kind = plain_type(leading.dtype)
    if action == "median":
        graph = _Graph(_as_graph(leading, whole=True), codes, groups)
        name = f"diagnostic-{graph.token}"
        for cell in graph.cells:
            graph.tasks[name, 0, *cell] = (medians, graph.block(0, cell), codes, groups)
        return graph.array((groups,), np.dtype(np.float64))
    graph = _Graph(_as_graph(leading, area=weights.dims if weights is not None else ()), codes, groups, weights)
    name = f"diagnostic-{graph.token}"
    if action == "anomaly":
        for cell in graph.cells:
            mean = graph.reduced("mean", range(groups), cell)
            means = (f"means-{graph.token}", *cell)
            graph.tasks[means] = (finish, mean, range(groups), graph.shape(cell), "mean")
            for number, part in enumerate(graph.codes_of_blocks()):
                graph.tasks[name, number, *cell] = (less_means, graph.block(number, cell), part, means)
        return graph.array(graph.source.chunks[0], kind if kind.kind == "f" else np.dtype(np.float64))
    spans = _spans(graph)
    for cell in graph.cells:
        for number, span in enumerate(spans):
            key = graph.reduced(action, span, cell)
            graph.tasks[name, number, *cell] = (finish, key, span, graph.shape(cell), action)
    return graph.array(tuple(map(len, spans)), _type_of(action, kind))


def evaluated(array: DaskArray, evaluate: Evaluate | None = None) -> Array:
    """Return the values of an array, all of them. Blocks.

    Parameters
    ----------
    evaluate
        What computes keys of a graph: a cluster's; by default threads of this process.
    """
    from dask.array.core import slices_from_chunks

    keys = [(array.name, *index) for index in product(*(range(len(sizes)) for sizes in array.chunks))]
    blocks = (evaluate or _evaluate_here)(dict(array.dask), keys)
    values = np.empty(array.shape, array.dtype)
    for region, block in zip(slices_from_chunks(array.chunks), blocks, strict=True):  # type: ignore[no-untyped-call]
        values[region] = block
    return values


def _evaluate_here(graph: Mapping[Any, Any], keys: Sequence[Any]) -> Sequence[Any]:
    from dask.threaded import get

    between = (None, None, lambda *_: go_on(), None, None)  # given, since `Callback` is one set for all threads
    values: Sequence[Any] = get(graph, keys, callbacks=[between])
    return values


def take_in(block: Array, codes: Array, statistic: str, weights: Array | None) -> Partial:
    """Accumulate a block of a source, its grouped dimension first; at least one place is of a group."""
    found = np.unique(codes[codes != NONE])
    held = accumulator(block, len(found), (statistic,), weights)
    add(held, block, np.where(codes == NONE, NONE, np.searchsorted(found, codes)), weights)
    return Partial(found, held)


def accumulator(block: Array, groups: int, wanted: tuple[str, ...], weights: Array | None) -> Accumulator:
    """Return what can accumulate blocks like this one."""
    if weights is not None:
        cells = prod(block.shape[1:]) // weights.shape[1]
        return WeightedAccumulator(groups, cells, np.dtype(np.float64), wanted)
    return Accumulator(groups, prod(block.shape[1:]), plain_type(block.dtype), wanted)


def add(held: Accumulator, block: Array, codes: Array, weights: Array | None) -> None:
    """Take in a block, the grouped dimension first, what an area runs over last."""
    if isinstance(held, WeightedAccumulator) and weights is not None:
        held.add_weighted(plain(block).reshape(len(block), held.cells, weights.shape[1]), codes, weights)
    else:
        held.add(_rows(block), codes)


def merge(parts: list[Partial]) -> Partial:
    """Return one accumulator for several, which are in the order of their places."""
    found = np.unique(np.concatenate([part.found for part in parts]))
    held = parts[0].held.empty(len(found))
    for part in parts:
        held.merge(part.held, np.searchsorted(found, part.found))
    return Partial(found, held)


def finish(part: Partial, span: range, shape: tuple[int, ...], statistic: str) -> Array:
    """Return a statistic of the groups in `span`, (groups, *shape)."""
    held = part.held.empty(len(span))
    held.merge(part.held, part.found - span.start)
    return held.result(statistic).reshape(len(span), *shape)


def less_means(block: Array, codes: Array, means: Array) -> Array:
    """Subtract the mean of its group from each value: of the values' own type where that is float, else float64."""
    return anomalies(_rows(block), codes, means.reshape(len(means), -1)).reshape(block.shape)


def anomalies(rows: Array, codes: Array, means: Array) -> Array:
    """Return how much rows, (places, cells), differ from the mean of their group; NaN for a place of no group."""
    less = np.where((codes == NONE)[:, None], np.nan, means[codes])
    return np.asarray((rows - less).astype(rows.dtype if rows.dtype.kind == "f" else np.float64, copy=False))


def medians(block: Array, codes: Array, groups: int) -> Array:
    """Return the medians of a block that has all places of its cells."""
    return median(_rows(block), codes, groups).reshape(groups, *block.shape[1:])


def _rows(block: Array) -> Array:
    return plain(np.asarray(block)).reshape(block.shape[0], -1)


def _as_graph(leading: xr.DataArray, area: Iterable[str] = (), *, whole: bool = False) -> DaskArray:
    """Return a variable's values as an array of dask; `area` in one block, with `whole` all places of a cell."""
    dim, others = leading.dims[0], leading.dims[1:]
    chunks: dict[Hashable, Any] = dict.fromkeys(area, -1)
    if whole:
        chunks[dim] = -1
        if others:
            longest = max(others, key=lambda name: leading.sizes[name])
            chunks[longest] = step_along(leading, longest)
    elif leading.chunks is None:
        chunks[dim] = step_along(leading, dim)
    if leading.chunks is None:
        chunks = dict.fromkeys(leading.dims, -1) | chunks
        variable = leading.variable.chunk(chunks, name=f"source-{token_hex(8)}")
    else:
        variable = leading.variable.chunk(chunks) if chunks else leading.variable
    return variable.data


def _spans(graph: _Graph) -> list[range]:
    """Return the groups that each chunk of the result holds."""
    one = 8 * max(1, prod(max(sizes) for sizes in graph.others))
    most = max(1, CHUNK_NBYTES // one)
    count = -(-graph.groups // most)
    if len(graph.source.chunks[0]) == 1 or count * graph.source.npartitions > MOST_TASKS:
        return [range(graph.groups)]
    return [range(start, min(start + most, graph.groups)) for start in range(0, graph.groups, most)]


def _type_of(action: str, kind: np.dtype[Any]) -> np.dtype[Any]:
    if action == "count":
        return np.dtype(np.int64)
    return kind if action in {"min", "max", "first", "last"} else np.dtype(np.float64)
