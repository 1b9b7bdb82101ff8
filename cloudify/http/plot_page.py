"""What the page of a plot is made of: what there is to choose from, and what is chosen now."""

from typing import Any

from cloudify.datasets.grid import is_bounds
from cloudify.datasets.opened import Opened
from cloudify.datasets.pick import Axis, describe
from cloudify.datasets.subject import Subject, subject_of
from cloudify.model.selection import Pick
from cloudify.pictures.frame import DEFAULT_WIDTH
from cloudify.pictures.map_image import margins
from cloudify.pictures.palette import colormap_names
from cloudify.pictures.plot import KINDS, Request

MOST_LABELS = 2000
"""Steps of a slider whose labels are sent with the page."""
MOST_VARIABLES = 500


def page_values(dataset_id: str, opened: Opened, request: Request) -> dict[str, Any]:
    """Return what the template needs. Blocks: coordinates are read.

    Raises
    ------
    UnknownVariableError, BadSelectionError
        If there is no such variable, or no such selection of it.
    """
    subject = subject_of(opened, request.variable)
    along, (lon, lat) = subject.split(request.picks)
    sliders = [
        _slider(subject, axis, along.get(axis.dim))
        for axis in subject.axes
        if axis.dim not in subject.horizontal and axis.size > 1
    ]
    return {
        "dataset_id": dataset_id,
        "variable": request.variable,
        "variables": _variables(opened),
        "kind": request.kind,
        "kinds": KINDS,
        "colormap": request.colormap,
        "colormaps": colormap_names(),
        "sliders": sliders,
        "has_map": subject.grid.kind != "none",
        "corner": dict(zip(("left", "top"), margins(DEFAULT_WIDTH)[::2], strict=True)),
        "region": {"lon": lon.text if lon else "", "lat": lat.text if lat else ""},
        "limits": {"vmin": request.low, "vmax": request.high},
    }


def _slider(subject: Subject, axis: Axis, pick: Pick | None) -> dict[str, Any]:
    """Return one dimension to slide along; by positions, as these are short and always meant the same way."""
    labels = [describe(subject.ds, axis, place) for place in range(axis.size)] if axis.size <= MOST_LABELS else []
    whole = pick is not None and pick.high is not None
    place = axis.size - 1 if axis.is_time else 0
    if pick is not None and not whole:
        chosen = subject.narrow({axis.dim: pick}, [other.dim for other in subject.axes])[1][0].index
        place = chosen if isinstance(chosen, int) else place
    values = [] if axis.is_time or not axis.coordinate else _values(subject, axis)
    return {
        "coord": axis.coordinate or axis.dim,
        "is_time": axis.is_time,
        "last": axis.size - 1,
        "place": place,
        "labels": labels,
        "values": values,
        "range": pick.text if whole and pick is not None else "",
    }


def _values(subject: Subject, axis: Axis) -> list[str]:
    """Return what a selection says for each place along an axis of values."""
    coordinate = subject.ds[axis.coordinate]
    return (
        [f"{float(str(value)):.10g}" for value in coordinate.to_numpy()[:MOST_LABELS]]
        if coordinate.dtype.kind in "iuf"
        else []
    )


def _variables(opened: Opened) -> list[str]:
    """Return the variables that a plot could be of."""
    names = (
        str(name)
        for node in opened.tree.subtree
        for name, variable in node.dataset.data_vars.items()
        if variable.dtype.kind in "biuf" and variable.dims and not is_bounds(node.to_dataset(), str(name))
    )
    return list(dict.fromkeys(names))[:MOST_VARIABLES]
