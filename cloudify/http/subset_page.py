"""What the form for a subset is made of: variables, and what each of their coordinates reaches from and to."""

from typing import Any

import numpy as np
import xarray as xr

from cloudify.datasets.companions import data_of, one_of_each
from cloudify.datasets.grid import conventional
from cloudify.datasets.opened import Opened
from cloudify.datasets.pick import Axis, time_text
from cloudify.datasets.region import lone_axis
from cloudify.datasets.subject import Subject, subject_of

MOST_VARIABLES = 500


def describe(opened: Opened) -> dict[str, Any]:
    """Return ``variables``, their ``axes`` with a range each, and whether a box can be asked for. Blocks."""
    held = _data_of(opened)
    subjects = [subject_of(opened, name) for name in one_of_each(held, held)]
    axes: dict[str, dict[str, Any]] = {}
    for subject in subjects:
        for axis in subject.axes:
            if axis.dim not in subject.horizontal:
                axes.setdefault(axis.coordinate or axis.dim, _axis(subject, axis))
    return {
        "variables": [_variable(name, variable) for name, variable in held.items()],
        "axes": list(axes.values()),
        "is_placed": any(subject.grid.kind != "none" for subject in subjects),
    }


def _data_of(opened: Opened) -> dict[str, xr.Variable]:
    """Return the data variables of the root, else of all groups."""
    for nodes in ([opened.tree], opened.tree.descendants):
        groups = [conventional(node.to_dataset()) for node in nodes]
        found = {name: ds.variables[name] for ds in reversed(groups) for name in data_of(ds)}
        if found:
            return dict(list(found.items())[:MOST_VARIABLES])
    return {}


def _variable(name: str, variable: xr.Variable) -> dict[str, Any]:
    return {
        "name": name,
        "title": str(variable.attrs.get("long_name", variable.attrs.get("standard_name", "")))[:200],
        "units": str(variable.attrs.get("units", ""))[:80],
        "dims": [str(dim) for dim in variable.dims],
    }


def _axis(subject: Subject, axis: Axis) -> dict[str, Any]:
    name = axis.coordinate or axis.dim
    low, high = _ends(subject.ds, axis)
    return {
        "name": name,
        "range": f"{low},{high}" if low else "",
        "size": axis.size,
        "is_time": axis.is_time and bool(axis.calendar),
        "units": axis.units[:80],
        "is_longitude": name == lone_axis(subject, "longitude"),
    }


def _ends(ds: xr.Dataset, axis: Axis) -> tuple[str, str]:
    """Return first and last label as a selection takes them, positions where no label can be one."""
    if not axis.size:
        return "", ""
    positions = "0", str(axis.size - 1)
    if not axis.coordinate or (axis.is_time and not axis.calendar):
        return positions
    values = ds[axis.coordinate].to_numpy()
    if axis.is_time:
        ends = (values[0], values[-1])
        present = all(not isinstance(end, np.datetime64) or not np.isnat(end) for end in ends)
        return tuple(time_text(end)[:16].replace(" ", "T") for end in ends) if present else ("", "")  # type: ignore[return-value]  # two
    if values.dtype.kind not in "iuf" or not np.isfinite(values).any():
        return "", ""
    return f"{np.nanmin(values):.10g}", f"{np.nanmax(values):.10g}"
