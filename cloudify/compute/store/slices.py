"""Slices while they run: leased, settled, and pending again."""

from collections.abc import Iterator, Sequence
from functools import cached_property
from time import time

from sqlalchemy import ColumnElement, Connection, Insert, and_, bindparam, func, select, update

from cloudify.compute.lifecycle import Effect, Progressed, advance
from cloudify.compute.store import schema
from cloudify.compute.store.database import Database
from cloudify.compute.store.rows import (
    JOB_COLUMNS,
    Locked,
    Values,
    emitted,
    job_of,
    job_values,
    lock,
    numbered,
    serial_of,
)
from cloudify.compute.store.settling import Lease, Settled, progress, settle
from cloudify.model.job import TERMINAL, Job
from cloudify.model.outcome import Emitted, Outcome, Share

AT_ONCE = 1000
"""Numbers in one question: databases take no more than some ten thousand."""

_jobs, _slices = schema.jobs, schema.slices
_SET = (
    "state", "attempt", "settled", "permille", "cpu_s", "peak_nbytes", "nbytes_in", "nbytes_out", "reason", "message",
    "traceback",
)  # fmt: skip
_OF_SLICE = update(_slices).where(_slices.c.job == bindparam("of"), _slices.c.number == bindparam("which"))
_SETTLE = _OF_SLICE.values({name: bindparam(name) for name in _SET})
_PROGRESS = _OF_SLICE.values(permille=bindparam("permille"))

_RUNNING = select(_slices.c.number, _slices.c.attempt, _slices.c.boot, _slices.c.permille).where(
    _slices.c.job == bindparam("of"),
    _slices.c.state == "leased",
    _slices.c.number.in_(bindparam("numbers", expanding=True)),
)
_LOCKED = select(*JOB_COLUMNS).where(_jobs.c.serial == bindparam("of")).with_for_update()
_HAPPENED = update(_jobs).where(_jobs.c.serial == bindparam("of"))
_SEEN = _HAPPENED.where(_jobs.c.template == "").values(template=bindparam("first"))
"""The first template stays."""


