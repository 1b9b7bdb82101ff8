"""What slices are given and what they left."""

from collections.abc import Iterator, Sequence

from sqlalchemy import and_, select, tuple_

from cloudify.compute.store import schema
from cloudify.compute.store.database import Database
from cloudify.compute.store.dialect import LARGEST
from cloudify.compute.store.packing import unpack
from cloudify.compute.store.pages import AT_ONCE_NCHARS, ROWS, fitting
from cloudify.compute.store.ranges import read_ranges
from cloudify.compute.store.records import SliceLog, SliceRange, SliceState
from cloudify.compute.store.rows import serial_of
from cloudify.model.outcome import Piece

AT_ONCE = 2000

_jobs, _inputs, _slices, _pieces, _logs = schema.jobs, schema.inputs, schema.slices, schema.pieces, schema.logs


class Outputs:
    """What slices are given and what they left. Every method raises `UnknownJobError` where there is no such job."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def inputs(self, job_id: str, numbers: Sequence[int]) -> dict[int, str]:
        """Return the inputs of some slices, JSON each; those that have none are left out."""
        wanted = set(numbers)
        with self._database.reading() as connection:
            serial = serial_of(connection, job_id)
            if not wanted:
                return {}
            found = select(_inputs.c.first, _inputs.c.packed).where(
                _inputs.c.job == serial, _inputs.c.last >= min(wanted), _inputs.c.first <= max(wanted)
            )
            rows = connection.execution_options(yield_per=8).execute(found)
            return {n: text for row in rows for n, text in unpack(row.packed, row.first) if n in wanted}

    def slices(self, job_id: str, *, state: SliceState | None = None, after: int = 0, limit: int) -> list[SliceRange]:
        """Return at most `limit` ranges of slices, in their order, of those with numbers greater than `after`.

        The last number of the last range is what to ask for the rest with. Of a job that has ended, slices that ran
        then stay leased: nobody tells of them any more.
        """
        with self._database.reading() as connection:
            found = select(_jobs.c.total).where(_jobs.c.serial == (serial := serial_of(connection, job_id)))
            total = connection.execute(found).scalar_one()
            return read_ranges(connection, serial, total, state, _clamped(after), limit)

    def values(self, job_id: str, first: int, limit: int, most_nchars: int = AT_ONCE_NCHARS) -> list[tuple[int, str]]:
        """Return plain values, JSON each, of at most `limit` slices from number `first` on.

        They are fewer where they have more than `most_nchars` characters: none means that there are no more.
        """
        table = schema.slice_values
        with self._database.reading() as connection:
            found = (
                select(table.c.number, table.c.value)
                .where(table.c.job == serial_of(connection, job_id), table.c.number >= _clamped(first))
                .order_by(table.c.number)
                .limit(limit)
            )
            with connection.execution_options(yield_per=ROWS).execute(found) as rows:
                return [(row.number, row.value) for row in fitting(rows, lambda row: len(row.value), most_nchars)]

    def pieces(self, job_id: str) -> Iterator[Piece]:
        """Yield all pieces in the order of slices, then of keys; of those that are settled by now."""
        place = (0, "")
        while True:
            with self._database.reading() as connection:
                found = (
                    select(_pieces.c.number, _pieces.c.key, _pieces.c.sha256, _pieces.c.nbytes)
                    .where(
                        _pieces.c.job == serial_of(connection, job_id),
                        tuple_(_pieces.c.number, _pieces.c.key) > tuple_(*place),
                    )
                    .order_by(_pieces.c.number, _pieces.c.key)
                    .limit(AT_ONCE)
                )
                rows = connection.execute(found).all()
            for row in rows:
                yield Piece(row.key, row.sha256.hex(), row.nbytes)
            if len(rows) < AT_ONCE:
                return
            place = (rows[-1].number, rows[-1].key)

    def failed_numbers(self, job_id: str) -> list[int]:
        """Return the numbers of the slices that failed for good, in their order."""
        with self._database.reading() as connection:
            found = (
                select(_slices.c.number)
                .where(_slices.c.job == serial_of(connection, job_id), _slices.c.state == "failed", schema.NOT_DONE)
                .order_by(_slices.c.number)
            )
            return list(connection.execute(found).scalars())

    def log(self, job_id: str, number: int | None = None, after: int = 0, limit: int = 100) -> list[SliceLog]:
        """Return what slices printed, of one slice or of those with numbers greater than `after`, in their order.

        There may be more than `limit` of them, since the attempts of one slice stay together.
        """
        with self._database.reading() as connection:
            serial = serial_of(connection, job_id)
            which = _logs.c.number > _clamped(after) if number is None else _logs.c.number == _clamped(number)
            of = and_(_logs.c.job == serial, which)
            cut = select(_logs.c.number).where(of).order_by(_logs.c.number).offset(max(limit, 1) - 1).limit(1)
            last = connection.execute(cut).scalar()
            found = (
                select(_logs.c.number, _logs.c.attempt, _logs.c.text, _logs.c.is_cut)
                .where(of, _logs.c.number <= (LARGEST if last is None else last))
                .order_by(_logs.c.number, _logs.c.attempt)
            )
            return [SliceLog(row.number, row.attempt, row.text, row.is_cut) for row in connection.execute(found)]


def _clamped(number: int) -> int:
    """Return a number that a database can compare."""
    return max(min(number, LARGEST - 1), 0)
