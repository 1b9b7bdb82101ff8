"""Sites and engines for tests of what jobs survive."""

from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest
from engines import EngineProcess, Site


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
