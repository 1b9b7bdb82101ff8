"""Longitudes and latitudes of projected coordinates, by PROJ, in a program of its own.

A process that has loaded eccodes 2.50, which brings a PROJ of its own, before pyproj 3.7 has its heap corrupted
(docs/decisions/0010), so the server never imports pyproj: `datasets.proj` does.
"""

import io
import json
from typing import Any

import numpy as np
import xarray as xr

from cloudify.datasets.child import ChildError, run_child
from cloudify.datasets.grid import Grid, mapping_attrs
from cloudify.errors import NoMapError

Array = np.ndarray[Any, np.dtype[Any]]

LIMIT_S = 30.0
_TEXTS = {"crs_wkt", "spatial_ref", "proj4", "proj4_params", "proj4text", "epsg_code"}
"""Parameters that are not read: they can name files."""
_METRES = {"m": 1.0, "metre": 1.0, "metres": 1.0, "meter": 1.0, "meters": 1.0, "km": 1e3, "": 1.0}


def unproject(ds: xr.Dataset, name: str, grid: Grid, x: Array, y: Array) -> tuple[Array, Array]:
    """Return longitudes and latitudes in degrees; NaN beyond the projection's domain. Blocks.

    Parameters
    ----------
    x, y
        Of one shape, in the unit of the coordinates that `grid` names.

    Raises
    ------
    NoMapError
        If PROJ does not know the projection.
    """
    attrs = {key: np.asarray(value).tolist() for key, value in mapping_attrs(ds, name).items() if key not in _TEXTS}
    unit = str(ds[grid.lon].attrs.get("units", ""))
    if unit not in _METRES:
        raise NoMapError(name, f"the unit {unit[:40]!r} of {grid.lon!r} is no length")
    out = io.BytesIO()
    said = np.frombuffer(json.dumps(attrs).encode(), np.uint8)
    np.savez(out, attrs=said, x=x.ravel() * _METRES[unit], y=y.ravel() * _METRES[unit])
    try:
        with np.load(io.BytesIO(run_child("cloudify.datasets.proj", out.getvalue(), limit_s=LIMIT_S))) as found:
            return found["lon"].reshape(x.shape), found["lat"].reshape(x.shape)
    except ChildError as error:
        raise NoMapError(name, f"PROJ does not know its grid mapping {grid.mapping[:100]!r}") from error
