"""Stores for tests: a file, and a database of a PostgreSQL server of our own."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from databases import PostgresServer

from cloudify.compute.store.store import Store, open_store


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.program("postgres"))])
def url(request: pytest.FixtureRequest, postgres_server: Callable[[], PostgresServer]) -> str | None:
    """What to open a store of one's own with."""
    return None if request.param == "sqlite" else postgres_server().new()


@pytest.fixture
def reopen(url: str | None, tmp_path: Path) -> Iterator[Callable[[], Store]]:
    """Open the store once more, as another process would; all are closed with the test."""
    opened: list[Store] = []

    def reopen() -> Store:
        opened.append(open_store(url, tmp_path / "data", migrate=True))
        return opened[-1]

    yield reopen
    for each in opened:
        each.close()


@pytest.fixture
def store(reopen: Callable[[], Store]) -> Store:
    return reopen()
