"""Which stored arrays both formats of zarr have words for, and why not."""

from typing import Any

import numcodecs
import numpy as np
import pytest
import zarr

from cloudify.chunks.codec import Codec
from cloudify.chunks.stored_codec import EncodedAnewError, check_grid, codec_of_v2, codec_of_v3
from cloudify.chunks.stored_type import StoredType
from cloudify.model.chunkgrid import ChunkGrid

BLOSC = {"id": "blosc", "cname": "zstd", "clevel": 3, "shuffle": 2, "blocksize": 0}
BYTES = {"name": "bytes", "configuration": {"endian": "little"}}


def v2(**changes: Any) -> dict[str, Any]:
    return {
        "zarr_format": 2, "shape": [4, 4], "chunks": [2, 2], "dtype": "<f4", "fill_value": None, "order": "C",
        "filters": None, "compressor": None, **changes,
    }  # fmt: skip


def v3(*codecs: Any, **changes: Any) -> dict[str, Any]:
    return {"data_type": "float32", "codecs": [BYTES, *codecs], **changes}


def blosc3(**changes: Any) -> dict[str, Any]:
    own = {"cname": "lz4", "clevel": 5, "shuffle": "shuffle", "typesize": 4, "blocksize": 0}
    return {"name": "blosc", "configuration": own | changes}


def f4(name: str = "f4") -> StoredType:
    return StoredType.of(np.dtype(name))


@pytest.mark.parametrize(
    ("document", "served", "codec"),
    [
        (v2(), "f4", Codec("none")),
        (v2(filters=[], dtype="|i1"), "i1", Codec("none")),
        (v2(compressor={"id": "zstd", "level": -5}), "f4", Codec("zstd", -5)),
        (v2(compressor={"id": "zstd", "level": 3, "checksum": True}), "f4", Codec("zstd", 3, checksum=True)),
        (v2(compressor={"id": "gzip", "level": 9}), "f4", Codec("gzip", 9)),
        (v2(compressor=BLOSC), "f4", Codec("blosc", 3, cname="zstd", shuffle="bitshuffle")),
        (v2(compressor=BLOSC | {"shuffle": -1}), "f4", Codec("blosc", 3, cname="zstd", shuffle="shuffle")),
        (v2(compressor={"id": "blosc", "shuffle": -1}, dtype="|b1"), "?", Codec("blosc", 5, shuffle="bitshuffle")),
        (v2(dtype="|O", filters=[{"id": "vlen-utf8"}]), "O", Codec("none")),
        (v2(dtype="|S5"), "S5", Codec("none")),
        (v2(order="F", chunks=[2, 1]), "f4", Codec("none")),  # the same order
        (v2(dtype=">i1"), "i1", Codec("none")),
    ],
)  # fmt: skip
def test_v2_says_what_v3_can_say(document: dict[str, Any], served: str, codec: Codec) -> None:
    assert codec_of_v2(document, f4(served)) == codec


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        (v2(dtype=">f4"), "its numbers are big-endian"),
        (v2(dtype="<i4"), "it is stored as int32 and served as float32"),
        (v2(dtype="<M8[ns]"), "it is stored as datetime64[ns] and served as float32"),
        (v2(order="F"), "its elements are in Fortran order"),
        (v2(filters=[{"id": "shuffle", "elementsize": 4}]), "it has the filter 'shuffle'"),
        (v2(filters=[{"id": "vlen-utf8"}]), "it has the filter 'vlen-utf8'"),
        (v2(compressor={"id": "zlib", "level": 1}), "its codec 'zlib' is none that zarr v2 and v3 share"),
        (v2(compressor={"id": "lz4"}), "its codec 'lz4' is none"),
        (v2(compressor={"id": "zstd", "level": 99}), "its codec 'zstd' has the number '99'"),
        (v2(compressor={"id": "gzip", "level": True}), "its codec 'gzip' has the number 'True'"),
        (v2(compressor=BLOSC | {"cname": "snappy"}), "the compressor 'snappy'"),
        (v2(compressor=BLOSC | {"shuffle": 3}), "the shuffle '3'"),
        (v2(compressor=BLOSC | {"shuffle": "shuffle"}), "the shuffle 'shuffle'"),
        (v2(compressor=BLOSC | {"blocksize": -1}), "the number '-1'"),
    ],
)
def test_v2_says_what_v3_cannot(document: dict[str, Any], reason: str) -> None:
    with pytest.raises(EncodedAnewError) as raised:
        codec_of_v2(document, f4())
    assert reason in str(raised.value)


