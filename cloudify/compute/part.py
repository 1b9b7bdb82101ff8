"""A part of a result that one slice leaves."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from cloudify.compute.layout import Layout

Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """One chunk of a variable of the result."""

    variable: str
    index: tuple[int, ...]
    values: Array
    """As a store holds them, clipped at the edge of the array."""
    layout: Layout
    """Of the variable."""

    @property
    def key(self) -> str:
        """Its key in zarr v3, e.g. ``tas/c/0/2``."""
        return "/".join((self.variable, "c", *map(str, self.index)))

    def encode(self) -> bytes:
        """Return the bytes that a store holds."""
        return self.layout.encode(self.values)


@dataclass(frozen=True, slots=True, eq=False)
class FilePart:
    """A file."""

    key: str
    """Its name in the result."""
    data: memoryview | bytes
