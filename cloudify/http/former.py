"""Chunks that datasets had before their sources changed.

A reader that opened a dataset before goes on asking for its chunks. Where the new version has none there, or the
dataset is gone, 404 would read as fill values: what was there a moment ago is "source changed".
"""

from collections import OrderedDict, deque
from collections.abc import Container
from typing import Protocol

DATASETS = 4096
VERSIONS = 4
"""Most datasets, and versions of each, that are remembered: the shapes of their variables, no more."""


class HasChunks(Protocol):
    """The keys of a dataset at one version token."""

    @property
    def token(self) -> str:
        """Version token of the dataset."""
        ...

    def chunk_keys(self) -> Container[str]:
        """Return the keys of all chunks; nothing of the dataset is held by them."""
        ...


class Former:
    """The chunks of the datasets that were served. Belongs to one event loop."""

    def __init__(self) -> None:
        self._tokens: OrderedDict[str, str] = OrderedDict()
        self._chunks: dict[str, deque[Container[str]]] = {}

    def note(self, dataset_id: str, store: HasChunks) -> None:
        """Remember a version that is served now."""
        if self._tokens.get(dataset_id) == store.token:
            return
        self._tokens[dataset_id] = store.token
        self._chunks.setdefault(dataset_id, deque(maxlen=VERSIONS)).append(store.chunk_keys())
        if len(self._tokens) > DATASETS:
            oldest, _ = self._tokens.popitem(last=False)
            del self._chunks[oldest]

    def had(self, dataset_id: str, key: str) -> bool:
        """Whether a version of the dataset had a chunk at `key`."""
        return any(key in chunks for chunks in self._chunks.get(dataset_id, ()))
