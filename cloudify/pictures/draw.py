"""A drawing as a file: matplotlib's part of the pictures. It runs in processes of its own (`drawers`)."""

from cloudify.pictures.chart import draw_bars, draw_lines
from cloudify.pictures.drawing import Drawing, Form, HistDrawing, LineDrawing
from cloudify.pictures.map_figure import draw_map
from cloudify.pictures.page import Page, in_style


def draw(drawing: Drawing, form: Form, width: int, height: int) -> bytes:
    """Draw.

    Parameters
    ----------
    width, height
        Of the picture in pixels; of a map those of its view and the `map_image.margins` around it.

    Returns
    -------
    bytes
        A PNG, or an SVG whose unit is the pixel.
    """
    with in_style():
        page = Page(width, height)
        if isinstance(drawing, LineDrawing):
            draw_lines(page, drawing)
        elif isinstance(drawing, HistDrawing):
            draw_bars(page, drawing)
        else:
            draw_map(page, drawing)
        return page.encode(form)
