"""Stores for tests: a file, and a database of a PostgreSQL server of our own."""

import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playing.postgresql import Cluster

from cloudify.compute.store.store import Store, open_store


@pytest.fixture(scope="session")
def _cluster() -> Iterator[Callable[[], Cluster]]:
    made: list[Cluster] = []

    def cluster() -> Cluster:
        if not made:
            made.append(Cluster())
        return made[0]

    yield cluster
    for each in made:
        each.stop(signal.SIGQUIT)  # without writing what nobody will read
        shutil.rmtree(each.folder)


@pytest.fixture
def postgres(_cluster: Callable[[], Cluster]) -> Cluster:
    """A PostgreSQL server, for tests that have the mark ``program("postgres")``."""
    return _cluster()


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.program("postgres"))])
def url(request: pytest.FixtureRequest, _cluster: Callable[[], Cluster]) -> str | None:
    """What to open a store of one's own with."""
    return None if request.param == "sqlite" else _cluster().new()


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
