"""The opener of results: what it believes, what it refuses, and what a lost blob is."""

import json
import shutil
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zstandard

from cloudify.datasets.chunk_index import RECORD, write_record
from cloudify.datasets.manifest import Manifest, read_manifest, references
from cloudify.datasets.objects import Part
from cloudify.datasets.open import open_entry
from cloudify.datasets.result import stored_result
from cloudify.datasets.source import RefusedError
from cloudify.datasets.token import version_token
from cloudify.errors import UnreadableDatasetError
from cloudify.model.blob import Blob, blob_path
from cloudify.model.entry import Entry
from cloudify.settings import Settings

SETTINGS = Settings.load()


def put(folder: Path, data: bytes) -> Blob:
    name = sha256(data).hexdigest()
    path = blob_path(folder, name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return Blob(name, len(data))


def node(**changes: Any) -> dict[str, Any]:
    return {
        "zarr_format": 3, "node_type": "array", "shape": [5], "data_type": "int32", "fill_value": 0,
        "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [2]}},
        "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}},
        "codecs": [
            {"name": "bytes", "configuration": {"endian": "little"}},
            {"name": "zstd", "configuration": {"level": 1, "checksum": False}},
        ],
        "attributes": {}, "dimension_names": ["x"], "storage_transformers": [], **changes,
    }  # fmt: skip


def content(folder: Path, **changes: Any) -> dict[str, Any]:
    """Write three chunks, the second absent, and return what a manifest says of them."""
    first, last = (put(folder, zstandard.compress(np.array(values, "<i4").tobytes())) for values in ([1, 2], [5, 0]))
    index = put(folder, write_record(first) + bytes(RECORD.size) + write_record(last))
    return {
        "cloudify_result": 1, "root": {"zarr_format": 3, "node_type": "group", "attributes": {}},
        "nodes": {"v": node()}, "indices": {"v": index.sha256}, "files": None, "failed": [[2, 2]], **changes,
    }  # fmt: skip


def entry_of(folder: Path, said: object) -> Entry:
    data = said if isinstance(said, bytes) else json.dumps(said).encode()
    return Entry("job-1", "result", str(blob_path(folder, put(folder, data).sha256)), immutable=True)


def chunk(folder: Path, entry: Entry, number: int) -> Path:
    index = blob_path(folder, read_manifest(Path(entry.href)).indices["v"]).read_bytes()
    return blob_path(folder, index[number * 40 : number * 40 + 32].hex())


def test_a_chunk_that_was_skipped_is_the_fill_value(tmp_path: Path) -> None:
    opened = open_entry(entry_of(tmp_path, content(tmp_path)), timeout_s=5)
    assert opened.groups["/"]["v"].values.tolist() == [1, 2, 0, 0, 5]


@pytest.mark.parametrize("harm", ["lost", "cut", "grown", "folder"])
def test_a_chunk_that_is_lost_or_not_what_it_was_is_a_failure_and_never_a_fill_value(tmp_path: Path, harm: str) -> None:
    entry = entry_of(tmp_path, content(tmp_path))
    opened = open_entry(entry, timeout_s=5)
    path = chunk(tmp_path, entry, 0)
    data = path.read_bytes()
    path.unlink()
    if harm in {"cut", "grown"}:
        path.write_bytes(data[:-1] if harm == "cut" else data + b"x")
    if harm == "folder":
        shutil.rmtree(path.parent)
        path.parent.write_bytes(b"in its place")
    with pytest.raises(OSError, match="of this result is"):
        opened.groups["/"]["v"].to_numpy()
    with pytest.raises(OSError, match="of this result is"):
        stored_result(entry, 2**28)[1].read("v/c/0", limit_nbytes=2**20)
    assert opened.groups["/"]["v"][4].item() == 5


@pytest.mark.parametrize("left", [None, b"", bytes(39)])
def test_an_index_that_is_lost_or_cut_off_is_a_failure_too(tmp_path: Path, left: bytes | None) -> None:
    said = content(tmp_path)
    entry = entry_of(tmp_path, said)
    opened = open_entry(entry, timeout_s=5)
    path = blob_path(tmp_path, said["indices"]["v"])
    path.unlink()
    if left is not None:
        path.write_bytes(left)
    with pytest.raises(OSError, match="index of this result is"):
        opened.groups["/"]["v"].to_numpy()


def test_parts_of_chunks_are_read(tmp_path: Path) -> None:
    entry = entry_of(tmp_path, content(tmp_path))
    _, objects = stored_result(entry, 2**28)
    data = chunk(tmp_path, entry, 0).read_bytes()
    for part, expected in {
        None: data, Part(2): data[2:], Part(-3): data[-3:], Part(1, 4): data[1:5], Part(len(data) + 9): b"",
    }.items():  # fmt: skip
        assert objects.read("v/c/0", part, limit_nbytes=2**20) == expected
    with pytest.raises(RefusedError, match="far larger"):
        objects.read("v/c/0", limit_nbytes=3)
    assert objects.size("v/c/0") == len(data)


@pytest.mark.parametrize(
    "key", ["v/c/1", "v/c/3", "v/c/0/0", "v/c", "v/c/-1", "v/c/x", "v/0", "w/c/0", "c/0", "", "v/c/²"]
)
def test_no_other_key_is_a_chunk(tmp_path: Path, key: str) -> None:
    _, objects = stored_result(entry_of(tmp_path, content(tmp_path)), 2**28)
    assert objects.read(key, limit_nbytes=2**20) is None
    assert objects.size(key) is None


def with_index(value: object) -> dict[str, Any]:
    return {"indices": {"v": value}}


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        (with_index("../../../etc/passwd"), "by something else than its hash"),
        (with_index("AB" * 32), "by something else than its hash"),
        (with_index(7), "by something else than its hash"),
        ({"files": "/etc/passwd"}, "by something else than its hash"),
        ({"indices": {}}, "an array without an index"),
        ({"indices": []}, "has no 'indices'"),
        ({"nodes": None}, "has no 'nodes'"),
        ({"nodes": {"../v": node()}}, "a path that cannot be"),
        ({"nodes": {"v": node(shape=[2**70])}}, "no shape"),
        ({"nodes": {"v": node(codecs=[{"name": "run-me"}])}}, "not among those that are safe"),
        ({"nodes": {"v": node(chunk_key_encoding={"name": "v2"})}}, "other keys than ours"),
        ({"failed": "all"}, "which slices failed"),
        ({"failed": [[2, 1]]}, "which slices failed"),
        ({"failed": [[0, 1]]}, "which slices failed"),
        ({"cloudify_result": 2}, "a newer cloudify wrote"),
        ({"cloudify_result": "1"}, "no manifest of a result"),
        ({"root": node()}, "an array, not a group"),
    ],
)
def test_a_manifest_that_lies_is_refused_with_the_reason(tmp_path: Path, changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(UnreadableDatasetError, match=reason):
        open_entry(entry_of(tmp_path, content(tmp_path, **changes)), timeout_s=5)


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"\xff", b'{"a":' * 10_000, b"{}"])
def test_what_is_no_manifest_is_refused(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(UnreadableDatasetError, match=r"its manifest|no manifest"):
        open_entry(entry_of(tmp_path, data), timeout_s=5)


def test_a_manifest_that_was_altered_is_refused(tmp_path: Path) -> None:
    entry = entry_of(tmp_path, content(tmp_path))
    path = Path(entry.href)
    path.write_bytes(path.read_bytes().replace(b"[[2, 2]]", b"[[1, 2]]"))
    with pytest.raises(UnreadableDatasetError, match="its hash is not its name"):
        open_entry(entry, timeout_s=5)


def test_what_has_no_hash_for_a_name_is_refused_without_saying_where_it_is(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text("{}")
    for href in (str(tmp_path / "x.json"), "https://example.org/" + "a" * 64, str(tmp_path / ("a" * 64))):
        with pytest.raises(UnreadableDatasetError) as raised:
            open_entry(Entry("job-1", "result", href, immutable=True), timeout_s=5)
        assert str(tmp_path) not in str(raised.value)


def test_the_version_token_is_that_of_the_content_wherever_it_is(tmp_path: Path) -> None:
    here = entry_of(tmp_path / "a", content(tmp_path / "a"))
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    there = Entry("job-1", "result", here.href.replace("/a/", "/b/", 1), immutable=True)
    other = entry_of(tmp_path / "a", content(tmp_path / "a", failed=[]))
    tokens = [version_token(entry, timeout_s=5, settings=SETTINGS) for entry in (here, there, other)]
    assert here.href != there.href
    assert tokens[0] == tokens[1] != tokens[2]


def test_a_manifest_is_read_as_it_was_written(tmp_path: Path) -> None:
    manifest = Manifest.parse(json.dumps(content(tmp_path)).encode())
    assert Manifest.parse(manifest.dump()) == manifest


def test_references_are_all_or_an_error(tmp_path: Path) -> None:
    """Who removes what nothing refers to must not take a lost index for one that names nothing."""
    said = content(tmp_path)
    path = Path(entry_of(tmp_path, said).href)
    assert set(references(path)) == {each.name for each in tmp_path.rglob("*") if each.is_file()}
    blob_path(tmp_path, said["indices"]["v"]).unlink()
    with pytest.raises(OSError, match=r"No such file|is lost"):
        list(references(path))


def test_a_blob_has_one_place_and_nothing_else_has_one() -> None:
    assert blob_path(Path("d"), "ab" * 32) == Path("d", "ab", "ab" * 32)
    for name in ("", "ab", "../" + "a" * 61, "AB" * 32, "ab" * 32 + "\n", "a" * 63 + "/"):
        with pytest.raises(ValueError, match="no name of a blob"):
            blob_path(Path("d"), name)
