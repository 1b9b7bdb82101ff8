"""Decorated pictures: the right colour at the right place, the right words, and nothing that breaks them."""

import io
import subprocess
import sys
from dataclasses import replace
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from PIL import Image

from cloudify.datasets.cells import Cells
from cloudify.pictures.contours import MOST_CROSSINGS, Bands, between_centres
from cloudify.pictures.draw import draw
from cloudify.pictures.drawing import Caption, Drawing, HistDrawing, LineDrawing, MapDrawing
from cloudify.pictures.map_image import draw_map, margins
from cloudify.pictures.palette import COAST, GRATICULE, palette_of
from cloudify.pictures.resample import cell_size, index_table
from cloudify.pictures.thin import thinned
from cloudify.pictures.view import View

WORLD = View(-180, -90, 180, 90, 720, 360)
CAPTION = Caption("Near-Surface Air Temperature", "2005-01-16", "K", "limits: 2nd to 98th percentile")
MAPS = ("pcolormesh", "contourf")
YELLOW, PURPLE = (253, 231, 36), (68, 1, 84)
"""The ends of viridis."""
BLUE = (31, 119, 180)
SVG = "{http://www.w3.org/2000/svg}"


def size(view: View) -> tuple[int, int]:
    """Of a decorated picture with this view."""
    left, right, top, bottom = margins(view.width + 76)
    return view.width + left + right, view.height + top + bottom


def pixels(picture: bytes) -> np.ndarray:
    image = Image.open(io.BytesIO(picture))
    return np.asarray(image.convert("RGB")).astype(int)


def drawn_map(kind: Any, values: np.ndarray, view: View = WORLD, low: float = 0, high: float = 1, **more: Any) -> Any:
    """The map's part of a picture, of shape (view.height, view.width, 3)."""
    drawing = MapDrawing(kind, values.astype(np.float32), view, "viridis", low, high, CAPTION, **more)
    width, height = size(view)
    picture = pixels(draw(drawing, "png", width, height))
    assert picture.shape == (height, width, 3)
    left, _, top, _ = margins(width)
    return picture[top : top + view.height, left : left + view.width]


def on_cells(values: np.ndarray, view: View = WORLD) -> tuple[np.ndarray, tuple[float, float]]:
    """Values of regular cells that cover the world, from the south, on the pixels of a view; and the cells' size."""
    rows, columns = values.shape
    cells = Cells("axes", ("lat", "lon"), np.linspace(-180, 180, columns + 1), np.linspace(-90, 90, rows + 1))
    table = index_table(cells, view)
    return values.ravel()[table], cell_size(table)


def far(colour: np.ndarray, other: tuple[int, int, int]) -> float:
    return float(np.abs(colour - np.array(other)).max())


def at(picture: np.ndarray, lon: float, lat: float, view: View = WORLD) -> np.ndarray:
    return picture[int(view.y_of(np.array(lat))), int(view.x_of(np.array(lon)))]


@pytest.mark.parametrize(("kind", "tolerance"), [("pcolormesh", 0), ("contourf", 20)])
def test_north_is_up(kind: str, tolerance: float) -> None:
    """The outer of the bands of contourf has the colour of its middle, 0.975: up to 20 from the end of the map."""
    values = np.where(WORLD.lats > 0, 1.0, 0.0)[:, None] * np.ones(WORLD.width)
    picture = drawn_map(kind, values)
    for lon in (-130, -20, 85, 160):
        assert far(at(picture, lon, 40.3), YELLOW) <= tolerance
        assert far(at(picture, lon, -40.3), PURPLE) <= tolerance


@pytest.mark.parametrize("kind", MAPS)
@pytest.mark.parametrize(
    ("row", "column"), [(10, 4), (0, 29), (17, 33), (9, 0), (9, 35)], ids=["inside", "south", "north", "west", "east"]
)
def test_one_hot_cell_is_where_it_is(kind: str, row: int, column: int) -> None:
    """Cells of 10 degrees: the middle of the hot one is hot, the middles of those beside it are cold."""
    values = np.zeros((18, 36))
    values[row, column] = 1
    on_pixels, cell = on_cells(values)
    assert cell == (20, 20)
    picture = drawn_map(kind, on_pixels, cell=cell)
    for i, j in ((row, column), (row - 1, column), (row + 1, column), (row, column - 1), (row, column + 1)):
        if 0 <= i < 18:
            j %= 36  # noqa: PLW2901  # the first column follows the last
            colour = at(picture, -180 + 10 * j + 3.3, -90 + 10 * i + 4.2)
            if (i, j) == (row, column):
                assert colour[1] > 150, (i, j)  # green to yellow
            else:
                assert far(colour, PURPLE) <= (0 if kind == "pcolormesh" else 60), (i, j)


