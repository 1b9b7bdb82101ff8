"""The kind ``image``: values, index, palette, PNG, and what stands around a map, without a drawing library between."""

import numpy as np

from cloudify.pictures.drawing import Caption
from cloudify.pictures.landmarks import coasts, meridians, parallels
from cloudify.pictures.palette import COAST, COUNT, FIRST, GRATICULE, Bytes, Palette
from cloudify.pictures.sheet import Sheet, fitting
from cloudify.pictures.ticks import degree_text, number_texts, round_ticks
from cloudify.pictures.view import View

SMALL = 320
"""Below this width in pixels a picture is a map and nothing else: a thumbnail."""
LEFT, RIGHT, TOP, BOTTOM = 56, 20, 52, 76
"""Pixels around the map of a picture that is not small."""
BAR = 12
"""Height of the colour bar in pixels."""


def margins(width: int) -> tuple[int, int, int, int]:
    """Return the pixels left, right, above and below the map of a picture of a width."""
    return (0, 0, 0, 0) if width < SMALL else (LEFT, RIGHT, TOP, BOTTOM)


def draw_map(colours: Bytes, view: View, palette: Palette, low: float, high: float, caption: Caption | None) -> bytes:
    """Draw a map.

    Parameters
    ----------
    colours
        Colour numbers of shape (view.height, view.width).
    low, high
        The limits of the colours, in the unit of the values.
    caption
        None for a map and nothing around it.

    Returns
    -------
    bytes
        A PNG.
    """
    left, right, top, bottom = (0, 0, 0, 0) if caption is None else (LEFT, RIGHT, TOP, BOTTOM)
    sheet = Sheet(view.width + left + right, view.height + top + bottom)
    sheet.put(with_lines(colours, view, graticule=caption is not None), left, top)
    if caption is not None:
        sheet.rectangle(left, top, view.width, view.height)
        _write_caption(sheet, view, caption)
        _write_degrees(sheet, view)
        _draw_bar(sheet, view, low, high, caption)
    return sheet.png(palette)


def with_lines(colours: Bytes, view: View, *, graticule: bool) -> Bytes:
    """Return the colours of a map with its coasts, and with lines of longitude and latitude."""
    sheet = Sheet(view.width, view.height)
    sheet.put(colours, 0, 0)
    if graticule:
        for x in view.x_of(np.array(meridians(view), float)):
            sheet.line([(x, 0), (x, view.height)], GRATICULE)
        for y in view.y_of(np.array(parallels(view), float)):
            sheet.line([(0, y), (view.width, y)], GRATICULE)
    for line in coasts(view):
        sheet.line([(x, y) for x, y in line.tolist()], COAST)
    return np.asarray(sheet.image)


def _write_caption(sheet: Sheet, view: View, caption: Caption) -> None:
    title = f"{caption.title} [{caption.units}]" if caption.units else caption.title
    sheet.text(LEFT, 8, fitting(title, view.width, size=15, bold=True), size=15, bold=True)
    sheet.text(LEFT, 29, fitting(caption.subtitle, view.width))


def _write_degrees(sheet: Sheet, view: View) -> None:
    for lon in meridians(view):
        x = LEFT + (lon - view.west) * view.width / (view.east - view.west)
        sheet.text(x, TOP + view.height + 5, degree_text(lon, "E", "W"), size=11, anchor="ma")
    for lat, y in zip(parallels(view), view.y_of(np.array(parallels(view), float)), strict=True):
        sheet.text(LEFT - 6, TOP + y, degree_text(lat, "N", "S"), size=11, anchor="rm")


def _draw_bar(sheet: Sheet, view: View, low: float, high: float, caption: Caption) -> None:
    width, x, y = max(60, int(view.width * 0.6)), LEFT, TOP + view.height + 28
    row = FIRST + (np.arange(width) * COUNT // width).astype(np.uint8)
    sheet.put(np.tile(row, (BAR, 1)), x, y)
    sheet.rectangle(x, y, width, BAR)
    ticks = round_ticks(low, high, max(2, width // 80))
    for tick, text in zip(ticks, number_texts(ticks), strict=True):
        place = x + (tick - low) * width / (high - low)
        sheet.line([(place, y + BAR), (place, y + BAR + 3)])
        sheet.text(place, y + BAR + 5, text, size=11, anchor="ma")
    sheet.text(x + width + 16, y - 1, fitting(caption.note, view.width - width - 20, size=11), size=11)
