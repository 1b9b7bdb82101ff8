"""Values along an axis on a page: lines, points, bars."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes

from cloudify.pictures.date_ticks import date_ticks
from cloudify.pictures.drawing import Caption, HistDrawing, LineDrawing
from cloudify.pictures.map_figure import write_caption
from cloudify.pictures.map_image import LEFT, RIGHT, SMALL, TOP
from cloudify.pictures.page import PALE, Page, add_lines
from cloudify.pictures.palette import COUNT, FIRST, palette_of
from cloudify.pictures.sheet import fitting, font
from cloudify.pictures.thin import thinned
from cloudify.pictures.ticks import number_texts, round_ticks, usable_limits
from cloudify.pictures.view import Array

BELOW = 64
"""Pixels under the axes."""
MOST_NAMED = 10
"""Lines up to which each has a colour of its own and stands in the legend."""
COLOURS = (
    "#1f77b4", "#ff7f0e", "#2ca02c", "#d62728", "#9467bd", "#8c564b", "#e377c2", "#7f7f7f", "#bcbd22", "#17becf",
)  # fmt: skip
_PADDING = 0.04
_RESOLUTION = 1e-10
_LEGEND = 160
"""Widest legend in pixels."""
MOST_SHAPES = 100_000
"""Points up to which lines are shapes in an SVG; more are an image in it."""
Colour = str | tuple[float, float, float]
Ticks = tuple[list[float], list[str]]


@dataclass(frozen=True, slots=True)
class Axis:
    """Which values lie between two ends, in pixels."""

    low: float
    high: float
    length: int

    def places(self, values: Array) -> Array:
        """Return where values are, in pixels from the low end; what is far beyond the ends is a little beyond."""
        with np.errstate(over="ignore"):
            places = (np.asarray(values, np.float64) - self.low) * (self.length / (self.high - self.low))
        return np.clip(places, -9 * self.length, 10 * self.length)


def draw_lines(page: Page, drawing: LineDrawing) -> None:
    """Draw values along a coordinate."""
    names = drawing.labels if 1 < len(drawing.lines) <= MOST_NAMED else ()
    legend = [fitting(name, _LEGEND, size=11) for name in names]
    x_low, x_high = _limits(drawing.x, padding=_PADDING if drawing.as_points else 0.0)
    given = drawing.limits
    y_low, y_high = usable_limits(*given, _RESOLUTION) if given else _limits(drawing.lines, padding=_PADDING)
    frame = _Frame.of(page, (y_low, y_high), legend=max((font(11).getlength(name) for name in legend), default=0))
    x, y = Axis(x_low, x_high, frame.width), Axis(y_low, y_high, frame.height)
    ticks, label = _ticks_along(drawing, x)
    area = frame.draw(page, drawing.caption, ticks, x, y, label)
    colours: Sequence[Colour] = COLOURS if len(drawing.lines) <= MOST_NAMED else _many(len(drawing.lines))
    all_points = []
    for line in drawing.lines:
        places = np.column_stack([x.places(drawing.x), frame.height - y.places(line)])
        all_points.append(places if drawing.as_points else thinned(places, frame.width))
    is_image = sum(len(points) for points in all_points) > MOST_SHAPES
    for points, colour in zip(all_points, colours, strict=False):
        _draw_line(area, points, colour, as_points=drawing.as_points, is_image=is_image)
    for number, name in enumerate(legend):
        place = frame.top + 8 + number * 16
        right = frame.left + frame.width + 10
        page.lines([[(right, place), (right + 18, place)]], COLOURS[number], 2)
        page.text(right + 24, place, name, size=11, anchor="lm")


def draw_bars(page: Page, drawing: HistDrawing) -> None:
    """Draw how often values occur."""
    counts, edges = np.asarray(drawing.counts, np.float64), np.asarray(drawing.edges, np.float64)
    top = float(counts.max(initial=0)) or 1.0
    frame = _Frame.of(page, (0.0, top * 1.05))
    x_low, x_high = _limits(edges, padding=0.0)
    x, y = Axis(x_low, x_high, frame.width), Axis(0.0, top * 1.05, frame.height)
    ticks = _number_ticks(x_low, x_high, max(2, frame.width // 95))
    area = frame.draw(page, drawing.caption, ticks, x, y, drawing.caption.units)
    places = x.places(edges)
    if not np.isfinite(places).all():
        return
    heights = frame.height - y.places(counts)
    area.stairs(heights, places, baseline=frame.height, fill=True, color=COLOURS[0])
    if np.diff(places).min(initial=frame.width) >= 4:  # noqa: PLR2004  # pixels: a white line between bars
        inner = [np.array([(place, 0), (place, frame.height)]) for place in places[1:-1]]
        add_lines(area, inner, "white", order=1.8)


def _limits(values: Array, *, padding: float) -> tuple[float, float]:
    finite = values[np.isfinite(values)]
    if not finite.size:
        return 0.0, 1.0
    low, high = usable_limits(float(finite.min()), float(finite.max()), _RESOLUTION)
    return low - padding * (high - low), high + padding * (high - low)


def _number_ticks(low: float, high: float, most: int) -> Ticks:
    ticks = round_ticks(low, high, most)
    return ticks, number_texts(ticks)


def _ticks_along(drawing: LineDrawing, x: Axis) -> tuple[Ticks, str]:
    """Return the ticks of the coordinate, and what is written below them."""
    most = max(2, x.length // 95)
    if not drawing.is_time:
        return _number_ticks(x.low, x.high, most), drawing.x_label
    places, texts, common = date_ticks(x.low, x.high, most)
    return (places, texts), ", ".join(filter(None, (drawing.x_label, common)))


def _many(count: int) -> Sequence[Colour]:
    numbers = FIRST + np.arange(count) * (COUNT - 1) // max(1, count - 1)
    return [(red / 255, green / 255, blue / 255) for red, green, blue in palette_of("viridis").colours[numbers]]


def _draw_line(area: Axes, points: Array, colour: Colour, *, as_points: bool, is_image: bool) -> None:
    x, y = points.T
    if as_points:
        shown = np.unique(np.round(points[np.isfinite(points).all(axis=1)], 1), axis=0)
        area.plot(*shown.T, "o", color=colour, markersize=4, markeredgewidth=0, rasterized=is_image)
        return
    area.plot(x, y, color=colour, linewidth=1.3, zorder=3, rasterized=is_image)
    present = np.concatenate([[False], np.isfinite(points).all(axis=1), [False]])
    alone = present[1:-1] & ~present[:-2] & ~present[2:]  # no line leads to it
    area.plot(x[alone], y[alone], "o", color=colour, markersize=3, markeredgewidth=0, rasterized=is_image)


@dataclass(frozen=True, slots=True)
class _Frame:
    """Where the axes are on the page, in pixels."""

    left: int
    top: int
    width: int
    height: int
    y_ticks: Ticks
    is_bare: bool
    """Whether nothing stands around: a thumbnail."""

    @classmethod
    def of(cls, page: Page, y_limits: tuple[float, float], *, legend: float = 0) -> "_Frame":
        """Leave room for what stands around."""
        if page.width < SMALL or page.height < TOP + BELOW + 40:
            return cls(0, 0, page.width, page.height, ([], []), is_bare=True)
        height = page.height - TOP - BELOW
        ticks = _number_ticks(*y_limits, max(2, height // 45))
        left = max(LEFT, 14 + int(max((font(11).getlength(text) for text in ticks[1]), default=0)))
        width = page.width - left - RIGHT - (int(legend) + 24 if legend else 0)
        return cls(left, TOP, width, height, ticks, is_bare=False)

    def draw(self, page: Page, caption: Caption, x_ticks: Ticks, x: Axis, y: Axis, x_label: str) -> Axes:
        """Draw what stands around, and return the area between the axes."""
        area = page.area(self.left, self.top, self.width, self.height)
        if self.is_bare:
            return area
        write_caption(page, caption, page.width - LEFT - RIGHT)
        x_places, y_places = x.places(np.array(x_ticks[0])), self.height - y.places(np.array(self.y_ticks[0]))
        grid = [np.array([(place, 0), (place, self.height)]) for place in x_places]
        grid += [np.array([(0, place), (self.width, place)]) for place in y_places]
        add_lines(area, grid, PALE, width=0.8, order=0.5)
        page.frame(self.left, self.top, self.width, self.height)
        below = self.top + self.height
        for place, text in zip(x_places, x_ticks[1], strict=True):
            page.text(self.left + place, below + 6, text, size=11, anchor="ma")
        for place, text in zip(y_places, self.y_ticks[1], strict=True):
            page.text(self.left - 6, self.top + place, text, size=11, anchor="rm")
        page.text(self.left + self.width / 2, below + 24, fitting(x_label, self.width, size=11), size=11, anchor="ma")
        page.text(self.left, below + 44, fitting(caption.note, self.width, size=11), size=11)
        return area
