"""Chunks that datasets had before their sources changed.

A reader that opened a dataset before goes on asking for its chunks. Where the new version has none there, or the
dataset is gone, 404 would read as fill values: what was there a moment ago is "source changed".
"""

from collections import OrderedDict, deque
from collections.abc import Mapping
from typing import Protocol

from cloudify.chunks.keys import parse_chunk_key
from cloudify.model.chunkgrid import ChunkGrid

DATASETS = 4096
VERSIONS = 4
"""Most datasets, and versions of each, that are remembered: the shapes of their variables, no more."""

Grids = Mapping[str, ChunkGrid]


class Gridded(Protocol):
    """The keys of one dataset at one version token."""

    @property
    def token(self) -> str:
        """The version token."""
        ...

    def chunk_grids(self) -> Grids:
        """Return the grid of each array by path."""
        ...


class Former:
    """The grids of the datasets that were served. Belongs to one event loop."""

    def __init__(self) -> None:
        self._tokens: OrderedDict[str, str] = OrderedDict()
        self._grids: dict[str, deque[Grids]] = {}

    def note(self, dataset_id: str, store: Gridded) -> None:
        """Remember a version that is served now."""
        if self._tokens.get(dataset_id) == store.token:
            return
        self._tokens[dataset_id] = store.token
        self._grids.setdefault(dataset_id, deque(maxlen=VERSIONS)).append(store.chunk_grids())
        if len(self._tokens) > DATASETS:
            oldest, _ = self._tokens.popitem(last=False)
            del self._grids[oldest]

    def had(self, dataset_id: str, key: str) -> bool:
        """Whether a version of the dataset had a chunk at `key`."""
        return any(
            path in grids and (index in grids[path] or (not grids[path].shape and index == (0,)))
            for grids in self._grids.get(dataset_id, ())
            for path, index, _ in parse_chunk_key(key)
        )
