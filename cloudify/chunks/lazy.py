"""The blocks of one lazy array."""

import weakref
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import count
from typing import Any

import numpy as np
import xarray as xr

from cloudify.chunks.evaluate import evaluate_many
from cloudify.chunks.reductions import Reductions, find_reductions
from cloudify.chunks.task_keys import DaskArray, Key, Tasks

Evaluate = Callable[[Mapping[Any, Any], Sequence[Any]], Sequence[Any]]
"""Computes keys of a graph: `evaluate_many` here, a cluster's elsewhere."""

_owners = count()


class Blocks:
    """The blocks of a lazy array at a cost of their own tasks. Safe to use from many threads.

    What many of them need and takes many tasks is computed once, when first needed, as long as `reductions` keeps it.
    """

    def __init__(self, array: DaskArray, path: str, reductions: Reductions) -> None:
        from cloudify.chunks.graph import Graph

        self.name: str = array.name
        self.dtype: np.dtype[Any] = array.dtype
        self.edges: tuple[np.ndarray[Any, Any], ...] = tuple(np.cumsum((0, *sizes)) for sizes in array.chunks)
        """Where blocks begin and end along each dimension."""
        self.path = path
        """Of the variable, for the log."""
        self._graph = Graph(array)
        self._shared: set[Key] = set()
        self._reductions, self._owner = reductions, next(_owners)
        weakref.finalize(self, reductions.forget, self._owner)

    @classmethod
    def of(cls, path: str, variable: xr.Variable, reductions: Reductions) -> "Blocks | None":
        """Return the blocks of a variable, None for one that is not lazy."""
        return cls(variable.data, path, reductions) if variable.chunks is not None else None

    @property
    def too_large(self) -> list[int]:
        """The bytes of each reduction that many of them need and that could not be kept, as far as any was computed."""
        return [nbytes for key, nbytes in list(self._reductions.too_large.items()) if key in self._graph]

    def tasks(self, keys: Sequence[Key], elsewhere: Evaluate | None = None) -> Tasks:
        """Return all tasks that blocks need; those of reductions are done by now.

        Parameters
        ----------
        elsewhere
            What computes reductions; None for threads of this process.
        """
        tasks = self._graph.tasks(keys, self._shared)
        found = find_reductions(self._graph, tasks, keys)
        if found:
            self._shared.update(found)
            tasks = self._graph.tasks(keys, self._shared)
        return self._filled(tasks, elsewhere)

    def _filled(self, tasks: Tasks, elsewhere: Evaluate | None) -> Tasks:
        """Add the values of the reductions that tasks need."""
        if self._shared:
            from dask._task_spec import DataNode

            for key in _missing(tasks):
                tasks[key] = DataNode(key, self._reduction(key, elsewhere))
        return tasks

    def _reduction(self, key: Key, elsewhere: Evaluate | None) -> Any:  # noqa: ANN401
        def make() -> Any:  # noqa: ANN401
            tasks = self._filled(self._graph.tasks([key], self._shared), elsewhere)
            return (elsewhere or evaluate_many)(tasks, [key])[0]

        return self._reductions.get(self._owner, key, make, self.path)


def _missing(tasks: Tasks) -> Iterable[Key]:
    return {needed for task in tasks.values() for needed in task.dependencies if needed not in tasks}
