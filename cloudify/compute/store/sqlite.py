"""The store in a file: SQLite."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from threading import Event, Lock

from sqlalchemy import URL, Connection, Table, create_engine, event
from sqlalchemy.dialects import sqlite
from sqlalchemy.exc import DBAPIError

from cloudify.compute.store.backend import WAIT_S, Backend, IsHeld
from cloudify.errors import StoreUnavailableError


class Sqlite(Backend):
    """A file, written by one at a time, which others may read meanwhile."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))  # SQLite would let others read it
        except OSError as error:
            raise StoreUnavailableError(f"cannot be opened ({error.strerror})") from error
        self.engine = create_engine(
            URL.create("sqlite+pysqlite", database=str(path)),
            pool_timeout=WAIT_S,
            hide_parameters=True,
            connect_args={"timeout": WAIT_S, "check_same_thread": False, "isolation_level": None},
        )
        event.listen(self.engine, "connect", self._prepare)
        event.listen(self.engine, "begin", self._begin)
        self._one_writer = Lock()
        """SQLite does not queue those who wait: without it, some threads of a process would wait for ever."""

    def insert(self, table: Table) -> sqlite.Insert:
        """Begin an INSERT that may have an ``on_conflict_...``."""
        return sqlite.insert(table)

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Wait until this process may change something."""
        if not self._one_writer.acquire(timeout=WAIT_S):
            raise StoreUnavailableError("is busy")
        try:
            yield
        finally:
            self._one_writer.release()

    def lock(self, connection: Connection, name: str) -> None:
        """Nothing: a transaction that changes something is the only one."""

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Look at the database as it is at one moment."""
        with self.engine.connect().execution_options(is_reading=True) as connection, connection.begin():
            yield connection

    def reason(self, error: DBAPIError) -> StoreUnavailableError | None:
        """Return what the owner of a job is told of a failure; None if it is no passing one."""
        match getattr(error.orig, "sqlite_errorcode", -1) & 0xFF:  # the rest of it says where
            case sqlite3.SQLITE_FULL:
                return StoreUnavailableError("has no room: its disk is full", has_no_room=True)
            case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
                return StoreUnavailableError("is busy")
            case sqlite3.SQLITE_CORRUPT | sqlite3.SQLITE_NOTADB:
                return StoreUnavailableError("is damaged; its operator has to restore a backup")
            case sqlite3.SQLITE_IOERR | sqlite3.SQLITE_CANTOPEN | sqlite3.SQLITE_READONLY | sqlite3.SQLITE_PERM:
                return StoreUnavailableError("cannot be read or written")
        return None

    def hold_engine(self, stop: Event) -> AbstractContextManager[IsHeld]:  # noqa: ARG002
        """Do not wait: who has the data directory is the only one."""
        return nullcontext(lambda: True)

    def copy(self, path: Path) -> None:
        """Write all of it, as it is at one moment, to a new file, while others go on.

        Raises
        ------
        StoreUnavailableError
            If that cannot be.
        """
        connection = self.engine.raw_connection()
        try:
            connection.cursor().execute("VACUUM INTO ?", (str(path),))
        except sqlite3.Error as error:
            raise StoreUnavailableError(f"cannot be copied ({error})") from error
        finally:
            connection.close()

    @staticmethod
    def _prepare(connection: sqlite3.Connection, _record: object) -> None:
        for setting in (
            "journal_mode = WAL",
            "synchronous = FULL",
            "foreign_keys = ON",
            "journal_size_limit = 16777216",
        ):
            connection.execute(f"PRAGMA {setting}")

    @staticmethod
    def _begin(connection: Connection) -> None:
        reads = connection.get_execution_options().get("is_reading", False)
        connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")
