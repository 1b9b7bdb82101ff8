"""A picture under way: a sheet of colour numbers on which maps are put and lines and text are drawn."""

import io
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import numpy as np

from cloudify.pictures.palette import INK, PAPER, Bytes, Palette

COMPRESSION = 1
"""zlib's; level 6 takes twice as long for 2 % fewer bytes."""
MAX_TEXT = 300
Anchor = Literal["la", "ma", "ra", "lm", "rm", "mt"]
"""Pillow's: horizontal (left, middle, right) and vertical (ascender, middle, top) reference of a text."""


class Sheet:
    """Colour numbers of shape (height, width)."""

    def __init__(self, width: int, height: int) -> None:
        from PIL import Image, ImageDraw

        self.image = Image.new("L", (width, height), PAPER)
        self._draw = ImageDraw.Draw(self.image)

    def put(self, colours: Bytes, x: int, y: int) -> None:
        """Put a map with its upper left corner at (`x`, `y`)."""
        from PIL import Image

        self.image.paste(Image.fromarray(colours), (x, y))

    def line(self, points: Sequence[tuple[float, float]], colour: int = INK, width: int = 1) -> None:
        """Draw a line."""
        self._draw.line(points, fill=colour, width=width)

    def rectangle(self, x: int, y: int, width: int, height: int) -> None:
        """Draw a frame around pixels `x` to `x + width` and `y` to `y + height`."""
        self._draw.rectangle((x - 1, y - 1, x + width, y + height), outline=INK)

    def text(self, x: float, y: float, text: str, *, size: int = 12, anchor: Anchor = "la", bold: bool = False) -> None:
        """Write one line on paper; its edges are smooth because the numbers between paper and ink are steps of grey."""
        self._draw.text((x, y), text, fill=INK, font=font(size, bold=bold), anchor=anchor)

    def png(self, palette: Palette) -> bytes:
        """Return the picture as a palette PNG."""
        from PIL import Image

        coloured = Image.frombytes("P", self.image.size, self.image.tobytes())
        coloured.putpalette(palette.colours.tobytes())
        out = io.BytesIO()
        coloured.save(out, "PNG", compress_level=COMPRESSION)
        return out.getvalue()


def fitting(text: str, width: int, *, size: int = 12, bold: bool = False) -> str:
    """Return text as one line that is no wider than `width` pixels, with an ellipsis where it was cut."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text[:MAX_TEXT]).split())
    if font(size, bold=bold).getlength(line) <= width:
        return line
    while line and font(size, bold=bold).getlength(line + "\u2026") > width:
        line = line[:-1]
    return line.rstrip() + "\u2026" if line else ""


@lru_cache(maxsize=32)
def font(size: int, *, bold: bool = False) -> Any:  # noqa: ANN401  # Pillow's
    """Return DejaVu Sans, which comes with matplotlib, in a size in pixels."""
    import matplotlib as mpl  # a tenth of a second, for those who draw
    from PIL import ImageFont

    name = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
    return ImageFont.truetype(str(Path(mpl.get_data_path(), "fonts", "ttf", name)), size)


@lru_cache(maxsize=1)
def coastlines() -> tuple[np.ndarray[Any, np.dtype[np.float32]], ...]:
    """Return the coasts of the world: lines of longitudes and latitudes, of shape (points, 2) each."""
    points = np.load(Path(__file__).with_name("coastlines.npy"))
    ends = np.flatnonzero(np.isnan(points[:, 0]))
    return tuple(line for line in (part[~np.isnan(part[:, 0])] for part in np.split(points, ends)) if len(line) > 1)
