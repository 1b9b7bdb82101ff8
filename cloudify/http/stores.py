"""What the byte path serves: the keys of datasets."""

from collections.abc import Container, Hashable
from functools import lru_cache
from typing import Protocol

from cloudify.chunks.cache import ByteCache
from cloudify.chunks.hierarchy import Chunk, Document
from cloudify.chunks.passthrough import StoredChunk
from cloudify.chunks.reductions import Reductions
from cloudify.settings import Settings

Found = Document | Chunk | StoredChunk


class Store(Protocol):
    """The keys of one dataset."""

    @property
    def token(self) -> str:
        """Version token of the dataset."""
        ...

    @property
    def immutable(self) -> bool:
        """Whether its bytes never change."""
        ...

    def chunk_keys(self) -> Container[str]:
        """Return the keys of all chunks; nothing of the dataset is held by them."""
        ...

    def find(self, key: str) -> Found:
        """Return what a key names."""
        ...


class Stores(Protocol):
    """The stores of all datasets. Safe to use from many threads."""

    def ready(self, dataset_id: str) -> Store | None:
        """Return a store if that takes no more than a system call or two, else None."""
        ...

    def find(self, dataset_id: str) -> Store:
        """Return a store as the source is now. Blocks."""
        ...

    def has_changed(self, dataset_id: str, store: Store) -> bool:
        """Whether the source is known to have been replaced since."""
        ...

    def let_go(self, dataset_id: str, seen_ns: int) -> None:
        """Have a dataset opened anew: a reader met a file that was written at `seen_ns`, after it was opened."""
        ...


class CountedCache(ByteCache):
    """Counts what was found, and what was made since it was not: several look-ups may come before one making."""

    def __init__(self, limit_nbytes: int) -> None:
        super().__init__(limit_nbytes)
        self.found = self.made = 0

    def get(self, key: Hashable) -> bytes | None:
        """Return what was put under `key`, None if it is gone."""
        data = super().get(key)
        if data is not None:
            self.found += 1
        return data

    def put(self, key: Hashable, data: bytes) -> None:
        """Keep `data`; what is larger than the whole cache is not kept."""
        self.made += 1
        super().put(key, data)


@lru_cache(maxsize=8)
def chunk_cache(settings: Settings) -> CountedCache:
    """Return the one cache of encoded chunks of a process, by their tags: those of the same bytes are the same."""
    return CountedCache(settings.chunk_cache_nbytes)


@lru_cache(maxsize=8)
def reduction_cache(settings: Settings) -> Reductions:
    """Return what keeps the reductions of lazy datasets in a process."""
    return Reductions(settings.reduction_cache_nbytes)
