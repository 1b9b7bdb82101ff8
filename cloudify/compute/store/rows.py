"""Between rows of the database and values of the model."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, cast

from sqlalchemy import Connection, Row, bindparam, select

from cloudify.compute.lifecycle import Effect, Say
from cloudify.compute.store import schema
from cloudify.errors import UnknownJobError
from cloudify.model.job import Failure, Job, OnError, Reason, State, Usage
from cloudify.model.outcome import Emitted

_jobs = schema.jobs
JOB_COLUMNS = tuple(column for column in _jobs.c if column.name not in {"hidden", "request", "plan", "template"})

_LOCKED = select(*JOB_COLUMNS).where(_jobs.c.id == bindparam("of"), ~_jobs.c.pruned).with_for_update()
"""Statements are made once: putting one together takes longer than a database does with it."""
_SERIAL = select(_jobs.c.serial).where(_jobs.c.id == bindparam("of"), ~_jobs.c.pruned)

Values = dict[str, Any]
"""Column -> value."""


@dataclass(frozen=True, slots=True)
class Locked:
    """A job that nobody else changes until the transaction ends."""

    serial: int
    job: Job
    last_seq: int


def lock(connection: Connection, job_id: str) -> Locked:
    """Read a job, and keep others from changing it.

    Raises
    ------
    UnknownJobError
        If there is none.
    """
    row = connection.execute(_LOCKED, {"of": job_id}).first()
    if row is None:
        raise UnknownJobError(job_id)
    return Locked(row.serial, job_of(row), row.last_seq)


def serial_of(connection: Connection, job_id: str) -> int:
    """Return what the other tables know a job by.

    Raises
    ------
    UnknownJobError
        If there is none.
    """
    found: int | None = connection.execute(_SERIAL, {"of": job_id}).scalar()
    if found is None:
        raise UnknownJobError(job_id)
    return found


def job_of(row: Row[*tuple[Any, ...]]) -> Job:
    """Return the job of a row of `JOB_COLUMNS`."""
    return Job(
        id=row.id,
        owner=row.owner,
        process=row.process,
        created=row.created,
        process_version=row.process_version,
        state=cast("State", row.state),
        is_open=row.is_open,
        on_error=cast("OnError", row.on_error),
        total=row.total,
        done=row.done,
        failed=row.failed,
        reused=row.reused,
        usage=Usage(row.cpu_s, row.peak_nbytes, row.nbytes_in, row.nbytes_out),
        isolation=row.isolation,
        failure=failure_of(row),
        started=row.started,
        updated=row.updated,
        finished=row.finished,
        result=row.result,
        running_permille=row.running_permille,
        reached_permille=row.reached_permille,
    )


def job_values(job: Job) -> Values:
    """Return a job as its columns."""
    return {
        "id": job.id,
        "owner": job.owner,
        "process": job.process,
        "process_version": job.process_version,
        "created": job.created,
        "state": job.state,
        "is_open": job.is_open,
        "on_error": job.on_error,
        "total": job.total,
        "done": job.done,
        "failed": job.failed,
        "reused": job.reused,
        **usage_values(job.usage),
        "isolation": job.isolation,
        **failure_values(job.failure),
        "started": job.started,
        "updated": job.updated,
        "finished": job.finished,
        "result": job.result,
        "running_permille": job.running_permille,
        "reached_permille": job.reached_permille,
    }


def usage_values(usage: Usage) -> Values:
    """Return what was used as columns."""
    return {
        "cpu_s": usage.cpu_s,
        "peak_nbytes": usage.peak_nbytes,
        "nbytes_in": usage.nbytes_in,
        "nbytes_out": usage.nbytes_out,
    }


def failure_of(row: Row[*tuple[Any, ...]]) -> Failure | None:
    """Return the failure of a job or a slice."""
    return None if row.reason is None else Failure(cast("Reason", row.reason), row.message, row.traceback)


def failure_values(failure: Failure | None) -> Values:
    """Return a failure as columns."""
    if failure is None:
        return {"reason": None, "message": None, "traceback": None}
    return {"reason": failure.reason, "message": failure.message, "traceback": failure.traceback}


def said(effects: Iterable[Effect], at: float) -> list[Values]:
    """Return the events of a job that effects are."""
    return [_event(at, say.slice, say.type, _json(say.payload)) for say in effects if isinstance(say, Say)]


def emitted(number: int, attempt: int, items: Iterable[Emitted]) -> list[Values]:
    """Return the events that a function said."""
    return [
        _event(item.time, number, item.type, item.payload) | {"attempt": attempt, "emission": item.index}
        for item in items
    ]


def numbered(events: Iterable[Values], serial: int, last_seq: int) -> list[Values]:
    """Return events as rows, numbered from the last one on."""
    return [event | {"job": serial, "seq": seq} for seq, event in enumerate(events, last_seq + 1)]


def _event(at: float, number: int | None, kind: str, payload: str) -> Values:
    return {"time": at, "slice": number, "type": kind, "payload": payload, "attempt": None, "emission": None}


def _json(payload: Mapping[str, object]) -> str:
    return json.dumps(payload, separators=(",", ":"))
