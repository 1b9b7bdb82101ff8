"""The mean over a region, place by place along a line."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np

from cloudify.datasets.areas import Method, cells_and_areas
from cloudify.datasets.opened import Opened
from cloudify.datasets.sphere import EARTH_KM
from cloudify.datasets.subject import Subject
from cloudify.diagnostics.along import Line
from cloudify.diagnostics.inside import cells_in
from cloudify.diagnostics.reading import Index, blocks, check_nbytes, chunk_of, runs, touched_nbytes
from cloudify.diagnostics.spot import centres_in
from cloudify.errors import BadSelectionError, NoMapError, NoPlaceError
from cloudify.model.region import Box, Polygon

Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True, slots=True)
class Patch:
    """The region of a mean."""

    region: Box | Polygon
    cells: int
    """How many have their centre within."""
    cells_with_values: int
    """How many of them have a value at any place of the line."""
    area_km2: float | None
    """Of those; None where the areas are only known relative to each other."""
    weights: Method


@dataclass(frozen=True, eq=False)
class _Piece:
    """A rectangle of a grid."""

    part: Mapping[str, Index]
    """Where it lies, in the order of the grid's dimensions."""
    members: Array
    """Which of the cells of the region lie in it."""
    places: Array
    """And where, counted in C order."""


def area_mean(
    opened: Opened, subject: Subject, region: Box | Polygon, line: Line, limit_nbytes: int
) -> tuple[Patch, Array]:
    """Return the means over the cells whose centre lies in a region, float64 of shape (places of the line,). Blocks.

    A mean is ``sum(a v) / sum(a)`` over the cells that have a value, with the areas a of `datasets.areas`; NaN where
    none has.

    Raises
    ------
    NoPlaceError
        If the coordinates of its grid give no cells.
    BadSelectionError
        If the centre of none lies in the region.
    DiagnosticTooLargeError
        If more than `limit_nbytes` would be read.
    """
    centres = centres_in(opened, subject)
    cells = cells_in(centres, region)
    if not cells.size:
        raise BadSelectionError(
            "the centre of no cell lies in the region: choose a larger one, or ask for a place by lon= and lat="
        )
    try:
        areas = cells_and_areas(opened, subject)[1]
    except NoMapError as error:
        raise NoPlaceError(subject.name, error.reason) from error
    pieces = list(_pieces(subject, centres.dims, cells))
    taken: Mapping[str, Index] = {**line.others, line.axis.dim: line.span}
    touched = [touched_nbytes(subject.variable, {**taken, **piece.part}) for piece in pieces]
    check_nbytes(sum(touched), limit_nbytes)
    means, used = _means(subject, line, pieces, areas.values[cells])
    area = None if areas.is_relative else float(areas.values[cells[used]].sum()) * EARTH_KM**2
    return Patch(region, cells.size, int(np.count_nonzero(used)), area, areas.method), means


def _means(subject: Subject, line: Line, pieces: list[_Piece], areas: Array) -> tuple[Array, Array]:
    """Return the means, and which cells have a value anywhere."""
    total, weight, used = np.zeros(line.size), np.zeros(line.size), np.zeros(areas.size, bool)
    for piece in pieces:
        own = areas[piece.members]
        for span, values in blocks(subject.variable, {**line.others, **piece.part}, line.axis.dim, line.span):
            chosen = _flat(subject, piece.part, values)[:, piece.places].astype(np.float64)
            present = np.isfinite(chosen)
            at = slice(span.start - line.span.start, span.stop - line.span.start)
            total[at] += np.where(present, chosen, 0.0) @ own
            weight[at] += present @ own
            used[piece.members] |= present.any(axis=0)
    return np.divide(total, weight, out=np.full(line.size, np.nan), where=weight > 0), used


def _pieces(subject: Subject, dims: tuple[str, ...], cells: Array) -> Iterator[_Piece]:
    """Cut the grid so that little is read which holds no cell of a region."""
    variable = subject.variable
    places = np.unravel_index(cells, [variable.sizes[dim] for dim in dims])
    spans = [runs(along, chunk_of(variable, dim)) for dim, along in zip(dims, places, strict=True)]
    for sides in product(*spans):
        held = np.ones(cells.size, bool)
        for side, along in zip(sides, places, strict=True):
            held &= (along >= side.start) & (along < side.stop)
        members = np.flatnonzero(held)
        if members.size:
            local = [along[members] - side.start for side, along in zip(sides, places, strict=True)]
            shape = [side.stop - side.start for side in sides]
            yield _Piece(dict(zip(dims, sides, strict=True)), members, np.ravel_multi_index(local, shape))


def _flat(subject: Subject, part: Mapping[str, Index], values: Array) -> Array:
    """Return a block of a piece as (places of the line, cells of the piece)."""
    order = [str(dim) for dim in subject.variable.dims if dim in part]
    return values.transpose(0, *(1 + order.index(dim) for dim in part)).reshape(len(values), -1)
