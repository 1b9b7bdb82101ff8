"""A catalog in memory: entries, and what was wrong with the rest."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import PurePath

from cloudify.model.entry import Entry


@dataclass(frozen=True, slots=True)
class Fault:
    """Something in a catalog that is not as it should be."""

    file: str
    line: int
    """Counted from 1; 0 where the fault has no place."""
    expected: str
    found: str

    def public(self) -> str:
        """Return what may be shown to anybody: neither the folder nor what was found there."""
        name = PurePath(self.file.partition("?")[0]).name  # a signed URL has its key there
        return f"{name}:{self.line}: expected {self.expected}" if self.line else f"{name}: expected {self.expected}"

    def __str__(self) -> str:
        """Return the fault as an editor understands it."""
        place = f"{self.file}:{self.line}" if self.line else self.file
        return f"{place}: expected {self.expected}, found {self.found}"


@dataclass(frozen=True, slots=True)
class Catalog:
    """Entries in the order they were given, each id once."""

    entries: tuple[Entry, ...] = ()
    faults: tuple[Fault, ...] = ()
    title: str = ""

    @classmethod
    def merge(cls, catalogs: Iterable["Catalog"]) -> "Catalog":
        """Put catalogs one after the other; an id given twice is a fault, and the first one stands."""
        entries: dict[str, Entry] = {}
        faults: list[Fault] = []
        title = ""
        for catalog in catalogs:
            title = title or catalog.title
            faults.extend(catalog.faults)
            for entry in catalog.entries:
                if entry.id in entries:
                    faults.append(Fault(entry.href, 0, "an id that no other entry has", repr(entry.id)))
                else:
                    entries[entry.id] = entry
        return cls(tuple(entries.values()), tuple(faults), title)


@dataclass(slots=True)
class Standing:
    """The catalog that stands now. Who reads it again puts the new one here, whole: readers see one or the other."""

    catalog: Catalog
