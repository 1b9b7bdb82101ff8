"""How work is cut into slices: over a dataset the cells of a grid, over data its elements. Numbers begin at 1."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import ClassVar, Final

from cloudify.compute.cells import Axis, Cell, index_of, number_of
from cloudify.errors import BadInputError

VERSION: Final = 1
SLICE: Final = "slice"
"""The dimension of results that come from data."""


@dataclass(frozen=True, slots=True)
class Plan:
    """A dataset, cut by a grid; slices have its cells in C order.

    >>> plan = Plan((Axis("time", 10, 4, overlap=1), Axis("x", 4, 4)), ("tas",), 2)
    >>> plan.total, plan.cell(2), plan.read_cell(3)["time"]
    (3, {'time': slice(4, 8, None), 'x': slice(0, 4, None)}, slice(7, 10, None))
    """

    axes: tuple[Axis, ...]
    variables: tuple[str, ...] = ()
    """Paths in the dataset; the last part of each is the name in a block."""
    rank: int = 0
    """How many of the axes, the first ones, are the dimensions of an array that has no names for its own."""
    nbytes: int = 0
    """Values of a whole block in memory, in bytes, overlap and coordinates included."""

    @property
    def total(self) -> int:
        """How many slices it makes."""
        return prod(axis.count for axis in self.axes)

    def index(self, number: int) -> tuple[int, ...]:
        """Return the place of a slice among the cells along each axis."""
        return index_of(self.axes, number)

    def cell(self, number: int) -> Cell:
        """Return what a slice writes."""
        places = self.index(number)
        return {axis.dim: axis.span(place) for axis, place in zip(self.axes, places, strict=True)}

    def read_cell(self, number: int) -> Cell:
        """Return what a slice reads: its cell and the overlap with its neighbours, as far as there are elements."""
        places = self.index(number)
        return {axis.dim: axis.wide_span(place) for axis, place in zip(self.axes, places, strict=True)}

    def region(self, number: int) -> dict[str, list[int]]:
        """Return what a slice writes as JSON: dimension -> first position, and the one after the last."""
        return {dim: [part.start, part.stop] for dim, part in self.cell(number).items()}

    def number_of(self, region: Mapping[str, object]) -> int:
        """Return the number of the slice whose cell a region is; a dimension with one cell may be left out.

        Raises
        ------
        BadInputError
            If it is not one cell, naming those that it lies in.
        """
        unknown = sorted(set(region) - {axis.dim for axis in self.axes})
        if unknown:
            dims = ", ".join(axis.dim for axis in self.axes) or "none"
            raise BadInputError("regions", f"{unknown[0][:100]!r} is no dimension that is cut; those are: {dims}")
        spans = [_bounds(axis, region.get(axis.dim, [0, axis.size])) for axis in self.axes]
        first = [low // axis.chunk for axis, (low, _) in zip(self.axes, spans, strict=True)]
        last = [(high - 1) // axis.chunk for axis, (_, high) in zip(self.axes, spans, strict=True)]
        number = number_of(self.axes, first)
        cell = self.cell(number)
        if [slice(*span) for span in spans] == [cell[axis.dim] for axis in self.axes]:
            return number
        raise BadInputError("regions", self._why_not(region, number, number_of(self.axes, last)))

    def _why_not(self, region: Mapping[str, object], first: int, last: int) -> str:
        asked, inside = json.dumps(dict(region))[:400], json.dumps(self.region(first))
        if first == last:
            return f"{asked} is a part of the cell {inside}; give the whole of it"
        return (
            f"{asked} is no single cell; it reaches from {inside} to {json.dumps(self.region(last))}: "
            "give each cell as a region of its own"
        )

    def to_json(self) -> str:
        """Write it for the store and for workers."""
        axes = [[axis.dim, axis.size, axis.chunk, axis.overlap] for axis in self.axes]
        whole = {"v": VERSION, "axes": axes, "variables": self.variables, "rank": self.rank, "nbytes": self.nbytes}
        return json.dumps(whole, ensure_ascii=False, separators=(",", ":"))


@dataclass(frozen=True, slots=True)
class DataPlan:
    """A list of data, each element of which is a slice.

    >>> DataPlan(3).cell(2)
    {'slice': slice(1, 2, None)}
    """

    total: int
    """Elements; of an open job, so far."""
    variables: ClassVar[tuple[str, ...]] = ()
    rank: ClassVar[int] = 0

    @property
    def axes(self) -> tuple[Axis, ...]:
        """The one dimension of its results that is cut."""
        return (Axis(SLICE, self.total, 1),)

    def index(self, number: int) -> tuple[int, ...]:
        """Return the place of an element, also of one that was added since."""
        return (number - 1,)

    def cell(self, number: int) -> Cell:
        """Return what a slice writes."""
        return {SLICE: slice(number - 1, number)}

    def read_cell(self, number: int) -> Cell:
        """Return the same."""
        return self.cell(number)

    def to_json(self) -> str:
        """Write it for the store and for workers."""
        return json.dumps({"v": VERSION, "total": self.total}, separators=(",", ":"))


AnyPlan = Plan | DataPlan

SINGLE: Final = Plan(())
"""One slice of nothing that is cut: what is left when all results have been combined."""


def plan_from_json(text: str) -> AnyPlan:
    """Read what `to_json` of a plan wrote."""
    given = json.loads(text)
    if "total" in given:
        return DataPlan(given["total"])
    axes = tuple(Axis(*axis) for axis in given["axes"])
    return Plan(axes, tuple(given["variables"]), given["rank"], given["nbytes"])


def _bounds(axis: Axis, given: object) -> tuple[int, int]:
    low, high = given if isinstance(given, list) and len(given) == 2 else (None, None)  # noqa: PLR2004  # its ends
    if type(low) is not int or type(high) is not int or not 0 <= low < high <= axis.size:
        raise BadInputError(
            "regions",
            f"{axis.dim!r}: expected the first position and the one after the last, within [0, {axis.size}], "
            f"e.g. {[0, axis.chunk]}",
        )
    return low, high