def test_pcolormesh_has_the_colours_of_image_at_the_same_pixels() -> None:
    """Nothing differs but at the lines of coasts and graticule, which are smooth in one and not in the other."""
    values, _ = on_cells(np.random.default_rng(3).random((36, 72)))
    palette = palette_of("viridis")
    colours = palette.index(values.astype(np.float32), 0, 1)
    image = pixels(draw_map(colours, WORLD, palette, 0, 1, CAPTION))
    width, height = size(WORLD)
    drawing = MapDrawing("pcolormesh", values.astype(np.float32), WORLD, "viridis", 0, 1, CAPTION)
    other = pixels(draw(drawing, "png", width, height))
    assert image.shape == other.shape
    left, _, top, _ = margins(width)
    shown = np.s_[top : top + WORLD.height, left : left + WORLD.width]
    differs = (image[shown] != other[shown]).any(axis=2)
    lines = (image[shown] == palette.colours[COAST]).all(axis=2) | (image[shown] == palette.colours[GRATICULE]).all(
        axis=2
    )
    near = np.zeros_like(lines)
    for down in (-2, -1, 0, 1, 2):
        for across in (-2, -1, 0, 1, 2):
            near |= np.roll(lines, (down, across), axis=(0, 1))
    assert not (differs & ~near).any()
    assert near.mean() < 0.4


