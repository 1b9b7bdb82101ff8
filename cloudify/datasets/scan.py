"""Where the chunks of a netCDF file are: found out once for each version of it, and kept on disk.

The metadata that zarr readers get come from the opened dataset, as under ``/zarr``; here are only chunk grids,
encodings and places (docs/decisions/0014).
"""

import io
import json
import logging
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from cloudify.catalog.driver import is_url
from cloudify.datasets.child import ChildError, run_child
from cloudify.datasets.classic import Layout, Placed, is_classic, read_layout
from cloudify.datasets.keep import Keep
from cloudify.datasets.objects import Part, objects_at
from cloudify.datasets.source import RefusedError, without_secrets
from cloudify.datasets.stored_array import Regular, StoredArray, Table, contiguous
from cloudify.model.chunkgrid import ChunkGrid
from cloudify.model.entry import Entry
from cloudify.settings import Settings

MAX_HEADER_NBYTES = 2**22
"""Most bytes of a classic file's header that are read."""
MIN_SCAN_S = 60.0
"""A large local file takes longer than the wait for a remote one."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Scanned:
    """What is known of the arrays of a file."""

    arrays: Mapping[str, StoredArray]
    """By path."""
    unfit: Mapping[str, str]
    """Path of each array whose bytes zarr cannot express -> why."""


def scan_files(
    entry: Entry, hrefs: Sequence[str], token: str, *, timeout_s: float, settings: Settings
) -> list[Scanned]:
    """Find out where the chunks of netCDF or HDF5 files are. Blocks.

    Parameters
    ----------
    entry
        Whose files they are.
    token
        Its version token.

    Raises
    ------
    RefusedError
        If a file cannot be read, or not in time.
    OSError, ValueError, EOFError
        If one is not there, or is damaged.
    """
    found: dict[str, Scanned] = {}
    for href in hrefs:
        objects = objects_at(href, entry.options, settings, timeout_s=timeout_s)
        if is_classic(objects.read("", Part(0, 4), limit_nbytes=4) or b""):
            header = objects.read("", Part(0, MAX_HEADER_NBYTES), limit_nbytes=MAX_HEADER_NBYTES) or b""
            found[href] = _of_classic(href, read_layout(io.BytesIO(header)), settings.chunk_nbytes)
    others = [href for href in hrefs if href not in found]
    if others:
        found |= zip(others, _scan_hdf5(entry, others, token, timeout_s, settings), strict=True)
    return [found[href] for href in hrefs]


def _scan_hdf5(entry: Entry, hrefs: Sequence[str], token: str, timeout_s: float, settings: Settings) -> list[Scanned]:
    keep = Keep(settings.data_dir / "references", settings.kept_nbytes)
    kept = keep.get(f"{token}.npz")
    if kept is not None:
        try:
            return _of_archive(hrefs, kept, settings.chunk_nbytes)
        except (ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
            log.warning("kept references are damaged and made again", extra={"dataset": entry.id}, exc_info=error)
    archive = _run(entry, hrefs, timeout_s, settings)
    scanned = _of_archive(hrefs, archive, settings.chunk_nbytes)
    keep.put(f"{token}.npz", archive)
    return scanned


def _of_classic(href: str, layout: Layout, aim_nbytes: int) -> Scanned:
    return Scanned({placed.name: _of_placed(href, placed, layout, aim_nbytes) for placed in layout.variables}, {})


def _of_placed(href: str, placed: Placed, layout: Layout, aim_nbytes: int) -> StoredArray:
    dtype = np.dtype(placed.dtype)
    if not placed.is_record:
        return contiguous(href, placed.begin, placed.shape, dtype, aim_nbytes)
    grid = ChunkGrid((layout.records, *placed.shape), (1, *(max(1, n) for n in placed.shape)))
    return StoredArray(grid, dtype, (), Regular(href, placed.begin, layout.stride, placed.nbytes))


def _of_archive(hrefs: Sequence[str], archive: bytes, aim_nbytes: int) -> list[Scanned]:
    with np.load(io.BytesIO(archive)) as tables:
        rows: list[dict[str, Any]] = json.loads(tables["about"].tobytes())
        return [_of_file(href, about, tables, aim_nbytes) for href, about in zip(hrefs, rows, strict=True)]


def _of_file(href: str, about: Mapping[str, Any], tables: Any, aim_nbytes: int) -> Scanned:  # noqa: ANN401  # NpzFile
    arrays = {path: _of_table(href, row, tables, aim_nbytes) for path, row in about.items() if "unfit" not in row}
    return Scanned(arrays, {path: row["unfit"] for path, row in about.items() if "unfit" in row})


def _of_table(href: str, row: Mapping[str, Any], tables: Any, aim_nbytes: int) -> StoredArray:  # noqa: ANN401  # NpzFile
    shape, dtype = tuple(row["shape"]), np.dtype(row["dtype"])
    offsets, sizes = tables[f"o{row['table']}"], tables[f"s{row['table']}"]
    if row["chunk"] is None:
        return contiguous(href, int(offsets[0]), shape, dtype, aim_nbytes)
    grid = ChunkGrid(shape, tuple(row["chunk"]))
    if not len(offsets) == len(sizes) == len(grid):
        raise ValueError("a table of another size than its grid")
    places = Table(href, grid.counts, offsets, sizes)
    return StoredArray(grid, dtype, tuple(row["filters"]), places, bytes.fromhex(row["fill"]))


def _run(entry: Entry, hrefs: Sequence[str], timeout_s: float, settings: Settings) -> bytes:
    """Run the program that reads HDF5."""
    limit_s = max(timeout_s, MIN_SCAN_S)
    request = {"hrefs": list(hrefs), "options": _access(entry, settings), "timeout_s": timeout_s}
    try:
        return run_child("cloudify.datasets.hdf5", json.dumps(request).encode(), limit_s=limit_s)
    except ChildError as error:
        source = without_secrets(entry.href)
        log.warning("file cannot be scanned", extra={"dataset": entry.id, "source": source, "reason": str(error)})
        raise RefusedError("its chunks cannot be found: the file is damaged, or no HDF5 file") from error


def _access(entry: Entry, settings: Settings) -> dict[str, object]:
    """Return what the child needs to read a file that is elsewhere, the server's own settings included."""
    if not is_url(entry.href):
        return {}
    key, secret = settings.s3_access_key_id, settings.s3_secret_access_key
    given = {
        "endpoint_url": settings.s3_endpoint_url,
        "region": settings.s3_region,
        "access_key_id": key.get_secret_value() if key else None,
        "secret_access_key": secret.get_secret_value() if secret else None,
        "anonymous": settings.s3_anonymous,
    }
    return {name: value for name, value in given.items() if value is not None} | dict(entry.options)
