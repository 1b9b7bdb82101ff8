"""Hosts every entry of catalogs, and says which of them cannot be opened before readers find out.

``python scripts/cataloghost.py CATALOG ... [--port 9000] [--open]``; a catalog of ours, of intake, or any other target
of ``cloudify serve``. Nothing is opened before somebody reads it, but for ``--open``.
"""

import argparse

from cloudify import Server
from cloudify.errors import CloudifyError
from cloudify.settings import Settings


def report(server: Server, *, open_all: bool) -> None:
    """Print a line for each entry that the catalogs have, and for each fault in them."""
    for fault in server.catalog.faults:
        print(f"fault    {fault}")
    for entry in server.catalog.entries:
        line = f"{entry.id:<24} {entry.driver:<9} {entry.title}".rstrip()
        try:
            if open_all:
                variables = sum(len(ds.data_vars) for ds in server.shelf.get(entry.id).groups.values())
                line = f"{line} ({variables} variables)"
        except CloudifyError as error:
            line = f"{line}: {error}"
        print(f"dataset  {line}")


def main() -> None:
    """Read the catalogs and serve what is in them."""
    options = argparse.ArgumentParser(description="Host every entry of catalogs.")
    options.add_argument("catalogs", nargs="+", metavar="CATALOG")
    options.add_argument("--host")
    options.add_argument("--port", type=int)
    options.add_argument("--open", action="store_true", help="open every dataset now, to see which cannot be")
    given = options.parse_args()
    try:
        settings = Settings.load(host=given.host, port=given.port)
        server = Server.of_targets(given.catalogs, settings=settings)
        report(server, open_all=given.open)
        print(f"page     http://{settings.host}:{settings.port}/", flush=True)
        server.serve()
    except CloudifyError as error:
        raise SystemExit(f"cataloghost: {error}") from None


if __name__ == "__main__":
    main()
