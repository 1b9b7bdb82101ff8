"""Bring a database to the schema of this version, all at once or not at all."""

from collections.abc import Callable, Mapping

from sqlalchemy import Connection, func, inspect, select, text
from sqlalchemy.exc import OperationalError, ProgrammingError

from cloudify.compute.store import schema
from cloudify.compute.store.database import Database
from cloudify.errors import StoreSchemaError


def _add_progress(connection: Connection) -> None:
    """Keep how far slices are while they run."""
    for column in (
        "jobs ADD COLUMN running_permille {count} NOT NULL DEFAULT 0",
        "jobs ADD COLUMN reached_permille {count} NOT NULL DEFAULT 0",
        "slices ADD COLUMN permille INTEGER",
    ):
        count = "INTEGER" if connection.dialect.name == "sqlite" else "BIGINT"
        connection.execute(text(f"ALTER TABLE {column.format(count=count)}"))


STEPS: Mapping[int, Callable[[Connection], None]] = {2: _add_progress}
"""Version -> what makes it of the one before. A step never changes once it was released: it writes down in SQL what
the tables became, and does not look at `schema.py`, which goes on."""


def prepare(database: Database, *, migrate: bool) -> None:
    """Have the database as this version writes it.

    Parameters
    ----------
    migrate
        Whether to make the tables, or bring those of an older version up to date; else that is an error.

    Raises
    ------
    StoreSchemaError
        If a newer version wrote it, an older one (without `migrate`), or another program.
    StoreUnavailableError
        If it cannot be now.
    """
    with database.reading() as connection:
        found = _version(connection)
    if found == schema.VERSION:
        return
    if not migrate:
        _refuse_newer(found)
        raise StoreSchemaError(
            "the store of jobs is not as this version keeps it; start the server (`cloudify serve`), "
            "which brings it up to date"
        )
    with database.writing() as connection:
        database.backend.lock(connection, "cloudify schema")
        _upgrade(connection)


def _upgrade(connection: Connection) -> None:
    found = _version(connection)
    _refuse_newer(found)
    if found is None:
        _create(connection)
    for version in range(found or schema.VERSION, schema.VERSION):
        STEPS[version + 1](connection)
    connection.execute(schema.versions.delete())
    connection.execute(schema.versions.insert().values(version=schema.VERSION))


def _create(connection: Connection) -> None:
    try:
        schema.metadata.create_all(connection, checkfirst=False)
    except (OperationalError, ProgrammingError) as error:
        if "already exists" not in str(error.orig):
            raise
        raise StoreSchemaError(
            "the database has tables of another program; give cloudify one of its own (CLOUDIFY_DATABASE_URL)"
        ) from error


def _version(connection: Connection) -> int | None:
    """Return the version of the schema, None where there is none yet."""
    if not inspect(connection).has_table(schema.versions.name):
        return None
    return connection.execute(select(func.max(schema.versions.c.version))).scalar()


def _refuse_newer(found: int | None) -> None:
    if found is not None and found > schema.VERSION:
        raise StoreSchemaError(
            f"a newer cloudify wrote the store of jobs (schema {found}, this one knows {schema.VERSION}); "
            "install that version, or use another data directory: --data-dir DIR"
        )
