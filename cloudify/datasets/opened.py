"""An opened entry."""

from collections.abc import Callable, Mapping
from threading import Lock
from typing import Any, TypeVar

import xarray as xr

from cloudify.datasets.decode import decode_groups
from cloudify.datasets.store import StoredZarr
from cloudify.model.entry import Entry

T = TypeVar("T")


class Opened:
    """One dataset, read-only, as it was at one version token.

    Safe to use from many threads. It is closed when the last user lets go of it: the file handles belong to the
    arrays, and go with them.
    """

    def __init__(
        self, entry: Entry, token: str, groups: Mapping[str, xr.Dataset], *,
        stored: bool, seen_ns: int = 0, zarr: StoredZarr | None = None,
    ) -> None:  # fmt: skip
        self.entry = entry
        self.token = token
        self.groups = groups
        """Path of each group (``/`` is the root) -> its variables, with the values that the source stores."""
        self.stored = stored
        """Whether the groups come from a file or store of which we know the encoding; False for Python objects."""
        self.seen_ns = seen_ns
        """As its version token was made with (`version_token`)."""
        self.zarr = zarr
        """The chunks that the groups are read from, where these are those of a zarr hierarchy and nothing else."""
        self._derived: dict[str, object] = {}
        self._making: dict[str, Lock] = {}
        self._lock = Lock()

    def derived(self, name: str, make: Callable[["Opened"], T]) -> T:
        """Return what an upper layer makes of this dataset: made once, kept as long as the dataset. May block."""
        with self._lock:
            lock = self._making.setdefault(name, Lock())
        with lock:  # one for each name: who wants the hierarchy does not wait for the tree
            if name not in self._derived:
                self._derived[name] = make(self)
            return self._derived[name]  # type: ignore[return-value]  # one name, one type

    def known(self, name: str) -> Any:  # noqa: ANN401  # whatever was made under this name
        """Return what was made under a name, None if nothing was yet. Never blocks."""
        return self._derived.get(name)

    @property
    def tree(self) -> xr.DataTree:
        """The dataset as users of xarray expect it: times, masks and scales decoded."""
        return self.derived("tree", lambda opened: decode_groups(opened.groups))
