"""The only door through which an entry becomes a dataset."""

import logging
import os
from collections.abc import Mapping
from functools import lru_cache
from importlib.metadata import EntryPoint, entry_points
from stat import S_ISDIR
from time import sleep, time_ns
from typing import Protocol

import xarray as xr

from cloudify.catalog.driver import is_url
from cloudify.datasets.opened import Opened
from cloudify.datasets.prepare import prepare
from cloudify.datasets.settle import missing_s, settling
from cloudify.datasets.source import ChangedError, RefusedError, explain, failures, without_secrets
from cloudify.datasets.store import ZarrGroups
from cloudify.datasets.token import local_files, version_token
from cloudify.errors import UnreadableDatasetError
from cloudify.model.entry import Entry
from cloudify.settings import Settings, load_settings

GROUP = "cloudify.opener"
BEING_WRITTEN = "its source is being written; try again"
log = logging.getLogger(__name__)


class Opener(Protocol):
    """Reads one kind of source. Found by the entry point group ``cloudify.opener``, under the name of the driver."""

    def __call__(self, entry: Entry, *, timeout_s: float, settings: Settings) -> Mapping[str, xr.Dataset]:
        """Return the source's groups (``/`` is the root), lazily, with the values that it stores: nothing decoded.

        As `ZarrGroups` if they are those of a zarr hierarchy: then its chunks are passed on as they are stored, where
        both formats of zarr can say what they are.
        """
        ...


@lru_cache(maxsize=1)
def openers() -> dict[str, EntryPoint]:
    """Return the installed openers by driver; none is imported."""
    return {point.name: point for point in entry_points(group=GROUP)}


def open_entry(entry: Entry, *, timeout_s: float, settings: Settings | None = None, seen_ns: int = 0) -> Opened:
    """Open an entry.

    Parameters
    ----------
    settings
        Limits and credentials; by default those of the process.
    seen_ns
        As for `version_token`.

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
        before = version_token(entry, timeout_s=timeout_s, settings=settings, seen_ns=seen_ns)
        _let_settle(entry, settings.settle_s)
        groups = prepare(opener(entry, timeout_s=timeout_s, settings=settings), entry.prepare)
        token = version_token(entry, timeout_s=timeout_s, settings=settings, seen_ns=seen_ns)
    except ChangedError as error:
        raise UnreadableDatasetError(entry.id, BEING_WRITTEN) from error
    except failures() as error:
        source = without_secrets(entry.href)
        log.warning("dataset cannot be opened", extra={"dataset": entry.id, "source": source}, exc_info=error)
        raise UnreadableDatasetError(entry.id, _reason(entry, error)) from error
    if token != before:
        raise UnreadableDatasetError(entry.id, BEING_WRITTEN)
    zarr = groups.stored if isinstance(groups, ZarrGroups) else None  # preparing them makes others
    return Opened(entry, token, groups, stored=True, seen_ns=seen_ns, zarr=zarr)


def _let_settle(entry: Entry, settle_s: float) -> None:
    """Wait for a file that was written a moment ago; of a folder each file is waited for when it is read.

    Parameters
    ----------
    settle_s
        How long a file must rest that was opened before.

    Raises
    ------
    ChangedError
        If it is still being written.
    OSError
        If it is not there.
    """
    if entry.immutable or is_url(entry.href):
        return
    for path in local_files(entry):
        status = os.stat(path)  # noqa: PTH116  # as in token.py
        if S_ISDIR(status.st_mode):
            continue
        rest_s = settling.rest_s(path, status, settle_s)
        wait_s = missing_s(status, rest_s)
        if wait_s:
            sleep(wait_s)
            if missing_s(os.stat(path), rest_s):  # noqa: PTH116
                raise ChangedError(time_ns())


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
