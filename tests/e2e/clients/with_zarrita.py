"""zarrita in node: both formats, by consolidated metadata, and with every chunk in two ranges."""

import json
import shutil
from pathlib import Path

from clients.base import Client
from clients.elsewhere import npm_install, run

HERE = Path(__file__).parent


def install(folder: Path) -> None:
    """Install zarrita into a folder."""
    npm_install(HERE, folder)
    shutil.copyfile(HERE / "zarrita.mjs", folder / "zarrita.mjs")


def clients(folder: Path) -> list[Client]:
    """Return the clients that read with what is installed in a folder."""
    lock = json.loads((HERE / "package-lock.json").read_text())
    version = f"zarrita {lock['packages']['node_modules/zarrita']['version']}"
    return [
        Client(f"zarrita {kind}", version, lambda jobs, kind=kind: run(["node", "zarrita.mjs", kind], jobs, folder))  # type: ignore[misc]
        for kind in ("v3", "v2", "consolidated", "range")
    ]
