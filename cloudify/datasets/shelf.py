"""The datasets of a server: opened on first use, at most so many at once, never stale."""

import logging
import os
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from threading import Lock
from time import monotonic

import xarray as xr

from cloudify.datasets.beyond import Beyond
from cloudify.datasets.open import open_entry
from cloudify.datasets.opened import Opened
from cloudify.datasets.place import Place
from cloudify.datasets.source import explain, failures
from cloudify.datasets.token import glance, is_cheap, is_exact, mark_of, version_token
from cloudify.errors import UnknownDatasetError, UnreadableDatasetError
from cloudify.model.entry import Entry
from cloudify.settings import Settings, load_settings

FAILURE_S = 2.0
"""A dataset that could not be opened is not tried again before this: 64 readers of it cost one attempt."""
CHANGED_S = 0.2
"""The same of one whose source has changed since."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Replaced:
    """What a new list of entries changed, by id."""

    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()


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
    beyond
        Knows entries that are on no list, or never were: what jobs left.
    """

    def __init__(
        self,
        entries: Iterable[Entry],
        *,
        limit: int,
        check_s: float,
        timeout_s: float,
        settings: Settings | None = None,
        beyond: Callable[[str], Entry | None] = lambda _dataset_id: None,
    ) -> None:
        self._places = {entry.id: Place(entry) for entry in entries}
        self._beyond = Beyond(beyond)
        self._limit, self._check_s, self._timeout_s = limit, check_s, timeout_s
        self._settings = settings or load_settings()
        self._held: OrderedDict[str, Opened] = OrderedDict()
        self._lock = Lock()

    def __contains__(self, dataset_id: str) -> bool:
        """Whether an entry has this id."""
        return self._find(dataset_id) is not None

    @property
    def open_count(self) -> int:
        """Number of datasets held open."""
        return len(self._held)

    def ids(self) -> list[str]:
        """Return the ids of all entries, those included that cannot be opened."""
        return list(self._places)

    def entries(self) -> list[Entry]:
        """Return all entries, those included that cannot be opened."""
        return [place.entry for place in self._places.values()]

    def entry(self, dataset_id: str) -> Entry | None:
        """Return what the catalog says of a dataset, None where it has none; nothing is opened."""
        place = self._find(dataset_id)
        return place.entry if place else None

    def look(self, dataset_id: str) -> None:
        """Have an entry that is on no list be known, and one that is gone be forgotten. Blocks.

        Raises
        ------
        StoreUnavailableError
            If that cannot be told now.
        """
        if dataset_id not in self._places and self._beyond.look(dataset_id) is None:
            with self._lock:
                self._held.pop(dataset_id, None)

    def failure(self, dataset_id: str) -> str:
        """Return why a dataset cannot be opened, ``""`` if it can or nobody has tried since its source changed."""
        place = self._find(dataset_id)
        if place is None:
            return ""
        return place.entry.fault or (place.failure if place.failure_stands else "")

    def replace(self, entries: Iterable[Entry]) -> Replaced:
        """Take other entries in place of those there are, all at once.

        Those that are equal keep their open datasets; the others are let go. Who reads from one goes on reading it.
        """
        with self._lock:
            before = self._places
            places: dict[str, Place] = {}
            for entry in entries:
                place = before.get(entry.id)
                same = place is not None and (place.entry is entry or place.entry == entry)
                places[entry.id] = place if place is not None and same else Place(entry)
            added = tuple(name for name in places if name not in before)
            removed = tuple(name for name in before if name not in places)
            changed = tuple(name for name in places if name in before and places[name] is not before[name])
            for name in (*removed, *changed):
                self._held.pop(name, None)
            self._places = places
        return Replaced(added, removed, changed)

    def peek(self, dataset_id: str) -> Opened | None:
        """Return a dataset if it is open and was found unchanged just now, at the cost of one system call.

        None for one that is on no list and was not looked for just now.

        Raises
        ------
        UnknownDatasetError
            If no entry has this id.
        """
        place = self._place(dataset_id)
        if dataset_id not in self._places and not self._beyond.is_fresh(dataset_id):
            return None
        with self._lock:
            opened = self._held.get(dataset_id)
            if opened is None:
                return None
            self._held.move_to_end(dataset_id)
        if place.is_cheap:
            return opened if self._is_unchanged(place, opened) else None
        if place.is_folder and not os.path.isdir(opened.entry.href):  # noqa: PTH112  # hot path; it is gone
            return None
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
            if opened is None or not self._is_at(opened.entry, opened.token, place.seen_ns):
                opened = self._open(place)
            place.checked_at = monotonic()
            return opened

    def tree(self, dataset_id: str, group: str = "") -> xr.DataTree:
        """Return a dataset decoded, or one of its groups with what is below it, as its source is now. Blocks.

        Raises
        ------
        KeyError
            If it has no such group.
        UnknownDatasetError
            If no entry has this id.
        UnreadableDatasetError
            If it cannot be opened, or what is needed to decode it cannot be read.
        """
        opened = self.get(dataset_id)
        try:
            tree = opened.tree
        except failures() as error:
            self.let_go(dataset_id)
            log.warning("dataset cannot be decoded", extra={"dataset": dataset_id}, exc_info=error)
            raise UnreadableDatasetError(dataset_id, explain(error)) from error
        node = tree[group] if group else tree
        if not isinstance(node, xr.DataTree):
            raise KeyError(group)
        return node.copy()  # xpublish writes into the attributes of what it gets

    def has_changed(self, dataset_id: str, token: str) -> bool:
        """Whether a source differs from what it was at `token`, or has no entry any more.

        Of a directory or URL only the next check tells; readers of a directory meet what was changed by themselves
        (`FolderObjects`).
        """
        place = self._find(dataset_id)
        if place is None:
            return True
        return is_exact(place.entry) and not self._is_at(place.entry, token)

    def let_go(self, dataset_id: str, seen_ns: int = 0) -> None:
        """Open a dataset anew when it is asked for next.

        Parameters
        ----------
        seen_ns
            Modification time of a file that was written since it was opened; part of its version token from now on, as
            the listing that tokens are made of is bounded.
        """
        place = self._find(dataset_id)
        with self._lock:
            self._held.pop(dataset_id, None)
        if place is not None:
            place.seen_ns = max(place.seen_ns, seen_ns)

    def _is_at(self, entry: Entry, token: str, seen_ns: int = 0) -> bool:
        """Whether the source still is what it was at `token`."""
        try:
            now = version_token(entry, timeout_s=self._timeout_s, settings=self._settings, seen_ns=seen_ns)
        except OSError:
            return False
        return now == token

    def _is_unchanged(self, place: Place, opened: Opened) -> bool:
        """Whether a source with a cheap token is as it was; the token itself is made where its mark differs."""
        try:
            mark = mark_of(opened.entry)
        except OSError:
            return False
        known, before = place.marked
        if known is opened and mark == before:
            return True
        if not self._is_at(opened.entry, opened.token):
            return False
        place.marked = opened, mark
        return True

    def close(self) -> None:
        """Let go of every dataset."""
        with self._lock:
            self._held.clear()

    def _open(self, place: Place) -> Opened:
        entry = place.entry
        ago_s = monotonic() - place.failed_at
        if place.failure and ago_s < FAILURE_S and (ago_s < CHANGED_S or place.failure_stands):
            raise UnreadableDatasetError(entry.id, place.failure)
        with self._lock:
            self._held.pop(entry.id, None)
        looked = glance(entry)
        try:
            opened = open_entry(entry, timeout_s=self._timeout_s, settings=self._settings, seen_ns=place.seen_ns)
        except UnreadableDatasetError as error:
            place.failure, place.failed_at, place.looked = error.reason, monotonic(), looked
            raise
        place.failure, place.is_cheap = "", is_cheap(entry)
        place.is_folder = os.path.isdir(entry.href)  # noqa: PTH112  # hrefs are strings
        with self._lock:
            if self._find(entry.id) is not place:
                return opened  # replaced meanwhile: for those who asked before, and for nobody else
            self._held[entry.id] = opened
            while len(self._held) > self._limit:
                self._held.popitem(last=False)
        return opened

    def _find(self, dataset_id: str) -> Place | None:
        return self._places.get(dataset_id) or self._beyond.known(dataset_id)

    def _place(self, dataset_id: str) -> Place:
        place = self._find(dataset_id)
        if place is None:
            raise UnknownDatasetError(dataset_id, (entry.id for entry in self.entries() if not entry.owner))
        return place


def title_of(shelf: Shelf | None, dataset_id: str) -> str:
    """Return the title that a catalog gives a dataset, ``""`` where there is none; nothing is opened."""
    entry = shelf.entry(dataset_id) if shelf is not None else None
    return entry.title if entry else ""
