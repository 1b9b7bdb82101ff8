"""Which part of a dataset is wanted as a file: the query of a URL as values, before any dataset is looked at.

``var=a,b``, ``bbox=w,s,e,n``, and of any coordinate or dimension ``lo,hi`` (both ends belong to it), a single value, a
text, ``first``, ``latest``, ``last-30d`` or ``last-12`` (the last twelve places).
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from math import isfinite

from cloudify.errors.families import quote
from cloudify.model.selection import MAX_LENGTH, MAX_PICKS, Bound, Pick, SelectionError, bound_of

MAX_NAMES = 1000
"""Most variables that are named."""
FIRST, LATEST = "first", "latest"
UNITS_S = {"min": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
"""Unit of a time that goes back from the last one -> seconds. Months and years have no length of their own."""
RESERVED = frozenset({"var", "bbox", "units", "estimate", "f"})
"""What a query means by these is never a coordinate."""

_RECENT = re.compile(rf"last-(?P<count>[0-9]{{1,9}})(?P<unit>{'|'.join(UNITS_S)})?")
_EXPECTED = "expected a value, lo,hi, first, latest, last-30d (or h, min, w) or last-12"


@dataclass(frozen=True, slots=True)
class Recent:
    """The end of an axis."""

    coord: str
    count: int
    unit_s: int
    """0: so many places; else so many times this many seconds, back from the last time."""
    written: str


@dataclass(frozen=True, slots=True)
class Named:
    """A place along a coordinate of texts."""

    coord: str
    name: str
    written: str


Asked = Pick | Recent | Named


@dataclass(frozen=True, slots=True)
class SubsetRequest:
    """What is wanted. Two queries that mean the same are equal."""

    variables: tuple[str, ...] = ()
    """As they were written: each a name, or several joined by commas. None: all data variables."""
    picks: tuple[Asked, ...] = ()
    """By the name of what they select along."""

    @property
    def query(self) -> str:
        """The query in words, e.g. ``var=tas&lat=10,20``."""
        parts = [f"var={name}" for name in self.variables] + [pick.written for pick in self.picks]
        return "&".join(dict.fromkeys(parts))


def parse_subset(items: Iterable[tuple[str, str]]) -> SubsetRequest:
    """Read the parameters of a query; those without a value say nothing.

    >>> request = parse_subset([("var", "tas"), ("lat", "10,20"), ("time", "last-30d")])
    >>> request.query, request.picks[1]
    ('var=tas&lat=10,20&time=last-30d', Recent(coord='time', count=30, unit_s=86400, written='time=last-30d'))

    Raises
    ------
    SelectionError
        Saying what was found and what was expected.
    """
    names: dict[str, None] = {}
    picks: list[Asked] = []
    for key, text in items:
        value = text.strip()
        if not value:
            continue
        if key == "var":
            names[value] = None
        elif key == "bbox":
            picks += _box(value)
        elif key not in RESERVED:
            picks.append(_asked(key, value))
    if len(picks) > MAX_PICKS or len(names) > MAX_NAMES:
        raise SelectionError(f"a selection along {len(picks)} names of {len(names)} variables; the most is {MAX_PICKS}")
    coords = [pick.coord for pick in picks]
    twice = next((coord for coord in coords if coords.count(coord) > 1), None)
    if twice is not None:
        raise SelectionError(f"{quote(twice, 60)} is selected twice")
    return SubsetRequest(tuple(names), tuple(sorted(picks, key=lambda pick: pick.coord)))


def _asked(coord: str, value: str) -> Asked:
    written = f"{coord}={value}"
    if len(written) > MAX_LENGTH:
        raise SelectionError(f"{quote(written, 60)}: longer than {MAX_LENGTH} characters")
    recent = _RECENT.fullmatch(value)
    if recent is not None:
        count = int(recent["count"])
        if not count:
            raise SelectionError(f"{quote(written)} is nothing; {_EXPECTED}")
        return Recent(coord, count, UNITS_S.get(recent["unit"], 0), written)
    low, comma, high = (part.strip() for part in value.partition(","))
    bounds = [_bound(part) for part in ([low, high] if comma else [low])]
    if None not in bounds:
        return Pick(coord, bounds[0], bounds[1] if comma else None, written)  # type: ignore[arg-type]  # none is None
    if value.startswith("last-"):
        raise SelectionError(f"{quote(written)} is no selection; {_EXPECTED}")
    return Named(coord, value, written)


def _bound(text: str) -> Bound | None:
    return Bound(text) if text in {FIRST, LATEST} else bound_of(text)


def _box(value: str) -> list[Asked]:
    bounds = [bound_of(part.strip()) for part in value.split(",")] if len(value) <= MAX_LENGTH else []
    numbers = [bound.number for bound in bounds if bound is not None]
    if len(bounds) != 4 or len(numbers) != 4 or not all(n is not None and isfinite(n) for n in numbers):  # noqa: PLR2004
        raise SelectionError(f"bbox={quote(value, 60)}: expected four numbers in degrees, west,south,east,north")
    west, south, east, north = (bound for bound in bounds if bound is not None)
    written = f"bbox={value}"
    return [Pick("lon", west, east, written), Pick("lat", south, north, written)]
