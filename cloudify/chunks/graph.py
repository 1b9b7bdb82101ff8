"""The tasks that one chunk of a lazy array needs, found from the chunk downwards.

What is looked at are those tasks and no others, whatever kinds of layers a graph has: a symbolic layer makes the tasks
asked of it, a materialised one has them. Nothing is copied, so that a graph of any size costs no memory but its own.
"""

from collections import Counter
from collections.abc import Collection, Container, Hashable, Iterable, Mapping
from functools import cached_property
from math import prod
from typing import Any

from dask._task_spec import DataNode, GraphNode, Task, TaskRef, convert_legacy_task
from dask.blockwise import Blockwise

from cloudify.chunks.symbolic import SymbolicLayer
from cloudify.chunks.task_keys import DaskArray, Key, Tasks, name_of


class Graph:
    """The tasks of one array. Immutable, so safe to use from many threads."""

    def __init__(self, array: DaskArray) -> None:
        self.name: str = array.name
        """Of the tasks whose values are the blocks of the array."""
        layers = array.dask.layers.values()
        self._symbolic: dict[Hashable, SymbolicLayer] = {
            layer.output: SymbolicLayer(layer) for layer in layers if isinstance(layer, Blockwise)
        }
        self._materialised = [layer for layer in layers if not isinstance(layer, Blockwise)]

    def tasks(self, keys: Iterable[Key], ends: Collection[Key] = frozenset()) -> Tasks:
        """Return the tasks of `keys` and of all that they need, but for what is in `ends` and what only that needs."""
        found: Tasks = {}
        pending = list(keys)
        while pending:
            asked: dict[Hashable, set[Any]] = {}  # of symbolic layers, some of which make many at once with less ado
            following: list[Key] = []
            for key in pending:
                if key in found:
                    continue
                name = name_of(key)
                if name in self._symbolic:
                    asked.setdefault(name, set()).add(key)
                else:
                    found[key] = self._task(key, name)
                    following.extend(found[key].dependencies)
            for name, of_layer in asked.items():
                for key, task in self._symbolic[name].tasks(of_layer):
                    found[key] = task
                    following.extend(task.dependencies)
            pending = [key for key in following if key not in ends]
        return found

    def count(self, name: Hashable) -> int:
        """Return how many tasks have a name."""
        layer = self._symbolic.get(name)
        if layer is not None:
            return prod(layer.extents)
        return sum(count for _, count in self._named.get(name, ()))

    def __contains__(self, key: object) -> bool:
        """Whether there is a task of this key."""
        name = name_of(key)
        layer = self._symbolic.get(name)
        if layer is None:
            return any(key in tasks for tasks, _ in self._named.get(name, ()))
        return key in layer

    def _task(self, key: Key, name: Hashable) -> Any:  # noqa: ANN401
        """Return a task of a materialised layer."""
        for layer, _ in self._named.get(name, ()):
            if key in layer:
                return as_task(key, layer[key], self)
        raise KeyError(key)

    @cached_property
    def _named(self) -> dict[Hashable, list[tuple[Mapping[Key, Any], int]]]:
        """Which materialised layers have tasks of a name, and how many. Looks at each of their keys, once."""
        named: dict[Hashable, list[tuple[Mapping[Key, Any], int]]] = {}
        for layer in self._materialised:
            for name, count in Counter(map(name_of, layer)).items():
                named.setdefault(name, []).append((layer, count))
        return named


def as_task(key: Key, value: Any, keys: Container[Key]) -> Any:  # noqa: ANN401
    """Return what a materialised layer has under a key as a task.

    Parameters
    ----------
    value
        A task, a tuple with a function at its head, the name of another task, a value of the user's own cluster that
        is to be fetched, or any other value.
    keys
        Those of the whole graph.
    """
    if isinstance(value, TaskRef):
        return Task(key, value.result)  # type: ignore[attr-defined]  # a future
    task = convert_legacy_task(key, value, keys)
    return task if isinstance(task, GraphNode) else DataNode(key, task)
