"""The house rules, held by machines; and seen to report what breaks them."""

import ast
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
PACKAGE = PROJECT / "cloudify"
MODULES = sorted(PACKAGE.rglob("*.py"))

BROAD_EXCEPTS = {
    "server/discovery.py", "server/failures.py", "http/bytes.py", "compute/child/inside/runner.py", "compute/engine.py",
}  # fmt: skip
"""docs/decisions/0008, 0027, 0034."""
RUNS_FUNCTIONS = "compute/child/inside/runner.py"
"""Inside a process of its own, which is what that process is for."""
LINES = 300


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def contracts(folder: Path) -> subprocess.CompletedProcess[str]:
    """Run the import contracts on the package in a folder."""
    command = [
        str(Path(sys.executable).parent / "lint-imports"),
        "--no-cache",
        "--config",
        str(folder / "pyproject.toml"),
    ]
    env = os.environ | {"PYTHONPATH": str(folder)}
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    shutil.copytree(PACKAGE, tmp_path / "cloudify", ignore=shutil.ignore_patterns("demo", "web", "__pycache__"))
    shutil.copyfile(PROJECT / "pyproject.toml", tmp_path / "pyproject.toml")
    return tmp_path


@pytest.mark.parametrize(
    ("module", "line", "broken"),
    [
        ("datasets/shelf.py", "import cloudify.http.offload", "layers: a layer imports only from layers below"),
        ("server/app.py", "import cloudify.plugins.zarr", "layers: a layer imports only from layers below"),
        ("chunks/grid.py", "import fastapi", "engines know no HTTP"),
        ("model/entry.py", "import numpy", "the model is made of the standard library"),
        ("plugins/health.py", "import cloudify.plugins.zarr", "plugins are independent of each other"),
        ("stray.py", "import cloudify.errors", "layers: a layer imports only from layers below"),
    ],
)
def test_a_planted_violation_is_reported(copy: Path, module: str, line: str, broken: str) -> None:
    before = contracts(copy)
    assert before.returncode == 0, before.stdout
    path = copy / "cloudify" / module
    old = path.read_text() if path.exists() else '"""Stray."""\n'
    path.write_text(f"{old}\n{line}\n")
    after = contracts(copy)
    assert after.returncode == 1
    said = after.stdout + after.stderr
    assert f"{broken} BROKEN" in said or "stray" in said


def test_everything_is_caught_in_five_places_only() -> None:
    found = set()
    for path in MODULES:
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.ExceptHandler):
                caught = ast.unparse(node.type) if node.type else "everything"
                if re.search(r"\b(Exception|BaseException|everything)\b", caught):
                    found.add(str(path.relative_to(PACKAGE)))
    assert found == BROAD_EXCEPTS


def test_one_module_reads_the_environment() -> None:
    found = {str(path.relative_to(PACKAGE)) for path in MODULES if re.search(r"os\.(environ|getenv)", path.read_text())}
    assert found == {"settings/__init__.py", "settings/environment.py"}


def test_nothing_is_evaluated_or_unpickled() -> None:
    """security.md, B-04."""
    for path in MODULES:
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.Call):
                called = ast.unparse(node.func)
                if path != PACKAGE / RUNS_FUNCTIONS:
                    assert called not in {"eval", "exec", "compile"}, path
                assert not re.search(r"(pickle|marshal|shelve)\.", called), path
                assert not any(word.arg == "allow_pickle" for word in node.keywords), path


def test_modules_stay_readable() -> None:
    for path in MODULES:
        assert len(path.read_text().splitlines()) <= LINES, path
        assert ast.get_docstring(tree(path)), path


VENDORED = ("swagger-ui", "leaflet")


@pytest.mark.parametrize("name", VENDORED)
def test_vendored_files_are_those_that_were_checked_in(name: str) -> None:
    folder = PACKAGE / "web" / "static" / name
    assert (folder / "LICENSE").exists()
    subprocess.run(["sha256sum", "--check", "--quiet", "SHA256SUMS"], cwd=folder, check=True)


def test_pages_fetch_nothing_from_elsewhere() -> None:
    own = [path for path in (PACKAGE / "web").rglob("*") if path.is_file() and not set(VENDORED) & set(path.parts)]
    assert len(own) > 8
    for path in own:
        if path.suffix != ".svg":
            assert not re.search(r"(src|href|url)\s*[=(:]\s*[\"']?\s*(https?:)?//", path.read_text()), path


def test_pins_are_plain_and_cover_what_is_asked_for() -> None:
    lines = [line for line in (PROJECT / "constraints.txt").read_text().splitlines() if not line.startswith("#")]
    names = []
    for line in lines:
        match = re.fullmatch(r"([A-Za-z0-9._-]+)==[A-Za-z0-9.]+", line)
        assert match, line
        names.append(re.sub(r"[-_.]+", "-", match[1]).lower())
    assert len(set(names)) == len(names)
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
    extras = [line for lines in project["optional-dependencies"].values() for line in lines]
    asked = {re.sub(r"[-_.]+", "-", re.split(r"[\[<>=]", line)[0]).lower() for line in project["dependencies"] + extras}
    assert len(asked) > 25
    assert asked - {project["name"]} <= set(names)  # an extra may ask for others of ours
