"""The zarr plugin that others run with xpublish, in an environment of its own."""

import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

from benchmarks.failures import RowError
from benchmarks.report import ROOT

PINS = ("xpublish==0.5.2", "xpublish-zarr==0.1.0")
NAME = "xpublish-zarr 0.1.0 on xpublish 0.5.2"
INSTALL_S = 300
_DONE = "installed"


def stock_python() -> Path:
    """Return the interpreter of the environment, which is made once, below the user's cache folder.

    What both need is pinned to what we run with.

    Raises
    ------
    RowError
        If it cannot be made.
    """
    cache = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "cloudify-bench"
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    folder = cache / f"{'-'.join(PINS).replace('==', '-')}-python{version}"
    python = folder / "bin" / "python"
    if (folder / _DONE).exists():
        return python
    shutil.rmtree(folder, ignore_errors=True)
    try:
        venv.create(folder, with_pip=True)
        pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        command = [*pip, "--constraint", str(ROOT / "constraints.txt"), *PINS, "httptools", "uvloop"]
        subprocess.run(command, capture_output=True, check=True, timeout=INSTALL_S)
    except (OSError, subprocess.SubprocessError) as error:
        raise RowError(f"{' '.join(PINS)} cannot be installed: {type(error).__name__}") from error
    (folder / _DONE).touch()
    return python
