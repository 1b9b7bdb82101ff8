"""The log of a job, line by line."""

from sqlalchemy import select

from cloudify.compute.store import schema
from cloudify.compute.store.database import Database
from cloudify.compute.store.dialect import LARGEST
from cloudify.compute.store.pages import AT_ONCE_NCHARS, ROWS, fitting
from cloudify.compute.store.records import Event
from cloudify.compute.store.rows import serial_of

_events = schema.events


class Events:
    """Events of jobs. Safe to use from many threads and processes."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def after(self, job_id: str, seq: int, limit: int, most_nchars: int = AT_ONCE_NCHARS) -> list[Event]:
        """Return at most `limit` events of a job with numbers greater than `seq`, in their order.

        They are fewer where their payloads are more than `most_nchars` characters: none means that there are no more.
        Who goes on from the last of them misses none: a number is never seen before a smaller one.

        Raises
        ------
        UnknownJobError
            If there is no such job.
        """
        with self._database.reading() as connection:
            found = (
                select(_events)
                .where(_events.c.job == serial_of(connection, job_id), _events.c.seq > max(min(seq, LARGEST), 0))
                .order_by(_events.c.seq)
                .limit(limit)
            )
            with connection.execution_options(yield_per=ROWS).execute(found) as rows:
                return [
                    Event(row.seq, row.time, job_id, row.slice, row.type, row.payload, row.emission is not None)
                    for row in fitting(rows, lambda row: len(row.payload), most_nchars)
                ]
