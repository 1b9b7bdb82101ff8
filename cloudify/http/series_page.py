"""The page of a series: its chart, and the first rows of a table."""

import json
from typing import Any

import numpy as np

from cloudify.diagnostics.along import plain
from cloudify.diagnostics.series import Array, Series
from cloudify.diagnostics.series_forms import document, key_of, place_text, text_of, title_of
from cloudify.pictures.drawing import Caption, LineDrawing
from cloudify.pictures.series_plot import MOST_POINTS, real_days

ROWS = 200
"""Most rows of the table."""
LISTED = ("lon", "lat", "distance_km", "cells", "cells_with_values", "area_km2", "weights", "calendar")
"""Members of a series' document that the page names."""
_FEW = 2
"""Values that are marked in the chart, as a line between so few is hard to see."""


def chart(found: Series) -> LineDrawing:
    """Return what the chart of a series shows."""
    axis = found.line.axis
    name = axis.coordinate or axis.dim
    step = max(1, found.values.size // MOST_POINTS)
    caption = Caption(title_of(found), place_text(found), _units(found))
    return LineDrawing(
        _numbers(found)[::step], found.values.astype(np.float64)[None, ::step], caption,
        x_label=f"{name} [{axis.units}]" if axis.units else name, is_time=axis.is_time and bool(axis.calendar),
        as_points=found.values.size <= _FEW,
    )  # fmt: skip


def shown(found: Series) -> bytes:
    """Return what the page of a series shows, as JSON."""
    said = document(found)
    rows = list(zip(plain(found.coordinate[:ROWS]), plain(found.values[:ROWS]), strict=True))
    page = {
        "title": title_of(found),
        "place": place_text(found),
        "units": _units(found),
        "columns": [key_of(found), found.subject.name],
        "rows": [[_label(found, label), _text(value)] for label, value in rows],
        "size": found.values.size,
        "facts": [[name.replace("_", " "), _text(said[name], 12)] for name in LISTED if said.get(name) is not None],
    }
    return json.dumps(page).encode()


def _numbers(found: Series) -> Array:
    """Return numbers along the coordinate: its own, or days since 1970-01-01, or positions where it has no numbers."""
    axis, coordinate = found.line.axis, found.coordinate
    if axis.is_time and axis.calendar:
        return real_days(coordinate, axis.calendar)
    return coordinate.astype(np.float64) if coordinate.dtype.kind in "biuf" else np.arange(float(coordinate.size))


def _units(found: Series) -> str:
    units = text_of(found.subject.variable.attrs, "units")
    return "" if units == "1" else units


def _label(found: Series, label: Any) -> str:  # noqa: ANN401  # what JSON can say
    text = _text(label, 12)
    return text.replace("T", " ") if found.line.axis.is_time else text


def _text(item: Any, digits: int = 6) -> str:  # noqa: ANN401
    if item is None:
        return "missing"
    return f"{item:.{digits}g}" if isinstance(item, float) else str(item)
