"""A stored chunk is sound if every reader decodes it to its elements, and nothing else is."""

import gzip
import random
import tracemalloc
import zlib

import numcodecs
import numpy as np
import pytest
import zstandard

from cloudify.chunks.codec import Codec
from cloudify.chunks.sound import Sound, is_sound
from cloudify.chunks.stored_type import StoredType
from cloudify.model.chunkgrid import ChunkGrid

NUMBERS = np.round(np.random.default_rng(7).normal(size=(30, 40)), 1).astype("<f4")
WORDS = np.array(["a", "", "größe", "日本語"], object)
GRID, WORD_GRID = ChunkGrid((100, 40), (30, 40)), ChunkGrid((9,), (4,))
F4, TEXT = StoredType.of(NUMBERS.dtype), StoredType.of(WORDS.dtype)
CODECS = [
    Codec("zstd"), Codec("zstd", 19, checksum=True), Codec("gzip"), Codec("blosc"), Codec("blosc", cname="zstd"),
    Codec("blosc", cname="zlib", shuffle="bitshuffle"), Codec("none"),
]  # fmt: skip
PLAIN = NUMBERS.tobytes()


def packed(codec: Codec) -> bytes:
    return codec.compress(NUMBERS)


@pytest.mark.parametrize("codec", CODECS, ids=str)
def test_what_was_stored_is_sound_and_no_part_or_extension_of_it(codec: Codec) -> None:
    data = packed(codec)
    assert is_sound(data, codec, F4, GRID)
    for length in (*range(40), *range(40, len(data), 97), len(data) - 1):
        assert not is_sound(data[:length], codec, F4, GRID), length
    for more in (b"\0", b"more", data):
        assert not is_sound(data + more, codec, F4, GRID)
    assert not is_sound(codec.compress(NUMBERS[:-1]), codec, F4, GRID)
    assert not is_sound(codec.compress(np.zeros((31, 40), "f4")), codec, F4, GRID)
    assert not is_sound(b"\0" * 100, codec, F4, GRID)
    assert not is_sound(b"", codec, F4, GRID)


@pytest.mark.parametrize("codec", CODECS, ids=str)
def test_text_is_sound_with_as_many_items_as_the_chunk_has(codec: Codec) -> None:
    plain = bytes(numcodecs.VLenUTF8().encode(WORDS))
    data = codec.compress(plain)
    assert is_sound(data, codec, TEXT, WORD_GRID)
    assert not is_sound(data[:-1], codec, TEXT, WORD_GRID)
    assert not is_sound(codec.compress(bytes(numcodecs.VLenUTF8().encode(WORDS[:3]))), codec, TEXT, WORD_GRID)
    assert not is_sound(codec.compress(np.uint32(2**32 - 1).tobytes() + plain[4:]), codec, TEXT, WORD_GRID)
    assert not is_sound(codec.compress(np.uint32(4).tobytes()), codec, TEXT, WORD_GRID)
    assert not is_sound(codec.compress(plain.replace("ö".encode(), b"\xff\xff")), codec, TEXT, WORD_GRID)


def test_what_some_readers_refuse_is_not_sound() -> None:
    """Numcodecs before 0.16 needs the size in a frame of zstd; readers in browsers know one member of gzip."""
    stream = zstandard.ZstdCompressor().compressobj()
    assert not is_sound(stream.compress(PLAIN) + stream.flush(), Codec("zstd"), F4, GRID)
    half = len(PLAIN) // 2
    two = zstandard.compress(PLAIN[:half]) + zstandard.compress(PLAIN[half:])
    assert len(numcodecs.Zstd().decode(two)) == len(PLAIN)
    assert not is_sound(two, Codec("zstd"), F4, GRID)
    assert not is_sound(gzip.compress(PLAIN[:half]) + gzip.compress(PLAIN[half:]), Codec("gzip"), F4, GRID)
    assert not is_sound(zlib.compress(PLAIN), Codec("gzip"), F4, GRID)


def is_unused(data: bytes, codec: Codec) -> bool:
    """Whether a bit that turned is one of those that stand for nothing."""
    compressor = codec.v2_compressor()
    assert compressor is not None
    return bytes(numcodecs.get_codec(dict(compressor)).decode(data)) == PLAIN


@pytest.mark.parametrize("codec", [Codec("zstd", 3, checksum=True), Codec("gzip")], ids=str)
def test_a_bit_that_turned_is_found_where_the_codec_has_a_checksum(codec: Codec) -> None:
    data = packed(codec)
    chance = random.Random(1)  # noqa: S311  # repeatable
    for _ in range(300):
        turned = bytearray(data)
        at = chance.randrange(10, len(data))
        turned[at] ^= 1 << chance.randrange(8)
        assert not is_sound(bytes(turned), codec, F4, GRID) or is_unused(bytes(turned), codec), at


def test_damage_that_decodes_to_other_bytes_is_only_found_where_there_is_a_checksum() -> None:
    """What passing on cannot tell, no reader can: no codec but gzip, and zstd where it is asked to, has a checksum."""
    data = bytearray(packed(Codec("none")))
    data[100] ^= 1
    assert is_sound(bytes(data), Codec("none"), F4, GRID)


@pytest.mark.parametrize("codec", [codec for codec in CODECS if codec.name != "none"], ids=str)
def test_a_bomb_costs_no_more_than_the_chunk(codec: Codec) -> None:
    bomb = codec.compress(np.zeros(50_000_000, "u1"))
    tracemalloc.start()
    assert not is_sound(bomb, codec, F4, GRID)
    assert not is_sound(packed(codec) + bomb, codec, F4, GRID)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1_000_000


def test_of_many_sound_chunks_the_last_are_remembered() -> None:
    sound = Sound(limit=2)
    for index in range(3):
        sound.add(("tag", (index,)), 5 + index)
    assert [sound.checksum(("tag", (index,))) for index in (2, 1, 0)] == [7, 6, None]
    assert sound.checksum(("gat", (1,))) is None
    sound.add(("tag", (3,)), 8)
    assert sound.checksum(("tag", (1,))) == 6  # it was asked for since the other
    assert sound.checksum(("tag", (2,))) is None
