"""``cloudify doctor``: what works here and what does not."""

import json
import platform
import sys
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from tempfile import TemporaryFile
from typing import TYPE_CHECKING

import typer

from cloudify.cli.guard import one_line

if TYPE_CHECKING:
    from cloudify.settings import Settings

PACKAGES = (
    "cloudify-xarray",
    "xpublish",
    "xarray",
    "zarr",
    "dask",
    "distributed",
    "numpy",
    "netCDF4",
    "h5netcdf",
    "fastapi",
    "uvicorn",
)


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report."""

    topic: str
    name: str
    good: bool
    detail: str


def examine(*, data_dir: str | None, as_json: bool) -> None:
    """Print the report; exit status 1 if anything is wrong."""
    with one_line():
        findings = [*_versions(), *_plugins(), *_openers(), *_surroundings(data_dir)]
    if as_json:
        print(json.dumps([asdict(finding) for finding in findings], indent=1))
    else:
        for finding in findings:
            print(f"{'ok  ' if finding.good else 'FAIL'}  {finding.topic:<9} {finding.name:<24} {finding.detail}")
    if not all(finding.good for finding in findings):
        raise typer.Exit(1)


def _versions() -> list[Finding]:
    findings = [Finding("version", "python", sys.version_info >= (3, 11), platform.python_version())]
    for package in PACKAGES:
        try:
            findings.append(Finding("version", package, good=True, detail=version(package)))
        except PackageNotFoundError:
            findings.append(Finding("version", package, good=False, detail="not installed; run `make demo` again"))
    return findings


def _plugins() -> list[Finding]:
    """Build a server without datasets, which is the one way to know what loads."""
    import logging

    from cloudify.server.app import Server

    logging.disable()  # the report is the output
    report = Server({}).report
    return [
        Finding(
            "plugin", found.name, found.error is None,
            found.error + "; a plain xpublish.Rest(...) cannot start beside it: uninstall it, or use cloudify.Server"
            if found.error else f"{found.path} {found.version or ''}".rstrip(),
        )
        for found in report.plugins
    ]  # fmt: skip


def _openers() -> list[Finding]:
    from cloudify.datasets.open import openers
    from cloudify.datasets.source import failures

    findings = []
    for driver, point in sorted(openers().items()):
        try:
            point.load()
            findings.append(Finding("opener", driver, good=True, detail=point.value))
        except failures() as error:
            findings.append(Finding("opener", driver, good=False, detail=f"{type(error).__name__}: {error}"))
    return findings


def _surroundings(data_dir: str | None) -> list[Finding]:
    from cloudify.errors import UsageError
    from cloudify.server.run import listen
    from cloudify.settings import Settings

    settings = Settings.load(data_dir=data_dir)
    try:
        listen(settings.host, settings.port).close()
        port = Finding("port", str(settings.port), good=True, detail=f"free on {settings.host}")
    except UsageError as error:
        port = Finding("port", str(settings.port), good=False, detail=str(error))
    return [_writable(settings.data_dir), port, *_cluster(settings)]


def _cluster(settings: "Settings") -> list[Finding]:
    """Ask the scheduler that is configured, if any, for its workers."""
    from cloudify.cluster.cluster import cluster_of
    from cloudify.errors import ClusterUnavailableError

    cluster = cluster_of(settings)
    if cluster is None:
        return []
    try:
        return [Finding("cluster", cluster.address, good=True, detail=f"{cluster.workers()} workers")]
    except ClusterUnavailableError as error:
        return [Finding("cluster", cluster.address, good=False, detail=f"{error}; is the address right?")]


def _writable(folder: Path) -> Finding:
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with TemporaryFile(dir=folder):
            return Finding("write", "data_dir", good=True, detail=str(folder))
    except OSError as error:
        return Finding(
            "write",
            "data_dir",
            good=False,
            detail=f"{folder}: {error.strerror}; choose another: --data-dir DIR",
        )
