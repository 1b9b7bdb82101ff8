"""Encoded chunks kept in memory, bounded in bytes."""

from collections import OrderedDict
from collections.abc import Hashable
from threading import Lock


class ByteCache:
    """Least recently used bytes go first. Safe to use from many threads.

    >>> cache = ByteCache(limit_nbytes=3)
    >>> cache.put("a", b"12"); cache.put("b", b"34")
    >>> cache.get("a"), cache.get("b"), cache.nbytes
    (None, b'34', 2)
    """

    def __init__(self, limit_nbytes: int) -> None:
        self._limit_nbytes = limit_nbytes
        self._items: OrderedDict[Hashable, bytes] = OrderedDict()
        self._lock = Lock()
        self.nbytes = 0

    def get(self, key: Hashable) -> bytes | None:
        """Return what was put under `key`, None if it is gone."""
        with self._lock:
            data = self._items.get(key)
            if data is not None:
                self._items.move_to_end(key)
            return data

    def put(self, key: Hashable, data: bytes) -> None:
        """Keep `data`; what is larger than the whole cache is not kept."""
        if len(data) > self._limit_nbytes:
            return
        with self._lock:
            self.nbytes += len(data) - len(self._items.pop(key, b""))
            self._items[key] = data
            while self.nbytes > self._limit_nbytes:
                self.nbytes -= len(self._items.popitem(last=False)[1])
