"""Entries that are on no list, or never were: they are looked for by their ids, and known for a while."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock
from time import monotonic

from cloudify.datasets.place import Place
from cloudify.model.entry import Entry

FRESH_S = 0.5
"""How long one that was found is taken as there: what its owner removes is gone soon after."""
PREFIX = "job-"
"""How their ids begin: no others are looked for."""
MOST_KNOWN = 1024


@dataclass(slots=True)
class _Known:
    place: Place
    looked_at: float


class Beyond:
    """What was found. Safe to use from many threads.

    Parameters
    ----------
    find
        Returns the entry of an id, None if there is none. Blocks.
    """

    def __init__(self, find: Callable[[str], Entry | None]) -> None:
        self._find = find
        self._known: OrderedDict[str, _Known] = OrderedDict()
        self._lock = Lock()

    def known(self, dataset_id: str) -> Place | None:
        """Return what was found when somebody looked last."""
        known = self._known.get(dataset_id)
        return known.place if known is not None else None

    def is_fresh(self, dataset_id: str) -> bool:
        """Whether it was found just now."""
        known = self._known.get(dataset_id)
        return known is not None and monotonic() - known.looked_at <= FRESH_S

    def look(self, dataset_id: str) -> Place | None:
        """Look for an entry, unless that was done just now. Blocks; raises what `find` raises."""
        if not dataset_id.startswith(PREFIX):
            return None
        if self.is_fresh(dataset_id):
            return self.known(dataset_id)
        now = monotonic()
        entry = self._find(dataset_id)
        with self._lock:
            known = self._known.pop(dataset_id, None)
            if entry is None:
                return None
            place = known.place if known is not None and known.place.entry == entry else Place(entry)
            self._known[dataset_id] = _Known(place, now)
            while len(self._known) > MOST_KNOWN:
                self._known.popitem(last=False)
        return place
