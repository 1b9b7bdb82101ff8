"""Jobs that have ended are kept for a while, then removed with the blobs that nothing else refers to."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Column, delete, select, union, update

from cloudify.compute.store import schema
from cloudify.compute.store.blobs import GRACE_S, Blobs
from cloudify.compute.store.database import Database
from cloudify.model.job import TERMINAL

AT_ONCE = 2000
"""Rows removed in one transaction, so that nobody waits long."""

_jobs = schema.jobs
_ORDER: tuple[Column[Any], ...] = (
    schema.idempotency.c.key,
    schema.inputs.c.first,
    schema.slices.c.number,
    schema.pieces.c.number,
    schema.held.c.sha256,
    schema.slice_values.c.number,
    schema.logs.c.number,
    schema.events.c.seq,
)
"""By what the rows of a job are removed, a part after the other."""


class Retention:
    """What is removed, and when. Safe to be killed at any moment: the next call goes on."""

    def __init__(self, database: Database, blobs: Blobs) -> None:
        self._database, self._blobs = database, blobs

    def prune(self, before: float, *, grace_s: float = GRACE_S) -> int:
        """Remove jobs that ended before a time, in seconds since 1970; returns how many it was.

        Their blobs go if no other job has them and they were put more than `grace_s` seconds ago; else `sweep` has
        them later.
        """
        ended = (_jobs.c.state.in_(sorted(TERMINAL)), _jobs.c.finished < before)
        with self._database.writing() as connection:
            connection.execute(update(_jobs).where(*ended, ~_jobs.c.pruned).values(pruned=True))
        with self._database.reading() as connection:
            serials = connection.execute(select(_jobs.c.serial).where(_jobs.c.pruned)).scalars().all()
        for serial in serials:
            for order in _ORDER:
                self._remove(serial, order, grace_s)
            with self._database.writing() as connection:
                connection.execute(delete(_jobs).where(_jobs.c.serial == serial))
        return len(serials)

    def sweep(self, *, grace_s: float = GRACE_S) -> int:
        """Remove all blobs that nothing refers to, and what killed writers left; returns how many files it was."""
        return self._blobs.sweep_temporaries() + self._blobs.remove_unreferenced(self.referenced, grace_s=grace_s)

    def referenced(self, names: Sequence[str]) -> set[str]:
        """Return those of some blobs that a job has."""
        wanted = [bytes.fromhex(name) for name in names]
        asked = [select(table.c.sha256).where(table.c.sha256.in_(wanted)) for table in (schema.pieces, schema.held)]
        with self._database.reading() as connection:
            return {found.hex() for found in connection.execute(union(*asked)).scalars()}

    def _remove(self, serial: int, order: Column[Any], grace_s: float) -> None:
        """Remove rows of a job from the table of `order`."""
        table = order.table
        mine = table.c.job == serial
        more = True
        while more:
            with self._database.writing() as connection:
                bound = connection.execute(select(order).where(mine).order_by(order).offset(AT_ONCE).limit(1)).scalar()
                more = bound is not None
                these = (mine, order <= bound) if more else (mine,)
                names: set[str] = set()
                if "sha256" in table.c:
                    names = {
                        found.hex() for found in connection.execute(select(table.c.sha256).where(*these)).scalars()
                    }
                connection.execute(delete(table).where(*these))
            self._blobs.remove_unreferenced(self.referenced, among=sorted(names), grace_s=grace_s)
