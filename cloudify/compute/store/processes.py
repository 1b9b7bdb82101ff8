"""Processes that somebody deployed."""

import json
from base64 import b64decode, b64encode
from typing import Any

from sqlalchemy import Row, select

from cloudify.compute.store import schema
from cloudify.compute.store.database import Database
from cloudify.compute.store.records import Deployed
from cloudify.errors import ProcessExistsError
from cloudify.model.function import Function

_processes = schema.processes


class Processes:
    """The deployed processes of a server. Safe to use from many threads and processes."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, process: Deployed) -> None:
        """Add a process.

        Raises
        ------
        ProcessExistsError
            If there is one of its id.
        """
        function = process.function
        values = {
            "id": process.id,
            "version": process.version,
            "owner": process.owner,
            "title": process.title,
            "description": process.description,
            "inputs": process.inputs,
            "outputs": process.outputs,
            "source": function.source,
            "entry": function.entry,
            "files": json.dumps({path: b64encode(data).decode() for path, data in function.files.items()}),
            "created": process.created,
        }
        insert = self._database.insert(_processes).on_conflict_do_nothing().values(values)
        with self._database.writing() as connection:
            if not connection.execute(insert.returning(_processes.c.id)).first():
                raise ProcessExistsError(process.id)

    def get(self, process_id: str) -> Deployed | None:
        """Return a process."""
        with self._database.reading() as connection:
            row = connection.execute(select(_processes).where(_processes.c.id == process_id)).first()
        return None if row is None else _process_of(row)

    def list(self) -> tuple[Deployed, ...]:
        """Return all processes, in the order of their ids."""
        with self._database.reading() as connection:
            rows = connection.execute(select(_processes).order_by(_processes.c.id)).all()
        return tuple(map(_process_of, rows))


def _process_of(row: Row[*tuple[Any, ...]]) -> Deployed:
    files = {path: b64decode(data) for path, data in json.loads(row.files).items()}
    return Deployed(
        id=row.id,
        version=row.version,
        owner=row.owner,
        title=row.title,
        description=row.description,
        inputs=row.inputs,
        outputs=row.outputs,
        function=Function(row.source, row.entry, files),
        created=row.created,
    )
