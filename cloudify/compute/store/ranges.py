"""Slices as ranges of alike ones: read in the order of their numbers, never all at once.

Slices that have no row were never leased: they are pending, with the first attempt to come. Of the others most are done
at the first attempt, and these are not read: they are what lies between the absent and the odd ones.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from heapq import merge
from itertools import islice, pairwise
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, and_, func, or_, select

from cloudify.compute.store import schema
from cloudify.compute.store.dialect import by_index
from cloudify.compute.store.records import SliceRange, SliceState
from cloudify.compute.store.rows import failure_of

_slices = schema.slices
_ALIKE = (
    _slices.c.state,
    _slices.c.attempt,
    _slices.c.reason,
    _slices.c.message,
    _slices.c.traceback,
    _slices.c.permille,
)


@dataclass(frozen=True, slots=True)
class _Few:
    """Rows that an index has."""

    where: ColumnElement[bool]
    index: str


def read_ranges(
    connection: Connection, serial: int, total: int, state: SliceState | None, after: int, limit: int
) -> list[SliceRange]:
    """Return at most `limit` ranges of slices with numbers greater than `after`, in their order."""
    mine = _slices.c.job == serial
    if state in {None, "done"}:
        few = _Few(and_(mine, schema.ODD), "slices_odd")
    else:
        few = _Few(and_(mine, _slices.c.state == state, schema.NOT_DONE), "slices_not_done")
    found = _alike(connection, few, after, limit + 1)
    if state in {None, "done", "pending"}:
        count, highest = connection.execute(
            select(func.count(), func.max(_slices.c.number)).where(mine, _slices.c.number > after)
        ).one()
        highest = highest or after
        absent = _absent(connection, mine, after, highest - after - count, limit + 1)
        found = merge(found, absent, _tail(highest, total), key=lambda each: each.first)
        if state != "pending":
            found = _with_done(found, after, highest)
    wanted = (each for each in found if state in {None, each.state})
    return list(islice(_joined(wanted), limit))


def _alike(connection: Connection, few: _Few, after: int, at_once: int) -> Iterator[SliceRange]:
    """Yield ranges of rows."""
    while starts := connection.execute(_starts(few, after).limit(at_once + 1)).all():
        for start, following in pairwise(starts):
            yield _range(start, following.before)
        start = starts[-1]
        if len(starts) <= at_once:
            last = connection.execute(_indexed(select(func.max(_slices.c.number)), few)).scalar_one()
            yield _range(start, last)
            return
        after = start.number - 1


def _range(start: Row[*tuple[Any, ...]], last: int) -> SliceRange:
    return SliceRange(start.number, last, start.state, start.attempt, failure_of(start), start.permille)


def _starts(few: _Few, after: int) -> Select[Any]:
    """Ask for rows that do not follow the one before, or are not like it."""
    order = _slices.c.number
    before = func.lag(order).over(order_by=order).label("before")
    named = [func.lag(column).over(order_by=order).label(f"{column.name}_before") for column in _ALIKE]
    row = _indexed(select(order, before, *_ALIKE, *named).where(order > after), few).subquery()
    differs = [row.c[column.name].is_distinct_from(row.c[f"{column.name}_before"]) for column in _ALIKE]
    begins = or_(row.c.before.is_(None), row.c.before != row.c.number - 1, *differs)
    return select(row).where(begins).order_by(row.c.number)


def _indexed(asked: Select[Any], few: _Few) -> Select[Any]:
    return by_index(asked.where(few.where), _slices, few.index)


def _absent(
    connection: Connection, mine: ColumnElement[bool], after: int, missing: int, at_once: int
) -> Iterator[SliceRange]:
    """Yield ranges of slices without a row that have others with one behind them, `missing` slices in all.

    Slices are leased in their order, so there are none, but for what a killed engine left.
    """
    while missing:
        number = _slices.c.number
        before = func.lag(number, 1, after).over(order_by=number).label("before")
        row = select(number, before).where(mine, number > after).subquery()
        gaps = select(row).where(row.c.number > row.c.before + 1).order_by(row.c.number).limit(at_once)
        for gap in connection.execute(gaps).all():
            yield SliceRange(gap.before + 1, gap.number - 1, "pending", 1)
            missing -= gap.number - 1 - gap.before
            after = gap.number


def _tail(highest: int, total: int) -> Iterator[SliceRange]:
    """Yield the slices behind the last that has a row."""
    if highest < total:
        yield SliceRange(highest + 1, total, "pending", 1)


def _with_done(ranges: Iterable[SliceRange], after: int, highest: int) -> Iterator[SliceRange]:
    """Put what is done at the first attempt between the others."""
    for each in ranges:
        if each.first > after + 1:
            yield SliceRange(after + 1, each.first - 1, "done", 1)
        yield each
        after = each.last
    if after < highest:
        yield SliceRange(after + 1, highest, "done", 1)


def _joined(ranges: Iterable[SliceRange]) -> Iterator[SliceRange]:
    """Join ranges that follow each other and are alike."""
    last: SliceRange | None = None
    for each in ranges:
        if last is not None and each == replace(last, first=last.last + 1, last=each.last):
            last = replace(last, last=each.last)
            continue
        if last is not None:
            yield last
        last = each
    if last is not None:
        yield last
