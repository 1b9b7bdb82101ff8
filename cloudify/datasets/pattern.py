"""Datasets by id from a folder: whatever lies there when it is asked for."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from os.path import realpath
from stat import S_ISDIR, S_ISREG
from threading import Lock
from time import monotonic

from cloudify.catalog.driver import DRIVER_OF_ENDING, guess_driver
from cloudify.datasets.place import Place
from cloudify.datasets.shelf import Shelf
from cloudify.errors import InvalidTargetError
from cloudify.model.entry import Entry, is_valid_id
from cloudify.settings import Settings

PLACEHOLDER = "{id}"
LISTED = 10_000
"""Most ids in a list; the others are found by their id all the same."""
SCANNED = 1_000_000
"""Most names that are looked at for a list."""
LIST_S = 1.0
"""How long a list is taken as it is: 64 who ask for it cost one look into the folder."""
PLACES = 4096
"""Most datasets that are remembered when nobody reads them."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """Paths that differ in one segment.

    >>> Pattern.parse("/data/run-{id}.nc").path("7", 0)
    '/data/run-7.nc'
    >>> Pattern.parse("/data/{id}/out.zarr").path("a", 0)
    '/data/a/out.zarr'
    """

    folder: str
    """The segment with the id is directly below."""
    head: str
    """What is before the id in its segment."""
    tails: tuple[str, ...]
    """What may come after the id: the rest of its segment, and further segments."""

    @classmethod
    def parse(cls, text: str) -> "Pattern":
        """Read a path with one ``{id}``, or a folder, in which every file and store of a known ending has an id.

        Raises
        ------
        InvalidTargetError
            If it is neither.
        """
        before, found, after = os.path.abspath(os.path.expanduser(text)).partition(PLACEHOLDER)  # noqa: PTH100, PTH111
        if any(mark in before + after for mark in "{}"):
            raise InvalidTargetError(
                f"no pattern: {text}; expected a folder, or one {PLACEHOLDER} as in /data/{{id}}.nc"
            )
        if found:
            folder, _, head = before.rpartition("/")
            return cls(folder or "/", head, (after,))
        # JSON may be anything: a folder of reference sets is named by a pattern
        return cls(before, "", tuple(ending for ending in DRIVER_OF_ENDING if ending != ".json"))

    def path(self, dataset_id: str, number: int) -> str:
        """Return the path of an id with one of the tails."""
        return f"{self.folder.rstrip('/')}/{self.head}{dataset_id}{self.tails[number]}"

    def listed(self) -> Iterator[tuple[str, int, bool]]:
        """Yield the id of each name that may be meant, the number of its tail, and whether it needs no closer look."""
        try:
            with os.scandir(self.folder) as names:
                for name in islice(names, SCANNED):
                    is_there = name.is_file(follow_symlinks=False) or name.is_dir(follow_symlinks=False)
                    for dataset_id, number in self._meant(name.name):
                        yield dataset_id, number, is_there and self.tails[number] in DRIVER_OF_ENDING
        except OSError:
            return  # the folder may come later

    def _meant(self, name: str) -> Iterator[tuple[str, int]]:
        for number, tail in enumerate(self.tails):
            rest = tail.partition("/")[0]
            dataset_id = name.removeprefix(self.head).removesuffix(rest)
            if is_valid_id(dataset_id) and f"{self.head}{dataset_id}{rest}" == name:
                yield dataset_id, number

    def find(self, dataset_id: str, number: int) -> tuple[int, int] | None:
        """Return device and inode of a file or folder, None where there is none."""
        try:
            status = os.stat(self.path(dataset_id, number))  # noqa: PTH116  # hot path
        except OSError:
            return None
        return (status.st_dev, status.st_ino) if S_ISREG(status.st_mode) or S_ISDIR(status.st_mode) else None


@dataclass(frozen=True, slots=True)
class _Located:
    """Where an id was found."""

    number: int
    """Of the tail."""
    identity: tuple[int, int]


class PatternShelf(Shelf):
    """A shelf without a list of entries: an id has one as long as something is where it leads.

    Parameters
    ----------
    driver
        Opener of all that is there; by default told from each path.
    limit, check_s, timeout_s, settings
        As for `Shelf`.
    """

    def __init__(
        self, pattern: Pattern, *, driver: str, limit: int, check_s: float, timeout_s: float, settings: Settings
    ) -> None:
        super().__init__((), limit=limit, check_s=check_s, timeout_s=timeout_s, settings=settings)
        self._pattern, self._driver = pattern, driver
        self._located: dict[str, _Located] = {}
        self._listed: tuple[list[str], float] = ([], -LIST_S)
        self._listing = Lock()

    def ids(self) -> list[str]:
        """Return the first ids of the folder, sorted."""
        with self._listing:
            if monotonic() - self._listed[1] >= LIST_S:
                found: set[str] = set()
                for dataset_id, number, is_plain in self._pattern.listed():
                    if is_plain or self._entry(dataset_id, number) is not None:
                        found.add(dataset_id)
                    if len(found) >= LISTED:
                        break
                self._listed = sorted(found), monotonic()
            return list(self._listed[0])

    def _find(self, dataset_id: str) -> Place | None:
        if not is_valid_id(dataset_id):
            return None
        known = self._located.get(dataset_id)
        place = self._places.get(dataset_id)
        if known and place and self._pattern.find(dataset_id, known.number) == known.identity:
            return place
        with self._lock:
            return self._locate(dataset_id, known)

    def _locate(self, dataset_id: str, known: _Located | None) -> Place | None:
        """Look where an id leads by now."""
        numbers = [*([known.number] if known else ()), *range(len(self._pattern.tails))]
        for number in numbers:
            identity = self._pattern.find(dataset_id, number)
            entry = self._entry(dataset_id, number)
            if identity is not None and entry is not None:
                place = self._places.get(dataset_id)
                if place is None or place.entry != entry:
                    self._forget(dataset_id)
                    place = self._places[dataset_id] = Place(entry)
                    self._make_room()
                self._located[dataset_id] = _Located(number, identity)
                return place
        self._forget(dataset_id)
        return None

    def _entry(self, dataset_id: str, number: int) -> Entry | None:
        """Return the entry of a path, None if nothing is there, a link leads out, or nothing tells what it is."""
        path = self._pattern.path(dataset_id, number)
        if self._pattern.find(dataset_id, number) is None:
            return None
        real, root = realpath(path), realpath(self._pattern.folder)
        if not real.startswith(f"{root.rstrip('/')}/"):
            return None
        driver = self._driver or guess_driver(path) or guess_driver(real)
        return Entry(dataset_id, driver, real, title=os.path.basename(path)) if driver else None  # noqa: PTH119

    def _make_room(self) -> None:
        for name in list(self._places)[: len(self._places) - PLACES]:
            self._forget(name)

    def _forget(self, dataset_id: str) -> None:
        for table in (self._places, self._located, self._held):
            table.pop(dataset_id, None)
