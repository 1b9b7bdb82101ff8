"""A regular grid of chunks."""

from dataclasses import dataclass, field
from math import prod


@dataclass(frozen=True, slots=True)
class ChunkGrid:
    """A regular grid of chunks over an N-dimensional array.

    >>> grid = ChunkGrid(shape=(10, 4), chunk=(4, 4))
    >>> grid.counts, len(grid)
    ((3, 1), 3)
    >>> grid.region((2, 0))
    (slice(8, 10, None), slice(0, 4, None))
    """

    shape: tuple[int, ...]
    """Extent of the array along each dimension, in elements."""

    chunk: tuple[int, ...]
    """Extent of a whole chunk, in elements. The last chunk of an axis may be shorter."""

    counts: tuple[int, ...] = field(init=False, repr=False, compare=False)
    """Number of chunks along each dimension."""

    def __post_init__(self) -> None:
        if len(self.shape) != len(self.chunk) or min(self.chunk, default=1) < 1 or min(self.shape, default=0) < 0:
            raise ValueError(f"no grid of chunks {self.chunk} over an array of shape {self.shape}")
        counts = tuple(-(-extent // size) for extent, size in zip(self.shape, self.chunk, strict=True))
        object.__setattr__(self, "counts", counts)

    def __len__(self) -> int:
        """Number of chunks; a scalar has one, an array with an empty dimension none."""
        return prod(self.counts)

    def __contains__(self, index: tuple[int, ...]) -> bool:
        """Whether a chunk has this index, which is not negative by the grammar of keys."""
        counts = self.counts
        return len(index) == len(counts) and all(i < n for i, n in zip(index, counts, strict=True))

    def region(self, index: tuple[int, ...]) -> tuple[slice, ...]:
        """Elements of the array that the chunk at `index` holds, clipped at the edge of the array."""
        return tuple(
            slice(i * size, min((i + 1) * size, extent))
            for i, size, extent in zip(index, self.chunk, self.shape, strict=True)
        )
