"""Sites and engines for tests of what jobs survive."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from engines import EngineProcess, Site, running


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """A data directory of one's own."""
    made = Site(tmp_path / "site")
    yield made
    made.close()


@pytest.fixture
def engine() -> Iterator[Callable[..., EngineProcess]]:
    """Start engines: ``engine(site)``; they end with the test."""
    started: list[EngineProcess] = []

    def engine(site: Site, **options: Any) -> EngineProcess:
        started.append(EngineProcess(site, **options))
        return started[-1].start()

    yield engine
    for each in started:
        each.end()


@pytest.fixture(scope="session")
def inline(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A site with an engine in this process, whose threads run slices."""
    made = Site(tmp_path_factory.mktemp("inline"), runs_engine=True)
    yield made
    made.close()


@pytest.fixture(scope="session")
def on_dask(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A site with an engine in this process, and a Dask cluster that it has started."""
    made = Site(tmp_path_factory.mktemp("dask"), dask="auto")
    with running(made):
        yield made
    made.close()
