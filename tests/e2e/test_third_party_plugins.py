"""Plugins of others: installed, used, removed; and those that fail take nothing down."""

import json
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

import httpx
import pytest

PROJECT = Path(__file__).parents[2]
WHEELS = Path(sys.prefix) / "wheels"

FAILING = {
    "raises_at_import": ("raise RuntimeError('no such thing')", "import failed: RuntimeError: no such thing"),
    "exits_at_import": ("import nothing_of_this_name", "import failed: ModuleNotFoundError"),
    "raises_when_built": (
        "from xpublish.plugins import Plugin\nclass P(Plugin):\n    name: str = 'p'\n    needed: int\n",
        "building failed: ValidationError",
    ),
    "raises_when_asked_for_routes": (
        "from xpublish.plugins import Plugin, hookimpl\nclass P(Plugin):\n    name: str = 'p'\n"
        "    @hookimpl\n    def app_router(self, deps):\n        raise KeyError('routes')\n",
        "building failed: KeyError: 'routes'",
    ),
    "takes_a_route_of_ours": (
        "from fastapi import APIRouter\nfrom xpublish.plugins import Plugin, hookimpl\nclass P(Plugin):\n"
        "    name: str = 'p'\n    @hookimpl\n    def app_router(self, deps):\n        router = APIRouter()\n"
        "        router.add_api_route('/health', lambda: 'mine')\n        return router\n",
        "building failed: ValueError: Found multiple routes",
    ),
    "breaks_the_schema": (
        "from collections.abc import Callable\nfrom fastapi import APIRouter\nfrom pydantic import BaseModel\n"
        "from xpublish.plugins import Plugin, hookimpl\nclass M(BaseModel):\n    f: Callable[[], int]\n"
        "class P(Plugin):\n    name: str = 'p'\n    @hookimpl\n    def app_router(self, deps):\n"
        "        router = APIRouter()\n        router.add_api_route('/p', lambda: 1, response_model=M)\n"
        "        return router\n",
        "building failed: PydanticInvalidForJsonSchema",
    ),
}


@pytest.fixture
def environment(tmp_path: Path) -> Path:
    """An environment of its own that sees all that ours has: what is installed into it is nobody else's."""
    home = tmp_path / "environment"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", home], check=True)
    site = next(home.glob("lib/python*/site-packages"))
    (site / "parent.pth").write_text(f"import site; site.addsitedir({sysconfig.get_path('purelib')!r})\n")
    return home / "bin" / "python"


def pip(python: Path, *arguments: object) -> None:
    command = [sys.executable, "-m", "pip", "--python", python, "--quiet", "--disable-pip-version-check", *arguments]
    subprocess.run(list(map(str, command)), check=True)


def add_plugin(tmp_path: Path, name: str, code: str) -> None:
    """Put a distribution with one plugin where PYTHONPATH finds it."""
    (tmp_path / f"{name}.py").write_text(code)
    info = tmp_path / f"{name}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[xpublish.plugin]\n{name} = {name}:P\n")


def test_the_example_plugin_is_installed_used_and_removed(environment: Path, start: Any) -> None:
    pip(environment, "install", "--no-deps", "--no-build-isolation", PROJECT / "plugins" / "cloudify-example")
    server = start("demo", python=str(environment))
    assert httpx.get(f"{server.url}/plugins").json()["units"] == {
        "path": "cloudify_example:UnitsPlugin",
        "version": "0.1.0",
    }
    units = httpx.get(f"{server.url}/datasets/mpi-esm-tas/units").json()
    assert units["tas"] == "K"
    assert units["time"] == "days since 1850-01-01 00:00:00"
    assert units["lat"] == "degrees_north"
    assert httpx.get(f"{server.url}/datasets/nope/units").json()["type"] == "urn:cloudify:problems/unknown-dataset"
    assert "/datasets/{dataset_id}/units" in httpx.get(f"{server.url}/openapi.json").json()["paths"]
    assert server.stop() == 0
    tests = [environment, "-m", "pytest", "-q", "-p", "no:cacheprovider", PROJECT / "plugins" / "cloudify-example"]
    subprocess.run(list(map(str, tests)), check=True, cwd=environment.parent)

    pip(environment, "uninstall", "--yes", "cloudify-example")
    server = start("demo", python=str(environment))
    assert "units" not in httpx.get(f"{server.url}/plugins").json()
    assert httpx.get(f"{server.url}/datasets/mpi-esm-tas/units").status_code == 404


def test_demo_serves_beside_xpublish_intake_and_reports_it(environment: Path, start: Any) -> None:
    pip(environment, "install", "--no-deps", "--no-index", "--find-links", WHEELS, "xpublish-intake==1.0.0")
    server = start("demo", python=str(environment))
    printed = "\n".join(server.printed)
    assert "1 failed" in printed
    assert "intake failed: import failed: " in printed
    assert httpx.get(f"{server.url}/datasets/mpi-esm-tas/zarr/tas/c/0/0/0").status_code == 200
    rows = httpx.get(f"{server.url}/plugins").json()
    failed = {name: row for name, row in rows.items() if "error" in row}
    assert len(failed) == 1
    assert next(iter(failed.values()))["version"] == "1.0.0"
    page = httpx.get(server.url, headers={"Accept": "text/html"}).text
    assert "Plugins this server runs without" in page
    assert "plugin is left out" in server.log.read_text()
    doctor = subprocess.run(
        [environment, "-m", "cloudify", "doctor", "--data-dir", environment.parent / "d", "--json"],
        capture_output=True, text=True, check=False, env={"CLOUDIFY_PORT": "0"},
    )  # fmt: skip
    assert doctor.returncode == 1, doctor.stderr
    wrong = [row for row in json.loads(doctor.stdout) if not row["good"]]
    assert [row["topic"] for row in wrong] == ["plugin"]
    assert "uninstall it, or use cloudify.Server" in wrong[0]["detail"]


def test_failing_plugins_are_reported_and_take_nothing_down(tmp_path: Path, start: Any) -> None:
    for name, (code, _) in FAILING.items():
        add_plugin(tmp_path, name, code)
    server = start("demo", env={"PYTHONPATH": str(tmp_path)})
    rows = httpx.get(f"{server.url}/plugins").json()
    for name, (_, reason) in FAILING.items():
        assert "error" in rows[name], name
        assert rows[name]["error"].startswith(reason), rows[name]
        assert str(tmp_path) not in rows[name]["error"]
    assert f"{len(FAILING)} failed" in "\n".join(server.printed)
    assert httpx.get(f"{server.url}/health").json() == {"status": "ok"}
    assert httpx.get(f"{server.url}/openapi.json").status_code == 200
    assert httpx.get(f"{server.url}/datasets/mpi-esm-tas/zarr/zarr.json").status_code == 200
    assert server.stop() == 0
