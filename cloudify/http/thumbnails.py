"""Small maps that stand for datasets, on pages and in STAC."""

from urllib.parse import quote

WIDTH = 240
COLORMAP = "viridis"


def plot_path(variable: str) -> str:
    """Return the path below a dataset of the plot of a variable.

    >>> plot_path("tas")
    'plot/tas/image/viridis/'
    """
    return f"plot/{quote(variable, safe='')}/image/{COLORMAP}/"


def thumbnail_path(variable: str) -> str:
    """Return the path below a dataset of a small map of a variable.

    >>> thumbnail_path("tas")
    'plot/tas/image/viridis/?f=png&width=240'
    """
    return f"{plot_path(variable)}?f=png&width={WIDTH}"
