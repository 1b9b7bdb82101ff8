"""The limits of colours where nobody gave any: robust, the same for all times, and said in the picture."""

from dataclasses import dataclass
from itertools import product
from math import prod
from typing import Any

import numpy as np
import xarray as xr

SAMPLED = 200_000
"""Most values looked at."""
STEPS = 6
"""Most times looked at."""
FIELDS_NBYTES = 2**26
"""Most bytes read of fields beyond the first."""
LOW_PERCENT, HIGH_PERCENT = 2.0, 98.0
NOTE = f"limits: {LOW_PERCENT:g} to {HIGH_PERCENT:g} % of a sample"


@dataclass(frozen=True, slots=True)
class Limits:
    """Between which values colours change."""

    low: float
    high: float
    note: str = ""
    """How they were found; ``""`` where they were given."""


def sample(variable: xr.DataArray, time_dims: tuple[str, ...]) -> "np.ndarray[Any, np.dtype[Any]]":
    """Read some values of a variable of which times and the grid are left: a few times, and every so many cells.

    One time after the other is read, and of fields larger than `FIELDS_NBYTES` fewer.
    """
    dims = [dim for dim in time_dims if dim in variable.sizes]
    field_nbytes = max(1, variable.nbytes // max(1, prod(variable.sizes[dim] for dim in dims)))
    steps = min(STEPS, max(1, FIELDS_NBYTES // field_nbytes))
    each = max(1, round(steps ** (1 / max(1, len(dims)))))
    chosen = product(*(np.unique(np.linspace(0, variable.sizes[dim] - 1, each).round().astype(int)) for dim in dims))
    found = []
    for index in chosen:
        values = variable.isel(dict(zip(dims, index, strict=True))).to_numpy().ravel()
        values = values[:: max(1, values.size * steps // SAMPLED)].astype(np.float64)
        found.append(values[np.isfinite(values)])
    return np.concatenate(found)


def robust(values: "np.ndarray[Any, np.dtype[Any]]", *, is_diverging: bool) -> Limits:
    """Return limits that a few strange values do not spoil.

    Those of a map with a middle are equally far from zero where both signs occur.

    >>> robust(np.array([1.0] * 99 + [9.0]), is_diverging=False)
    Limits(low=1.0, high=9.0, note='limits: least and greatest of a sample')
    """
    if not values.size:
        return Limits(0.0, 1.0, "no value is present")
    low, high = (float(value) for value in np.percentile(values, [LOW_PERCENT, HIGH_PERCENT]))
    note = NOTE
    if (high - low) < 0.2 * (values.max() - values.min()):
        low, high, note = float(values.min()), float(values.max()), "limits: least and greatest of a sample"
    if is_diverging and low < 0 < high:
        high = max(abs(low), abs(high))
        low = -high
    if low == high:
        spread = abs(low) * 1e-3 or 1.0
        return Limits(low - spread, high + spread, "all values of a sample are equal")
    return Limits(low, high, note)
