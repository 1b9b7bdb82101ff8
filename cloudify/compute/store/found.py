"""Jobs found: by id, and in pages."""

from collections.abc import Collection

from sqlalchemy import ColumnElement, bindparam, func, select

from cloudify.compute.store import schema
from cloudify.compute.store.database import Database
from cloudify.compute.store.dialect import LARGEST
from cloudify.compute.store.records import Page, Record
from cloudify.compute.store.rows import JOB_COLUMNS, job_of
from cloudify.errors import BadOptionError
from cloudify.model.job import Job, State

_jobs = schema.jobs
_MORE = (_jobs.c.request, _jobs.c.plan, _jobs.c.template, _jobs.c.hidden)
_RECORD = select(*JOB_COLUMNS, *_MORE).where(_jobs.c.id == bindparam("of"), ~_jobs.c.pruned)
_UNFINISHED = select(*JOB_COLUMNS).where(schema.UNFINISHED).order_by(_jobs.c.serial)


class Found:
    """Jobs as they are now."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, job_id: str) -> Record | None:
        """Return a job with what it was made of."""
        with self._database.reading() as connection:
            row = connection.execute(_RECORD, {"of": job_id}).first()
        return None if row is None else Record(job_of(row), row.request, row.plan, row.template, row.hidden)

    def unfinished_jobs(self) -> tuple[Job, ...]:
        """Return the jobs that are accepted or running, those added first first."""
        with self._database.reading() as connection:
            return tuple(job_of(row) for row in connection.execute(_UNFINISHED))

    def list(
        self,
        owner: str,
        *,
        states: Collection[State] = (),
        processes: Collection[str] = (),
        created_from: float | None = None,
        created_to: float | None = None,
        min_duration_s: float | None = None,
        max_duration_s: float | None = None,
        limit: int,
        after: str | None = None,
        now: float,
    ) -> Page[Job]:
        """Return jobs of an owner that he has not hidden, those added last first.

        Parameters
        ----------
        states, processes
            One of these; none: any.
        created_from, created_to
            Both included, in seconds since 1970.
        min_duration_s, max_duration_s
            Both included. A job has lasted from its start to its end, or to `now`; one that has not started is left
            out.
        after
            What the page before said.

        Raises
        ------
        BadOptionError
            If it did not say that.
        """
        lasted = func.coalesce(_jobs.c.finished, now) - _jobs.c.started
        conditions: list[ColumnElement[bool] | None] = [
            _jobs.c.state.in_(states) if states else None,
            _jobs.c.process.in_(processes) if processes else None,
            None if created_from is None else _jobs.c.created >= created_from,
            None if created_to is None else _jobs.c.created <= created_to,
            None if min_duration_s is None else lasted >= min_duration_s,
            None if max_duration_s is None else lasted <= max_duration_s,
            None if after is None else _jobs.c.serial < _serial(after),
        ]
        found = (
            select(*JOB_COLUMNS)
            .where(_jobs.c.owner == owner, ~_jobs.c.hidden, ~_jobs.c.pruned)
            .where(*(condition for condition in conditions if condition is not None))
            .order_by(_jobs.c.serial.desc())
            .limit(limit + 1)
        )
        with self._database.reading() as connection:
            rows = connection.execute(found).all()
        more = str(rows[limit - 1].serial) if len(rows) > limit else None
        return Page(tuple(job_of(row) for row in rows[:limit]), more)


def _serial(after: str) -> int:
    if not (after.isascii() and after.isdigit() and len(after) < len(str(LARGEST))):
        raise BadOptionError("no page of jobs begins here; follow the link `next` of the page before")
    return int(after)
