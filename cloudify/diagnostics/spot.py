"""The one place of a series: the cell whose centre is nearest to what was asked for."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from cloudify.datasets.centres import Centres, centres_of
from cloudify.datasets.grid import in_degrees, station_of
from cloudify.datasets.opened import Opened
from cloudify.datasets.sphere import distances_km
from cloudify.datasets.subject import Subject
from cloudify.diagnostics.along import Line
from cloudify.diagnostics.blocks import plain
from cloudify.diagnostics.reading import check_nbytes, touched_nbytes
from cloudify.errors import BadSelectionError, NoMapError, NoPlaceError
from cloudify.model.region import Place

Array = np.ndarray[Any, np.dtype[Any]]
Cell = Mapping[str, int]
"""Dimension of the grid -> place along it."""


@dataclass(frozen=True, slots=True)
class Spot:
    """The place of the values, in degrees and on the turn that the source writes."""

    lon: float
    lat: float
    distance_km: float | None
    """From the place that was asked for, to the millimetre; None where none was."""


def nearest_cell(opened: Opened, subject: Subject, place: Place) -> tuple[Cell, Spot]:
    """Return the cell that is nearest to a place, whether it has values or not. Blocks: coordinates are read.

    Raises
    ------
    NoPlaceError
        If the coordinates of its grid give no places.
    """
    centres = centres_in(opened, subject)
    return _cell(subject, centres, centres.nearest(place.lon, place.lat), place)


def nearest_cell_with_value(
    opened: Opened, subject: Subject, place: Place, line: Line, limit_nbytes: int
) -> tuple[Cell, Spot]:
    """Return the nearest of the cells that have a value at the first place of a line. Blocks: these are read.

    Raises
    ------
    NoPlaceError
        If the coordinates of its grid give no places.
    BadSelectionError
        If no cell has a value there.
    DiagnosticTooLargeError
        If more than `limit_nbytes` would be read.
    """
    centres = centres_in(opened, subject)
    part = {**line.others, line.axis.dim: int(line.span.start)}
    check_nbytes(touched_nbytes(subject.variable, part), limit_nbytes)
    field = subject.variable.isel(part).transpose(*centres.dims)
    cells = np.flatnonzero(np.isfinite(plain(field.to_numpy())))
    if not cells.size:
        raise BadSelectionError(f"no cell of {subject.name!r} has a value there; ask without valid=true")
    return _cell(subject, centres, centres.nearest_of(cells, place.lon, place.lat), place)


def centres_in(opened: Opened, subject: Subject) -> Centres:
    """Return the centres of the cells of a variable with a grid. Blocks; raises as `nearest_cell` does."""
    try:
        return centres_of(opened, subject)
    except NoMapError as error:
        raise NoPlaceError(subject.name, error.reason) from error


def station(subject: Subject, place: Place | None) -> Spot | None:
    """Return the one place of a dataset without a grid, None where it does not say."""
    names = station_of(subject.ds)
    if names is None:
        return None
    lon, lat = (float(subject.ds[name].to_numpy()) * in_degrees(subject.ds[name].variable) for name in names)
    if not (np.isfinite(lon) and np.isfinite(lat)):
        return None
    return Spot(lon, lat, None if place is None else _distance(place, lon, lat))


def _cell(subject: Subject, centres: Centres, number: int | None, place: Place) -> tuple[Cell, Spot]:
    if number is None:
        raise NoPlaceError(subject.name, "all of its longitudes or latitudes are missing")
    lon, lat = (float(axis[0]) for axis in centres.at(np.array([number])))
    shape = [subject.variable.sizes[dim] for dim in centres.dims]
    cell = dict(zip(centres.dims, map(int, np.unravel_index(number, shape)), strict=True))
    return cell, Spot(lon, lat, _distance(place, lon, lat))


def _distance(place: Place, lon: float, lat: float) -> float:
    return round(float(distances_km(place.lon, place.lat, np.array(lon), np.array(lat))), 6)
