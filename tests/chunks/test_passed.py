"""Whatever holds documents and objects of a zarr hierarchy has its chunks passed on, whoever opened it."""

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numcodecs
import numpy as np
import pytest

from cloudify.chunks.hierarchy import Chunk, Hierarchy
from cloudify.datasets.documents import Documents, hierarchy_v3
from cloudify.datasets.objects import Part, cut
from cloudify.datasets.store import open_documents
from cloudify.errors import UnknownKeyError

VALUES = np.arange(10, dtype="<f4")
BLOBS = {f"v/c/{i}": bytes(numcodecs.Zstd(1).encode(np.resize(VALUES[i * 4 : i * 4 + 4], 4))) for i in range(3)}


@dataclass
class Blobs:
    """Objects in memory, of which one is not made yet."""

    content: dict[str, bytes]
    unfinished: str = ""
    read_keys: list[str] = field(default_factory=list)

    def read(self, key: str, part: Part | None = None, *, limit_nbytes: int) -> bytes | None:
        if key == self.unfinished:
            raise UnknownKeyError(key, "its slice is not finished")
        self.read_keys.append(key)
        found = self.content.get(key)
        assert found is None or len(found) <= limit_nbytes
        return None if found is None else cut(found, part)

    def size(self, key: str) -> int | None:
        found = self.content.get(key)
        return None if found is None else len(found)


class QuickBlobs(Blobs):
    """Blobs that are always in memory."""

    def at_hand(self, key: str, *, limit_nbytes: int) -> bytes | None:
        found = self.content.get(key)
        return found if found is not None and len(found) <= limit_nbytes else None


def documents() -> Documents:
    array = {
        "zarr_format": 3, "node_type": "array", "shape": [10], "data_type": "float32", "fill_value": 7.0,
        "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [4]}},
        "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}},
        "codecs": [
            {"name": "bytes", "configuration": {"endian": "little"}},
            {"name": "zstd", "configuration": {"level": 1, "checksum": False}},
        ],
        "attributes": {}, "dimension_names": ["x"], "storage_transformers": [],
    }  # fmt: skip
    root = {"zarr_format": 3, "node_type": "group", "attributes": {}}
    return hierarchy_v3(root, {"v": array}, 2**20)


def served(blobs: Blobs, token: str) -> Hierarchy:
    groups = open_documents(documents(), blobs, {})
    return Hierarchy.build(
        groups, token=token, codec=None, stored=True, chunk_nbytes=2**20, max_chunk_nbytes=2**20, zarr=groups.stored
    )


def chunk(hierarchy: Hierarchy, key: str) -> Chunk:
    found = hierarchy.find(key)
    assert isinstance(found, Chunk)
    return found


def test_blobs_are_read_once_each_and_passed_on() -> None:
    blobs = Blobs(BLOBS)
    hierarchy = served(blobs, "once")
    assert [chunk(hierarchy, key).read() for key in BLOBS] == list(BLOBS.values())
    assert blobs.read_keys == list(BLOBS)
    assert [chunk(hierarchy, key).at_hand() for key in BLOBS] == [None] * 3  # these say nothing of what is in memory
    inline = json.loads(hierarchy.documents["zarr.json"].body)["consolidated_metadata"]["metadata"]
    assert inline["v"]["codecs"] == documents().nodes["v"]["codecs"]


def test_what_the_objects_say_of_a_chunk_is_said_to_the_reader() -> None:
    hierarchy = served(Blobs(BLOBS, unfinished="v/c/1"), "unfinished")
    assert chunk(hierarchy, "v/c/0").read() == BLOBS["v/c/0"]
    with pytest.raises(UnknownKeyError, match="its slice is not finished"):
        chunk(hierarchy, "v/c/1").read()


def test_a_blob_is_at_hand_once_it_was_found_sound_and_as_long_as_it_is_the_same() -> None:
    blobs = QuickBlobs(dict(BLOBS))
    first = chunk(served(blobs, "quick"), "v/c/0")
    assert first.at_hand() is None
    assert first.read() == first.at_hand() == BLOBS["v/c/0"]
    assert chunk(served(blobs, "quick"), "v/0").at_hand() == BLOBS["v/c/0"]
    assert chunk(served(blobs, "another version"), "v/c/0").at_hand() is None
    blobs.content["v/c/0"] = BLOBS["v/c/1"]
    assert first.at_hand() is None
    assert first.read() == first.at_hand() == BLOBS["v/c/1"]


def test_many_readers_of_chunks_never_written_get_the_same_fill_values() -> None:
    hierarchy = served(Blobs({}), "nothing")
    with ThreadPoolExecutor(8) as threads:
        answers = set(threads.map(lambda i: chunk(hierarchy, f"v/c/{i % 3}").read(), range(30)))
    (data,) = answers
    assert np.frombuffer(numcodecs.Zstd().decode(data), "<f4").tolist() == [7, 7, 7, 7]


def test_tags_tell_what_is_passed_on_from_what_is_encoded() -> None:
    groups = open_documents(documents(), Blobs(BLOBS), {})
    build = {"token": "t", "codec": None, "stored": True, "chunk_nbytes": 2**20, "max_chunk_nbytes": 2**20}
    with_store = Hierarchy.build(groups, zarr=groups.stored, **build)  # type: ignore[arg-type]
    without = Hierarchy.build(groups, **build)  # type: ignore[arg-type]
    assert chunk(with_store, "v/c/0").etag != chunk(without, "v/c/0").etag
    assert chunk(with_store, "v/c/0").etag == chunk(with_store, "v/0").etag
    assert (with_store.arrays["v"].encoded_anew, without.arrays["v"].encoded_anew) == ("", "")
    assert without.arrays["v"].passed is None
