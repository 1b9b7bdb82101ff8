"""The only door through which an entry becomes a dataset."""

import logging
from collections.abc import Mapping
from functools import lru_cache
from importlib.metadata import EntryPoint, entry_points
from typing import Protocol

import xarray as xr

from cloudify.datasets.opened import Opened
from cloudify.datasets.prepare import prepare
from cloudify.datasets.source import RefusedError, explain, failures, without_secrets
from cloudify.datasets.token import version_token
from cloudify.errors import UnreadableDatasetError
from cloudify.model.entry import Entry
from cloudify.settings import Settings, load_settings

GROUP = "cloudify.opener"
log = logging.getLogger(__name__)


class Opener(Protocol):
    """Reads one kind of source. Found by the entry point group ``cloudify.opener``, under the name of the driver."""

    def __call__(self, entry: Entry, *, timeout_s: float, settings: Settings) -> Mapping[str, xr.Dataset]:
        """Return the source's groups (``/`` is the root), lazily, with the values that it stores: nothing decoded."""
        ...


@lru_cache(maxsize=1)
def openers() -> dict[str, EntryPoint]:
    """Return the installed openers by driver; none is imported."""
    return {point.name: point for point in entry_points(group=GROUP)}


def open_entry(entry: Entry, *, timeout_s: float, settings: Settings | None = None) -> Opened:
    """Open an entry.

    Parameters
    ----------
    settings
        Limits and credentials; by default those of the process.

    Raises
    ------
    UnreadableDatasetError
        With a reason that names no path; the operator's log has the whole of it.
    """
    if entry.fault:
        raise UnreadableDatasetError(entry.id, entry.fault)
    if entry.driver not in openers():
        known = ", ".join(sorted(openers()))
        raise UnreadableDatasetError(entry.id, f"no opener for the driver {entry.driver!r}; there are {known}")
    settings = settings or load_settings()
    try:
        opener: Opener = openers()[entry.driver].load()
        before = version_token(entry, timeout_s=timeout_s, settings=settings)
        groups = prepare(opener(entry, timeout_s=timeout_s, settings=settings), entry.prepare)
        token = version_token(entry, timeout_s=timeout_s, settings=settings)
    except failures() as error:
        source = without_secrets(entry.href)
        log.warning("dataset cannot be opened", extra={"dataset": entry.id, "source": source}, exc_info=error)
        raise UnreadableDatasetError(entry.id, _reason(entry, error)) from error
    if token != before:
        raise UnreadableDatasetError(entry.id, "its source is being written; try again")
    return Opened(entry, token, groups, stored=True)


def _reason(entry: Entry, error: Exception) -> str:
    if isinstance(error, RefusedError):
        return str(error)
    if isinstance(error, FileNotFoundError):
        return "its source is not there"
    if isinstance(error, EOFError):
        return "its source is truncated"
    if isinstance(error, ImportError):
        return f"the opener {entry.driver!r} cannot be imported ({explain(error)}); `cloudify doctor` says why"
    return f"the opener {entry.driver!r} failed ({explain(error)}); the server's log has the details"
