"""Diagnostics as datasets: ``.../groupby/{var}/{coord}/{action}/zarr/{key}``, each chunk computed when it is read."""

import json
from collections import OrderedDict
from dataclasses import dataclass
from hashlib import blake2b
from threading import Lock

from starlette.types import ASGIApp, Receive, Scope, Send

from cloudify.chunks.hierarchy import Hierarchy
from cloudify.datasets.opened import Opened
from cloudify.diagnostics.groupby import lazy, plan_groupby
from cloudify.errors import BadOptionError
from cloudify.http.derived import guarded
from cloudify.http.diagnostics import read_request
from cloudify.http.lookup import HasToken, Lookup
from cloudify.model.entry import Entry
from cloudify.settings import Settings

KEPT = 64
"""Most diagnostics of which the keys are kept."""
NAMES = ("dataset_id", "var", "coord", "action")
"""Parameters of the path, in this order."""


@dataclass(frozen=True, slots=True)
class _Token:
    token: str


class DiagnosticStores:
    """The keys of diagnostics, by the names in their path. Safe to use from many threads."""

    def __init__(self, lookup: Lookup, settings: Settings) -> None:
        self._lookup, self._settings = lookup, settings
        self._kept: OrderedDict[str, tuple[str, Hierarchy]] = OrderedDict()
        self._lock = Lock()

    def ready(self, names: str) -> Hierarchy | None:
        """Return a store if that takes no more than a system call or two, else None."""
        opened = self._lookup.peek(_names(names)[0])
        return self._known(names, opened.token) if opened is not None else None

    def find(self, names: str) -> Hierarchy:
        """Return a store as the source is now; coordinates are read. Blocks.

        Raises
        ------
        CloudifyError
            If there is no such dataset or variable, or it cannot be computed so.
        """
        opened = self._lookup.opened(_names(names)[0])
        hierarchy = self._known(names, opened.token)
        if hierarchy is None:
            hierarchy = guarded(opened, lambda: self._make(names, opened))
            with self._lock:
                self._kept[names] = opened.token, hierarchy
                while len(self._kept) > KEPT:
                    self._kept.popitem(last=False)
        return hierarchy

    def has_changed(self, names: str, store: HasToken) -> bool:
        """Whether the source is known to have been replaced since."""
        return self._lookup.has_changed(_names(names)[0], _Token(store.token.rpartition(" ")[0]))

    def let_go(self, names: str, seen_ns: int) -> None:
        """Have the source opened anew: a reader met a file that was written at `seen_ns`, after it was opened."""
        self._lookup.let_go(_names(names)[0], seen_ns)

    def _known(self, names: str, token: str) -> Hierarchy | None:
        with self._lock:
            made_of, hierarchy = self._kept.get(names, ("", None))
            if made_of != token or hierarchy is None:
                return None
            self._kept.move_to_end(names)
            return hierarchy

    def _make(self, names: str, opened: Opened) -> Hierarchy:
        dataset_id, variable, coord, action = _names(names)
        ds = lazy(plan_groupby(opened, read_request(variable, coord, action), self._settings.max_diagnostic_nbytes))
        token = f"{opened.token} {blake2b(names.encode('utf-8', 'replace'), digest_size=8).hexdigest()}"
        made = self._lookup.lay_out(Opened(Entry(dataset_id, driver="object", href=""), token, {"/": ds}, stored=False))
        if variable in made.omitted:
            raise BadOptionError(f"{variable[:60]!r} cannot be served as zarr: {made.omitted[variable]}")
        return made


class NamedDiagnostic:
    """ASGI layer that gives the names in the path to the byte path, as if they were the id of a dataset."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        names = json.dumps([scope["path_params"][name] for name in NAMES])
        await self.app({**scope, "path_params": {"dataset_id": names}}, receive, send)


def _names(names: str) -> list[str]:
    found: list[str] = json.loads(names)
    return found
