"""A grid of cells over dimensions that are cut: which elements each has, with its neighbours' or without."""

from collections.abc import Sequence
from dataclasses import dataclass

Cell = dict[str, slice]
"""Dimension -> elements, with both ends."""


@dataclass(frozen=True, slots=True)
class Axis:
    """A dimension that is cut.

    >>> axis = Axis("time", 10, 4, overlap=1)
    >>> axis.count, axis.span(2), axis.wide_span(1)
    (3, slice(8, 10, None), slice(3, 9, None))
    """

    dim: str
    size: int
    """Elements of all of it."""
    chunk: int
    """Elements of a cell along it; the last may have fewer."""
    overlap: int = 0
    """Elements of each neighbour that a block has beside those of its cell."""

    @property
    def count(self) -> int:
        """How many cells there are along it."""
        return -(-self.size // self.chunk)

    def span(self, place: int) -> slice:
        """Return the elements of a cell."""
        return slice(place * self.chunk, min((place + 1) * self.chunk, self.size))

    def wide_span(self, place: int) -> slice:
        """Return the elements of a cell and of the overlap, as far as there are any."""
        start, stop = place * self.chunk - self.overlap, (place + 1) * self.chunk + self.overlap
        return slice(max(0, start), min(stop, self.size))


def index_of(axes: Sequence[Axis], number: int) -> tuple[int, ...]:
    """Return the place along each axis of a cell, numbered from 1 in C order."""
    rest, found = number - 1, []
    for axis in reversed(axes):
        rest, place = divmod(rest, axis.count)
        found.append(place)
    if rest or number < 1:
        raise ValueError(f"there is no cell {number}")
    return tuple(reversed(found))


def number_of(axes: Sequence[Axis], index: Sequence[int]) -> int:
    """Return the number of a cell.

    >>> axes = [Axis("time", 10, 4), Axis("x", 4, 2)]
    >>> index_of(axes, 4), number_of(axes, (1, 1))
    ((1, 1), 4)
    """
    number = 0
    for axis, place in zip(axes, index, strict=True):
        number = number * axis.count + place
    return number + 1
