"""One spelling a chunk."""

import pytest

from cloudify.chunks.keys import parse_chunk_key

MEANINGS = {
    "tas/0.0.0": [("tas", (0, 0, 0), 2)],
    "tas/12.3": [("tas", (12, 3), 2)],
    "tas/c/12/3": [("tas/c/12", (3,), 2), ("tas", (12, 3), 3)],
    "tas/c": [("tas", (), 3)],
    "c/0": [("c", (0,), 2)],
    "a/c/0": [("a/c", (0,), 2), ("a", (0,), 3)],
    "ocean/tos/c/1": [("ocean/tos/c", (1,), 2), ("ocean/tos", (1,), 3)],
    "sea ice/c/1": [("sea ice/c", (1,), 2), ("sea ice", (1,), 3)],
    "größe/0": [("größe", (0,), 2)],
}
NOTHING = [
    "", "/", "0", "c", "/0", "tas/", "tas/00", "tas/01.0", "tas/-1", "tas/+1", "tas/1.", "tas/.1", "tas/1..2",
    "tas/1.0e3",
    "tas/0x1", "tas/1_0", "tas/ 1", "tas/1 ", "tas/1\n", "tas/c/", "tas/c/00", "tas/c/0/01", "tas/c/-1", "tas/c//0",
    "tas/c/0/", "tas/d/a", "tas/\u0660", "tas/\uff11", "tas/" + "9" * 19, "x" * 5000 + "/0",
]  # fmt: skip


@pytest.mark.parametrize(("key", "meanings"), MEANINGS.items())
def test_a_key_means(key: str, meanings: list[tuple[str, tuple[int, ...], int]]) -> None:
    assert list(parse_chunk_key(key)) == meanings


@pytest.mark.parametrize("key", NOTHING)
def test_a_key_nearly_right_means_nothing(key: str) -> None:
    assert list(parse_chunk_key(key)) == []
