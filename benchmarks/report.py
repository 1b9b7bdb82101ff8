"""What the written tables have in common."""

import os
import platform
import re
import subprocess
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from tempfile import gettempdir

from benchmarks.failures import MissingProgramError
from benchmarks.processes import find_program

ROOT = Path(__file__).parents[1]
_VERSION = re.compile(r"\d+(\.\d+)+")


def today() -> str:
    """Return the date, in UTC."""
    return datetime.now(UTC).strftime("%Y-%m-%d")


def versions(packages: Iterable[str], programs: Iterable[str] = ()) -> str:
    """Name Python, packages and programs with their versions."""
    named = [f"Python {platform.python_version()}", *(f"{name} {version(name)}" for name in packages)]
    return ", ".join([*named, *(f"{name} {_program_version(name)}" for name in programs)])


def cores() -> int:
    """Return the number of cores this process may use."""
    return len(os.sched_getaffinity(0))


def table(header: Sequence[str], lines: Iterable[Sequence[str]], *, texts: int = 1) -> str:
    """Write a Markdown table; the first `texts` columns are text, the others are numbers."""
    rule = ["---" if i < texts else "---:" for i in range(len(header))]
    return "\n".join(f"| {' | '.join(map(_cell, cells))} |" for cells in (header, rule, *lines))


def without_places(text: str) -> str:
    """Replace the folders that say where a table was made."""
    places = {str(ROOT): "<project>", str(Path.home()): "~", gettempdir(): "<tmp>"}
    for place, shown in sorted(places.items(), key=lambda item: -len(item[0])):
        if len(place) > 1:
            text = re.sub(rf"(?<![\w.-]){re.escape(place)}(?![\w-])", shown, text)
    return text


def _cell(text: str) -> str:
    return without_places(text).replace("|", "\\|").replace("\n", " ")


def _program_version(name: str) -> str:
    try:
        program = find_program(name)
    except MissingProgramError:
        return "absent"
    run = subprocess.run([program, "-v"], capture_output=True, text=True, check=False, timeout=10)
    match = _VERSION.search(run.stdout + run.stderr)
    return match[0] if match else "of unknown version"