@pytest.mark.parametrize("kind", ["pcolormesh", "contourf", "contour"])
def test_what_is_missing_is_grey(kind: str) -> None:
    values = np.ones((WORLD.height, WORLD.width))
    values[:, : WORLD.width // 2] = np.nan
    picture = drawn_map(kind, values)
    assert tuple(at(picture, -140, 10)) == (222, 222, 222)
    assert tuple(at(picture, 140, 10)) != (222, 222, 222)


def test_contours_run_where_the_level_is_crossed() -> None:
    """A ramp of one degree for each degree of longitude, on open sea, 20 pixels each; every fifth has a meridian."""
    view = View(200, 5, 220, 15, 400, 200)
    picture = drawn_map("contour", np.tile(view.lons, (view.height, 1)), view, 200, 220)
    white = (picture == 255).all(axis=2)
    for level in (201, 204, 208, 213, 217, 219):
        place = (level - 200) * 20
        crossed = ~white[:, place - 1 : place + 1].all(axis=1)
        assert crossed.mean() > 0.6, level  # labels interrupt lines
        assert white[:, place + 8 : place + 12].all(axis=1).mean() > 0.6, level


def test_filled_contours_change_colour_at_round_levels() -> None:
    """220 to 310 in at most 20 bands: every 5."""
    view = View(200, 5, 220, 15, 450, 200)
    picture = drawn_map("contourf", np.tile(np.linspace(220, 310, 450), (200, 1)), view, 220, 310)
    row = picture[83]  # away from the lines of latitude
    steps = np.flatnonzero((row[1:] != row[:-1]).any(axis=1))
    for level in range(225, 310, 5):
        assert np.abs(steps - (level - 220) * 5).min() <= 1.5, level
    assert far(row[12], tuple(palette_of("viridis").colours[24 + int(232 * 2.5 / 90)])) <= 3


def test_between_the_middles_of_cells_values_are_linear() -> None:
    """Three cells of 10 pixels with 0, 10 and 30; numpy.interp knows the values between their middles."""
    cells = np.repeat([0.0, 10.0, 30.0], 10)[None]
    found = between_centres(np.tile(cells, (4, 1)), (10.0, 1.0), around=False)
    expected = np.interp(np.arange(5, 25) + 0.5, [5, 15, 25], [0, 10, 30])
    np.testing.assert_allclose(found[2, 5:25], expected, atol=1e-9)


def test_missing_cells_give_nothing_to_their_neighbours() -> None:
    values = np.full((30, 30), 7.0)
    values[10:20, 10:20] = np.nan
    found = between_centres(values, (10.0, 10.0), around=True)
    np.testing.assert_array_equal(np.isnan(found), np.isnan(values))
    np.testing.assert_allclose(found[~np.isnan(found)], 7.0)


def test_across_the_date_line_contours_go_on() -> None:
    values = np.repeat([10.0, 0.0, 0.0, 30.0], 10)[None]
    found = between_centres(values, (10.0, 1.0), around=True)
    assert found[0, 0] == pytest.approx(20 - 1, abs=1e-9)  # half a pixel east of the seam, 20 a cell
    assert found[0, -1] == pytest.approx(20 + 1, abs=1e-9)


@pytest.mark.parametrize("kind", ["contourf", "contour"])
def test_contours_of_noise_are_not_traced(kind: Any) -> None:
    noise = np.random.default_rng(5).random((WORLD.height, WORLD.width))
    assert Bands(noise, 0, 1, palette_of("viridis")).crossings > MOST_CROSSINGS
    drawing = MapDrawing(kind, noise.astype(np.float32), WORLD, "viridis", 0, 1, CAPTION)
    assert len(draw(drawing, "svg", *size(WORLD))) < 2_000_000
    picture = drawn_map(kind, noise)
    assert len(np.unique(picture.reshape(-1, 3), axis=0)) > 15


def test_points_of_a_scatter_have_the_colour_of_their_value() -> None:
    points = np.array([-130.0, 200.0, 85.0]), np.array([10.0, -50.0, -33.0])
    picture = drawn_map("scatter", np.array([0.0, 1.0, np.nan]), points=points)
    assert far(at(picture, -130, 10), PURPLE) <= 3
    assert far(at(picture, -160, -50), YELLOW) <= 3
    assert far(at(picture, 85, -33), (255, 255, 255)) == 0
    many = np.tile(points[0][:2], 5000), np.tile(points[1][:2], 5000)
    picture = drawn_map("scatter", np.tile([0.0, 1.0], 5000), points=many)
    assert far(at(picture, -130, 10), PURPLE) == 0
    assert far(at(picture, -160, -50), YELLOW) == 0


def test_small_maps_are_maps_and_nothing_else() -> None:
    view = View(-180, -90, 180, 90, 200, 100)
    values = np.where(view.lats > 0, 1.0, 0.0)[:, None] * np.ones(view.width)
    drawing = MapDrawing("pcolormesh", values.astype(np.float32), view, "viridis", 0, 1, CAPTION)
    picture = pixels(draw(drawing, "png", 200, 100))
    assert picture.shape == (100, 200, 3)
    assert far(picture[5, 5], YELLOW) == far(picture[70, 30], PURPLE) == 0
    assert not (picture == 255).all(axis=2).any()


def test_a_line_goes_through_its_points() -> None:
    """Axes of 824 x 384 pixels from (56, 52); values 0 to 10 either way."""
    line = LineDrawing(np.array([0.0, 10.0]), np.array([[0.0, 10.0]]), CAPTION, limits=(0.0, 10.0))
    picture = pixels(draw(line, "png", 900, 500))
    for part in (0.1, 0.25, 0.5, 0.77):
        x, y = 56 + 824 * part, 52 + 384 * (1 - part)
        near = picture[int(y) - 1 : int(y) + 2, int(x) - 1 : int(x) + 2].reshape(-1, 3)
        assert min(far(colour, BLUE) for colour in near) < 40, part
    assert far(picture[52 + 96, 56 + 103], BLUE) > 100  # not on the line, nor on the grid


def test_one_value_between_gaps_is_seen() -> None:
    values = np.array([[np.nan, np.nan, 5.0, np.nan, np.nan]])
    picture = pixels(draw(LineDrawing(np.arange(5.0), values, CAPTION, limits=(0, 10)), "png", 900, 500))
    assert far(picture[52 + 192, 56 + 412], BLUE) < 60


def test_dates_are_written_below_a_line() -> None:
    """A year of months; 2005-01-01 is day 12784."""
    line = LineDrawing(12784 + 30.4 * np.arange(13), np.arange(13.0)[None], CAPTION, x_label="time", is_time=True)
    words = texts(draw(line, "svg", 900, 500))
    assert {"2005", "Mar", "Jul", "time"} <= set(words)
    ancient = replace(line, x=-4e6 + 36525 * np.arange(13.0))
    assert "-8000" in texts(draw(ancient, "svg", 900, 500))


def test_a_legend_names_up_to_ten_lines() -> None:
    few = LineDrawing(np.arange(3.0), np.ones((3, 3)), CAPTION, labels=("Dakar", "Lima", "x" * 500))
    words = texts(draw(few, "svg", 900, 500))
    assert {"Dakar", "Lima"} <= set(words)
    assert max(map(len, words)) < 50
    many = LineDrawing(np.arange(3.0), np.ones((11, 3)), CAPTION, labels=("Dakar",) * 11)
    assert "Dakar" not in texts(draw(many, "svg", 900, 500))


def test_bars_are_as_high_as_their_counts() -> None:
    hist = HistDrawing(np.array([1, 2, 4]), np.array([0.0, 1.0, 2.0, 3.0]), CAPTION)
    picture = pixels(draw(hist, "png", 900, 500))
    places = [56 + int(824 * part) for part in (0.18, 0.45, 0.8)]
    heights = [int((np.abs(picture[:, x] - BLUE).max(axis=1) < 10).sum()) for x in places]
    unit = 384 / (4 * 1.05)
    np.testing.assert_allclose(heights, [unit, 2 * unit, 4 * unit], atol=2)


def test_a_long_line_is_thinned_without_a_change_to_be_seen() -> None:
    x = np.linspace(0, 500, 100_000)
    y = 50 + 50 * np.sin(x) * np.random.default_rng(1).random(100_000)
    y[40_000:41_000] = np.nan
    y[77_777] = 400
    few = thinned(np.column_stack([x, y]), 500)
    assert len(few) <= 2600
    for column in range(500):
        all_of, kept = y[np.floor(x) == column], few[np.floor(few[:, 0]) == column, 1]
        if not np.isnan(all_of).all():
            assert (np.nanmin(kept), np.nanmax(kept)) == (np.nanmin(all_of), np.nanmax(all_of))
        assert np.isnan(kept).any() == np.isnan(all_of).any()


def texts(svg: bytes) -> list[str]:
    return [element.text or "" for element in ET.fromstring(svg).iter(f"{SVG}text")]  # noqa: S314  # our own


def examples() -> dict[str, Drawing]:
    values = (np.sin(WORLD.lons / 40)[None] * np.cos(WORLD.lats / 30)[:, None]).astype(np.float32)
    maps = {
        kind: MapDrawing(kind, values, WORLD, "viridis", -1, 1, CAPTION)  # type: ignore[arg-type]
        for kind in ("pcolormesh", "contourf", "contour")
    }
    points = np.arange(0.0, 360, 10), np.zeros(36)
    return {
        **maps,
        "scatter": MapDrawing("scatter", np.arange(36.0), WORLD, "viridis", 0, 36, CAPTION, points=points),
        "line": LineDrawing(np.arange(40.0), np.arange(40.0)[None] ** 2, CAPTION),
        "hist": HistDrawing(np.arange(9), np.arange(10.0), CAPTION),
    }


@pytest.mark.parametrize("kind", list(examples()))
def test_an_svg_says_what_it_shows_and_is_the_same_every_time(kind: str) -> None:
    drawing = examples()[kind]
    width, height = size(WORLD)
    svg = draw(drawing, "svg", width, height)
    words = texts(svg)
    assert "Near-Surface Air Temperature [K]" in words
    assert "2005-01-16" in words
    root = ET.fromstring(svg)  # noqa: S314
    assert [root.get(name) for name in ("width", "height", "viewBox")] == ["796", "488", "0 0 796 488"]
    assert svg == draw(drawing, "svg", width, height)
    assert b"<dc:date>" not in svg
    assert len(svg) < 3_000_000
    if isinstance(drawing, MapDrawing):
        assert {"45°N", "120°W", "180°", "limits: 2nd to 98th percentile", "K"} <= set(words)


@pytest.mark.parametrize(
    "title",
    ["$\\frac{1}{2}$", "$" + "\\frac{" * 10_000, "a\x00b\x1b[31m\nc\ud800 <b>&amp;", "$$$ 5 % of \\infty_{x^2}"],
    ids=["formula", "recursion", "control", "signs"],
)
@pytest.mark.parametrize("kind", ["contour", "line"])
def test_titles_are_words_and_never_mathematics(kind: str, title: str) -> None:
    drawing = replace(examples()[kind], caption=Caption(title, title, title, title))
    words = texts(draw(drawing, "svg", *size(WORLD)))
    start = "a b [31m c <b>&amp;" if "\x00" in title else title[:20]
    assert sum(word.startswith(start) for word in words) >= 2
    assert pixels(draw(drawing, "png", *size(WORLD))).std() > 1


BOMBS = {
    "missing": np.full((150, 300), np.nan),
    "infinite": np.full((150, 300), np.inf),
    "both infinities": np.where(np.arange(300) % 2, np.inf, -np.inf) * np.ones((150, 1)),
    "constant": np.full((150, 300), 4.25),
    "huge": np.full((150, 300), 3e38) * np.sign(np.arange(300) - 150.5),
    "one value": np.where(np.arange(150 * 300).reshape(150, 300) == 9_999, 1.0, np.nan),
}
LIMITS = [(0.0, 0.0), (1e9, 1e9 + 1), (float("nan"), 1.0), (float("-inf"), float("inf")), (5.0, -5.0), (-1e308, 1e308)]


@pytest.mark.parametrize("kind", ["pcolormesh", "contourf", "contour", "scatter"])
@pytest.mark.parametrize("values", BOMBS.values(), ids=list(BOMBS))
def test_no_values_break_a_map(kind: Any, values: np.ndarray) -> None:
    view = View(-180, -90, 180, 90, 300, 150)
    points = None
    if kind == "scatter":
        points = np.linspace(-1e9, 1e9, values.size), np.where(np.arange(values.size) % 9, 1e300, np.nan)
        values = values.ravel()
    with np.errstate(over="ignore"):
        drawing = MapDrawing(kind, values.astype(np.float32), view, "viridis", 0, 1, CAPTION, points=points)
    assert pixels(draw(drawing, "png", *size(view))).shape == (size(view)[1], size(view)[0], 3)


@pytest.mark.parametrize("kind", ["pcolormesh", "contourf", "contour"])
@pytest.mark.parametrize("limits", LIMITS, ids=str)
def test_no_limits_break_a_map(kind: str, limits: tuple[float, float]) -> None:
    view = View(-180, -90, 180, 90, 300, 150)
    values = np.tile(np.linspace(-1, 2, 300, dtype=np.float32), (150, 1))
    drawing = MapDrawing(kind, values, view, "RdBu_r", *limits, CAPTION)  # type: ignore[arg-type]
    assert pixels(draw(drawing, "png", *size(view))).std() > 1


@pytest.mark.parametrize("values", [np.nan, np.inf, -1e308, 0.0, 1e-310], ids=str)
@pytest.mark.parametrize("count", [1, 2, 5000])
@pytest.mark.parametrize("is_time", [True, False], ids=["dates", "numbers"])
def test_no_values_break_a_line(values: float, count: int, is_time: bool) -> None:
    lines = np.full((2, count), values)
    lines[1, ::2] = 1e308
    for x in (np.arange(float(count)), np.full(count, np.nan), np.linspace(-1e300, 1e300, count), np.zeros(count)):
        for as_points in (True, False):
            line = LineDrawing(x, lines, CAPTION, is_time=is_time, as_points=as_points)
            assert pixels(draw(line, "png", 400, 300)).shape == (300, 400, 3)


@pytest.mark.parametrize(
    ("counts", "edges"),
    [([0, 0], [0.0, 1.0, 2.0]), ([2**62], [1e9, 1e9 + 1]), ([3], [-1e308, 1e308]), ([1], [np.nan, np.nan])],
    ids=["empty", "many", "wide", "nowhere"],
)
def test_no_counts_break_a_histogram(counts: list[int], edges: list[float]) -> None:
    hist = HistDrawing(np.array(counts), np.array(edges), CAPTION)
    assert pixels(draw(hist, "png", 400, 300)).shape == (300, 400, 3)


def test_pyplot_is_never_imported_and_matplotlib_not_in_the_server() -> None:
    code = (
        "import sys; import cloudify.pictures.drawers; assert 'matplotlib' not in sys.modules\n"
        "import cloudify.pictures.drawer; assert 'matplotlib' in sys.modules\n"
        "assert not [m for m in sys.modules if m.split('.')[0] in ('xarray', 'dask', 'pandas') or 'pyplot' in m]\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
