"""Plots without a map: lines along a coordinate, histograms; and a map's cells as points."""

from calendar import monthrange
from collections.abc import Sequence
from itertools import product
from math import prod
from typing import Any

import cftime
import numpy as np
import xarray as xr

from cloudify.datasets.opened import Opened
from cloudify.datasets.pick import Axis, Choice, days_of, describe
from cloudify.datasets.subject import Subject, nbytes_of, subject_of
from cloudify.datasets.within import cut_horizontal
from cloudify.errors import BadSelectionError, PictureTooLargeError
from cloudify.pictures.drawing import Caption, HistDrawing, LineDrawing, MapDrawing
from cloudify.pictures.plot import MapPlan, Request, caption_of, check_numbers
from cloudify.pictures.view import Array

MOST_LINES = 10
MOST_POINTS = 100_000
"""Of a line; of more every so many are drawn."""
MOST_SCATTERED = 50_000
BINS = 60


def line_drawing(opened: Opened, request: Request, limit_nbytes: int) -> LineDrawing:
    """Read what a line shows. Blocks.

    Raises
    ------
    UnknownVariableError, BadOptionError, BadSelectionError
        If it cannot be drawn, and why.
    PictureTooLargeError
        If it needs more than `limit_nbytes` of values.
    """
    subject = subject_of(opened, request.variable)
    part, texts = _part(subject, request)
    part = part.squeeze()
    axes = [axis for axis in subject.axes if axis.dim in part.dims]
    if not part.dims:
        raise BadSelectionError("the selection leaves a single value, and a line needs two; select less")
    along = (
        max(axes, key=lambda axis: (axis.is_time, part.sizes[axis.dim])) if axes else Axis(str(part.dims[0]), part.size)
    )
    others = [str(dim) for dim in part.dims if dim != along.dim]
    count = prod(part.sizes[dim] for dim in others)
    if count > MOST_LINES:
        named = ", ".join(others)
        raise BadSelectionError(
            f"that would be {count} lines, and at most {MOST_LINES} are drawn: select values of {named}, "
            f"e.g. {others[0]}/0"
        )
    _check_nbytes(part, limit_nbytes)
    step = max(1, part.sizes[along.dim] // MOST_POINTS)
    values = part.isel({along.dim: slice(None, None, step)}).transpose(*others, along.dim).to_numpy()
    x = _x_of(along, part)[::step]
    limits = None if request.low is None or request.high is None else (request.low, request.high)
    return LineDrawing(
        x, values.reshape(count, -1).astype(np.float64), _caption(subject, texts),
        labels=_labels(subject, part, others), x_label=_x_label(along), is_time=along.is_time and bool(along.calendar),
        as_points=request.kind == "scatter", limits=limits,
    )  # fmt: skip


def hist_drawing(opened: Opened, request: Request, limit_nbytes: int) -> HistDrawing:
    """Read what a histogram counts. Blocks; raises as `line_drawing` does."""
    subject = subject_of(opened, request.variable)
    part, texts = _part(subject, request)
    _check_nbytes(part, limit_nbytes)
    values = part.to_numpy().ravel().astype(np.float64)
    values = values[np.isfinite(values)]
    low = float(values.min()) if request.low is None and values.size else request.low or 0.0
    high = float(values.max()) if request.high is None and values.size else request.high or 1.0
    if not low < high:
        low, high = low - (abs(low) * 1e-3 or 0.5), low + (abs(low) * 1e-3 or 0.5)
    counts, edges = np.histogram(values, BINS, (low, high))
    return HistDrawing(counts.astype(np.int64), edges, _caption(subject, texts))


def scatter_drawing(plan: MapPlan, request: Request) -> MapDrawing:
    """Read what a map shows as points at the middles of its cells, of many every so many. Blocks."""
    ranged = [choice.dim for choice in plan.choices if isinstance(choice.index, slice)]
    part = plan.part.mean(ranged) if ranged else plan.part
    values = part.transpose(*plan.cells.dims).to_numpy().ravel().astype(np.float32)
    lon, lat = plan.cells.centres()
    stride = max(1, -(-values.size // MOST_SCATTERED))
    shown = np.flatnonzero(np.isfinite(values) & np.isfinite(lon) & np.isfinite(lat))[::stride]
    return MapDrawing(
        "scatter", values[shown], plan.view, request.colormap, plan.limits.low, plan.limits.high, plan.caption,
        (lon[shown], lat[shown]),
    )  # fmt: skip


def _part(subject: Subject, request: Request) -> tuple[xr.DataArray, list[str]]:
    check_numbers(subject)
    along, (lon, lat) = subject.split(request.picks)
    part, choices = subject.narrow(along, [axis.dim for axis in subject.axes])
    part, places = cut_horizontal(subject, part, lon, lat)
    return part, [choice.text for choice in choices if choice.text and not isinstance(choice.index, slice)] + places


def _check_nbytes(part: xr.DataArray, limit_nbytes: int) -> None:
    if nbytes_of(part) > limit_nbytes:
        raise PictureTooLargeError(nbytes_of(part), limit_nbytes)


def _caption(subject: Subject, texts: Sequence[str]) -> Caption:
    return caption_of(subject, texts, "")


def _x_of(axis: Axis, part: xr.DataArray) -> Array:
    """Return numbers along an axis: values, or days since 1970-01-01, or positions where there are no numbers."""
    coordinate = part.coords.get(axis.coordinate) if axis.coordinate else None
    if coordinate is None or coordinate.dims != (axis.dim,):
        return np.arange(part.sizes[axis.dim], dtype=np.float64)
    values = coordinate.to_numpy()
    if axis.is_time and axis.calendar:
        return real_days(values, axis.calendar)
    return values.astype(np.float64) if values.dtype.kind in "biuf" else np.arange(len(values), dtype=np.float64)


def real_days(times: Array, calendar: str) -> Array:
    """Return days since 1970-01-01 as everybody counts them, also of calendars with days that do not exist."""
    if times.dtype.kind == "M":
        return days_of(times, calendar)
    return np.array([_real_day(time) for time in times])


def _real_day(time: Any) -> float:  # noqa: ANN401  # cftime's
    if not isinstance(time, cftime.datetime):
        return float("nan")
    day = min(time.day, monthrange(max(1, time.year), time.month)[1])
    real = cftime.datetime(time.year, time.month, day, time.hour, time.minute, time.second, calendar="standard")
    return float(cftime.date2num(real, "days since 1970-01-01", calendar="standard"))


def _x_label(axis: Axis) -> str:
    name = axis.coordinate or axis.dim
    return f"{name} [{axis.units}]" if axis.units else name


def _labels(subject: Subject, part: xr.DataArray, others: list[str]) -> tuple[str, ...]:
    """Say what each line is."""
    axes = {axis.dim: axis for axis in subject.axes}
    if not others:
        return ()
    return tuple(
        ", ".join(_label(part, axes[dim], place) for dim, place in zip(others, places, strict=True))
        for places in product(*(range(part.sizes[dim]) for dim in others))
    )


def _label(part: xr.DataArray, axis: Axis, place: int) -> str:
    if axis.coordinate not in part.coords:
        return f"{axis.dim} {place}"
    return Choice(axis.dim, place, describe(part.to_dataset(name="_"), axis, place)).text
