"""Transactions: short, whole or not at all, and their failures by name."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, Table
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as NoConnectionError

from cloudify.compute.store.backend import Backend
from cloudify.errors import StoreUnavailableError


class Database:
    """The database of one store. Safe to use from many threads."""

    def __init__(self, backend: Backend) -> None:
        self.backend = backend
        self._adding: dict[str, sqlite.Insert | postgresql.Insert] = {}

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Change something: when the block has ended, it is on the disk.

        Raises
        ------
        StoreUnavailableError
            If it cannot be now; nothing of it is done. What the block raises is raised too, and undoes it.
        """
        with self._own_failures(), self.backend.turn(), self.backend.engine.begin() as connection:
            yield connection

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Look at what there is at one moment.

        Raises
        ------
        StoreUnavailableError
            If it cannot be read now.
        """
        with self._own_failures(), self.backend.reading() as connection:
            yield connection

    def insert(self, table: Table) -> sqlite.Insert | postgresql.Insert:
        """Begin an INSERT that may have an ``on_conflict_...``."""
        return self.backend.insert(table)

    def adding(self, table: Table) -> sqlite.Insert | postgresql.Insert:
        """Return an INSERT that leaves alone what is there; the same each time, whose text is put together once."""
        if table.name not in self._adding:
            self._adding[table.name] = self.insert(table).on_conflict_do_nothing()
        return self._adding[table.name]

    @contextmanager
    def _own_failures(self) -> Iterator[None]:
        try:
            yield
        except NoConnectionError as error:
            raise StoreUnavailableError("is busy") from error
        except DBAPIError as error:
            if unavailable := self.backend.reason(error):
                raise unavailable from error
            raise
