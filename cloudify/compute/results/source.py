"""Where what the slices of a job left is read from."""

from collections.abc import Iterable, Iterator
from typing import Protocol

from cloudify.model.outcome import Piece

Ranges = tuple[tuple[int, int], ...]
"""Numbers that follow each other, joined: the first and the last of each run."""


class Source(Protocol):
    """What the slices of one job left (`cloudify.compute.store`). All is streamed, and may be asked for twice."""

    def pieces(self) -> Iterable[Piece]:
        """Yield what is stored, in the order of the slices."""
        ...

    def values(self) -> Iterable[tuple[int, str]]:
        """Yield the numbers of slices and what they returned, as JSON, in their order."""
        ...

    def failed_numbers(self) -> Iterable[int]:
        """Yield the numbers of the slices that failed, in their order."""
        ...


def ranges(ascending: Iterable[int]) -> Ranges:
    """Join numbers that follow each other.

    >>> ranges([1, 2, 3, 7]), list(numbers(((1, 3), (7, 7))))
    (((1, 3), (7, 7)), [1, 2, 3, 7])
    """
    found: list[tuple[int, int]] = []
    for number in ascending:
        if found and found[-1][1] == number - 1:
            found[-1] = found[-1][0], number
        else:
            found.append((number, number))
    return tuple(found)


def numbers(joined: Ranges) -> Iterator[int]:
    """Yield the numbers in ranges."""
    for first, last in joined:
        yield from range(first, last + 1)


def count(joined: Ranges) -> int:
    """Return how many numbers are in ranges."""
    return sum(last - first + 1 for first, last in joined)
