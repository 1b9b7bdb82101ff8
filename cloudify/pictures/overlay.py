"""A map that is laid upon others, as map services and tiles have it: cells and nothing around, clear where none is.

What is worked out for it (where the cells of a canvas are, the values of a field, limits) is kept, so that the tiles of
a map cost little more than their pixels.
"""

import io
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from cloudify.datasets.opened import Opened
from cloudify.datasets.subject import subject_of
from cloudify.model.stop import go_on
from cloudify.pictures.canvas import Canvas
from cloudify.pictures.dimensions import picks_of
from cloudify.pictures.kept import Kept
from cloudify.pictures.landmarks import coasts
from cloudify.pictures.limits import Limits
from cloudify.pictures.palette import COAST, MISSING, Bytes, Palette, palette_of
from cloudify.pictures.plot import Field, Request, field_of, limits_of, on_pixels, read_field
from cloudify.pictures.resample import NONE, Table, index_table, near_of
from cloudify.pictures.sheet import COMPRESSION, Sheet

Form = Literal["png", "jpeg"]
Colour = tuple[int, int, int]
FINEST_COASTS = 2.0**15
"""Widest world in pixels that coasts are drawn on: theirs are those of a world map."""
QUALITY = 90
"""Of JPEG, with the colours of edges as they are."""


@dataclass(frozen=True, slots=True)
class Shown:
    """What an overlay shows, and in which colours."""

    variable: str
    colormap: str
    dimensions: tuple[tuple[str, str], ...] = ()
    """Names and values (`dimensions.picks_of`)."""
    low: float | None = None
    """By default found from a sample, the same for every canvas and time; as `high`."""
    high: float | None = None
    is_strict: bool = False
    """Whether a dimension that the variable does not have is wrong."""


@dataclass(frozen=True, slots=True)
class Overlay:
    """What was asked for, looked at but for the dataset."""

    shown: Shown
    canvas: Canvas
    background: Colour | None = None
    """Where nothing is; None for clear."""
    form: Form = "png"
    has_coasts: bool = False


def draw_overlay(opened: Opened, asked: Overlay, kept: Kept, limit_nbytes: int) -> bytes:
    """Draw an overlay: a palette PNG, or a JPEG. Blocks.

    Raises
    ------
    UnknownVariableError, BadSelectionError, BadOptionError, NoMapError, UnknownColormapError
        If it cannot be drawn, and why.
    PictureTooLargeError
        If it needs more than `limit_nbytes` of values.
    """
    field, palette = plan_overlay(opened, asked.shown, limit_nbytes)
    table = _table_of(field, asked.canvas, kept)
    colours = np.full(table.shape, MISSING, np.uint8)
    if (table != NONE).any():
        limits = limits_in(field, asked.shown, palette, kept)
        go_on()
        choices = tuple((choice.dim, str(choice.index)) for choice in field.choices)
        key = (*field.version, "field", field.subject.group, field.subject.name, choices)
        values = kept.get(key, lambda: read_field(field))
        go_on()
        colours = palette.index(on_pixels(values, table), limits.low, limits.high)
    if asked.has_coasts:
        colours = _with_coasts(colours, asked.canvas)
    return _encode(colours, palette, asked.background, asked.form)


def plan_overlay(opened: Opened, shown: Shown, limit_nbytes: int) -> tuple[Field, Palette]:
    """Decide what is shown, and in which colours; nothing of its values is read. Raises as `draw_overlay` does."""
    palette = palette_of(shown.colormap)
    picks = picks_of(subject_of(opened, shown.variable), dict(shown.dimensions), is_strict=shown.is_strict)
    return field_of(opened, Request(shown.variable, "image", shown.colormap, picks), limit_nbytes), palette


def limits_in(field: Field, shown: Shown, palette: Palette, kept: Kept) -> Limits:
    """Return the limits of the colours."""
    request = Request(shown.variable, "image", shown.colormap, (), low=shown.low, high=shown.high)
    return limits_of(field, request, palette, kept)


def _table_of(field: Field, canvas: Canvas, kept: Kept) -> Table:
    place = (*field.version, field.subject.place)
    near = None if field.cells.kind == "axes" else kept.get((*place, "near"), lambda: near_of(field.cells))
    return kept.get((*place, canvas), lambda: index_table(field.cells, canvas, near))


def _with_coasts(colours: Bytes, canvas: Canvas) -> Bytes:
    sheet = Sheet(canvas.width, canvas.height)
    sheet.put(colours, 0, 0)
    for line in coasts(canvas) if canvas.turn <= FINEST_COASTS else ():
        sheet.line([(x, y) for x, y in line.tolist()], COAST)
    return np.asarray(sheet.image)


def _encode(colours: Bytes, palette: Palette, background: Colour | None, form: Form) -> bytes:
    table = palette.colours.copy()
    table[MISSING] = background or (255, 255, 255)
    from PIL import Image  # noqa: PLC0415  # for those who draw

    image = Image.fromarray(colours)
    coloured = Image.frombytes("P", image.size, image.tobytes())
    coloured.putpalette(table.tobytes())
    out = io.BytesIO()
    if form == "jpeg":
        coloured.convert("RGB").save(out, "JPEG", quality=QUALITY, subsampling=0)
    else:
        clear: dict[str, Any] = {"transparency": MISSING} if background is None else {}
        coloured.save(out, "PNG", compress_level=COMPRESSION, **clear)
    return out.getvalue()
