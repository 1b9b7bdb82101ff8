"""A picture's 256 colours: those of the map, and those of what is drawn around it."""

from dataclasses import dataclass
from difflib import get_close_matches
from functools import lru_cache
from typing import Any

import numpy as np

from cloudify.errors import UnknownColormapError

Bytes = np.ndarray[Any, np.dtype[np.uint8]]

PAPER, INK = 0, 15
"""Colours between them are steps from white to black, for text with smooth edges."""
MISSING, COAST, GRATICULE = 16, 17, 18
FIRST = 24
COUNT = 256 - FIRST
"""Colours of data: numbers `FIRST` to 255."""

_OWN = {MISSING: (222, 222, 222), COAST: (40, 40, 40), GRATICULE: (150, 150, 150)}
DIVERGING = frozenset({
    "PiYG", "PRGn", "BrBG", "PuOr", "RdGy", "RdBu", "RdYlBu", "RdYlGn", "Spectral", "coolwarm", "bwr", "seismic",
    "berlin", "managua", "vanimo",
})  # fmt: skip
"""Maps with a middle, as matplotlib lists them: their limits are symmetric about zero by default."""


@dataclass(frozen=True, eq=False)
class Palette:
    """The colours of one picture."""

    name: str
    colours: Bytes
    """Of shape (256, 3), red, green and blue."""

    @property
    def is_diverging(self) -> bool:
        """Whether the map has a middle."""
        return self.name.removesuffix("_r") in DIVERGING

    def index(self, values: "np.ndarray[Any, np.dtype[Any]]", low: float, high: float) -> Bytes:
        """Return the colour of each value; `MISSING` for NaN. Values beyond the limits have the colour of the limit."""
        scale = COUNT / (high - low)
        with np.errstate(invalid="ignore", over="ignore"):
            steps = (values - low) * values.dtype.type(scale)
        np.clip(steps, 0, COUNT - 1, out=steps)  # NaN stays
        missing = np.isnan(steps)
        steps[missing] = 0
        found: Bytes = steps.astype(np.uint8)
        found += FIRST
        found[missing] = MISSING
        return found


def palette_of(name: str) -> Palette:
    """Return the palette of a colour map, by matplotlib's name.

    Raises
    ------
    UnknownColormapError
        If there is none; it names one that is near.
    """
    if name not in colormap_names():
        near = get_close_matches(name[:40], colormap_names(), n=3)
        raise UnknownColormapError(name, near)
    return _palette(name)


@lru_cache(maxsize=1)
def colormap_names() -> tuple[str, ...]:
    """Return the names of all colour maps."""
    from matplotlib import colormaps  # noqa: PLC0415  # a third of a second, for those who draw

    return tuple(colormaps)


@lru_cache(maxsize=64)
def _palette(name: str) -> Palette:
    from matplotlib import colormaps  # noqa: PLC0415

    colours = np.zeros((256, 3), np.uint8)
    colours[PAPER : INK + 1] = np.linspace(255, 0, INK + 1)[:, None]
    for number, colour in _OWN.items():
        colours[number] = colour
    colours[FIRST:] = colormaps[name](np.linspace(0, 1, COUNT), bytes=True)[:, :3]
    return Palette(name, colours)
