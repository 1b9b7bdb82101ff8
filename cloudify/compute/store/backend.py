"""What a kind of database has to do that no common SQL does."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from threading import Event

from sqlalchemy import Connection, Engine, Table
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError

from cloudify.errors import StoreUnavailableError

WAIT_S = 10
"""How long a change waits for others. Then whoever wants it is told to ask again."""

IsHeld = Callable[[], bool]
"""Whether an engine is the only one, still."""


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
    def hold_engine(self, stop: Event) -> AbstractContextManager[IsHeld]:
        """Wait until no other engine works on this database, or for `stop`."""

    @abstractmethod
    def copy(self, path: Path) -> None:
        """Write all of it, as it is at one moment, to a new file, while others go on."""

    @abstractmethod
    def reason(self, error: DBAPIError) -> StoreUnavailableError | None:
        """Return what the owner of a job is told of a failure; None if it is no passing one."""
