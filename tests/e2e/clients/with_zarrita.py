"""zarrita in node: both formats, by consolidated metadata, and with every chunk in two ranges."""

import json
import shutil
import subprocess
from pathlib import Path

from clients.base import Client
from clients.elsewhere import run

HERE = Path(__file__).parent


def install(folder: Path) -> None:
    """Install what package.json names into a folder, once for each version of its lock."""
    lock = (HERE / "package-lock.json").read_text()
    done = folder / "installed"
    if not done.exists() or done.read_text() != lock:
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copyfile(HERE / name, folder / name)
        subprocess.run(
            ["npm", "ci", "--omit=dev", "--no-audit", "--no-fund"], cwd=folder, check=True, capture_output=True
        )
        done.write_text(lock)
    shutil.copyfile(HERE / "zarrita.mjs", folder / "zarrita.mjs")


def clients(folder: Path) -> list[Client]:
    """Return the clients that read with what is installed in a folder."""
    lock = json.loads((HERE / "package-lock.json").read_text())
    version = f"zarrita {lock['packages']['node_modules/zarrita']['version']}"
    return [
        Client(f"zarrita {kind}", version, lambda jobs, kind=kind: run(["node", "zarrita.mjs", kind], jobs, folder))  # type: ignore[misc]
        for kind in ("v3", "v2", "consolidated", "range")
    ]