class Slices:
    """Slices while they run. Safe to use from many threads and processes."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def lease(self, job_id: str, numbers: Sequence[tuple[int, int]], boot: str) -> None:
        """Take slices, each a number and an attempt, for the engine `boot`.

        One that is leased or settled already stays as it is, and so does every one of a job that has ended.
        """
        with self._database.writing() as connection:
            locked = lock(connection, job_id)
            if locked.job.is_terminal or not numbers:
                return
            leased: Values = {"job": locked.serial, "state": "leased", "boot": boot}
            connection.execute(self._taking, [leased | {"number": n, "attempt": attempt} for n, attempt in numbers])

    @cached_property
    def _taking(self) -> Insert:
        insert = self._database.insert(_slices)
        return insert.on_conflict_do_update(
            index_elements=["job", "number"],
            set_={name: insert.excluded[name] for name in ("state", "attempt", "boot")},
            where=_slices.c.state == "pending",
        )

    def settle(
        self, job_id: str, outcomes: Sequence[Outcome], *, boot: str, at: float, template: str | None = None
    ) -> tuple[Job, tuple[Effect, ...]]:
        """Record what became of slices, in one transaction; returns the job after it, and what is to be done.

        See `settling.settle` for which outcomes count. A job that has ended is left alone.

        Parameters
        ----------
        boot
            The engine that tells of them, and leased them.
        at
            The time of it, in seconds since 1970.
        template
            What the results of all slices look like, if that is known with these.
        """
        with self._database.writing() as connection:
            locked = lock(connection, job_id)
            leases = dict(_leases(connection, locked.serial, [outcome.number for outcome in outcomes]))
            settled = settle(locked.job, leases, outcomes, boot, at)
            if not locked.job.is_terminal:
                self._write(connection, locked, settled, template)
            return settled.job, tuple(settled.effects)

    def progress(self, job_id: str, shares: Sequence[Share], *, boot: str, at: float) -> None:
        """Record how far slices are that run; what is told of others, or by another engine, is left alone."""
        with self._database.writing() as connection:
            locked = lock(connection, job_id)
            leases = dict(_leases(connection, locked.serial, [share.number for share in shares]))
            further = progress(locked.job, leases, shares, boot, at)
            if further.slices:
                connection.execute(_PROGRESS, [{"of": locked.serial} | row for row in further.slices])
                self._append(connection, locked, further.events, job_values(further.job))

    def emit(self, job_id: str, number: int, attempt: int, items: Sequence[Emitted]) -> None:
        """Record what a slice that runs has said so far; what is told again is kept once."""
        with self._database.writing() as connection:
            locked = lock(connection, job_id)
            running = dict(_leases(connection, locked.serial, [number])).get(number)
            if not locked.job.is_terminal and running and running.attempt == attempt:
                self._append(connection, locked, emitted(number, attempt, items))

    def reclaim(self, boot: str) -> None:
        """Have slices that other engines leased pending again: at the start of the engine `boot`, the only one."""
        self._give_back(_slices.c.boot != boot)

    def leased(self) -> list[tuple[str, str]]:
        """Return the jobs that run of which slices are leased, each with the engine that has them."""
        with self._database.reading() as connection:
            found = (
                select(_jobs.c.id, _slices.c.boot)
                .join(_slices, _slices.c.job == _jobs.c.serial)
                .where(_jobs.c.state.not_in(sorted(TERMINAL)), _slices.c.state == "leased", schema.NOT_DONE)
                .distinct()
            )
            return [(row.id, row.boot) for row in connection.execute(found)]

    def release(self, boot: str, job_id: str | None = None) -> None:
        """Have slices that the engine `boot` leased pending again, of one job or of all: it does not run them."""
        of = () if job_id is None else (_slices.c.job.in_(select(_jobs.c.serial).where(_jobs.c.id == job_id)),)
        self._give_back(_slices.c.boot == boot, *of)

    def _give_back(self, *which: ColumnElement[bool]) -> None:
        leased = and_(_slices.c.state == "leased", schema.NOT_DONE, *which)
        with self._database.reading() as connection:
            serials = connection.execute(select(_slices.c.job).where(leased).distinct()).scalars().all()
        for serial in serials:
            with self._database.writing() as connection:
                job = connection.execute(_LOCKED, {"of": serial}).first()
                these = and_(_slices.c.job == serial, leased)
                if job is not None and job.running_permille:
                    lost = connection.execute(select(func.sum(_slices.c.permille)).where(these)).scalar() or 0
                    anew, _ = advance(job_of(job), Progressed(at=time(), permille=-lost))
                    connection.execute(_HAPPENED, job_values(anew) | {"of": serial})
                connection.execute(update(_slices).where(these).values(state="pending", permille=None))

    def pending(self, job_id: str, above: int, limit: int) -> list[tuple[int, int]]:
        """Return slices that are pending again, each with the attempt to come, with numbers greater than `above`.

        Those that were never leased are not among them: see `highest`.
        """
        with self._database.reading() as connection:
            found = (
                select(_slices.c.number, _slices.c.attempt)
                .where(
                    _slices.c.job == serial_of(connection, job_id),
                    _slices.c.state == "pending",
                    schema.NOT_DONE,
                    _slices.c.number > above,
                )
                .order_by(_slices.c.number)
                .limit(limit)
            )
            return [(row.number, row.attempt) for row in connection.execute(found)]

    def highest(self, job_id: str) -> int:
        """Return the highest number that was ever leased, 0 without one."""
        with self._database.reading() as connection:
            found = select(func.max(_slices.c.number)).where(_slices.c.job == serial_of(connection, job_id))
            return connection.execute(found).scalar() or 0

    def _write(self, connection: Connection, locked: Locked, settled: Settled, template: str | None) -> None:
        of = {"job": locked.serial}
        if settled.slices:
            connection.execute(_SETTLE, [{"of": locked.serial} | row for row in settled.slices])
        for table, rows in (
            (schema.pieces, settled.pieces),
            (schema.slice_values, settled.values),
            (schema.logs, settled.logs),
        ):
            if rows:
                connection.execute(self._database.adding(table), [of | row for row in rows])
        if template is not None and settled.slices:
            connection.execute(_SEEN, {"of": locked.serial, "first": template})
        self._append(connection, locked, settled.events, job_values(settled.job))

    def _append(self, connection: Connection, locked: Locked, events: list[Values], job: Values | None = None) -> None:
        """Append events to a locked job: who reads them sees them in the order of their numbers."""
        rows = numbered(events, locked.serial, locked.last_seq)
        if rows:
            connection.execute(self._database.adding(schema.events), rows)
        changed = (job or {}) | {"last_seq": locked.last_seq + len(rows)}
        connection.execute(_HAPPENED, changed | {"of": locked.serial})


def _leases(connection: Connection, serial: int, numbers: Sequence[int]) -> Iterator[tuple[int, Lease]]:
    """Return which of some slices run."""
    for start in range(0, len(numbers), AT_ONCE):
        some = numbers[start : start + AT_ONCE]
        for row in connection.execute(_RUNNING, {"of": serial, "numbers": some}):
            yield row.number, Lease(row.attempt, row.boot, row.permille or 0)
