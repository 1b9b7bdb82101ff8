"""Layers of a dask graph that are no dictionary of tasks but a rule by which they are made."""

from collections.abc import Iterable, Iterator
from functools import cached_property
from numbers import Integral
from typing import Any

from dask._task_spec import DataNode, GraphNode, TaskRef, parse_input
from dask.blockwise import blockwise_token


class SymbolicLayer:
    """A blockwise layer. Immutable, so safe to use from many threads.

    Most have one task for each block, which differs from the others in its index only: it is made of a pattern, at a
    fifth of what dask's own way costs, which looks at the whole layer first. The others are made by dask.
    """

    def __init__(self, layer: Any) -> None:  # noqa: ANN401  # dask has few types
        self._layer = layer
        self.extents: tuple[int, ...] = tuple(layer.dims[index] for index in layer.output_indices)
        """How many tasks there are along each dimension."""

    def __contains__(self, key: object) -> bool:
        """Whether a key with its name is that of one of its tasks."""
        return (
            isinstance(key, tuple)
            and len(key) == len(self.extents) + 1
            and all(isinstance(i, Integral) and 0 <= int(i) < n for i, n in zip(key[1:], self.extents, strict=True))
        )

    def tasks(self, keys: Iterable[tuple[Any, ...]]) -> Iterator[tuple[tuple[Any, ...], Any]]:
        """Yield tasks by their keys."""
        if self._slots is None:
            culled, _ = self._layer.cull(set(keys), ())
            yield from ((key, culled[key]) for key in keys)
            return
        for key in keys:
            given = {}
            for token, name, positions, source in self._slots:
                index = tuple([key[position] if position else 0 for position in positions])
                given[token] = (name, *index) if source is None else _as_node(source.get(index, index))
            yield key, self._pattern.substitute(given, key=key)

    @cached_property
    def _slots(self) -> list[tuple[str, Any, tuple[int, ...], Any]] | None:
        """What the tasks differ in; None if they take several blocks of an array together.

        For each of their inputs: what stands for it in the pattern, the array it is of, where its index is in a key
        (0 for the one block along a dimension), and, instead of an array, what has the values of its blocks.
        """
        layer = self._layer
        place = {index: position for position, index in enumerate(layer.output_indices, start=1)}
        slots = []
        for number, (name, indices) in enumerate(layer.indices):
            if indices is None or _stand_in(number) not in layer.task.dependencies:
                continue
            if not place.keys() >= set(indices):
                return None
            blocks = layer.numblocks[name]
            positions = tuple(0 if n == 1 else place[i] for i, n in zip(indices, blocks, strict=True))
            slots.append((_stand_in(number), name, positions, layer.io_deps.get(name)))
        return slots

    @cached_property
    def _pattern(self) -> Any:  # noqa: ANN401  # a task
        """The task of every block, with what is the same for all of them."""
        constants = {
            _stand_in(number): value if isinstance(value, GraphNode | TaskRef) else DataNode(None, value)
            for number, (value, indices) in enumerate(self._layer.indices)
            if indices is None
        }
        return self._layer.task.substitute(constants)


def _stand_in(number: int) -> str:
    """Return what stands for an input in the pattern of a layer."""
    name: str = blockwise_token(number)  # type: ignore[no-untyped-call]  # dask has few types
    return name


def _as_node(value: Any) -> Any:  # noqa: ANN401
    node = parse_input(value)
    return node if isinstance(node, GraphNode) else DataNode(None, node)
