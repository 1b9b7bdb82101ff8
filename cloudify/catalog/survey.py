"""What the operator named, read again and again while it is served.

Ids stay: a file keeps its id as long as it is there, whatever else appears, and an entry keeps an id that another comes
to claim. What cannot be read any more goes on standing as it was read last, with a fault that says so.
"""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from cloudify.catalog.catalog import Catalog, Fault
from cloudify.catalog.driver import is_url
from cloudify.catalog.elsewhere import CATALOG_ENDINGS
from cloudify.catalog.targets import Found, Listing, entry_of, other_ids, read_target, served_ids
from cloudify.errors import InvalidTargetError
from cloudify.model.entry import Entry
from cloudify.settings import Settings, load_settings

Mark = tuple[int, int, int, int] | None
"""Device, inode, size and modification time in ns; None where there is nothing."""

KEPT = "what it said before is served"


@dataclass(slots=True)
class _Target:
    text: str
    said: Catalog | Listing = Catalog()  # noqa: RUF009  # frozen
    """What it said when it could be read last."""
    faults: tuple[Fault, ...] = ()
    mark: Mark = None
    """What it looked like when it was read last."""
    seen: Mark = None
    """What it looked like when it was looked at last."""

    def look(self) -> bool:
        """Whether it has changed since it was read, and has not changed since the last look: who writes it is done."""
        now = _mark(self.text)
        is_quiet, self.seen = now == self.seen, now
        return is_quiet and now != self.mark

    def read(self, settings: Settings) -> None:
        """Read it for the first time.

        Raises
        ------
        InvalidTargetError
            If it names nothing to serve.
        """
        self.mark = self.seen = _mark(self.text)
        self.said = read_target(self.text, settings)
        self.faults = self.said.faults if isinstance(self.said, Catalog) else ()

    def read_again(self, settings: Settings) -> None:
        """Read it again; what it said last goes on standing if it cannot be read."""
        self.mark = self.seen = _mark(self.text)
        try:
            said = read_target(self.text, settings, may_be_empty=True)
        except InvalidTargetError as error:
            self.faults = (Fault(self.text, 0, "what was there when the server started", str(error)),)
            if isinstance(self.said, Listing) and self.mark is None:
                self.said = replace(self.said, files={}, folders=())  # its files are gone with it
            return
        self.faults = said.faults if isinstance(said, Catalog) else ()
        is_unreadable = isinstance(said, Catalog) and said.faults and not said.entries
        if is_unreadable or (self._is_dataset(said) and not self._is_dataset(self.said)):  # half of a STAC document
            self.faults += (Fault(self.text, 0, f"a catalog that can be read ({KEPT})", "none"),)
        else:
            self.said = said

    def _is_dataset(self, said: Catalog | Listing) -> bool:
        """Whether the target was taken for a dataset itself, or for a folder of them."""
        return isinstance(said, Listing) or [entry.href for entry in said.entries] == [self.text]

    @property
    def is_told_by_mark(self) -> bool:
        """Whether all that it says is in one file, so that it need not be read while that is the same."""
        return isinstance(self.said, Catalog) and self.text.lower().endswith(CATALOG_ENDINGS) and not is_url(self.text)


