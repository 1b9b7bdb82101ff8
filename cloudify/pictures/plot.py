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
from cloudify.pictures.frame import Region, cut_region, region_of, view_of
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
class Field:
    """What a map shows, wherever on it; nothing of its values has been read."""

    subject: Subject
    part: xr.DataArray
    choices: tuple[Choice, ...]
    cells: Cells
    version: Version
    """Of the dataset that it is made of."""


@dataclass(frozen=True, eq=False)
class MapPlan(Field):
    """A map that can be drawn."""

    view: View
    palette: Palette
    limits: Limits
    caption: Caption


def field_of(opened: Opened, request: Request, limit_nbytes: int) -> Field:
    """Decide which values a map shows. Blocks: coordinates are read.

    Raises
    ------
    UnknownVariableError, BadSelectionError, NoMapError
        If there is no map of it, and why.
    PictureTooLargeError
        If it needs more than `limit_nbytes` of values.
    """
    subject = subject_of(opened, request.variable)
    check_numbers(subject)
    if subject.grid.kind == "none":
        raise NoMapError(request.variable, "it has no longitudes and latitudes that the conventions know")
    along, _ = subject.split(request.picks)
    part, choices = subject.narrow(along, subject.horizontal)
    if nbytes_of(part) > limit_nbytes:
        raise PictureTooLargeError(nbytes_of(part), limit_nbytes)
    return Field(subject, part, tuple(choices), cells_in(opened, subject), (opened.entry.id, opened.token))


def cells_in(opened: Opened, subject: Subject) -> Cells:
    """Return the cells of a variable's grid; they are read once. Raises `NoMapError` as `cells_of` does."""
    return opened.derived(f"cells {subject.place}", lambda _: cells_of(subject.ds, subject.name, subject.grid))


def region_in(opened: Opened, subject: Subject) -> Region:
    """Return the box that a map of all of a variable's grid shows."""
    cells = cells_in(opened, subject)
    return opened.derived(f"region {subject.place}", lambda _: region_of(cells))


def plan_map(opened: Opened, request: Request, kept: Kept, limit_nbytes: int) -> MapPlan:
    """Decide what a map shows. Blocks: coordinates are read, and a sample of the values where no limits are given.

    Raises
    ------
    UnknownVariableError, BadSelectionError, NoMapError, UnknownColormapError
        If it cannot be drawn, and why.
    PictureTooLargeError
        If it needs more than `limit_nbytes` of values.
    """
    field = field_of(opened, request, limit_nbytes)
    subject = field.subject
    _, (lon, lat) = subject.split(request.picks)
    region = cut_region(region_in(opened, subject), range_of(lon) if lon else None, range_of(lat) if lat else None)
    palette = palette_of(request.colormap)
    limits = limits_of(field, request, palette, kept)
    return MapPlan(
        subject,
        field.part,
        field.choices,
        field.cells,
        field.version,
        view_of(region, request.width, request.height),
        palette,
        limits,
        caption_of(subject, [choice.text for choice in field.choices], limits.note),
    )


def table_of(plan: MapPlan, kept: Kept) -> Array:
    """Return which cell each pixel of a map shows (`resample.index_table`)."""
    return kept.get((*plan.version, plan.subject.place, plan.view), lambda: index_table(plan.cells, plan.view))


def values_on(plan: MapPlan, table: Array) -> Array:
    """Read the values of a map and put them on its pixels: float32 or float64, NaN where there is nothing. Blocks."""
    return on_pixels(read_field(plan), table)


def read_field(field: Field) -> Array:
    """Read the value of each cell, in the order of cells: float32 or float64, NaN where there is nothing. Blocks."""
    ranged = [choice.dim for choice in field.choices if isinstance(choice.index, slice)]
    values = field.part.transpose(*ranged, *field.cells.dims).to_numpy()
    values = values.astype(np.float64 if values.dtype.itemsize > 4 else np.float32, copy=False)  # noqa: PLR2004  # bytes
    return (_mean(values, len(ranged)) if ranged else values).ravel()


def on_pixels(values: Array, table: Array) -> Array:
    """Return the values of the cells that the pixels of a map show, NaN where they show none."""
    shown = values[table]
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


def limits_of(field: Field, request: Request, palette: Palette, kept: Kept) -> Limits:
    """Return the limits that were given, else robust ones of a sample over time: those of one level are the same."""
    low, high = request.low, request.high
    if low is None or high is None:
        subject = field.subject
        times = tuple(axis.dim for axis in subject.axes if axis.is_time)
        held = {choice.dim: choice.index for choice in field.choices if choice.dim not in times}
        key = (*field.version, subject.group, subject.name, str(held), palette.is_diverging)
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
