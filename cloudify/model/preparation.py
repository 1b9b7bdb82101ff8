"""What a catalog wants done to a dataset before it is served."""

from dataclasses import dataclass, field

MAX_KEEPBITS = 23
"""Bits of the mantissa of a float32."""


@dataclass(frozen=True, slots=True)
class Preparation:
    """Changes to a dataset, none by default. Names are those of variables, ``group/name`` below the root.

    >>> Preparation(keepbits=10) == Preparation(keepbits=10, file="c.yaml", line=3)
    True
    >>> Preparation(chunks=(("time", 0),))
    Traceback (most recent call last):
    ...
    ValueError: a chunk of 0 elements along 'time'
    """

    chunks: tuple[tuple[str, int], ...] = ()
    """Dimension -> elements of a served chunk along it."""
    float32: bool = False
    """Whether data variables of float64 are served as float32."""
    keepbits: int | None = None
    """Bits of the mantissa that data variables of floats keep; the others are rounded away."""
    drop: tuple[str, ...] = ()
    """Variables that are not served."""
    promote: tuple[str, ...] = ()
    """Data variables that become coordinates."""
    split: str = ""
    """Dimension of which each element is a dataset of its own."""
    label: str = ""
    """Which of them this is; ``""`` before the entry is split."""
    file: str = field(default="", compare=False, repr=False)
    """The catalog that says so."""
    line: int = field(default=0, compare=False, repr=False)

    def __post_init__(self) -> None:
        for dim, size in self.chunks:
            if size < 1:
                raise ValueError(f"a chunk of {size} elements along {dim!r}")
        if self.keepbits is not None and not 1 <= self.keepbits <= MAX_KEEPBITS:
            raise ValueError(f"{self.keepbits} bits of a mantissa")


NOTHING = Preparation()
