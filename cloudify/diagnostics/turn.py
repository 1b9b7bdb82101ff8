"""Longitudes that run one way: whole turns added to those that a selection has put beside others.

Only where a range crosses the place at which the stored longitudes begin anew; everything else is left as it is stored.
"""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import xarray as xr

from cloudify.datasets.grid import in_degrees

Array = np.ndarray[Any, np.dtype[Any]]

PACKING: Final = ("scale_factor", "add_offset")
MISSING: Final = ("_FillValue", "missing_value")
LIMITS: Final = ("valid_range", "valid_min", "valid_max", "actual_range")


def turn(
    variables: Mapping[str, xr.Variable], lon: str, turns: Array, along: Mapping[str, Array]
) -> dict[str, xr.Variable]:
    """Return stored variables with turns added to a coordinate of longitudes and to its bounds, at the places taken.

    Parameters
    ----------
    turns
        For each place of `along` that is taken of its dimension.
    """
    turned = dict(variables)
    for name in (lon, str(variables[lon].attrs.get("bounds", ""))):
        if name in variables and variables[name].dims and str(variables[name].dims[0]) in along:
            places = along[str(variables[name].dims[0])]
            unit = variables[name] if "units" in variables[name].attrs else variables[lon]
            turned[name] = _turned(variables[name], places, turns * (360.0 / in_degrees(unit)))
    return turned


def _turned(variable: xr.Variable, places: Array, degrees: Array) -> xr.Variable:
    attrs = {key: value for key, value in variable.attrs.items() if key not in LIMITS}
    values = variable.to_numpy()
    if any(key in attrs for key in PACKING):
        values = values * float(attrs.pop("scale_factor", 1.0)) + float(attrs.pop("add_offset", 0.0))
        attrs = {key: value for key, value in attrs.items() if key not in MISSING}
    elif values.dtype.kind in "iu":
        values = values.astype(np.int64 if values.dtype.itemsize > 4 else np.int32)  # noqa: PLR2004  # 360 and -360 fit
    values = values.copy()
    more = degrees.reshape(-1, *(1,) * (values.ndim - 1))
    values[places] = (values[places] + more).astype(values.dtype)
    encoding = {key: value for key, value in variable.encoding.items() if key not in {*PACKING, *MISSING}}
    return xr.Variable(variable.dims, values, attrs, encoding)
