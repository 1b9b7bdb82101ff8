"""What differs between SQLite and PostgreSQL: the only place that says so."""

import os
import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from threading import Lock
from typing import Any

from sqlalchemy import (
    URL,
    BigInteger,
    Column,
    Connection,
    Dialect,
    Engine,
    Index,
    Integer,
    Select,
    Table,
    Text,
    TextClause,
    TypeDecorator,
    create_engine,
    event,
    make_url,
    text,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.types import TypeEngine

from cloudify.errors import InvalidSettingError, StoreUnavailableError

WAIT_S = 10
"""How long a change waits for others. Then whoever wants it is told to ask again."""
CONNECT_S = 5
IDLE_S = 30
"""After this a process that has stopped in the middle of a change loses it, so that others can go on."""

Count = BigInteger().with_variant(Integer, "sqlite")
"""Whole numbers up to 2**63 - 1."""
LARGEST = 2**63 - 1

serial_table: Mapping[str, Any] = {"sqlite_autoincrement": True}
"""Options of a table whose numbers are never given again."""
sorted_table: Mapping[str, Any] = {"sqlite_with_rowid": False}
"""Options of a table of small rows, kept in the order of its key."""


class Prose(TypeDecorator[str]):
    """Text of anybody: what no database takes (a NUL, half of a surrogate pair) becomes a replacement character."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:  # noqa: ARG002
        """Return the text as it is kept, and looked for."""
        if value is None or (value.isascii() and "\0" not in value):
            return value
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace").replace("\0", "\ufffd")


class Key(Prose):
    """Text that is looked up and put in order: in that of its code points, whatever the language of the database."""

    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[str]:
        """Return the type of the column."""
        return dialect.type_descriptor(Text(collation="C" if dialect.name == "postgresql" else None))


def partial_index(name: str, *columns: Column[Any], where: TextClause, unique: bool = False) -> Index:
    """Make an index of the rows for which `where` holds."""
    return Index(name, *columns, unique=unique, sqlite_where=where, postgresql_where=where)


def by_index(asked: Select[Any], table: Table, name: str) -> Select[Any]:
    """Have rows looked up in an index of few of them: SQLite does not know that they are few."""
    return asked.with_hint(table, f"INDEXED BY {name}", "sqlite")


class Backend(ABC):
    """How to talk to one kind of database."""

    engine: Engine

    @abstractmethod
    def insert(self, table: Table) -> sqlite.Insert | postgresql.Insert:
        """Begin an INSERT that may have an ``on_conflict_...``."""

    @abstractmethod
    def turn(self) -> AbstractContextManager[None]:
        """Wait until this process may change something."""

    @abstractmethod
    def lock(self, connection: Connection, name: str) -> None:
        """Keep all others that lock this name waiting, until the transaction ends."""

    @abstractmethod
    def reading(self) -> AbstractContextManager[Connection]:
        """Look at the database as it is at one moment."""

    @abstractmethod
    def reason(self, error: DBAPIError) -> StoreUnavailableError | None:
        """Return what the owner of a job is told of a failure; None if it is no passing one."""


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


class Postgresql(Backend):
    """A server, which many may write at once; a change to a job keeps others of the same job waiting."""

    def __init__(self, url: str) -> None:
        options = (
            f"-c lock_timeout={WAIT_S}s -c idle_in_transaction_session_timeout={IDLE_S}s -c application_name=cloudify"
        )
        try:
            self.engine = create_engine(
                make_url(url).set(drivername="postgresql+psycopg"),
                pool_pre_ping=True,
                hide_parameters=True,
                connect_args={"connect_timeout": CONNECT_S, "options": options},
            )
        except ImportError as error:
            raise InvalidSettingError(
                "setting 'database_url': PostgreSQL needs an extra: pip install 'cloudify-xarray[postgres]'"
            ) from error
        except ArgumentError:  # its message has the password
            raise InvalidSettingError(
                "setting 'database_url': expected postgresql://user:password@host/database"
            ) from None

    def insert(self, table: Table) -> postgresql.Insert:
        """Begin an INSERT that may have an ``on_conflict_...``."""
        return postgresql.insert(table)

    def turn(self) -> AbstractContextManager[None]:
        """Do not wait: rows do."""
        return nullcontext()

    def lock(self, connection: Connection, name: str) -> None:
        """Keep all others that lock this name waiting, until the transaction ends."""
        connection.execute(text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))"), {"name": name})

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Look at the database as it is at one moment."""
        connect = self.engine.connect().execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        with connect as connection, connection.begin():
            yield connection

    def reason(self, error: DBAPIError) -> StoreUnavailableError | None:
        """Return what the owner of a job is told of a failure; None if it is no passing one."""
        state = getattr(error.orig, "sqlstate", None) or ""
        if state.startswith("53100"):
            return StoreUnavailableError("has no room: its disk is full", has_no_room=True)
        if state.startswith(("40", "55P03")):
            return StoreUnavailableError("is busy")
        if error.connection_invalidated or state.startswith(("53", "57", "58", "25", "08")) or not state:
            return StoreUnavailableError("cannot be reached")
        return None
