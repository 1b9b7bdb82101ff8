"""The manifest of a result: what it consists of. A blob itself, named by its hash.

JSON::

    {"cloudify_result": 1,
     "root": {...},                         # zarr.json of the root group, without what is below it
     "nodes": {"tas": {...}},               # zarr.json of each array and group, by path
     "indices": {"tas": "<sha256>"},        # of each array: the blob that names its chunks (`chunk_index`)
     "files": "<sha256>" or null,           # plain files: a blob of lines (`StoredFile`)
     "failed": [[3, 3], [7, 9]]}            # numbers of slices that failed, as ranges with both ends
"""

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from pathlib import Path
from types import MappingProxyType
from typing import Any

from cloudify.datasets.chunk_index import lost, records
from cloudify.datasets.documents import MAX_DOCUMENT_NBYTES, load
from cloudify.datasets.source import RefusedError
from cloudify.model.blob import Blob, blob_path, is_sha256

VERSION = 1
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A plain file of a result: a line of JSON."""

    name: str
    sha256: str
    nbytes: int
    media_type: str

    @classmethod
    def parse(cls, line: bytes) -> "StoredFile":
        """Read a line.

        Raises
        ------
        RefusedError
            If it is none.
        """
        found = load(line, "the list of its files")
        name, media_type, nbytes = found.get("name"), found.get("media_type"), found.get("nbytes")
        if not (isinstance(name, str) and isinstance(media_type, str) and type(nbytes) is int and nbytes >= 0):
            raise RefusedError("the list of its files is not understood")
        return cls(name, _sha256(found.get("sha256")), nbytes, media_type)

    def line(self) -> bytes:
        """Write the line."""
        return json.dumps(asdict(self), separators=(",", ":")).encode() + b"\n"


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a result consists of."""

    root: Json
    nodes: Mapping[str, Json] = field(default_factory=lambda: MappingProxyType({}))
    indices: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    files: str | None = None
    failed: tuple[tuple[int, int], ...] = ()

    @classmethod
    def parse(cls, data: bytes) -> "Manifest":
        """Read a manifest.

        Raises
        ------
        RefusedError
            If it is none, or one of a newer format.
        """
        content = load(data, "its manifest")
        version = content.get("cloudify_result")
        if type(version) is not int:
            raise RefusedError("it is no manifest of a result")
        if version > VERSION:
            raise RefusedError(f"its manifest is of the format {version}, which a newer cloudify wrote")
        files = content.get("files")
        return cls(
            _mapping(content, "root"),
            _mapping(content, "nodes"),
            {path: _sha256(text) for path, text in _mapping(content, "indices").items()},
            None if files is None else _sha256(files),
            tuple(_ranges(content.get("failed"))),
        )

    def dump(self) -> bytes:
        """Write it, the same bytes in every process."""
        content = {
            "cloudify_result": VERSION, "root": self.root, "nodes": dict(self.nodes), "indices": dict(self.indices),
            "files": self.files, "failed": self.failed,
        }  # fmt: skip
        return json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


def read_manifest(path: Path) -> Manifest:
    """Read the manifest in a file that has the name of its hash.

    Raises
    ------
    RefusedError
        If it is not what its name says, or no manifest.
    OSError
        If it is not there.
    """
    if not is_sha256(path.name):
        raise RefusedError("its href is not the path of a manifest, whose name is the hash of its content")
    with path.open("rb") as file:
        if os.fstat(file.fileno()).st_size > MAX_DOCUMENT_NBYTES:
            raise RefusedError(f"its manifest is above {MAX_DOCUMENT_NBYTES} bytes")
        data = file.read()
    if sha256(data).hexdigest() != path.name:
        raise RefusedError("its manifest is not what it was: its hash is not its name")
    return Manifest.parse(data)


def files_of(manifest: Manifest, folder: Path) -> Iterator[StoredFile]:
    """Yield the plain files of a result, in the order of its slices.

    Parameters
    ----------
    folder
        Of the blobs.

    Raises
    ------
    OSError, RefusedError
        If their list is lost, or not what it was.
    """
    yield from map(StoredFile.parse, _lines(manifest, folder))


def find_file(manifest: Manifest, folder: Path, name: str) -> StoredFile | None:
    """Return a plain file of a result by its name, None where it has none; raises as `files_of`."""
    written = json.dumps(name).encode()
    files = (StoredFile.parse(line) for line in _lines(manifest, folder) if written in line)
    return next((file for file in files if file.name == name), None)


def references(path: Path) -> Iterator[str]:
    """Yield the name of every blob that a manifest needs, its own first; some more than once. Nothing is held.

    Parameters
    ----------
    path
        Of the manifest, in its folder of blobs.

    Raises
    ------
    OSError, RefusedError
        If anything that names blobs is lost or not what it was: then nobody knows which are needed.
    """
    for blob in _blobs(path):
        yield blob.sha256


def _lines(manifest: Manifest, folder: Path) -> Iterator[bytes]:
    if manifest.files is None:
        return
    try:
        with blob_path(folder, manifest.files).open("rb") as lines:
            yield from lines
    except FileNotFoundError as error:
        raise lost("the list of the files") from error


def _blobs(path: Path) -> Iterator[Blob]:
    manifest, folder = read_manifest(path), path.parent.parent
    yield Blob(path.name, path.stat().st_size)
    for name in manifest.indices.values():
        index = blob_path(folder, name)
        yield Blob(name, index.stat().st_size)
        yield from (blob for blob in records(index) if blob is not None)
    if manifest.files is not None:
        yield Blob(manifest.files, blob_path(folder, manifest.files).stat().st_size)
    for file in files_of(manifest, folder):
        yield Blob(file.sha256, file.nbytes)


def _mapping(content: Json, name: str) -> Json:
    value = content.get(name)
    if not isinstance(value, dict):
        raise RefusedError(f"its manifest has no {name!r}")
    return value


def _sha256(text: object) -> str:
    if not isinstance(text, str) or not is_sha256(text):
        raise RefusedError("its manifest names a blob by something else than its hash")
    return text


def _ranges(value: object) -> Iterator[tuple[int, int]]:
    if not isinstance(value, list):
        raise RefusedError("its manifest does not say which slices failed")
    for pair in value:
        match pair:
            case [int(first), int(last)] if 0 < first <= last:
                yield first, last
            case _:
                raise RefusedError("its manifest does not say which slices failed")
