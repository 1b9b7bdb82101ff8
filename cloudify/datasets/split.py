"""Entries whose catalog wants them split: one dataset for each element of a dimension.

Which elements there are only the source tells, so these entries, and no others, are opened when a server starts, and
again when they have changed.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from cloudify.catalog.catalog import Catalog, Fault
from cloudify.datasets.labels import LABEL_LENGTH, labels_of
from cloudify.datasets.open import open_entry
from cloudify.datasets.source import explain, failures
from cloudify.datasets.token import glance
from cloudify.errors import UnreadableDatasetError
from cloudify.model.entry import Entry
from cloudify.model.preparation import NOTHING
from cloudify.settings import Settings

AT_ONCE = 8
"""Sources looked at at once: one that hangs does not hold up the others."""


class Splits:
    """Splits the entries of one reading of the catalogs after the other; a source that is the same is looked at once.

    Belongs to one thread at a time.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._known: dict[str, tuple[Entry, object, list[str]]] = {}

    def of(self, catalog: Catalog) -> Catalog:
        """Replace the entries that are to be split by their parts, ``{id}-{label}``. Blocks where there are any.

        One that cannot be opened, or cannot be split, is a fault and stands as an entry that says why.
        """
        whole = [
            entry for entry in catalog.entries if entry.prepare.split and not entry.prepare.label and not entry.fault
        ]
        if not whole:
            return catalog
        with ThreadPoolExecutor(min(AT_ONCE, len(whole))) as pool:
            found = dict(zip((entry.id for entry in whole), pool.map(self._labels, whole), strict=True))
        entries = [part for entry in catalog.entries for part in _parts(entry, found.get(entry.id, []))]
        faults = [_fault(entry, why) for entry in whole if isinstance(why := found[entry.id], str)]
        return Catalog.merge([Catalog(tuple(entries), (*catalog.faults, *faults), catalog.title)])

    def _labels(self, entry: Entry) -> list[str] | str:
        seen = glance(entry)
        known = self._known.get(entry.id)
        if known is not None and known[:2] == (entry, seen):
            return known[2]
        labels = _labels(entry, self._settings)
        if isinstance(labels, list):
            self._known[entry.id] = entry, seen, labels
        return labels


def _labels(entry: Entry, settings: Settings) -> list[str] | str:
    """Return the labels of the parts, or why there are none."""
    if len(entry.id) > 127 - LABEL_LENGTH:
        return f"an id of {len(entry.id)} characters, to which no label can be added"
    try:
        opened = open_entry(replace(entry, prepare=NOTHING), timeout_s=settings.remote_timeout_s, settings=settings)
        return labels_of(opened.groups, entry.prepare.split)
    except UnreadableDatasetError as error:
        return error.reason
    except failures() as error:  # its coordinate cannot be read
        return explain(error)


def _fault(entry: Entry, why: str) -> Fault:
    said = entry.prepare
    return Fault(said.file or entry.href, said.line, f"a dataset to split along {said.split!r}", why)


def _parts(entry: Entry, labels: list[str] | str) -> Iterator[Entry]:
    if isinstance(labels, str):
        yield replace(entry, fault=f"it could not be split along {entry.prepare.split!r}: {labels}")
    elif not labels:
        yield entry
    for label in labels if isinstance(labels, list) else ():
        title = f"{entry.title}, {entry.prepare.split} {label}" if entry.title else ""
        yield replace(entry, id=f"{entry.id}-{label}", title=title, prepare=replace(entry.prepare, label=label))
