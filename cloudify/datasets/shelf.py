"""The datasets of a server: opened on first use, at most so many at once, never stale."""

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field
from threading import Lock
from time import monotonic

import httpx

from cloudify.datasets.open import open_entry
from cloudify.datasets.opened import Opened
from cloudify.datasets.token import is_cheap, is_exact, version_token
from cloudify.errors import UnknownDatasetError, UnreadableDatasetError
from cloudify.model.entry import Entry
from cloudify.settings import Settings, load_settings

FAILURE_S = 2.0
"""A dataset that could not be opened is not tried again before this: 64 readers of it cost one attempt."""


@dataclass(slots=True)
class _Place:
    """What the shelf knows of one entry."""

    entry: Entry
    lock: Lock = field(default_factory=Lock)
    """Held while opening: one opens, the others wait for it."""
    checked_at: float = 0.0
    failure: str = ""
    """Why the last attempt to open it failed."""
    failed_at: float = 0.0


class Shelf:
    """Datasets by id. Safe to use from many threads.

    A dataset that falls off the shelf is closed when its last reader has finished with it.

    Parameters
    ----------
    limit
        Most datasets held open at once.
    check_s
        How long a directory or URL is taken as unchanged, in seconds. Files are looked at every time.
    timeout_s
        Longest wait for a remote source, in seconds.
    settings
        What openers need: limits, credentials. By default those of the process.
    """

    def __init__(
        self,
        entries: Iterable[Entry],
        *,
        limit: int,
        check_s: float,
        timeout_s: float,
        settings: Settings | None = None,
    ) -> None:
        self._places = {entry.id: _Place(entry) for entry in entries}
        self._limit, self._check_s, self._timeout_s = limit, check_s, timeout_s
        self._settings = settings or load_settings()
        self._held: OrderedDict[str, Opened] = OrderedDict()
        self._lock = Lock()

    def __contains__(self, dataset_id: str) -> bool:
        """Whether an entry has this id."""
        return dataset_id in self._places

    def ids(self) -> list[str]:
        """Return the ids of all entries, those included that cannot be opened."""
        return list(self._places)

    def entry(self, dataset_id: str) -> Entry | None:
        """Return what the catalog says of a dataset, None where it has none; nothing is opened."""
        place = self._places.get(dataset_id)
        return place.entry if place else None

    def failure(self, dataset_id: str) -> str:
        """Return why the last attempt to open a dataset failed, ``""`` if it did not."""
        place = self._places[dataset_id]
        return place.entry.fault or place.failure

    def peek(self, dataset_id: str) -> Opened | None:
        """Return a dataset if it is open and was found unchanged just now, at the cost of two system calls.

        Raises
        ------
        UnknownDatasetError
            If no entry has this id.
        """
        place = self._place(dataset_id)
        with self._lock:
            opened = self._held.get(dataset_id)
            if opened is None:
                return None
            self._held.move_to_end(dataset_id)
        if is_cheap(place.entry):
            return opened if self._is_at(opened.entry, opened.token) else None
        return opened if monotonic() - place.checked_at < self._check_s else None

    def get(self, dataset_id: str) -> Opened:
        """Return a dataset as its source is now, opening it if need be. Blocks.

        Raises
        ------
        UnknownDatasetError
            If no entry has this id.
        UnreadableDatasetError
            If it cannot be opened.
        """
        opened = self.peek(dataset_id)
        if opened is not None:
            return opened
        place = self._place(dataset_id)
        with place.lock:
            opened = self.peek(dataset_id)  # another thread may have opened it meanwhile
            if opened is not None:
                return opened
            with self._lock:
                opened = self._held.get(dataset_id)
            if opened is None or not self._is_at(opened.entry, opened.token):
                opened = self._open(place)
            place.checked_at = monotonic()
            return opened

    def has_changed(self, dataset_id: str, token: str) -> bool:
        """Whether a source differs from what it was at `token`; of a directory or URL only the next check tells."""
        entry = self._place(dataset_id).entry
        return is_exact(entry) and not self._is_at(entry, token)

    def _is_at(self, entry: Entry, token: str) -> bool:
        """Whether the source still is what it was at `token`."""
        try:
            return version_token(entry, timeout_s=self._timeout_s, settings=self._settings) == token
        except (OSError, httpx.HTTPError):
            return False

    def close(self) -> None:
        """Let go of every dataset."""
        with self._lock:
            self._held.clear()

    def _open(self, place: _Place) -> Opened:
        if place.failure and monotonic() - place.failed_at < FAILURE_S:
            raise UnreadableDatasetError(place.entry.id, place.failure)
        with self._lock:
            self._held.pop(place.entry.id, None)
        try:
            opened = open_entry(place.entry, timeout_s=self._timeout_s, settings=self._settings)
        except UnreadableDatasetError as error:
            place.failure, place.failed_at = error.reason, monotonic()
            raise
        place.failure = ""
        with self._lock:
            self._held[place.entry.id] = opened
            while len(self._held) > self._limit:
                self._held.popitem(last=False)
        return opened

    def _place(self, dataset_id: str) -> _Place:
        place = self._places.get(dataset_id)
        if place is None:
            raise UnknownDatasetError(dataset_id, self._places)
        return place


def title_of(shelf: Shelf | None, dataset_id: str) -> str:
    """Return the title that a catalog gives a dataset, ``""`` where there is none; nothing is opened."""
    entry = shelf.entry(dataset_id) if shelf is not None else None
    return entry.title if entry else ""
