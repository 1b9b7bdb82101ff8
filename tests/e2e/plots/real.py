"""Where the real files are, and a server of all that are here."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from clients.sources import iris_folder, shared_folder

from cloudify import Server
from cloudify.catalog.catalog import Catalog
from cloudify.model.entry import Entry, suggest_id
from cloudify.testing import running
from plots.expected import IRIS, SHARED


def sources() -> dict[str, tuple[Path | None, dict[str, str]]]:
    shared, iris = shared_folder(), iris_folder()
    found = {name: (shared / name if shared else None, table) for name, table in SHARED.items()}
    return found | {name: (iris / name, table) for name, table in IRIS.items()}


SOURCES = sources()


@contextmanager
def serving() -> Iterator[str]:
    entries = (Entry(suggest_id(name), "netcdf", str(path)) for name, (path, _) in SOURCES.items() if path is not None)
    with running(Server(Catalog(tuple(entries))).app) as url:
        yield url
