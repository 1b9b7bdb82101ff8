"""A series of a variable: of the cell nearest to a place, or the mean over a region."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from cloudify.datasets.grid import station_of
from cloudify.datasets.opened import Opened
from cloudify.datasets.subject import Subject, subject_of
from cloudify.diagnostics.along import Line, coordinate_of, line_of, places_of
from cloudify.diagnostics.area_mean import Patch, area_mean
from cloudify.diagnostics.reading import blocks, check_nbytes, touched_nbytes
from cloudify.diagnostics.spot import Cell, Spot, nearest_cell, nearest_cell_with_value, station
from cloudify.errors import BadOptionError, BadSelectionError, NoPlaceError
from cloudify.model.region import Box, Place, Polygon
from cloudify.model.selection import Pick

Array = np.ndarray[Any, np.dtype[Any]]

MOST_VALUES = 1_000_000
"""Longest series: it is written as text."""
WHERE = "lon= and lat=, bbox=west,south,east,north or polygon=lon lat,lon lat,lon lat"


@dataclass(frozen=True, slots=True)
class Request:
    """What was asked for, looked at but for the dataset."""

    variable: str
    where: Place | Box | Polygon | None = None
    """None for data without a grid."""
    picks: tuple[Pick, ...] = ()
    max_distance_km: float | None = None
    """Farthest that the nearest cell may be."""
    valid: bool = False
    """Whether it is the nearest of those that have a value at the first place of the series."""


@dataclass(frozen=True, eq=False)
class Series:
    """Values along one coordinate."""

    subject: Subject
    line: Line
    coordinate: Array
    """Of shape (n,): times, numbers or texts."""
    values: Array
    """Of shape (n,): of the variable's own type at a place, float64 of means; NaN where missing."""
    others: Mapping[str, Any]
    """Coordinate of each other dimension -> its value, as JSON has it."""
    where: Spot | Patch | None


def series(opened: Opened, request: Request, limit_nbytes: int) -> Series:
    """Read a series. Blocks.

    Raises
    ------
    UnknownVariableError, BadOptionError, BadSelectionError, NoPlaceError
        If there is none, and why.
    DiagnosticTooLargeError
        If more than `limit_nbytes` of the source would be read.
    """
    subject = subject_of(opened, request.variable)
    _check_numbers(subject)
    _check_where(subject, request)
    line = line_of(subject, request.picks)
    if line.size > MOST_VALUES:
        raise BadSelectionError(
            f"a series of {line.size} values, and at most {MOST_VALUES} are written as text: give a range,"
            f" {line.axis.coordinate or line.axis.dim}=first,last"
        )
    where, values = _read(opened, subject, line, request, limit_nbytes)
    return Series(subject, line, coordinate_of(subject, line), values, places_of(subject, line), where)


def _check_numbers(subject: Subject) -> None:
    variable, name = subject.variable, subject.name
    if not subject.holds_numbers:
        raise BadOptionError(f"{name!r} holds no numbers, which series are made of; choose another variable")
    if not variable.dims or not variable.size:
        raise BadOptionError(f"{name!r} has no values along a dimension, so there is no series")


def _check_where(subject: Subject, request: Request) -> None:
    if subject.grid.kind != "none":
        if request.where is None:
            raise BadOptionError(f"{subject.name!r} has values at many places: say where by {WHERE}")
    elif request.where is not None and (not isinstance(request.where, Place) or station_of(subject.ds) is None):
        raise NoPlaceError(
            subject.name,
            "it has no longitudes and latitudes that the conventions know; ask for its series without a place",
        )


def _read(
    opened: Opened, subject: Subject, line: Line, request: Request, limit_nbytes: int
) -> tuple[Spot | Patch | None, Array]:
    if isinstance(request.where, Box | Polygon):
        return area_mean(opened, subject, request.where, line, limit_nbytes)
    cell: Cell = {}
    if subject.grid.kind == "none" or request.where is None:
        spot = station(subject, request.where)
    elif request.valid:
        cell, spot = nearest_cell_with_value(opened, subject, request.where, line, limit_nbytes)
    else:
        cell, spot = nearest_cell(opened, subject, request.where)
    if spot is not None:
        _check_distance(spot, request.max_distance_km)
    part = {**line.others, **cell}
    check_nbytes(touched_nbytes(subject.variable, {**part, line.axis.dim: line.span}), limit_nbytes)
    return spot, np.concatenate([values for _, values in blocks(subject.variable, part, line.axis.dim, line.span)])


def _check_distance(spot: Spot, most_km: float | None) -> None:
    if most_km is not None and spot.distance_km is not None and spot.distance_km > most_km:
        raise BadSelectionError(
            f"the nearest cell, at {spot.lon:.6g}, {spot.lat:.6g}, is {spot.distance_km:.6g} km away,"
            f" more than max_distance_km={most_km:g}"
        )
