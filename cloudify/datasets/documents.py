"""The metadata documents of a zarr hierarchy, gathered and looked at before zarr-python sees them."""

import json
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cloudify.datasets.objects import LocalObjects, Objects
from cloudify.datasets.source import RefusedError
from cloudify.datasets.vetting import Vetted, check_json, vet_v2, vet_v3

MAX_DOCUMENT_NBYTES = 64 * 2**20
MAX_NODES = 10_000
"""Most groups and arrays of a store without consolidated metadata that are looked for."""
V2_NAMES = (".zarray", ".zgroup", ".zattrs")

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Documents:
    """What zarr-python gets to see of a store: one consolidated document, and which arrays there are."""

    zarr_format: int
    root: dict[str, bytes]
    """Key -> bytes of the documents of the root."""
    arrays: Mapping[str, Vetted]
    """Path of each array -> its metadata."""
    nodes: Mapping[str, Document]
    """The documents as the store has them: of v2 by key, of v3 by path of the node."""


def load(data: bytes, what: str) -> Document:
    """Parse one document.

    Raises
    ------
    RefusedError
        If it is not a JSON object, is too deep, or is no Unicode text.
    """
    try:
        value = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise RefusedError(f"{what} is not JSON") from error
    if not isinstance(value, dict):
        raise RefusedError(f"{what} is not a JSON object")
    check_json(value, what)
    return value


def gather(objects: Objects, max_chunk_nbytes: int) -> Documents:
    """Read the metadata of a store: consolidated, or found by walking a folder.

    Raises
    ------
    RefusedError
        If there is none, or what it says cannot be.
    """
    v3 = objects.read("zarr.json", limit_nbytes=MAX_DOCUMENT_NBYTES)
    if v3 is not None:
        root = load(v3, "its zarr.json")
        inline = root.pop("consolidated_metadata", None)
        if inline is not None:
            below = inline.get("metadata") if isinstance(inline, dict) else None
            if not isinstance(below, dict):
                raise RefusedError("its consolidated metadata are not understood")
        else:
            below = dict(_walk_v3(_folder(objects)))
        return hierarchy_v3(root, below, max_chunk_nbytes)
    v2 = objects.read(".zmetadata", limit_nbytes=MAX_DOCUMENT_NBYTES)
    if v2 is not None:
        flat = load(v2, "its .zmetadata").get("metadata")
        if not isinstance(flat, dict):
            raise RefusedError("its .zmetadata are not understood")
    else:
        flat = dict(_walk_v2(_folder(objects)))
    return hierarchy_v2(flat, max_chunk_nbytes)


def hierarchy_v2(flat: Mapping[str, object], max_chunk_nbytes: int) -> Documents:
    """Look at the documents of a v2 store, by key."""
    nodes: dict[str, Document] = {".zgroup": {"zarr_format": 2}}
    arrays: dict[str, Vetted] = {}
    for key, value in flat.items():
        path, _, name = key.rpartition("/")
        if name not in V2_NAMES:
            continue
        if path:
            _check_path(path)
        elif name == ".zarray":
            raise RefusedError("its root is an array, not a group")
        if name == ".zarray":
            arrays[path] = vet_v2(path, value, max_chunk_nbytes)
        elif not isinstance(value, dict):
            raise RefusedError("its metadata hold attributes that are no mapping")
        nodes[key] = value  # type: ignore[assignment]  # looked at above
    kept = nodes | {f"{path}/.zarray": vetted.document for path, vetted in arrays.items()}
    whole = {"zarr_consolidated_format": 1, "metadata": kept}
    root = {key: json.dumps(kept[key]).encode() for key in (".zgroup", ".zattrs") if key in kept}
    return Documents(2, root | {".zmetadata": json.dumps(whole).encode()}, arrays, nodes)


def hierarchy_v3(root: Document, below: Mapping[str, object], max_chunk_nbytes: int) -> Documents:
    """Look at the documents of a v3 store, by path of the node."""
    if root.get("node_type") != "group":
        raise RefusedError("its root is an array, not a group")
    arrays: dict[str, Vetted] = {}
    nodes: dict[str, Document] = {}
    for path, value in below.items():
        _check_path(path)
        if not isinstance(value, dict) or value.get("zarr_format") != 3:  # noqa: PLR2004
            raise RefusedError("its metadata hold a node that is not of zarr v3")
        if value.get("node_type") == "array":
            arrays[path] = vet_v3(path, value, max_chunk_nbytes)
        # a group's own consolidated metadata are those of the root again
        nodes[path] = {name: part for name, part in value.items() if name != "consolidated_metadata"}
    kept = nodes | {path: vetted.document for path, vetted in arrays.items()}
    whole = root | {"consolidated_metadata": {"kind": "inline", "must_understand": False, "metadata": kept}}
    return Documents(3, {"zarr.json": json.dumps(whole).encode()}, arrays, {"": root, **nodes})


def _check_path(path: str) -> None:
    """Refuse a path that leaves the store, or that no folder can have."""
    if any(part in {"", ".", ".."} for part in path.split("/")) or "\0" in path or "\\" in path:
        raise RefusedError("its metadata hold a path that cannot be")


def _folder(objects: Objects) -> Path:
    if not isinstance(objects, LocalObjects):
        raise RefusedError("it has no consolidated metadata, and without them nothing tells what is in it")
    return Path(objects.root)


def _walk_v3(root: Path) -> Iterator[tuple[str, Document]]:
    def look(folder: Path, name: str) -> tuple[dict[str, Document], bool] | None:
        if not (folder / "zarr.json").is_file():
            return None
        document = _read(folder / "zarr.json")
        return {name: document}, document.get("node_type") == "array"

    return _walk(root, look)


def _walk_v2(root: Path) -> Iterator[tuple[str, Document]]:
    def look(folder: Path, name: str) -> tuple[dict[str, Document], bool] | None:
        found = {one: _read(folder / one) for one in V2_NAMES if (folder / one).is_file()}
        if not found:
            return None
        return {f"{name}/{one}".lstrip("/"): document for one, document in found.items()}, ".zarray" in found

    if (found := look(root, "")) is None:
        raise RefusedError("it has no zarr metadata")
    yield from found[0].items()
    yield from _walk(root, look)


def _walk(
    root: Path, look: Callable[[Path, str], tuple[dict[str, Document], bool] | None]
) -> Iterator[tuple[str, Document]]:
    """Yield the documents below `root`; arrays, which hold chunks, are not entered."""
    count = 0
    for here, names, _ in os.walk(root):
        for name in sorted(names):
            path = Path(here, name)
            found = look(path, str(path.relative_to(root)))
            if found is None or found[1]:
                names.remove(name)
            if found is not None:
                yield from found[0].items()
                count += 1
                if count > MAX_NODES:
                    raise RefusedError(f"it has more than {MAX_NODES} arrays and no consolidated metadata")


def _read(path: Path) -> Document:
    data = LocalObjects(str(path)).read("", limit_nbytes=MAX_DOCUMENT_NBYTES)
    if data is None:
        raise FileNotFoundError(2, "a metadata document vanished")
    return load(data, f"a {path.name} of it")
