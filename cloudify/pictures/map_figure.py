"""Maps on a page: cells, filled contours, contours, points. The map's pixels are those of its view, as in ``image``."""

import warnings

import numpy as np
from matplotlib.axes import Axes

from cloudify.pictures.contours import MOST_CROSSINGS, Bands, between_centres
from cloudify.pictures.drawing import Caption, MapDrawing
from cloudify.pictures.landmarks import coasts, meridians, parallels
from cloudify.pictures.map_image import BAR, LEFT, SMALL, TOP, margins
from cloudify.pictures.page import Page, add_lines
from cloudify.pictures.palette import COUNT, FIRST, Bytes, Palette, palette_of
from cloudify.pictures.sheet import fitting, font
from cloudify.pictures.ticks import degree_text, number_texts, round_ticks, usable_limits
from cloudify.pictures.view import View

COAST, GRATICULE = "#282828", "#969696"
MOST_LABELLED = 400
"""Pieces of contours up to which they are labelled."""
MOST_CIRCLES = 5_000
"""Points of a scatter up to which they are drawn as circles; more are squares of pixels."""
_FULL = 360 - 1e-6
_WHITE = 255


def draw_map(page: Page, drawing: MapDrawing) -> None:
    """Draw a map on a page as large as its view and the margins around that."""
    view, palette = drawing.view, palette_of(drawing.colormap)
    low, high = usable_limits(drawing.low, drawing.high)
    left, _, top, _ = margins(page.width)
    area = page.area(left, top, view.width, view.height)
    bar = _bar(view, palette)
    if drawing.kind in {"contourf", "contour"}:
        around = view.east - view.west >= _FULL
        bands = Bands(between_centres(drawing.values, drawing.cell, around=around), low, high, palette)
        page.pixels(_ground(bands, drawing.kind), left, top)
        if bands.crossings <= MOST_CROSSINGS and not bands.missing.all():
            _trace(area, bands, drawing.kind, labels=page.width >= SMALL)
        bar = _banded(bar, bands, (low, high), is_filled=drawing.kind == "contourf")
    elif drawing.kind == "scatter":
        page.pixels(_draw_points(area, drawing, palette, (low, high)), left, top)
    else:
        page.pixels(palette.colours[palette.index(drawing.values, low, high)], left, top)
    _draw_landmarks(area, view, graticule=page.width >= SMALL)
    if page.width >= SMALL:
        page.frame(left, top, view.width, view.height)
        write_caption(page, drawing.caption, view.width)
        _write_degrees(page, view)
        _draw_bar(page, bar, (low, high), drawing)


def write_caption(page: Page, caption: Caption, width: int) -> None:
    """Write what is shown above a map or axes `width` pixels wide."""
    title = f"{caption.title} [{caption.units}]" if caption.units else caption.title
    page.text(LEFT, 8, fitting(title, width, size=15, bold=True), size=15, bold=True)
    page.text(LEFT, 29, fitting(caption.subtitle, width))


def _ground(bands: Bands, kind: str) -> Bytes:
    """Return what lies under traced contours: no light shows between bands, nor at the edge of the map."""
    if kind == "contourf":
        return bands.filled()
    return bands.ground() if bands.crossings <= MOST_CROSSINGS else bands.traced()


def _trace(area: Axes, bands: Bands, kind: str, *, labels: bool) -> None:
    height, width = bands.values.shape
    x, y = np.arange(-1, width + 1) + 0.5, np.arange(-1, height + 1) + 0.5
    padded = np.ma.masked_invalid(np.pad(bands.values, 1, mode="edge"))
    if kind == "contourf":
        area.contourf(x, y, padded, levels=bands.levels, colors=_named(bands.colours), extend="both")
        return
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="No contour levels were found")
        lines = area.contour(
            x, y, padded, levels=bands.levels, colors=_named(bands.level_colours), linewidths=1.2, zorder=1.5
        )
    pieces = sum(len(segments) for segments in lines.allsegs)
    if labels and 0 < pieces <= MOST_LABELLED:
        texts = dict(zip(bands.levels, number_texts(bands.levels), strict=True))
        area.clabel(lines, fmt=texts, fontsize=10, inline_spacing=2)


