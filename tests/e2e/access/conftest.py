"""The server that most tests ask."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from access.made import Made
from cloudify.testing import running


@pytest.fixture
def made(tmp_path: Path) -> Made:
    """A server of which nothing was read yet, and which does not run."""
    return Made(tmp_path)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Made]]:
    """One that runs, for all tests of a module."""
    made = Made(tmp_path_factory.mktemp("access"))
    with running(made.server.app) as url:
        yield url, made
