"""The only door to the store. It imports SQLAlchemy: who only may need a store imports this when it does."""

from pathlib import Path

from cloudify.compute.store.blobs import Blobs
from cloudify.compute.store.database import Database
from cloudify.compute.store.dialect import Postgresql, Sqlite
from cloudify.compute.store.events import Events
from cloudify.compute.store.jobs import Jobs
from cloudify.compute.store.migrations import prepare

FILE = "cloudify.db"


class Store:
    """All that is kept. Safe to use from many threads; a process opens its own."""

    def __init__(self, database: Database, data_dir: Path) -> None:
        self._database = database
        self.blobs = Blobs(data_dir)
        self.jobs = Jobs(database, self.blobs)
        self.events = Events(database)

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
    try:
        prepare(database, migrate=migrate)
    except BaseException:
        store.close()
        raise
    return store