def _draw_points(area: Axes, drawing: MapDrawing, palette: Palette, limits: tuple[float, float]) -> Bytes:
    """Draw points coloured by value, as circles, or on the ground that is returned where they are many."""
    view = drawing.view
    ground = np.full((view.height, view.width, 3), _WHITE, np.uint8)
    if drawing.points is None:
        return ground
    x, y = view.x_of(drawing.points[0]), view.y_of(drawing.points[1])
    with np.errstate(invalid="ignore"):
        shown = (x >= 0) & (x < view.width) & (y >= 0) & (y < view.height) & ~np.isnan(drawing.values)
    x, y, colours = x[shown], y[shown], palette.colours[palette.index(drawing.values[shown], *limits)]
    radius = float(np.clip(np.sqrt(view.width * view.height / max(1, len(x)) / np.pi) * 0.8, 1, 5))
    if len(x) <= MOST_CIRCLES:
        area.scatter(x, y, s=(2 * radius) ** 2, c=colours / 255, linewidths=0)
        return ground
    reach = int(radius - 0.5)
    for down in range(-reach, reach + 1):
        for across in range(-reach, reach + 1):
            row = np.clip(y.astype(np.intp) + down, 0, view.height - 1)
            column = np.clip(x.astype(np.intp) + across, 0, view.width - 1)
            ground[row, column] = colours
    return ground


def _draw_landmarks(area: Axes, view: View, *, graticule: bool) -> None:
    if graticule:
        x, y = view.x_of(np.array(meridians(view), float)), view.y_of(np.array(parallels(view), float))
        add_lines(area, [np.array([(place, 0), (place, view.height)]) for place in x], GRATICULE, width=0.8)
        add_lines(area, [np.array([(0, place), (view.width, place)]) for place in y], GRATICULE, width=0.8)
    add_lines(area, coasts(view), COAST)


def _write_degrees(page: Page, view: View) -> None:
    for lon in meridians(view):
        x = LEFT + (lon - view.west) * view.width / (view.east - view.west)
        page.text(x, TOP + view.height + 5, degree_text(lon, "E", "W"), size=11, anchor="ma")
    lats = parallels(view)
    for lat, y in zip(lats, view.y_of(np.array(lats, float)), strict=True):
        page.text(LEFT - 6, TOP + y, degree_text(lat, "N", "S"), size=11, anchor="rm")


def _bar(view: View, palette: Palette) -> Bytes:
    """Return the colour bar of shape (height, width, 3)."""
    width = max(60, int(view.width * 0.6))
    row = palette.colours[FIRST + np.arange(width) * COUNT // width]
    return np.tile(row, (BAR, 1, 1))


def _banded(bar: Bytes, bands: Bands, limits: tuple[float, float], *, is_filled: bool) -> Bytes:
    """Return the colour bar of contours: a step at each level, or a line."""
    low, high = limits
    width = bar.shape[1]
    if is_filled:
        numbers = np.searchsorted(bands.levels, low + (np.arange(width) + 0.5) * (high - low) / width, side="right")
        return np.broadcast_to(bands.colours[numbers], bar.shape)
    lines = np.full_like(bar, _WHITE)
    for level, colour in zip(bands.levels, bands.level_colours, strict=True):
        place = int((level - low) * width / (high - low))
        lines[:, max(0, place - 1) : place + 1] = colour
    return lines


def _draw_bar(page: Page, bar: Bytes, limits: tuple[float, float], drawing: MapDrawing) -> None:
    low, high = limits
    width, x, y = bar.shape[1], LEFT, TOP + drawing.view.height + 28
    page.pixels(bar, x, y)
    page.frame(x, y, width, BAR)
    ticks = round_ticks(low, high, max(2, width // 80))
    texts = number_texts(ticks)
    places = [x + (tick - low) * width / (high - low) for tick in ticks]
    page.lines([[(place, y + BAR), (place, y + BAR + 3)] for place in places])
    for place, text in zip(places, texts, strict=True):
        page.text(place, y + BAR + 5, text, size=11, anchor="ma")
    beside = x + width + 16
    room = page.width - beside - 4
    page.text(beside, y - 1, fitting(drawing.caption.units, room, size=11), size=11)
    wide = max((place + font(11).getlength(text) / 2 for place, text in zip(places, texts, strict=True)), default=0)
    beside = max(beside, int(wide) + 10)
    page.text(beside, y + BAR + 5, fitting(drawing.caption.note, page.width - beside - 4, size=11), size=11)


def _named(colours: Bytes) -> list[tuple[float, float, float]]:
    """Return colours as matplotlib takes them."""
    return [(red / 255, green / 255, blue / 255) for red, green, blue in colours.tolist()]
