"""Rows ``image``, ``decorated`` and ``pictures-at-once``: maps of a field of 721 x 1440 values."""

import io
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from benchmarks.calls import compare_calls
from benchmarks.rows import Effort, Figures, Outcome, Row
from cloudify.datasets.cells import Cells
from cloudify.pictures.drawers import Drawers
from cloudify.pictures.drawing import Caption, MapDrawing
from cloudify.pictures.map_image import draw_map, margins
from cloudify.pictures.palette import palette_of
from cloudify.pictures.resample import cell_size, index_table
from cloudify.pictures.view import View

VIEW = View(-180, -90, 180, 90, 1440, 720)
LOW, HIGH = 220.0, 310.0
COUNT = """
from time import monotonic
count, end = 0, monotonic() + 0.5
while monotonic() < end:
    count += 1
print(count)
"""
CAPTION = Caption("Near-Surface Air Temperature", "2005-01-16", "K", "limits: 2nd to 98th percentile")
CELLS = Cells("axes", ("lat", "lon"), np.linspace(-180.125, 179.875, 1441), np.linspace(-90.125, 90.125, 722))
BY_HAND, IMSHOW = "index and palette PNG by hand", "matplotlib imshow, axes, colour bar"
ONE, EIGHT = "one at a time", "eight at once"
FIELD = "a smooth field with a little noise, 721 x 1440 float32, on 1440 x 720 pixels of map"


def field() -> np.ndarray[Any, np.dtype[np.float32]]:
    """Return a temperature that falls to the poles, with waves and a little noise."""
    lats, lons = np.radians(np.linspace(-90, 90, 721)), np.radians(np.linspace(-180, 179.75, 1440))
    smooth = 230 + 70 * np.cos(lats)[:, None] + 8 * np.sin(5 * lons)[None] * np.sin(3 * lats)[:, None]
    values: np.ndarray[Any, np.dtype[np.float32]] = (
        smooth + 0.05 * np.random.default_rng(1).standard_normal(smooth.shape)
    ).astype(np.float32)
    return values


def imshow(values: np.ndarray[Any, np.dtype[np.float32]]) -> bytes:
    """Draw what is on the canvas as one does with matplotlib."""
    left, right, top, bottom = margins(VIEW.width)
    width, height = VIEW.width + left + right, VIEW.height + top + bottom
    figure = Figure(figsize=(width / 100, height / 100), dpi=100)
    axes = figure.add_axes((left / width, bottom / height, VIEW.width / width, VIEW.height / height))
    image = axes.imshow(values, extent=(-180, 180, -90, 90), aspect="auto", vmin=LOW, vmax=HIGH, cmap="viridis")
    axes.set_title(CAPTION.title)
    figure.colorbar(image, cax=figure.add_axes((0.1, 0.04, 0.5, 0.015)), orientation="horizontal")
    out = io.BytesIO()
    FigureCanvasAgg(figure).print_png(out)
    return out.getvalue()


def by_hand(values: np.ndarray[Any, np.dtype[np.float32]]) -> bytes:
    """Colour the canvas and encode it, with nothing around: the least that a picture costs."""
    numbers = np.clip((values - np.float32(LOW)) * np.float32(256 / (HIGH - LOW)), 0, 255).astype(np.uint8)
    image = Image.fromarray(numbers).convert("P")
    image.putpalette(palette_of("viridis").colours.tobytes())
    out = io.BytesIO()
    image.save(out, "PNG", compress_level=1)
    return out.getvalue()


def image(effort: Effort) -> Outcome:
    """Compare the kind ``image``, from the field and a table that is there, with the least and with matplotlib."""
    values, table, palette = field(), index_table(CELLS, VIEW), palette_of("viridis")

    def ours() -> bytes:
        shown = np.where(table >= 0, values.ravel()[table], np.float32(np.nan))
        return draw_map(palette.index(shown, LOW, HIGH), VIEW, palette, LOW, HIGH, CAPTION)

    canvas = values.ravel()[table]
    peers: dict[str, tuple[Callable[[], object], int]] = {
        BY_HAND: (lambda: by_hand(canvas), 1),
        "cloudify image": (ours, 1),
        IMSHOW: (lambda: imshow(canvas), 1),
    }
    figures = compare_calls(peers, effort, limit=BY_HAND)
    return Outcome(f"{FIELD}, with coasts, degrees and colour bar; image / imshow = {_of_cpu(figures, 1, 2)}", figures)


def decorated(effort: Effort) -> Outcome:
    """Compare pictures that matplotlib draws in a process of its own with imshow here."""
    values, table = field(), index_table(CELLS, VIEW)
    canvas, cell = values.ravel()[table], cell_size(table)
    with TemporaryDirectory(prefix="cloudify-bench-") as folder:
        drawers = _drawers(1, folder)
        peers: dict[str, tuple[Callable[[], object], int]] = {IMSHOW: (lambda: imshow(canvas), 1)}
        for kind in ("pcolormesh", "contourf"):
            drawing = MapDrawing(kind, canvas, VIEW, "viridis", LOW, HIGH, CAPTION, cell=cell)
            peers[f"cloudify {kind}"] = (_drawn(drawers, drawing), 1)
        figures = compare_calls(peers, effort, limit=IMSHOW)
        drawers.end()
    return Outcome(f"{FIELD}; the time of both processes counts, that of sending, too", figures)


def at_once(effort: Effort) -> Outcome:
    """Compare eight requests at once with one after the other."""
    table = index_table(CELLS, VIEW)
    drawing = MapDrawing("pcolormesh", field().ravel()[table], VIEW, "viridis", LOW, HIGH, CAPTION)
    with TemporaryDirectory(prefix="cloudify-bench-") as folder:
        drawers = _drawers(2, folder)
        call = _drawn(drawers, drawing)
        free: list[float] = []
        figures = compare_calls(
            {ONE: (call, 1), EIGHT: (call, 8)},
            effort,
            limit=ONE,
            each_round=lambda: free.append(_counted(2) / _counted(1)),
        )
        drawers.end()
    gain = figures[1].rate_hz / figures[0].rate_hz
    return Outcome(
        f"{FIELD}, pcolormesh, two processes; throughput of eight / of one = {gain:.2f}, "
        f"where two processes that only count came to {median(free):.2f} of what one did in the same rounds",
        figures,
    )


def _counted(processes: int) -> int:
    """Return how far processes count in half a second: how many cores others leave to us."""
    command = [sys.executable, "-c", COUNT]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE) for _ in range(processes)]
    return sum(int(process.communicate()[0]) for process in running)


def _drawers(processes: int, folder: str) -> Drawers:
    return Drawers(processes, seconds=60, nbytes=2**31, queue=64, folder=Path(folder))


def _drawn(drawers: Drawers, drawing: MapDrawing) -> Callable[[], bytes]:
    left, right, top, bottom = margins(VIEW.width)
    return lambda: drawers.draw(drawing, "png", VIEW.width + left + right, VIEW.height + top + bottom)


def _of_cpu(figures: Sequence[Figures], ours: int, other: int) -> str:
    return f"{figures[ours].cpu_us / figures[other].cpu_us:.2f}"


IMAGE_ROW = Row(BY_HAND, image)
DECORATED_ROW = Row(IMSHOW, decorated)
AT_ONCE_ROW = Row(ONE, at_once)
