"""The docs say what the code does: every failure, setting, command, route and plugin, every link, every snippet."""

import os
import re
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest
import typer

from cloudify import Server
from cloudify.catalog import preparation
from cloudify.catalog.driver import DRIVER_OF_ENDING
from cloudify.catalog.own import _Reader
from cloudify.cli.main import app
from cloudify.errors import CloudifyError
from cloudify.http.meters import Meters
from cloudify.http.problems import Problem
from cloudify.model.entry import CODECS
from cloudify.settings import Settings

PROJECT = Path(__file__).parents[2]
DOCS = PROJECT / "docs"
PAGES = [
    *(PROJECT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "catalogs/README.md")),
    PROJECT / "workshop" / "README.md",
    *sorted(DOCS.rglob("*.md")),
]


def reference(name: str) -> str:
    return (DOCS / "reference" / f"{name}.md").read_text()


def families() -> list[type[CloudifyError]]:
    pending, found = [CloudifyError], []
    while pending:
        cls = pending.pop()
        found.append(cls)
        pending.extend(cls.__subclasses__())
    return found


def test_every_failure_has_a_code_of_its_own() -> None:
    codes = [cls.code for cls in families()]
    assert len(codes) == len(set(codes)) > 15


def test_every_error_code_is_documented_with_its_status() -> None:
    text = reference("errors")
    for cls in families():
        assert f"`{cls.code}`" in text, cls
    rows = dict(re.findall(r"^\| `([a-z-]+)` \| (\d+) \|", text, re.MULTILINE))
    for cls in families():
        if cls.code in rows:
            error = cls.__new__(cls)
            Exception.__init__(error, "x")
            assert int(rows[cls.code]) == Problem.of(error).status, cls


def test_every_setting_is_documented_and_no_other() -> None:
    documented = re.findall(r"^\| `(\w+)` \|", reference("settings"), re.MULTILINE)
    assert documented == list(Settings.model_fields)


def test_every_command_and_option_is_documented() -> None:
    text = reference("commands")
    root = typer.main.get_command(app)
    pending = [("cloudify", root)]
    seen = 0
    while pending:
        name, command = pending.pop()
        for option in command.params:
            for word in option.opts:
                if word.startswith("--") and word != "--help":
                    assert f"`{word}`" in text, (name, word)
        below = getattr(command, "commands", {})
        if not below:
            assert f"## {name}" in text, name
            seen += 1
        pending.extend((f"{name} {word}", sub) for word, sub in below.items())
    assert seen == 12


def test_every_route_is_documented_and_no_other() -> None:
    text = reference("routes")
    rows = re.findall(r"^\| `((?:GET|POST|DELETE)(?:,(?:POST|DELETE))*) ([^`]+)`", text, re.MULTILINE)
    documented = {path for _, path in rows}
    served = Server({}).rest.app.openapi()["paths"]
    paths = {re.sub(r":path}", "}", path) for path in served}
    grouped = {path for path in paths if "{group_path}/" in path}
    assert {path.rsplit("/", 1)[1] for path in grouped} == {"keys", "dict", "info"}
    unlisted = {"/docs", "/openapi.json", "/static/{name}"}
    assert documented == (paths - grouped) | unlisted
    for methods, path in rows:
        if path in served:
            assert {method.upper() for method in served[path]} == set(methods.split(",")), path


def test_every_metric_is_documented_with_its_labels_and_no_other() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (\w+) \|([^|]*)\|", reference("metrics"), re.MULTILINE)
    documented = {(name, kind, tuple(re.findall(r"`(\w+)`", labels))) for name, kind, labels in rows}
    meters = Meters()
    own = [meter for meter in vars(meters).values() if hasattr(meter, "describe")]
    labels = {meter.describe()[0].name: meter._labelnames for meter in own}
    found = {
        (family.name + "_total" * (family.type == "counter"), family.type, labels.get(family.name, ()))
        for family in meters.registry.collect()
    }
    assert documented == found


def test_every_target_of_make_is_documented() -> None:
    targets = re.search(r"^\.PHONY: (.*)$", (PROJECT / "Makefile").read_text(), re.MULTILINE)
    assert targets
    for target in targets[1].split():
        assert f"`make {target}`" in reference("commands")


def test_every_driver_ending_and_codec_is_documented() -> None:
    for ending in DRIVER_OF_ENDING:
        assert ending in reference("commands")
    for codec in CODECS:
        assert f"`{codec}`" in reference("catalog")
    for point in entry_points(group="cloudify.opener"):
        assert f"`{point.name}`" in reference("catalog")


def test_every_key_of_a_dataset_is_documented() -> None:
    text = reference("catalog")
    for key in (*_Reader._READERS, *preparation.KEYS):
        assert f"`{key}`" in text, key


def test_every_decision_of_the_foundation_is_there() -> None:
    titles = " ".join(path.name for path in (DOCS / "decisions").glob("*.md"))
    for word in ("own-zarr-plugin", "layers", "one-url", "python-floor", "pins"):
        assert word in titles


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text()):
        if "://" not in target:
            assert (page.parent / target).exists(), target


def test_the_map_of_contributors_names_what_is_there() -> None:
    """A name without a folder is beside the file before it, or in the project's root."""
    rows = re.findall(r"^\| [^|]+ \| ([^|]+) \|$", (PROJECT / "CONTRIBUTING.md").read_text(), re.MULTILINE)
    assert len(rows) > 25
    for row in rows:
        beside = PROJECT
        for name in re.findall(r"`([\w/.-]+(?:/|\.py|\.toml))`", row):
            (path,) = {path for path in (PROJECT / name, beside / name) if path.exists()}
            beside = path if path.is_dir() else path.parent


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_docs_never_name_the_other_project(page: Path) -> None:
    assert not re.search(r"pip install cloudify(?![-\w])", page.read_text())


def snippets(*pages: Path) -> list[Any]:
    return [
        pytest.param(code, id=f"{page.stem}-{number}")
        for page in pages
        for number, code in enumerate(re.findall(r"^```python\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL))
    ]


@pytest.mark.parametrize("code", snippets(PROJECT / "README.md", *sorted((DOCS / "how-to").glob("*.md"))))
def test_snippets_run(request: pytest.FixtureRequest, tmp_path: Path, code: str) -> None:
    """As written, but for the address of the demo, and where its token is; functions need one that runs them."""
    runs_functions = ".map(" in code or ".execute(" in code or ".job(" in code
    demo = request.getfixturevalue("computing" if runs_functions else "demo")
    script = tmp_path / "snippet.py"
    script.write_text(code.replace("http://127.0.0.1:9000", demo.url))
    env = os.environ | {"CLOUDIFY_DATA_DIR": str(demo.data_dir)}
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=False, cwd=tmp_path, env=env)
    assert done.returncode == 0, done.stderr


def test_readme_has_five_snippets_or_more() -> None:
    assert len(snippets(PROJECT / "README.md")) >= 5


def test_the_guide_shows_the_example_plugin() -> None:
    """What the guide teaches is what the example does, but for times, whose unit xarray moves when it decodes them."""
    guide = (DOCS / "how-to" / "write-a-plugin.md").read_text()
    example = (PROJECT / "plugins" / "cloudify-example" / "cloudify_example.py").read_text()
    assert example[example.index("class UnitsPlugin") :] in guide
    metadata = (PROJECT / "plugins" / "cloudify-example" / "pyproject.toml").read_text()
    assert '[project.entry-points."xpublish.plugin"]\nunits = "cloudify_example:UnitsPlugin"' in metadata
    assert 'units = "cloudify_example:UnitsPlugin"' in guide
