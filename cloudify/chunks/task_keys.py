"""What tasks are called. Nothing of dask is imported: most datasets are not lazy, and a start does without it."""

from collections.abc import Hashable
from typing import Any

DaskArray = Any
"""``dask.array.Array``: dask has no types."""
Key = Any
"""Name of a task, with the index of its block if it has one; dask's types of it leave some out."""
Tasks = dict[Key, Any]
"""Tasks by their keys; each is called with the values of its ``dependencies``."""


def name_of(key: Any) -> Hashable:  # noqa: ANN401
    """Return the name in a key.

    >>> name_of(("add-1f", 0, 3)), name_of("open-2e")
    ('add-1f', 'open-2e')
    """
    name: Hashable = key[0] if isinstance(key, tuple) and key else key
    return name
