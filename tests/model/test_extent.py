"""Unions of extents, against counting degrees on the circle."""

import random

import pytest

from cloudify.model.extent import Extent

WHOLE = 360


def degrees_of(west: int, east: int) -> set[int]:
    """Return the whole degrees between the edges of an arc, as cells counted eastwards from the date line."""
    width = east - west if east >= west else east - west + WHOLE
    return {(west + 180 + step) % WHOLE for step in range(width)}


def widest_gap(covered: set[int]) -> int:
    runs, run = [0], 0
    for degree in [*range(WHOLE), *range(WHOLE)]:
        run = 0 if degree in covered else run + 1
        runs.append(min(run, WHOLE))
    return max(runs)


def test_the_union_of_boxes_is_all_but_the_widest_gap() -> None:
    rng = random.Random(4)  # noqa: S311  # no secret
    for _ in range(3000):
        arcs = [(rng.randrange(-180, 180), rng.randrange(-180, 180)) for _ in range(rng.randint(1, 5))]
        arcs = [(west, east) for west, east in arcs if west != east]
        if not arcs:
            continue
        found = Extent.union(Extent((float(west), 0.0, float(east), 1.0)) for west, east in arcs).bbox
        assert found is not None
        west, _, east, _ = found
        assert -180 <= west <= 180
        assert -180 <= east <= 180
        covered = set().union(*(degrees_of(*arc) for arc in arcs))
        box = degrees_of(int(west), int(east))
        assert covered <= box
        assert len(box) == WHOLE - widest_gap(covered)


@pytest.mark.parametrize(
    ("boxes", "expected"),
    [
        ([(170.0, 0.0, 180.0, 1.0), (-180.0, 0.0, -170.0, 2.0)], (170.0, 0.0, -170.0, 2.0)),
        ([(-180.0, -5.0, 180.0, 5.0), (10.0, 0.0, 20.0, 8.0)], (-180.0, -5.0, 180.0, 8.0)),
        ([(-180.0, 0.0, 0.0, 1.0), (0.0, 0.0, 180.0, 1.0)], (-180.0, 0.0, 180.0, 1.0)),
        ([(10.0, 50.0, 10.0, 50.0)], (10.0, 50.0, 10.0, 50.0)),
    ],
    ids=["date line", "world", "halves", "point"],
)
def test_boxes_at_the_edges(boxes: list[tuple[float, float, float, float]], expected: tuple[float, ...]) -> None:
    assert Extent.union(map(Extent, boxes)).bbox == expected


def test_what_is_unknown_adds_nothing() -> None:
    first, last = ("2001-01-01T00:00:00Z", "2002-01-01T00:00:00Z"), ("1999-01-01T00:00:00Z", "1999-02-01T00:00:00Z")
    assert Extent.union([Extent(), Extent(interval=first), Extent(interval=last)]) == Extent(
        interval=(last[0], first[1])
    )
    assert Extent.union([]) == Extent()
    assert Extent(interval=last).or_else(Extent((0.0, 0.0, 1.0, 1.0), first)) == Extent((0.0, 0.0, 1.0, 1.0), last)
