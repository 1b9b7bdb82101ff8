"""Pools of workers: where the slices of a job run, and what a slice may take there."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final


@dataclass(frozen=True, slots=True)
class SliceLimits:
    """What one slice may take."""

    wall_s: float
    """Time by the clock, in seconds."""
    memory_nbytes: int
    """Memory of the process that runs the function, in bytes."""


@dataclass(frozen=True, slots=True)
class Pool:
    """Workers of one kind."""

    id: str
    limits: SliceLimits
    """The most that a slice may take, and what it may where a job does not say."""


DEFAULT: Final = "default"
"""The pool that there always is."""
POOLS: Final[Mapping[str, Pool]] = MappingProxyType({DEFAULT: Pool(DEFAULT, SliceLimits(60.0, 512 * 2**20))})
