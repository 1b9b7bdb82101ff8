"""The stored bytes of an opened dataset, whatever its source is."""

from cloudify.chunks.hierarchy import Hierarchy
from cloudify.chunks.passthrough import Passthrough
from cloudify.chunks.stored_files import pass_files
from cloudify.chunks.stored_stores import pass_store
from cloudify.datasets.methods import without_stored_bytes
from cloudify.datasets.objects import objects_at
from cloudify.datasets.opened import Opened
from cloudify.datasets.scan import Scanned, scan_files
from cloudify.datasets.series import join_files, series_files
from cloudify.datasets.source import explain, failures
from cloudify.datasets.token import version_token
from cloudify.errors import NoStoredBytesError, UnreadableDatasetError
from cloudify.settings import Settings


def find_stored_bytes(opened: Opened, hierarchy: Hierarchy, *, timeout_s: float, settings: Settings) -> Passthrough:
    """Return the keys of a dataset's stored bytes. Blocks.

    Raises
    ------
    NoStoredBytesError
        If it has none that zarr can express.
    UnreadableDatasetError
        If its source fails.
    """
    entry = opened.entry
    if reason := without_stored_bytes(entry):
        raise NoStoredBytesError(entry.id, reason)
    try:
        found = _find(opened, hierarchy, timeout_s, settings)
        token = version_token(entry, timeout_s=timeout_s, settings=settings, seen_ns=opened.seen_ns)
    except failures() as error:
        raise UnreadableDatasetError(entry.id, f"its stored bytes cannot be found ({explain(error)})") from error
    if token != opened.token:
        raise UnreadableDatasetError(entry.id, "its source is being written; try again")
    if not found.grids:
        reasons = next(iter(found.encoded.values()), "it has no variables")
        raise NoStoredBytesError(entry.id, reasons)
    return found


def _find(opened: Opened, hierarchy: Hierarchy, timeout_s: float, settings: Settings) -> Passthrough:
    if opened.zarr is not None:
        return pass_store(hierarchy, opened.zarr.documents, opened.zarr.objects)
    entry, token = opened.entry, opened.token
    hrefs = series_files(entry) if entry.driver == "series" else [entry.href]
    scanned = scan_files(entry, hrefs, token, timeout_s=timeout_s, settings=settings)
    whole: Scanned = join_files(entry, scanned, hierarchy_dims(hierarchy)) if entry.driver == "series" else scanned[0]
    files = {href: objects_at(href, entry.options, settings, timeout_s=timeout_s) for href in hrefs}
    return pass_files(hierarchy, whole.arrays, whole.unfit, files, max_chunk_nbytes=settings.max_chunk_nbytes)


def hierarchy_dims(hierarchy: Hierarchy) -> dict[str, tuple[str, ...]]:
    """Return the dimensions of each array."""
    return {path: array.dims for path, array in hierarchy.arrays.items()}
