"""A summary in the words of STAC's extensions datacube, render and projection."""

from cloudify.http.stac.terms import Json
from cloudify.model.extent import Bbox
from cloudify.model.summary import Dimension, Summary, VariableSummary

DATACUBE = "https://stac-extensions.github.io/datacube/v2.3.0/schema.json"
RENDER = "https://stac-extensions.github.io/render/v2.0.0/schema.json"
PROJECTION = "https://stac-extensions.github.io/projection/v2.0.0/schema.json"

LON_LAT = 4326
COLORMAP = "viridis"

_DATA_TYPES = {f"{kind}{bits}": f"{kind}{bits}" for kind in ("int", "uint") for bits in (8, 16, 32, 64)} | {
    "float16": "float16", "float32": "float32", "float64": "float64", "complex64": "cfloat32", "complex128": "cfloat64",
}  # fmt: skip
"""numpy's name -> STAC's; any other is ``other``."""


def cube(summary: Summary, bbox: Bbox | None) -> Json:
    """Return every dimension and every variable."""
    coordinates = {item.name for item in summary.dimensions if item.has_coordinate}
    return {
        "cube:dimensions": {item.name: _dimension(item, bbox) for item in summary.dimensions},
        "cube:variables": {item.name: _variable(item) for item in summary.variables if item.name not in coordinates},
    }


def renders(summary: Summary) -> Json:
    """Return how each variable with a grid can be drawn; a range only where the data states one."""
    return {
        item.name: {"title": item.description or item.name, "assets": ["data"], "colormap_name": COLORMAP}
        | ({"rescale": [list(item.range)]} if item.range else {})
        for item in summary.variables
        if item.is_data and item.is_gridded
    }


def projection(summary: Summary) -> Json:
    """Return code, shape and transform of a regular grid in longitude and latitude, nothing for any other."""
    if summary.raster is None:
        return {}
    return {
        "proj:code": f"EPSG:{LON_LAT}",
        "proj:shape": list(summary.raster.shape),
        "proj:transform": list(summary.raster.transform),
    }


def _dimension(item: Dimension, bbox: Bbox | None) -> Json:
    said: Json = {"description": item.description} if item.description else {}
    if item.role == "cells" and bbox:
        return {"type": "geometry", "axes": ["x", "y"], "bbox": list(bbox), "reference_system": LON_LAT} | said
    said["extent"] = list(item.extent)
    if item.has_coordinate and item.size > 1:
        said["step"] = item.step  # null: not always the same
    if item.unit:
        said["unit"] = item.unit
    if item.role == "time":
        return {"type": "temporal"} | said
    if item.role == "z":
        return {"type": "spatial", "axis": "z"} | said
    if item.role in {"x", "y"}:
        return {"type": "spatial", "axis": item.role, "reference_system": item.reference_system or LON_LAT} | said
    return {"type": "coordinate" if item.has_coordinate else "index"} | said


def _variable(item: VariableSummary) -> Json:
    kind = "data" if item.is_data else "auxiliary"
    found: Json = {
        "dimensions": list(item.dimensions),
        "variable_type": kind,
        "type": kind,  # its name before version 2.3
        "data_type": _DATA_TYPES.get(item.dtype, "other"),
    }
    optional = {
        "description": item.description or None,
        "unit": item.unit or None,
        "nodata": item.missing,
        "extent": list(item.range) if item.range else None,
    }
    return found | {name: value for name, value in optional.items() if value is not None}