class Survey:
    """All targets of a server. Belongs to one thread at a time.

    Parameters
    ----------
    reserved
        Ids that are taken by datasets of other origin.
    settings
        Of what catalogs elsewhere may name, and how long they are waited for; by default those of the process.
    """

    def __init__(self, targets: Iterable[str], reserved: Iterable[str] = (), settings: Settings | None = None) -> None:
        self._settings = settings or load_settings()
        self._targets = [_Target(text) for text in dict.fromkeys(targets)]
        self._reserved = frozenset(reserved)
        self._files: dict[str, Entry] = {}
        self._owners: dict[str, str] = {}
        self.folders: dict[str, tuple[int, int]] = {}
        """Folders whose files are served -> which folder each is (device, inode)."""

    def __len__(self) -> int:
        """Number of targets."""
        return len(self._targets)

    def read(self) -> Catalog:
        """Read everything for the first time.

        Raises
        ------
        InvalidTargetError
            Where a target names nothing to serve. What is wrong *inside* a catalog comes back as its faults.
        """
        for target in self._targets:
            target.read(self._settings)
        return self._merge()

    def read_again(self, *, everything: bool) -> Catalog:
        """Read again what may have changed.

        Parameters
        ----------
        everything
            Also what cannot be seen from here: catalogs elsewhere, and those of many files.
        """
        for target in self._targets:
            if target.is_told_by_mark:
                is_due = target.seen != target.mark
            else:
                is_due = everything or isinstance(target.said, Listing) or target.seen != target.mark
            if is_due:
                target.read_again(self._settings)
        return self._merge()

    def look(self) -> bool:
        """Whether a target itself has changed, by one system call each."""
        return sum(target.look() for target in self._targets) > 0  # each is to be looked at

    def knows(self, path: str) -> bool:
        """Whether a file is served, so that a change of its content is no news."""
        return path in self._files

    def _merge(self) -> Catalog:
        """Put together what all targets say; of two entries of one id the one that had it stands, else the first."""
        listings = [target.said for target in self._targets if isinstance(target.said, Listing)]
        marks = {name: _mark(name) for one in listings for name in one.folders}
        self.folders = {name: mark[:2] for name, mark in marks.items() if mark is not None}
        claims = [
            (target.text, entry)
            for target in self._targets
            if isinstance(target.said, Catalog)
            for entry in target.said.entries
        ]
        self._list_files(listings, self._reserved.union(entry.id for _, entry in claims))
        claims += list(self._files.items())
        faults = [fault for target in self._targets for fault in target.faults]
        entries = dict(self._settle(claims, faults))
        titles = (target.said.title for target in self._targets if isinstance(target.said, Catalog))
        return Catalog(tuple(entries.values()), tuple(faults), next(filter(None, titles), ""))

    def _settle(self, claims: list[tuple[str, Entry]], faults: list[Fault]) -> Iterator[tuple[str, Entry]]:
        """Yield the entries by id; who comes too late is a fault."""
        offered = {(entry.id, origin) for origin, entry in claims}
        owners = {name: origin for name, origin in self._owners.items() if (name, origin) in offered}
        owners |= dict.fromkeys(self._reserved, "")
        done: set[str] = set()
        for origin, entry in claims:
            if owners.setdefault(entry.id, origin) == origin and entry.id not in done:
                done.add(entry.id)
                yield entry.id, entry
            else:
                faults.append(Fault(origin, 0, "an id that no other entry has", repr(entry.id)))
        self._owners = owners

    def _list_files(self, listings: list[Listing], taken: frozenset[str]) -> None:
        """Give entries to the files that are new, and forget those that are gone."""
        present: dict[str, Listing] = {}
        for listing in listings:
            for path in listing.files:
                present.setdefault(path, listing)
        files = {path: entry for path, entry in self._files.items() if path in present}
        new = [present[path].found(path) for path in present if path not in files]
        used = {*taken, *(entry.id for entry in files.values())}
        for item, name in _new_ids(new, used):
            files[str(item.path)] = entry_of(item, name)
        for path, entry in files.items():
            if entry.driver != present[path].files[path]:
                files[path] = replace(entry, driver=present[path].files[path])
        self._files = {path: files[path] for path in present}


def _new_ids(new: list[Found], used: set[str]) -> Iterator[tuple[Found, str]]:
    """Yield ids for new files that none of those `used` has, to which they are added."""
    for item, name in served_ids(new).items():
        free = name if name not in used else next((one for one in other_ids(item) if one not in used), name)
        used.add(free)
        yield item, free


def _mark(path: str) -> Mark:
    if is_url(path):
        return None
    try:
        status = os.stat(os.path.expanduser(path))  # noqa: PTH111, PTH116  # looked at every tick
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return None
    except OSError:
        return 0, 0, 0, 0  # there is something, but the disk or the network fails
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns
