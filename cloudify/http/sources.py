"""Dataset id -> the bytes that its source stores: chunk by chunk, or as the one file that it is."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

import xarray as xr

from cloudify.catalog.driver import absolute_href, guess_driver
from cloudify.chunks.keyed_grid import KeyedGrid
from cloudify.chunks.passthrough import Passthrough, StoredChunk
from cloudify.chunks.stored_bytes import find_stored_bytes
from cloudify.datasets.objects import Objects, Part, objects_at
from cloudify.datasets.opened import Opened
from cloudify.datasets.shelf import Shelf
from cloudify.errors import NoSourceFileError, NoStoredBytesError, UnreadableDatasetError
from cloudify.http.lookup import HIERARCHY, HasToken, Lookup
from cloudify.model.entry import Entry
from cloudify.settings import Settings

STORED_BYTES = "stored bytes"
SOURCE_FILE = "source file"
NETCDF = "application/x-netcdf"


class Sources:
    """Where the sources of datasets are opened. Safe to use from many threads.

    On our own shelves; and for each object handed over in Python, on one for the file that it was read from, which
    xarray names in ``encoding["source"]``.
    """

    def __init__(self, lookup: Lookup, settings: Settings) -> None:
        self.lookup, self.settings = lookup, settings
        self._files: dict[str, tuple[str, Shelf]] = {}
        self._lock = Lock()

    def peek(self, dataset_id: str) -> Opened | None:
        """Return what is open if that takes no more than a system call or two, else None."""
        shelf = self.lookup.shelf_of(dataset_id)
        if shelf is None:
            ready = self.lookup.ready(dataset_id)
            token, shelf = self._files.get(dataset_id, ("", None))
            if ready is None or ready.token != token:
                return None
        return shelf.peek(dataset_id) if shelf is not None else None

    def get(self, dataset_id: str) -> Opened:
        """Return the source of a dataset as it is now, opened. Blocks.

        Raises
        ------
        UnknownDatasetError
            If nobody provides a dataset of this id.
        NoStoredBytesError
            If it was made in Python and names no file.
        UnreadableDatasetError
            If it cannot be opened.
        """
        shelf = self.lookup.find_shelf(dataset_id)
        if shelf is not None:
            return shelf.get(dataset_id)
        made, _ = self.lookup.open(dataset_id)
        source = self._shelf_of_file(made).get(dataset_id)
        changed = _made_since(made.groups["/"], source.groups["/"])
        if changed is not None:
            raise NoStoredBytesError(dataset_id, f"{changed!r} is not as in the file that it was read from")
        return source

    def has_changed(self, dataset_id: str, store: HasToken) -> bool:
        """Whether the source is known to have been replaced since."""
        shelf = self.lookup.holder_of(dataset_id) or self._files.get(dataset_id, ("", None))[1]
        return shelf is not None and shelf.has_changed(dataset_id, store.token)

    def let_go(self, dataset_id: str, seen_ns: int) -> None:
        """Have a source opened anew: a reader met a file that was written at `seen_ns`, after it was opened."""
        shelf = self.lookup.holder_of(dataset_id) or self._files.get(dataset_id, ("", None))[1]
        if shelf is not None:
            shelf.let_go(dataset_id, seen_ns)

    def _shelf_of_file(self, made: Opened) -> Shelf:
        dataset_id = made.entry.id
        href = str(made.groups["/"].encoding.get("source", ""))
        driver = guess_driver(href) if href else None
        if driver is None:
            raise NoStoredBytesError(dataset_id, "it was made in Python and names no file that it was read from")
        with self._lock:
            token, shelf = self._files.pop(dataset_id, ("", None))
            if shelf is None or token != made.token:
                settings = self.settings
                entry = Entry(dataset_id, driver, absolute_href(href, Path.cwd()))
                timeout_s, check_s = settings.remote_timeout_s, settings.token_check_s
                shelf = Shelf([entry], limit=1, check_s=check_s, timeout_s=timeout_s, settings=settings)
            self._files[dataset_id] = made.token, shelf
            while len(self._files) > self.settings.open_datasets:
                del self._files[next(iter(self._files))]
            return shelf


def _made_since(made: xr.Dataset, source: xr.Dataset) -> str | None:
    """Return a variable that was computed, cut or added after its file was read, None if there is none.

    What is computed loses the encoding that its variable was read with.
    """
    for name, variable in made.variables.items():
        stored = source.variables.get(name)
        if stored is None or any(stored.sizes.get(dim) != size for dim, size in variable.sizes.items()):
            return str(name)
        if stored.encoding and not variable.encoding:
            return str(name)
    return None


class StoredChunks:
    """Finds the stored chunks of datasets. Safe to use from many threads."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self.has_changed, self.let_go = sources.has_changed, sources.let_go

    def ready(self, dataset_id: str) -> Passthrough | None:
        """Return what is known if that takes no more than a system call or two, else None."""
        opened = self._sources.peek(dataset_id)
        return opened.known(STORED_BYTES) if opened is not None else None

    def find(self, dataset_id: str) -> Passthrough:
        """Return the keys of a dataset's stored bytes as the source is now (`Sources.get`). Blocks."""
        return self._sources.get(dataset_id).derived(STORED_BYTES, self._find)

    def _find(self, opened: Opened) -> Passthrough:
        settings = self._sources.settings
        hierarchy = opened.derived(HIERARCHY, self._sources.lookup.lay_out)
        return find_stored_bytes(opened, hierarchy, timeout_s=settings.remote_timeout_s, settings=settings)


@dataclass(frozen=True)
class SourceFile:
    """The one file of a dataset, as a store with one object."""

    token: str
    immutable: bool
    objects: Objects
    nbytes: int

    def chunk_keys(self) -> tuple[str, ...]:
        """Return nothing: a file has no chunks."""
        return ()

    def find(self, key: str) -> StoredChunk:
        """Return the file, whatever the key."""
        return StoredChunk(key, f'"{self.token}-file"', self.nbytes, self, NETCDF, in_pieces=True)

    def read(self, _key: str, part: Part | None = None, *, limit_nbytes: int) -> bytes | None:
        """Read the file or a part of it."""
        return self.objects.read("", part, limit_nbytes=limit_nbytes)

    def size(self, _key: str) -> int:
        """Return the size it had when it was opened."""
        return self.nbytes

    def written(self, _grid: KeyedGrid) -> Iterator[tuple[int, ...]]:
        """Yield nothing: a file has no chunks."""
        yield from ()


class SourceFiles:
    """Finds the files of datasets that are one netCDF file. Safe to use from many threads."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self.has_changed, self.let_go = sources.has_changed, sources.let_go

    def ready(self, dataset_id: str) -> SourceFile | None:
        """Return what is known if that takes no more than a system call or two, else None."""
        opened = self._sources.peek(dataset_id)
        return opened.known(SOURCE_FILE) if opened is not None else None

    def find(self, dataset_id: str) -> SourceFile:
        """Return the file of a dataset (`Sources.get`). Blocks.

        Raises
        ------
        NoSourceFileError
            If it is not one netCDF file.
        """
        try:
            return self._sources.get(dataset_id).derived(SOURCE_FILE, self._find)
        except NoStoredBytesError as error:
            raise NoSourceFileError(dataset_id) from error

    def _find(self, opened: Opened) -> SourceFile:
        entry, settings = opened.entry, self._sources.settings
        if entry.driver != "netcdf" or entry.is_prepared:
            raise NoSourceFileError(entry.id)
        objects = objects_at(entry.href, entry.options, settings, timeout_s=settings.remote_timeout_s)
        nbytes = objects.size("")
        if nbytes is None:
            raise UnreadableDatasetError(entry.id, "its source is not there")
        return SourceFile(opened.token, entry.immutable, objects, nbytes)
