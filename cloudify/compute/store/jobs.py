"""Jobs: added, and what happens to them as a whole."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection, delete, select, update

from cloudify.compute.lifecycle import Assembled, Effect, Extended, Happening, Say, advance
from cloudify.compute.store import schema
from cloudify.compute.store.blobs import Blobs
from cloudify.compute.store.database import Database
from cloudify.compute.store.found import Found
from cloudify.compute.store.outputs import Outputs
from cloudify.compute.store.packing import pack
from cloudify.compute.store.records import Idempotency
from cloudify.compute.store.retention import Retention
from cloudify.compute.store.rows import JOB_COLUMNS, Locked, job_of, job_values, lock, said, serial_of
from cloudify.compute.store.slices import Slices
from cloudify.errors import IdempotencyConflictError, JobClosedError
from cloudify.model.job import Job

KEY_S = 86_400.0
"""How long an Idempotency-Key stands for its request."""

_jobs, _keys = schema.jobs, schema.idempotency


class Jobs(Found, Slices, Outputs, Retention):
    """All that is kept of jobs. Safe to use from many threads and processes.

    What a method has done when it returns is on the disk. Every method raises `StoreUnavailableError` where the
    database cannot be used now, and has done nothing then; those that are given the id of a job raise
    `UnknownJobError` where there is none.
    """

    def __init__(self, database: Database, blobs: Blobs) -> None:
        Retention.__init__(self, database, blobs)

    def add(
        self,
        job: Job,
        request: str,
        plan: str,
        inputs: Iterable[str] = (),
        idempotency: Idempotency | None = None,
        *,
        template: str = "",
    ) -> Job:
        """Add a job; returns it, or the one that the same request has made before.

        Parameters
        ----------
        inputs
            JSON of each slice from the first on, where slices are given data.
        idempotency
            By what to know the same request of this owner, within a day.
        template
            JSON: what results look like, if the first of them is not to tell.

        Raises
        ------
        IdempotencyConflictError
            If the key stands for another request.
        """
        with self._database.writing() as connection:
            if idempotency is not None:
                self._database.backend.lock(connection, f"cloudify {job.owner} {idempotency.key}")
                if first := _first(connection, job, idempotency):
                    return first
            made: dict[str, Any] = {"hidden": False, "pruned": False, "last_seq": 0}
            made |= {"request": request, "plan": plan, "template": template}
            insert = _jobs.insert().values(job_values(job) | made).returning(_jobs.c.serial)
            locked = Locked(connection.execute(insert).scalar_one(), job, 0)
            self._give(connection, locked.serial, inputs, 1)
            self._append(connection, locked, said((Say("accepted"),), job.created))
            if idempotency is not None:
                _remember(connection, locked, idempotency)
        return job

    def unfinished(self) -> list[str]:
        """Return the ids of jobs that are accepted or running, those added first first."""
        with self._database.reading() as connection:
            found = select(_jobs.c.id).where(schema.UNFINISHED).order_by(_jobs.c.serial)
            return [*connection.execute(found).scalars()]

    def happen(
        self, job_id: str, happening: Happening, *, inputs: Iterable[str] = ()
    ) -> tuple[Job, tuple[Effect, ...]]:
        """Have something happen to a job; returns it after that, and what is to be done. One that has ended stays.

        Parameters
        ----------
        inputs
            JSON of each slice that is added, of `Extended`.

        Raises
        ------
        JobClosedError
            If slices are added to a job that takes none.
        """
        with self._database.writing() as connection:
            locked = lock(connection, job_id)
            if isinstance(happening, Extended):
                if locked.job.is_terminal or not locked.job.is_open:
                    raise JobClosedError(job_id)
                self._give(connection, locked.serial, inputs, locked.job.total + 1)
            job, effects = advance(locked.job, happening)
            if not locked.job.is_terminal:
                self._append(connection, locked, said(effects, happening.at), job_values(job))
                if isinstance(happening, Assembled) and happening.result:
                    self._hold(connection, locked.serial, [happening.result])
        return job, effects

    def hold(self, job_id: str, names: Iterable[str]) -> None:
        """Keep blobs for as long as a job is kept, besides its pieces: what its manifest names, by their hashes."""
        with self._database.writing() as connection:
            self._hold(connection, lock(connection, job_id).serial, names)

    def hide(self, job_id: str) -> None:
        """Leave a job out of lists: its owner does not want to see it any more."""
        with self._database.writing() as connection:
            serial = serial_of(connection, job_id)
            connection.execute(update(_jobs).where(_jobs.c.serial == serial).values(hidden=True))

    def _give(self, connection: Connection, serial: int, inputs: Iterable[str], first: int) -> None:
        for row in pack(inputs, first):
            connection.execute(schema.inputs.insert().values(job=serial, **row))

    def _hold(self, connection: Connection, serial: int, names: Iterable[str]) -> None:
        rows = [{"job": serial, "sha256": bytes.fromhex(name)} for name in names]
        if rows:
            connection.execute(self._database.insert(schema.held).on_conflict_do_nothing(), rows)


def _first(connection: Connection, job: Job, idempotency: Idempotency) -> Job | None:
    """Return the job that a request has made before.

    Raises
    ------
    IdempotencyConflictError
        If its key stands for another request.
    """
    mine = (_keys.c.owner == job.owner, _keys.c.key == idempotency.key)
    kept = connection.execute(select(_keys).where(*mine)).first()
    if kept is None:
        return None
    if job.created - kept.created > KEY_S:
        connection.execute(delete(_keys).where(*mine))
        return None
    row = connection.execute(select(*JOB_COLUMNS).where(_jobs.c.serial == kept.job, ~_jobs.c.pruned)).first()
    if kept.body_hash != idempotency.body_hash:
        raise IdempotencyConflictError(idempotency.key)
    return None if row is None else job_of(row)


def _remember(connection: Connection, locked: Locked, idempotency: Idempotency) -> None:
    values: dict[str, Any] = {
        "owner": locked.job.owner,
        "key": idempotency.key,
        "body_hash": idempotency.body_hash,
        "created": locked.job.created,
        "job": locked.serial,
    }
    connection.execute(_keys.insert().values(values))
