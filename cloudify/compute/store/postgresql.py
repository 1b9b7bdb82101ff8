"""The store on a server: PostgreSQL."""

import logging
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from threading import Event

from sqlalchemy import Connection, Table, create_engine, make_url, text
from sqlalchemy.dialects import postgresql
from sqlalchemy.exc import ArgumentError, DBAPIError

from cloudify.compute.store.backend import WAIT_S, Backend, IsHeld
from cloudify.errors import InvalidSettingError, StoreUnavailableError, UsageError

CONNECT_S = 5
IDLE_S = 30
"""After this a process that has stopped in the middle of a change loses it, so that others can go on."""
STAND_BY_S = 0.5
"""How often an engine that stands by looks whether it may begin."""

_ENGINE = "hashtextextended('cloudify engine', 0)"
_OPTIONS = (
    "application_name=cloudify",
    f"lock_timeout={WAIT_S}s",
    f"idle_in_transaction_session_timeout={IDLE_S}s",
    "tcp_keepalives_idle=10",  # what a machine held that is gone is free within a minute
    "tcp_keepalives_interval=10",
    "tcp_keepalives_count=3",
)

log = logging.getLogger(__name__)


class Postgresql(Backend):
    """A server, which many may write at once; a change to a job keeps others of the same job waiting."""

    def __init__(self, url: str) -> None:
        try:
            self.engine = create_engine(
                make_url(url).set(drivername="postgresql+psycopg"),
                pool_pre_ping=True,
                pool_timeout=WAIT_S,
                hide_parameters=True,
                connect_args={"connect_timeout": CONNECT_S, "options": " ".join(f"-c {option}" for option in _OPTIONS)},
            )
        except ImportError as error:
            raise InvalidSettingError(
                "setting 'database_url': PostgreSQL needs an extra: pip install 'cloudify-xarray[postgres]'"
            ) from error
        except (ArgumentError, ValueError):  # the message may have the password
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
        if state == "53100":
            return StoreUnavailableError("has no room: its disk is full", has_no_room=True)
        if state.startswith("40") or state == "55P03":
            return StoreUnavailableError("is busy")
        if error.connection_invalidated or state.startswith(("53", "57", "58", "25", "08")) or not state:
            return StoreUnavailableError("cannot be reached")
        return None

    @contextmanager
    def hold_engine(self, stop: Event) -> Iterator[IsHeld]:
        """Wait until no other engine works on this database, or for `stop`.

        The lock is that of a connection: it ends with the process, or with the server of the database.
        """
        connection: Connection | None = None
        while connection is None and not stop.is_set():
            connection = self._try_hold()
            if connection is None:
                stop.wait(STAND_BY_S)
        try:
            yield lambda: connection is not None and _lives(connection)
        finally:
            if connection is not None:
                connection.invalidate()  # not back to the others with its lock
                connection.close()

    def copy(self, path: Path) -> None:  # noqa: ARG002
        """Refuse: its own programs do that.

        Raises
        ------
        UsageError
            Saying which.
        """
        raise UsageError(
            "a PostgreSQL database is backed up by its own programs: pg_dump first, then copy the folder `blobs` of "
            "the data directory"
        )

    def _try_hold(self) -> Connection | None:
        """Return the connection that has the lock, None where another has it or the database is away."""
        try:
            connection = self.engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        except DBAPIError:
            return None
        try:
            if connection.execute(text(f"SELECT pg_try_advisory_lock({_ENGINE})")).scalar():
                return connection
        except DBAPIError:
            log.warning("the database was lost while an engine stood by")
        connection.close()
        return None


def _lives(connection: Connection) -> bool:
    try:
        connection.execute(text("SELECT 1"))
    except DBAPIError:
        return False
    return True
