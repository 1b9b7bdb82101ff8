"""A page that matplotlib draws on, in pixels from its upper left corner, with the object interface only.

A figure of 72 dots per inch has one pixel for each point, in a PNG as in an SVG: sizes are given in pixels throughout.
No text of a page is read as mathematics: a title may come from anywhere.
"""

import io
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backend_bases import RendererBase
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.transforms import IdentityTransform
from matplotlib.typing import RcKeyType
from PIL import Image

from cloudify.pictures.drawing import Form
from cloudify.pictures.palette import Bytes
from cloudify.pictures.sheet import COMPRESSION, Anchor, font
from cloudify.pictures.view import Array

DPI = 72
STYLE: dict[RcKeyType, Any] = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "text.parse_math": False,
    "text.usetex": False,
    "svg.fonttype": "none",  # text stays text
    "svg.hashsalt": "cloudify",  # the same picture has the same ids
    "path.simplify": True,
    "agg.path.chunksize": 20_000,  # a long path does not overflow the renderer
}
_ROUNDED_UP = 1 + 1e-12
"""A size that rounding made a little less than whole pixels would lose one."""
INK, PALE = "#000000", "#d0d0d0"
_ALIGNED = {"l": "left", "m": "center", "r": "right"}


class Pixels(Artist):
    """An image whose pixels are pixels of the page: nothing is resampled, nothing lies half a pixel off.

    Parameters
    ----------
    colours
        uint8 of shape (height, width, 3), first row above.
    x, y
        Of the lower left corner, from that of the page.
    """

    def __init__(self, colours: Bytes, x: int, y: int) -> None:
        super().__init__()
        opaque = np.full((*colours.shape[:2], 4), 255, np.uint8)
        opaque[..., :3] = colours[::-1]  # renderers begin below
        self._colours, self._x, self._y = opaque, x, y

    def draw(self, renderer: RendererBase) -> None:
        """Put the image on the page."""
        context = renderer.new_gc()
        renderer.draw_image(context, self._x, self._y, self._colours)
        context.restore()


class Page:
    """A page of `width` by `height` pixels."""

    def __init__(self, width: int, height: int) -> None:
        self.width, self.height = width, height
        self.figure = Figure(figsize=(width * _ROUNDED_UP / DPI, height * _ROUNDED_UP / DPI), dpi=DPI)

    def area(self, left: int, top: int, width: int, height: int) -> Axes:
        """Return a rectangle of the page to draw in, clipped, in pixels from its own upper left corner."""
        axes = self.figure.add_axes((
            left / self.width, 1 - (top + height) / self.height, width / self.width, height / self.height,
        ))  # fmt: skip
        axes.set_axis_off()
        axes.set(xlim=(0, width), ylim=(height, 0), autoscale_on=False)
        return axes

    def pixels(self, colours: Bytes, left: int, top: int) -> None:
        """Put an image of shape (height, width, 3), under all that is drawn."""
        image = Pixels(colours, left, self.height - top - len(colours))
        image.set_zorder(-1)
        self.figure.add_artist(image)

    def text(self, x: float, y: float, text: str, *, size: int = 12, anchor: Anchor = "la", bold: bool = False) -> None:
        """Write one line; `anchor` is Pillow's, as on a `Sheet`."""
        ascent, descent = font(size, bold=bold).getmetrics()
        below = {"a": ascent, "m": (ascent - descent) / 2, "t": ascent}[anchor[1]]
        self.figure.text(
            x, self.height - y - below, text,
            transform=IdentityTransform(), fontsize=size, fontweight="bold" if bold else "normal",
            ha=_ALIGNED[anchor[0]], va="baseline", parse_math=False, color=INK,
        )  # fmt: skip

    def frame(self, left: int, top: int, width: int, height: int) -> None:
        """Draw a line one pixel wide around an area."""
        frame = Rectangle(
            (left - 0.5, self.height - top - height - 0.5), width + 1, height + 1,
            transform=IdentityTransform(), fill=False, edgecolor=INK, linewidth=1, snap=False,
        )  # fmt: skip
        self.figure.add_artist(frame)

    def lines(self, lines: Iterable[Sequence[tuple[float, float]]], colour: str = INK, width: float = 1) -> None:
        """Draw lines anywhere on the page."""
        flipped = [[(x, self.height - y) for x, y in line] for line in lines]
        self.figure.add_artist(LineCollection(flipped, colors=colour, linewidths=width, transform=IdentityTransform()))

    def encode(self, form: Form) -> bytes:
        """Return the page as a file; the same bytes whenever the same was drawn."""
        out = io.BytesIO()
        if form == "svg":
            FigureCanvasSVG(self.figure).print_svg(out, metadata={"Date": None, "Creator": None})
            return out.getvalue().replace(b'pt"', b'"', 2)  # width and height of the page: pixels
        canvas = FigureCanvasAgg(self.figure)
        canvas.draw()
        drawn = np.asarray(canvas.buffer_rgba())[..., :3]
        Image.fromarray(np.ascontiguousarray(drawn)).save(out, "PNG", compress_level=COMPRESSION)
        return out.getvalue()


def in_style() -> AbstractContextManager[None]:
    """Return a context in which pages are made and encoded."""
    return rc_context(STYLE)


def add_lines(axes: Axes, lines: Iterable[Array], colour: str, *, width: float = 1, order: float = 2) -> None:
    """Draw lines in an area, each of shape (points, 2)."""
    axes.add_collection(LineCollection(list(lines), colors=colour, linewidths=width, zorder=order), autolim=False)
