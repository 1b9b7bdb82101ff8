"""A plot of a variable: what was asked for, what that takes to read, and what is drawn."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import xarray as xr

from cloudify.datasets.cells import Cells, cells_of
from cloudify.datasets.opened import Opened
from cloudify.datasets.pick import Choice
from cloudify.datasets.subject import Subject, nbytes_of, range_of, subject_of
from cloudify.errors import BadOptionError, NoMapError, PictureTooLargeError
from cloudify.model.selection import Pick
from cloudify.pictures.drawing import Caption
from cloudify.pictures.frame import cut_region, region_of, view_of
from cloudify.pictures.kept import Kept
from cloudify.pictures.limits import Limits, robust, sample
from cloudify.pictures.map_image import SMALL, draw_map
from cloudify.pictures.palette import Palette, palette_of
from cloudify.pictures.resample import NONE, index_table
from cloudify.pictures.view import Array, View

Kind = Literal["image", "pcolormesh", "contourf", "contour", "line", "hist", "scatter"]
KINDS: tuple[Kind, ...] = get_args(Kind)
MAPS: frozenset[Kind] = frozenset({"image", "pcolormesh", "contourf", "contour"})


@dataclass(frozen=True, slots=True)
class Request:
    """What was asked for, looked at but for the dataset."""

    variable: str
    kind: Kind
    colormap: str
    picks: tuple[Pick, ...]
    width: int | None = None
    height: int | None = None
    low: float | None = None
    high: float | None = None


Version = tuple[str, str]
"""A dataset's id and version token."""


@dataclass(frozen=True, eq=False)
class MapPlan:
    """A map that can be drawn; nothing of its values has been read."""

    subject: Subject
    part: xr.DataArray
    choices: tuple[Choice, ...]
    cells: Cells
    view: View
    palette: Palette
    limits: Limits
    caption: Caption
    version: Version
    """Of the dataset that it is made of."""


def plan_map(opened: Opened, request: Request, kept: Kept, limit_nbytes: int) -> MapPlan:
    """Decide what a map shows. Blocks: coordinates are read, and a sample of the values where no limits are given.

    Raises
    ------
    UnknownVariableError, BadSelectionError, NoMapError, UnknownColormapError
        If it cannot be drawn, and why.
    PictureTooLargeError
        If it needs more than `limit_nbytes` of values.
    """
    subject = subject_of(opened, request.variable)
    check_numbers(subject)
    if subject.grid.kind == "none":
        raise NoMapError(request.variable, "it has no longitudes and latitudes that the conventions know")
    along, (lon, lat) = subject.split(request.picks)
    part, choices = subject.narrow(along, subject.horizontal)
    if nbytes_of(part) > limit_nbytes:
        raise PictureTooLargeError(nbytes_of(part), limit_nbytes)
    cells = opened.derived(f"cells {subject.place}", lambda _: cells_of(subject.ds, subject.name, subject.grid))
    region = opened.derived(f"region {subject.place}", lambda _: region_of(cells))
    region = cut_region(region, range_of(lon) if lon else None, range_of(lat) if lat else None)
    palette = palette_of(request.colormap)
    version = (opened.entry.id, opened.token)
    limits = limits_of(subject, choices, request, palette, kept, version)
    view = view_of(region, request.width, request.height)
    return MapPlan(
        subject,
        part,
        tuple(choices),
        cells,
        view,
        palette,
        limits,
        caption_of(subject, [choice.text for choice in choices], limits.note),
        version,
    )


def table_of(plan: MapPlan, kept: Kept) -> Array:
    """Return which cell each pixel of a map shows (`resample.index_table`)."""
    return kept.get((*plan.version, plan.subject.place, plan.view), lambda: index_table(plan.cells, plan.view))


def values_on(plan: MapPlan, table: Array) -> Array:
    """Read the values of a map and put them on its pixels: float32 or float64, NaN where there is nothing. Blocks."""
    ranged = [choice.dim for choice in plan.choices if isinstance(choice.index, slice)]
    values = plan.part.transpose(*ranged, *plan.cells.dims).to_numpy()
    values = values.astype(np.float64 if values.dtype.itemsize > 4 else np.float32, copy=False)  # noqa: PLR2004  # bytes
    if ranged:
        values = _mean(values, len(ranged))
    shown = values.ravel()[table]
    shown[table == NONE] = np.nan
    return np.asarray(shown)


def image(plan: MapPlan, values: Array, *, is_small: bool) -> bytes:
    """Draw the kind `image`: a palette PNG."""
    low, high = plan.limits.low, plan.limits.high
    colours = plan.palette.index(values, low, high)
    return draw_map(colours, plan.view, plan.palette, low, high, None if is_small else plan.caption)


def is_small(request: Request) -> bool:
    """Whether a picture is a thumbnail: a map and nothing else."""
    return request.width is not None and request.width < SMALL


def check_numbers(subject: Subject) -> None:
    """Refuse a variable that holds no numbers.

    Raises
    ------
    BadOptionError
        Saying what it holds.
    """
    if subject.variable.dtype.kind not in "biuf":
        held = {"M": "times", "m": "durations", "c": "complex numbers"}.get(subject.variable.dtype.kind, "text")
        held = "times" if "calendar" in subject.variable.encoding else held
        raise BadOptionError(f"{subject.name!r} holds {held}, which no plot shows; choose another variable")
    if not subject.variable.dims:
        raise BadOptionError(f"{subject.name!r} is a single value, of which there is no plot")
    if not subject.variable.size:
        raise BadOptionError(f"{subject.name!r} has no values: a dimension is empty")


def limits_of(
    subject: Subject, choices: list[Choice], request: Request, palette: Palette, kept: Kept, version: Version
) -> Limits:
    """Return the limits that were given, else robust ones of a sample over time: those of one level are the same."""
    low, high = request.low, request.high
    if low is None or high is None:
        times = tuple(axis.dim for axis in subject.axes if axis.is_time)
        held = {choice.dim: choice.index for choice in choices if choice.dim not in times}
        key = (*version, subject.group, subject.name, str(held), palette.is_diverging)
        found = kept.get(key, lambda: _robust(subject, held, times, palette))
        low, high = (found.low if low is None else low), (found.high if high is None else high)
        if low < high:
            return Limits(low, high, found.note)
    if not (np.isfinite(low) and np.isfinite(high) and low < high):
        raise BadOptionError(f"vmin={low:g}, vmax={high:g}: expected two numbers, the first one smaller")
    return Limits(low, high)


def caption_of(subject: Subject, texts: Iterable[str], note: str) -> Caption:
    """Return what a picture says of itself."""
    attrs = subject.variable.attrs
    title = next(
        (attrs[key] for key in ("long_name", "standard_name") if isinstance(attrs.get(key), str)), subject.name
    )
    units = attrs.get("units")
    subtitle = ", ".join(filter(None, texts))
    return Caption(title.replace("_", " "), subtitle, units if isinstance(units, str) and units != "1" else "", note)


def _robust(subject: Subject, held: dict[str, Any], times: tuple[str, ...], palette: Palette) -> Limits:
    return robust(sample(subject.variable.isel(held), times), is_diverging=palette.is_diverging)


def _mean(values: Array, ndim: int) -> Array:
    """Return the mean over the leading axes of what is present, by float64."""
    axes = tuple(range(ndim))
    present = np.isfinite(values)
    count = present.sum(axis=axes)
    total = np.where(present, values, 0.0).sum(axis=axes, dtype=np.float64)
    return np.asarray(np.where(count > 0, total / np.maximum(count, 1), np.nan))
