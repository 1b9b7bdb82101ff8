"""A series as JSON and CSV."""

import csv
import io
import json
from typing import Any

from cloudify.diagnostics.along import plain
from cloudify.diagnostics.area_mean import Patch
from cloudify.diagnostics.series import Series
from cloudify.diagnostics.spot import Spot
from cloudify.model.region import Box, Polygon

MEMBERS = frozenset({
    "values", "units", "lon", "lat", "distance_km", "variable", "long_name", "along", "calendar", "selected", "bbox",
    "polygon", "cells", "cells_with_values", "area_km2", "weights",
})  # fmt: skip
"""Of a document, whatever the series runs along."""


def key_of(series: Series) -> str:
    """Return the name of the coordinate's member: ``time`` of any time, else its own, if no other member has it."""
    axis = series.line.axis
    name = axis.coordinate or axis.dim
    if axis.is_time:
        return "time"
    return "coordinate" if name in MEMBERS else name


def document(series: Series) -> dict[str, Any]:
    """Return a series as JSON has it: the coordinate, the values, and what they are; what is missing is None."""
    axis, attrs = series.line.axis, series.subject.variable.attrs
    found: dict[str, Any] = {
        key_of(series): plain(series.coordinate),
        "values": plain(series.values),
        "units": text_of(attrs, "units"),
        **_where(series.where),
        "variable": series.subject.name,
        "long_name": title_of(series),
        "along": axis.coordinate or axis.dim,
        "selected": dict(series.others),
    }
    return found | {"calendar": axis.calendar} if axis.calendar else found


def to_json(series: Series) -> bytes:
    """Write the `document` of a series."""
    return json.dumps(document(series), ensure_ascii=False, allow_nan=False).encode("utf-8", "replace")


def to_csv(series: Series) -> bytes:
    """Write a row for each place: the coordinate and the value; what is missing is empty."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([key_of(series), series.subject.name])
    writer.writerows(zip(plain(series.coordinate), plain(series.values), strict=True))
    return out.getvalue().encode("utf-8", "replace")


def title_of(series: Series) -> str:
    """Return what the values are, in words."""
    attrs = series.subject.variable.attrs
    standard = text_of(attrs, "standard_name").replace("_", " ")
    return text_of(attrs, "long_name") or standard or series.subject.name


def text_of(attrs: dict[Any, Any], key: str) -> str:
    """Return an attribute where it is text, else ``""``."""
    value = attrs.get(key)
    return value if isinstance(value, str) else ""


def place_text(series: Series) -> str:
    """Say where the values are, and which place they have along other dimensions; ``""`` where there is neither."""
    others = [
        f"{name} {value:.6g}" if isinstance(value, float) else f"{name} {value}"
        for name, value in series.others.items()
    ]
    return ", ".join([*_where_text(series.where), *others])


def _where_text(where: Spot | Patch | None) -> list[str]:
    if isinstance(where, Spot):
        away = "" if where.distance_km is None else f", {where.distance_km:.1f} km away"
        lon = (where.lon + 180.0) % 360.0 - 180.0
        north, east = "N" if where.lat >= 0 else "S", "E" if lon >= 0 else "W"
        return [f"at {abs(where.lat):.6g}\N{DEGREE SIGN}{north} {abs(lon):.6g}\N{DEGREE SIGN}{east}{away}"]
    if where is None:
        return []
    region = where.region
    if isinstance(region, Box):
        named = f"{region.west:g} to {region.east:g}, {region.south:g} to {region.north:g}\N{DEGREE SIGN}"
    else:
        named = f"a polygon of {sum(map(len, region.rings))} vertices"
    return [f"mean of {where.cells_with_values} cells in {named}"]


def _where(where: Spot | Patch | None) -> dict[str, Any]:
    if where is None:
        return {}
    if isinstance(where, Spot):
        place = {"lon": where.lon, "lat": where.lat}
        return place if where.distance_km is None else place | {"distance_km": where.distance_km}
    return _region(where.region) | {
        "cells": where.cells,
        "cells_with_values": where.cells_with_values,
        "area_km2": where.area_km2,
        "weights": where.weights,
    }


def _region(region: Box | Polygon) -> dict[str, Any]:
    if isinstance(region, Box):
        return {"bbox": [region.west, region.south, region.east, region.north]}
    return {"polygon": [[list(vertex) for vertex in ring] for ring in region.rings]}
