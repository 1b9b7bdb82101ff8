"""The only door to the store. It imports SQLAlchemy: who only may need a store imports this when it does."""

from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from threading import Event

from cloudify.compute.store.backend import IsHeld
from cloudify.compute.store.backup import back_up
from cloudify.compute.store.blobs import Blobs
from cloudify.compute.store.database import Database
from cloudify.compute.store.events import Events
from cloudify.compute.store.jobs import Jobs
from cloudify.compute.store.migrations import prepare
from cloudify.compute.store.postgresql import Postgresql
from cloudify.compute.store.processes import Processes
from cloudify.compute.store.sqlite import Sqlite
from cloudify.compute.store.tokens import Tokens

FILE = "cloudify.db"


class Store:
    """All that is kept. Safe to use from many threads; a process opens its own."""

    def __init__(self, database: Database, data_dir: Path) -> None:
        self._database = database
        self.blobs = Blobs(data_dir)
        self.jobs = Jobs(database, self.blobs)
        self.events = Events(database)
        self.tokens = Tokens(database)
        self.processes = Processes(database)

    def hold_engine(self, stop: Event) -> AbstractContextManager[IsHeld]:
        """Wait until no other engine works on this store, or for `stop`: who asked for that must not begin.

        The value says whether it is the only one, still: a database that was away may have let another begin.
        """
        return self._database.backend.hold_engine(stop)

    def backup(self, to: Path) -> None:
        """Write all that is kept into a folder, as it is at one moment, while others go on.

        The folder is a data directory: a server is started on it as on any other. A folder that has a backup already
        has this one then; blobs that are there are not written again. Blocks for as long as that takes.

        Raises
        ------
        UsageError
            If that cannot be: on PostgreSQL it says what can.
        """
        back_up(self._database, self.blobs, to / FILE)

    def close(self) -> None:
        """Let go of the database."""
        self._database.backend.engine.dispose()


def open_store(url: str | None, data_dir: Path, *, migrate: bool) -> Store:
    """Open the store.

    Parameters
    ----------
    url
        Of a PostgreSQL database, ``postgresql://...``; None: a SQLite file in the data directory.
    data_dir
        Where that file and blobs are.
    migrate
        Whether to make the tables, or bring those of an older version up to date; else that is an error.

    Raises
    ------
    StoreSchemaError
        If the tables are not as this version writes them.
    StoreUnavailableError
        If the database cannot be reached now.
    InvalidSettingError
        If the URL cannot be one.
    """
    database = Database(Sqlite(data_dir / FILE) if url is None else Postgresql(url))
    store = Store(database, data_dir)
    with ExitStack() as unless_ready:
        unless_ready.callback(store.close)
        prepare(database, migrate=migrate)
        unless_ready.pop_all()
    return store