def test_text_of_v2_may_have_no_other_filter() -> None:
    with pytest.raises(EncodedAnewError, match="the filter 'vlen-bytes'"):
        codec_of_v2(v2(dtype="|O", filters=[{"id": "vlen-bytes"}]), f4("O"))
    with pytest.raises(EncodedAnewError, match="it is stored as <U4 and served as text"):
        codec_of_v2(v2(dtype="<U4"), f4("O"))


@pytest.mark.parametrize(
    ("document", "served", "codec"),
    [
        (v3(), "f4", Codec("none")),
        (v3({"name": "zstd", "configuration": {"level": 0, "checksum": False}}), "f4", Codec("zstd", 0)),
        (v3({"name": "gzip", "configuration": {"level": 5}}), "f4", Codec("gzip", 5)),
        (v3(blosc3(shuffle="noshuffle")), "f4", Codec("blosc", 5, shuffle="noshuffle")),
        ({"data_type": "int8", "codecs": ["bytes"]}, "i1", Codec("none")),
        ({"data_type": "string", "codecs": [{"name": "vlen-utf8"}]}, "O", Codec("none")),
        (
            {
                "data_type": {"name": "null_terminated_bytes", "configuration": {"length_bytes": 3}},
                "codecs": [{"name": "bytes"}],
            },
            "S3",
            Codec("none"),
        ),
    ],
)
def test_v3_says_what_v2_can_say(document: dict[str, Any], served: str, codec: Codec) -> None:
    assert codec_of_v3(document, f4(served)) == codec


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        ({"data_type": "float32", "codecs": [{"name": "sharding_indexed"}]}, "it is stored in shards"),
        (v3(data_type="int64"), "it is stored as int64 and served as float32"),
        (v3(data_type="bytes"), "its type is none that zarr v2 and v3 share"),
        ({"data_type": "float32", "codecs": [{"name": "transpose"}, BYTES]}, "its codec 'transpose' is none"),
        (
            {"data_type": "float32", "codecs": [{"name": "bytes", "configuration": {"endian": "big"}}]},
            "its numbers are big-endian",
        ),
        ({"data_type": "float32", "codecs": ["bytes"]}, "it does not say which byte order it has"),
        (v3("crc32c"), "its codec 'crc32c' is none"),
        (v3(blosc3(), "crc32c"), "its codec 'crc32c' is none"),
        (v3({"name": "numcodecs.zlib"}), "its codec 'numcodecs.zlib' is none"),
        (v3(blosc3(cname=["lz4"])), "the compressor"),
        (v3(blosc3(shuffle=1)), "the shuffle '1'"),
        (v3(blosc3(clevel=10)), "the number '10'"),
    ],
)
def test_v3_says_what_v2_cannot(document: dict[str, Any], reason: str) -> None:
    with pytest.raises(EncodedAnewError) as raised:
        codec_of_v3(document, f4())
    assert reason in str(raised.value)


def test_other_chunks_than_those_that_are_served_are_not_passed_on() -> None:
    check_grid(ChunkGrid((4, 4), (2, 2)), ChunkGrid((4, 4), (2, 2)))
    with pytest.raises(EncodedAnewError, match=r"its chunks of \(2, 2\) are served as \(4, 2\)"):
        check_grid(ChunkGrid((4, 4), (2, 2)), ChunkGrid((4, 4), (4, 2)))


@pytest.mark.parametrize(
    "codec",
    [
        Codec("zstd", 7),
        Codec("zstd", 3, checksum=True),
        Codec("gzip", 6),
        Codec("blosc", 9, cname="zlib"),
        Codec("none"),
    ],
)
def test_what_a_codec_writes_both_libraries_read_by_what_it_declares(codec: Codec) -> None:
    data = np.arange(100, dtype="<f4")
    packed = codec.compress(data)
    compressor = codec.v2_compressor()
    plain = packed if compressor is None else bytes(numcodecs.get_codec(dict(compressor)).decode(packed))
    assert plain == data.tobytes()
    store = zarr.storage.MemoryStore()
    array = zarr.create_array(store, shape=(100,), chunks=(100,), dtype="f4", compressors=None)
    document = array.metadata.to_dict() | {"codecs": [BYTES, *codec.v3_codecs(4)]}
    read = zarr.Array.from_dict(zarr.storage.StorePath(store), document)
    zarr.core.sync.sync(store.set("c/0", zarr.core.buffer.default_buffer_prototype().buffer.from_bytes(packed)))
    np.testing.assert_array_equal(read[:], data)
