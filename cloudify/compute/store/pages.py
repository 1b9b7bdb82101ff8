"""Pages of rows that may be long: as many as are asked for, and no more than can be held."""

from collections.abc import Callable, Iterable, Iterator
from typing import Final, TypeVar

T = TypeVar("T")
ROWS: Final = 16
"""Rows that are read from the database at once."""
AT_ONCE_NCHARS: Final = 2**22
"""Characters of a page; one row alone may have more."""


def fitting(rows: Iterable[T], size: Callable[[T], int], most: int) -> Iterator[T]:
    """Yield the first rows, one at least, that together are no larger than `most`.

    >>> list(fitting(["aaa", "bb", "c"], len, 5)), list(fitting(["aaa", "bb"], len, 2))
    (['aaa', 'bb'], ['aaa'])
    """
    total = 0
    for row in rows:
        before, total = total, total + size(row)
        if before and total > most:
            return
        yield row
