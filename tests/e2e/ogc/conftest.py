from collections.abc import Iterator
from pathlib import Path

import pytest

from ogc.made import Made


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Made]:
    """A server whose jobs are played by hand."""
    with Made(tmp_path_factory.mktemp("by-hand"), runs_engine=False).run() as made:
        yield made


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Made]:
    """A server that runs its jobs."""
    with Made(tmp_path_factory.mktemp("live"), runs_engine=True).run() as made:
        yield made


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Made]:
    """A server of a test's own, whose jobs are played by hand."""
    with Made(tmp_path / "data", runs_engine=False).run() as made:
        yield made
