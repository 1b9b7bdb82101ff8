"""Many inputs in one row."""

import json
from collections.abc import Iterable, Iterator
from typing import Any

MOST, MOST_LENGTH = 1000, 2**18
"""Texts in a row, and their length together, after which the next row begins."""


def pack(texts: Iterable[str], first: int) -> Iterator[dict[str, Any]]:
    """Put texts together, the first of them numbered `first`; yields ``first``, ``last``, ``packed``.

    >>> list(pack(["1", "null"], 7))
    [{'first': 7, 'last': 8, 'packed': '["1", "null"]'}]
    """
    group: list[str] = []
    length = 0
    for text in texts:
        group.append(text)
        length += len(text)
        if len(group) == MOST or length >= MOST_LENGTH:
            yield _row(group, first)
            first += len(group)
            group, length = [], 0
    if group:
        yield _row(group, first)


def unpack(packed: str, first: int) -> Iterator[tuple[int, str]]:
    """Yield each text with its number."""
    return enumerate(json.loads(packed), first)


def _row(group: list[str], first: int) -> dict[str, Any]:
    return {"first": first, "last": first + len(group) - 1, "packed": json.dumps(group)}
