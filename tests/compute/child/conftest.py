"""Processes that run functions, shared by tests as far as they survive them."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playing import LIGHT, MIB, is_gone, scenes

from cloudify.compute.child.child import Child
from cloudify.compute.child.launch import Launch
from cloudify.compute.child.pool import Children
from cloudify.compute.child.returned import Limits


@pytest.fixture(scope="session")
def light(tmp_path_factory: pytest.TempPathFactory) -> Launch:
    """Start processes without xarray."""
    program = tmp_path_factory.mktemp("light") / "light.py"
    program.write_text(LIGHT)
    return Launch(program=program)


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where all of them have their folders."""
    return tmp_path_factory.mktemp("scratch")


@pytest.fixture(scope="session")
def full(folder: Path) -> Iterator[Children]:
    """Processes with xarray: only for scenes that do not end them."""
    with_xarray = Children(most=2, warm=0, folder=folder)
    yield with_xarray
    end(with_xarray)


@pytest.fixture
def make(light: Launch, folder: Path) -> Iterator[Callable[..., Children]]:
    """Make processes without xarray, and see that nothing is left of them."""
    made: list[Children] = []

    def new(**options: Any) -> Children:
        made.append(Children(**{"launch": light, "folder": folder, "warm": 0, "most": 4, **options}))
        return made[-1]

    yield new
    for children in made:
        end(children)


@pytest.fixture(scope="session")
def lights(light: Launch, folder: Path) -> Iterator[Children]:
    """Processes without xarray, one of them waiting."""
    children = Children(launch=light, folder=folder, warm=1, most=4)
    yield children
    end(children)


def end(children: Children) -> None:
    pids = children.pids()
    children.close()
    assert children.pids() == []
    assert all(map(is_gone, pids))


@pytest.fixture
def child(lights: Children) -> Iterator[Child]:
    """Scenes in a process without xarray."""
    with lights.child("ada", "scenes", scenes(), Limits(memory_nbytes=96 * MIB, wall_s=20)) as lent:
        yield lent


@pytest.fixture
def large(full: Children) -> Iterator[Child]:
    """Scenes in a process with xarray."""
    with full.child("ada", "scenes", scenes(), Limits(wall_s=60)) as lent:
        yield lent
