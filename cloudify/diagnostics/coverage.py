"""A series as CoverageJSON 1.0 (OGC 21-069r2): PointSeries, VerticalProfile, PolygonSeries, or of no named domain."""

import json
import re
from typing import Any, Final

from cloudify.datasets.grid import roles_of, time_axes
from cloudify.diagnostics.along import plain
from cloudify.diagnostics.area_mean import Patch
from cloudify.diagnostics.series import Series
from cloudify.diagnostics.series_forms import place_text, text_of, title_of
from cloudify.diagnostics.spot import Spot
from cloudify.model.region import Box, Polygon, Vertex

CRS84: Final = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"
UCUM: Final = "http://www.opengis.net/def/uom/UCUM/"
GREGORIAN: Final = frozenset({"standard", "gregorian", "proleptic_gregorian"})
CALENDAR: Final = "https://cfconventions.org/cf-conventions/cf-conventions.html#calendar={}"
"""A temporal reference system is of the calendar ``Gregorian``, or names another by a URI; validators want one that
begins with http."""

_BASES = "K|m|s|kg|g|mol|Pa|hPa|J|W|N|Hz|km|cm|mm|rad|cd|A|V"
_PRODUCT = re.compile(rf"(?:{_BASES})(?:-?[1-9])?(?: (?:{_BASES})(?:-?[1-9])?)*")
_SAME: Final = {
    "1": "1", "%": "%", "degC": "Cel", "Celsius": "Cel", "degree_Celsius": "Cel", "degrees": "deg", "degree": "deg",
    "m/s": "m/s", "days": "d", "day": "d", "hours": "h",
}  # fmt: skip
"""Units that UDUNITS and UCUM write differently, or outside products."""

Axes = dict[str, dict[str, Any]]


def to_coverage(series: Series) -> bytes:
    """Write a coverage of one parameter; what is missing is null, a place without a coordinate is left out."""
    coordinate, present = _present(series)
    name, is_time, is_vertical = _axis_name(series)
    axes: Axes = _place_axes(series.where) | _other_axes(series)
    axes[name] = {"values": [f"{text}Z" for text in coordinate] if is_time else coordinate}
    values = plain(series.values[present])
    domain: dict[str, Any] = {"type": "Domain", "axes": axes, "referencing": _referencing(series, axes)}
    kind = _domain_type(series.where, is_time=is_time, is_vertical=is_vertical)
    if kind:
        domain["domainType"] = kind
    variable = series.subject.name
    is_integer = series.values.dtype.kind in "iu"
    coverage = {
        "type": "Coverage",
        "domain": domain,
        "parameters": {variable: _parameter(series)},
        "ranges": {
            variable: {
                "type": "NdArray",
                "dataType": "integer" if is_integer else "float",
                "axisNames": [name],
                "shape": [len(values)],
                "values": values,
            }
        },
    }
    return json.dumps(coverage, ensure_ascii=False, allow_nan=False).encode("utf-8", "replace")


def ucum(units: str) -> str:
    """Return a unit in the code of UCUM, ``""`` for one that we do not know there.

    >>> ucum("kg m-2 s-1"), ucum("degC"), ucum("furlong")
    ('kg.m-2.s-1', 'Cel', '')
    """
    return _SAME.get(units) or (units.replace(" ", ".") if _PRODUCT.fullmatch(units) else "")


def _present(series: Series) -> tuple[list[Any], list[int]]:
    """Return the coordinates that are there, and their places: an axis has no missing values."""
    coordinate = plain(series.coordinate)
    present = [place for place, value in enumerate(coordinate) if value is not None]
    return [coordinate[place] for place in present], present


def _axis_name(series: Series) -> tuple[str, bool, bool]:
    """Return the name of the axis, and whether it is of times, or of heights or depths."""
    axis = series.line.axis
    name = axis.coordinate or axis.dim
    if axis.is_time and axis.calendar:
        return "t", True, False
    if _is_vertical(series, name) and series.coordinate.dtype.kind in "iuf":
        return "z", False, True
    return (f"{name}_" if name in {"x", "y", "z", "t", "composite"} else name), False, False


def _is_vertical(series: Series, name: str) -> bool:
    roles = roles_of(series.subject.ds)
    return any(name in roles.get(role, []) for role in ("Z", "vertical"))


def _place_axes(where: Spot | Patch | None) -> Axes:
    if isinstance(where, Spot):
        return {"x": {"values": [where.lon]}, "y": {"values": [where.lat]}}
    if where is None:
        return {}
    return {"composite": {"dataType": "polygon", "coordinates": ["x", "y"], "values": [_rings(where.region)]}}


def _rings(region: Box | Polygon) -> list[list[list[float]]]:
    rings: tuple[tuple[Vertex, ...], ...]
    if isinstance(region, Box):
        west, south, east, north = region.west, region.south, region.east, region.north
        rings = (((west, south), (east, south), (east, north), (west, north)),)
    else:
        rings = region.rings
    return [[list(vertex) for vertex in (*ring, ring[0])] for ring in rings]


def _other_axes(series: Series) -> Axes:
    """Return the one time and the one height that a series has along dimensions that it does not run along."""
    times = time_axes(series.subject.ds)
    found: Axes = {}
    for name, value in series.others.items():
        if isinstance(value, str) and times.get(name):
            found.setdefault("t", {"values": [f"{value}Z"]})
        elif isinstance(value, int | float) and _is_vertical(series, name):
            found.setdefault("z", {"values": [value]})
    return found


def _referencing(series: Series, axes: Axes) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    if "x" in axes or "composite" in axes:
        found.append({"coordinates": ["x", "y"], "system": {"type": "GeographicCRS", "id": CRS84}})
    if "z" in axes:
        found.append({"coordinates": ["z"], "system": _vertical(series)})
    if "t" in axes:
        calendar = _calendar(series)
        said = "Gregorian" if calendar in GREGORIAN else CALENDAR.format(calendar)
        found.append({"coordinates": ["t"], "system": {"type": "TemporalRS", "calendar": said}})
    return found


def _calendar(series: Series) -> str:
    """Return the calendar of the axis, else that of the one time picked along another."""
    times = time_axes(series.subject.ds)
    names = [series.line.axis.coordinate, *series.others]
    return next((times[name] for name in names if times.get(name)), "")


def _vertical(series: Series) -> dict[str, Any]:
    names = [series.line.axis.coordinate, *series.others]
    name = next(name for name in names if _is_vertical(series, name))
    attrs = series.subject.ds[name].attrs
    words = [text_of(attrs, "long_name") or name, text_of(attrs, "units"), text_of(attrs, "positive")]
    return {"type": "VerticalCRS", "description": {"en": ", ".join(filter(None, words))}}


def _domain_type(where: Spot | Patch | None, *, is_time: bool, is_vertical: bool) -> str:
    if isinstance(where, Spot):
        return "PointSeries" if is_time else "VerticalProfile" if is_vertical else ""
    return "PolygonSeries" if where is not None and is_time else ""


def _parameter(series: Series) -> dict[str, Any]:
    attrs, title = series.subject.variable.attrs, title_of(series)
    place = place_text(series)
    units = text_of(attrs, "units")
    said: dict[str, Any] = {
        "type": "Parameter",
        "description": {"en": f"{title}, {place}" if place else title},
        "observedProperty": {"label": {"en": title}},
    }
    code = ucum(units)
    if units:
        said["unit"] = {"label": {"en": units}, "symbol": {"value": code, "type": UCUM} if code else units}
    return said
