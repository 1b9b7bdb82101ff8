"""Dataset id -> hierarchy of keys, whoever provides the dataset.

Our own provider offers a shelf; what others provide (a plain ``xpublish.Rest({...})``, third-party plugins) are Python
objects, served in their stored form, and public. What whoever asks may not read is looked for as what nobody has.
"""

from secrets import token_hex
from threading import Lock
from time import monotonic
from typing import Protocol

import xarray as xr
from fastapi import HTTPException
from xpublish.plugins import Dependencies

from cloudify.chunks.codec import Codec
from cloudify.chunks.hierarchy import Hierarchy
from cloudify.datasets.opened import Opened
from cloudify.datasets.shelf import Shelf
from cloudify.datasets.stored import OBJECT_VERSION, stored_form
from cloudify.errors import UnknownDatasetError
from cloudify.http.access import has_readable, look_beyond
from cloudify.http.stores import reduction_cache
from cloudify.model.entry import Entry
from cloudify.settings import Settings

HIERARCHY = "hierarchy"
OBJECT = "object-"
"""How version tokens of objects begin."""


class HasToken(Protocol):
    """The keys of a dataset at one version token."""

    @property
    def token(self) -> str:
        """Version token of the dataset."""
        ...


class Lookup:
    """Finds the hierarchy of a dataset. Safe to use from many threads."""

    def __init__(self, deps: Dependencies, settings: Settings) -> None:
        self._deps, self._settings = deps, settings
        self._shelves: list[Shelf] | None = None
        self._foreign: dict[str, tuple[xr.DataTree, Opened, float]] = {}
        self._lock = Lock()
        self._start = token_hex(8)
        self._objects = 0

    def ready(self, dataset_id: str) -> Hierarchy | None:
        """Return a hierarchy if that takes no more than a system call, else None: `open` it, off the event loop."""
        opened = self.peek(dataset_id)
        return opened.known(HIERARCHY) if opened is not None else None

    def peek(self, dataset_id: str) -> Opened | None:
        """Return a dataset that is open if that takes no more than a system call, else None."""
        shelf = self.shelf_of(dataset_id)
        if shelf is not None:
            return shelf.peek(dataset_id)
        _, opened, seen_at = self._foreign.get(dataset_id, (None, None, 0.0))
        return opened if monotonic() - seen_at <= self._settings.token_check_s else None

    def open(self, dataset_id: str) -> tuple[Opened, Hierarchy]:
        """Return a dataset and its hierarchy as the source is now. Blocks.

        Raises
        ------
        UnknownDatasetError
            If nobody provides a dataset of this id.
        UnreadableDatasetError
            If it cannot be opened.
        """
        opened = self.opened(dataset_id)
        return opened, opened.derived(HIERARCHY, self.lay_out)

    def opened(self, dataset_id: str) -> Opened:
        """Return a dataset as the source is now, without a hierarchy. Blocks; raises as `open` does."""
        shelf = self.find_shelf(dataset_id)
        return shelf.get(dataset_id) if shelf is not None else self._foreign_dataset(dataset_id)

    def opened_for_jobs(self, dataset_id: str) -> Opened:
        """Return a dataset as `opened`, whoever owns it: whose job it is was allowed to read it. Blocks."""
        for each in self._all_shelves():
            each.look(dataset_id)
        shelf = self.holder_of(dataset_id)
        return shelf.get(dataset_id) if shelf is not None else self._foreign_dataset(dataset_id)

    def find(self, dataset_id: str) -> Hierarchy:
        """Return a hierarchy, as `open`."""
        return self.open(dataset_id)[1]

    def has_changed(self, dataset_id: str, store: HasToken) -> bool:
        """Whether the source is known to have been replaced since, so that what was just read belongs to neither."""
        shelf = self.holder_of(dataset_id)
        if shelf is None:  # an object in memory, or what had an entry until now
            return not store.token.startswith(OBJECT)
        return shelf.has_changed(dataset_id, store.token)

    def let_go(self, dataset_id: str, seen_ns: int) -> None:
        """Have a dataset opened anew: a reader met a file that was written at `seen_ns`, after it was opened."""
        shelf = self.holder_of(dataset_id)
        if shelf is not None:
            shelf.let_go(dataset_id, seen_ns)

    def shelf_of(self, dataset_id: str) -> Shelf | None:
        """Return our own shelf that has a dataset for whoever asks, None where others provide it."""
        return next((shelf for shelf in self._all_shelves() if has_readable(shelf, dataset_id)), None)

    def find_shelf(self, dataset_id: str) -> Shelf | None:
        """Return what `shelf_of` does, of what jobs left too. Blocks."""
        for shelf in self._all_shelves():
            look_beyond(shelf, dataset_id)
        return self.shelf_of(dataset_id)

    def holder_of(self, dataset_id: str) -> Shelf | None:
        """Return our own shelf that has a dataset, for work under way: whoever began it may have left."""
        return next((shelf for shelf in self._all_shelves() if dataset_id in shelf), None)

    def _all_shelves(self) -> list[Shelf]:
        if self._shelves is None:
            held = [getattr(plugin, "shelf", None) for plugin in self._deps.plugins().values()]
            self._shelves = list(dict.fromkeys(shelf for shelf in held if isinstance(shelf, Shelf)))
        return self._shelves

    def _foreign_dataset(self, dataset_id: str) -> Opened:
        try:
            tree = self._deps.datatree(dataset_id, "")  # type: ignore[call-arg]  # declared without arguments
        except HTTPException as error:
            raise UnknownDatasetError(dataset_id, self._deps.dataset_ids()) from error
        with self._lock:
            known = self._foreign.get(dataset_id)
            if known is not None and known[0] is tree:
                opened = known[1]
            else:
                self._objects += 1
                entry = Entry(dataset_id, driver="object", href="")
                token = tree.encoding.get(OBJECT_VERSION) or f"{self._start}-{self._objects}"
                opened = Opened(entry, f"{OBJECT}{token}", _groups(tree), stored=False)
            self._foreign.pop(dataset_id, None)
            self._foreign[dataset_id] = (tree, opened, monotonic())
            while len(self._foreign) > self._settings.open_datasets:
                del self._foreign[next(iter(self._foreign))]
            return opened

    def lay_out(self, opened: Opened) -> Hierarchy:
        """Make the hierarchy of an opened dataset."""
        groups, omitted = opened.groups, {}
        if not opened.stored:
            forms = {path: stored_form(ds) for path, ds in opened.groups.items()}
            groups = {path: form for path, (form, _) in forms.items()}
            omitted = {
                f"{path}/{name}".strip("/"): why for path, (_, left) in forms.items() for name, why in left.items()
            }
        return Hierarchy.build(
            groups,
            token=opened.token,
            codec=Codec(opened.entry.codec) if opened.entry.codec else None,
            stored=opened.stored,
            chunk_nbytes=self._settings.chunk_nbytes,
            max_chunk_nbytes=self._settings.max_chunk_nbytes,
            omitted=omitted,
            immutable=opened.entry.immutable,
            chunks=dict(opened.entry.prepare.chunks),
            reductions=reduction_cache(self._settings),
            zarr=opened.zarr,
            compute=opened.entry.compute if opened.stored else "cluster",  # a script has its cluster for its own graphs
        )


def _groups(tree: xr.DataTree) -> dict[str, xr.Dataset]:
    """Return a tree's groups by path, inherited coordinates only where they are stored."""
    nodes = {"/" if node is tree else f"/{node.relative_to(tree)}": node for node in tree.subtree}
    return {path: node.to_dataset(inherit=False) for path, node in nodes.items()}
