"""What is to be drawn: arrays and words, no dataset and no drawing library; fit to be sent to another process."""

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from cloudify.pictures.view import View

Array = np.ndarray[Any, np.dtype[Any]]
Form = Literal["png", "svg"]
MapKind = Literal["pcolormesh", "contourf", "contour", "scatter"]


@dataclass(frozen=True, slots=True)
class Caption:
    """What a picture says of itself."""

    title: str
    """What is shown, e.g. the long name."""
    subtitle: str = ""
    """Of which time and level."""
    units: str = ""
    note: str = ""
    """How the limits were found."""


@dataclass(frozen=True, eq=False)
class MapDrawing:
    """A map in longitude and latitude."""

    kind: MapKind
    values: Array
    """float32 of shape (view.height, view.width), first row north, NaN where there is nothing; of a scatter one value
    for each point."""
    view: View
    colormap: str
    low: float
    high: float
    caption: Caption
    points: tuple[Array, Array] | None = None
    """Longitudes and latitudes of a scatter, in degrees."""
    cell: tuple[float, float] = (1.0, 1.0)
    """Width and height of a cell in pixels, for contours: between the centres of larger cells values are
    interpolated, else the lines would follow the edges of the cells (`resample.cell_size`)."""


@dataclass(frozen=True, eq=False)
class LineDrawing:
    """Values along one coordinate."""

    x: Array
    """float64 of shape (n,): numbers, or times as days since 1970-01-01."""
    lines: Array
    """float64 of shape (lines, n)."""
    caption: Caption
    labels: tuple[str, ...] = field(default=())
    """What each line is, where there are several."""
    x_label: str = ""
    is_time: bool = False
    as_points: bool = False
    """Whether the values are marked and not joined: a scatter."""
    limits: tuple[float, float] | None = None
    """Of the values' axis; by default from the values."""


@dataclass(frozen=True, eq=False)
class HistDrawing:
    """How often values occur."""

    counts: Array
    """int64 of shape (bins,)."""
    edges: Array
    """float64 of shape (bins + 1,)."""
    caption: Caption


Drawing = MapDrawing | LineDrawing | HistDrawing
