"""Whether the blobs of a result are what they were: all their sizes up to a number of them, hashes up to some bytes."""

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import file_digest
from pathlib import Path

from cloudify.datasets.chunk_index import records
from cloudify.datasets.manifest import files_of, read_manifest
from cloudify.model.blob import Blob, blob_path

MOST_BLOBS = 10_000
MOST_NBYTES = 2**27
"""Read and hashed; about a third of a second."""
MOST_FAULTS = 20


@dataclass(frozen=True, slots=True)
class Verified:
    """What was found of one result."""

    looked_at: int
    """Blobs whose size was compared."""
    hashed: int
    """Those among them whose bytes were."""
    is_all: bool
    """Whether every blob was hashed."""
    faults: tuple[tuple[str, str], ...]
    """What is not as it was: array, or ``files``; and how."""


def verify(path: Path) -> Verified:
    """Look at the blobs of a result. Blocks; bounded.

    Raises
    ------
    OSError, RefusedError
        If its manifest is not what it was.
    """
    looked_at = hashed = nbytes = 0
    is_all = True
    faults: list[tuple[str, str]] = []
    for what, blob in _named(path):
        if looked_at == MOST_BLOBS or len(faults) == MOST_FAULTS:
            is_all = False
            break
        if isinstance(blob, str):
            faults.append((what, blob))
            continue
        looked_at += 1
        wants_hash = nbytes + blob.nbytes <= MOST_NBYTES
        fault = _fault(blob_path(path.parent.parent, blob.sha256), blob, wants_hash=wants_hash)
        if wants_hash:
            hashed, nbytes = hashed + 1, nbytes + blob.nbytes
        is_all = is_all and wants_hash
        if fault:
            faults.append((what, fault))
    return Verified(looked_at, hashed, is_all, tuple(faults))


def _named(path: Path) -> Iterator[tuple[str, Blob | str]]:
    """Yield what each blob belongs to; in place of those that cannot be listed, why."""
    manifest, folder = read_manifest(path), path.parent.parent
    for array, name in manifest.indices.items():
        try:
            yield array, Blob(name, blob_path(folder, name).stat().st_size)
            yield from ((array, blob) for blob in records(blob_path(folder, name)) if blob is not None)
        except OSError as error:
            yield array, f"its index cannot be read ({error.strerror})"
    try:
        yield from (("files", Blob(file.sha256, file.nbytes)) for file in files_of(manifest, folder))
    except OSError as error:
        yield "files", f"their list cannot be read ({error.strerror})"


def _fault(path: Path, blob: Blob, *, wants_hash: bool) -> str:
    try:
        if path.stat().st_size != blob.nbytes:
            return f"a blob has another size than the {blob.nbytes} bytes it had: {blob.sha256[:12]}"
        if wants_hash:
            with path.open("rb") as file:
                if file_digest(file, "sha256").hexdigest() != blob.sha256:
                    return f"a blob has other bytes than it had: {blob.sha256[:12]}"
    except OSError as error:
        return f"a blob cannot be read ({error.strerror}): {blob.sha256[:12]}"
    return ""
