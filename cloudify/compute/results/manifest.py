"""Writing the manifest of a result: last, when all that it names is on disk."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from cloudify.compute.results.large import LargeBlob, Noted
from cloudify.compute.results.names import media_type
from cloudify.compute.results.source import Ranges, numbers
from cloudify.datasets.documents import hierarchy_v3
from cloudify.datasets.manifest import Json, Manifest, StoredFile
from cloudify.model.outcome import Piece

FAILED = "cloudify:failed_slices"
"""Attribute of a result some of whose slices failed: their numbers."""
_ANY_SIZE = 2**62
"""Chunks above the limit of a server are that server's to refuse."""


@dataclass(frozen=True, slots=True)
class StoredArrays:
    """Arrays whose chunks are blobs."""

    nodes: Mapping[str, Json] = field(default_factory=lambda: MappingProxyType({}))
    """``zarr.json`` by path."""
    indices: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """Hash of the index by path."""
    attrs: Json = field(default_factory=dict)
    """Of the dataset."""


@dataclass(frozen=True, slots=True)
class Written:
    """A result on disk."""

    manifest: str
    """Its hash, the name of the result."""
    held: frozenset[str]
    """All blobs that it needs besides the pieces of its slices; the job has to hold them (`Jobs.hold`)."""


def write_manifest(stored: StoredArrays, noted: Noted, *, files: str | None = None, failed: Ranges = ()) -> Written:
    """Write the manifest of a result.

    Parameters
    ----------
    stored
        All of whose blobs are on disk.
    noted
        What was put there for it.
    files
        Hash of the list of its plain files (`write_files`).
    failed
        Numbers of the slices that failed.

    Raises
    ------
    RefusedError
        If nobody could open it.
    StoreUnavailableError
        If it cannot be written; nothing is left behind.
    """
    attrs = dict(stored.attrs) | ({FAILED: list(numbers(failed))} if failed else {})
    root: Json = {"zarr_format": 3, "node_type": "group", "attributes": attrs}
    hierarchy_v3(dict(root), stored.nodes, _ANY_SIZE)
    manifest = Manifest(root, stored.nodes, stored.indices, files, failed)
    name = noted.put(manifest.dump()).sha256
    return Written(name, frozenset(noted.names))


def write_files(pieces: Iterable[Piece], noted: Noted) -> str:
    """Write the list of the plain files of a result, whose names are the keys of pieces; return its hash."""
    with LargeBlob(noted) as lines:
        nbytes = 0
        for piece in pieces:
            line = StoredFile(piece.key, piece.sha256, piece.nbytes, media_type(piece.key)).line()
            lines.write(line, nbytes)
            nbytes += len(line)
        return lines.seal().sha256
