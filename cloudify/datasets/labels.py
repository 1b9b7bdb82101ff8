"""Labels for the elements of a dimension: what a person calls them, fit for the id of a dataset."""

from collections import Counter
from collections.abc import Mapping

import cftime
import numpy as np
import xarray as xr

from cloudify.datasets.decode import decode
from cloudify.datasets.source import RefusedError
from cloudify.model.entry import suggest_id

MAX_PARTS = 1000
"""Most datasets that one entry is split into."""
LABEL_LENGTH = 40


def labels_of(groups: Mapping[str, xr.Dataset], dim: str) -> list[str]:
    """Return a label for each element of a dimension, no two alike; of a dataset only the coordinate is read.

    A label is the coordinate's value: a date, a number (``minus-0-5``), a text; without a coordinate, or where two are
    alike, it has the position.

    Raises
    ------
    RefusedError
        If there is no such dimension, if its groups do not agree in its length, or if it is empty or too long.
    """
    sizes = {ds.sizes[dim] for ds in groups.values() if dim in ds.dims}
    if not sizes:
        known = sorted({str(one) for ds in groups.values() for one in ds.dims})
        raise RefusedError(
            f"its catalog entry wants it split along {dim[:80]!r}, a dimension it lacks; it has {', '.join(known[:12])}"
        )
    if len(sizes) > 1:
        raise RefusedError(f"its groups have dimensions {dim[:80]!r} of different lengths, which cannot be split")
    (size,) = sizes
    if not 1 <= size <= MAX_PARTS:
        raise RefusedError(f"its dimension {dim[:80]!r} has {size} elements; 1 to {MAX_PARTS} can be split")
    names = [suggest_id(text)[:LABEL_LENGTH] for text in _texts(groups, dim, size)]
    count = Counter(names)
    labels = [name if count[name] == 1 else f"{name}-{position}" for position, name in enumerate(names)]
    return labels if len(set(labels)) == size else [str(position) for position in range(size)]


def _texts(groups: Mapping[str, xr.Dataset], dim: str, size: int) -> list[str]:
    for ds in groups.values():
        if dim in ds.variables and dim in ds.dims:
            values = decode(xr.Dataset({"label": ds.variables[dim]}))["label"].to_numpy()
            if values.shape == (size,):
                return [_text(value) for value in values]
    return [str(position) for position in range(size)]


def _text(value: object) -> str:
    if isinstance(value, np.datetime64):
        return str(np.datetime_as_string(value, unit="s")).removesuffix("T00:00:00")
    if isinstance(value, cftime.datetime):
        return str(value.isoformat()).removesuffix("T00:00:00")
    if isinstance(value, float | int | np.number):
        number = np.format_float_positional(value, trim="-") if isinstance(value, float | np.floating) else str(value)
        return number.replace("-", "minus ", 1)  # ids have no signs
    return value.decode("utf-8", errors="replace") if isinstance(value, bytes) else str(value)
