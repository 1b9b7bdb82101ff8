"""Every client reads every dataset, and docs/reference/clients.md says so."""

import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import yaml

from clients import with_gdal, with_tensorstore, with_xarray, with_zarr, with_zarrita
from clients.base import Client, Job
from clients.matrix import Matrix
from clients.sources import PROJECT, Source, count_times, files, objects, shared_folder, shared_ids
from cloudify import Server
from cloudify.testing import running

PAGE = PROJECT / "docs" / "reference" / "clients.md"
pytestmark = [
    pytest.mark.timeout(600),
    # zarr-python says of text and of bytes of fixed length that v3 may yet change them
    pytest.mark.filterwarnings("ignore:.*does not have a Zarr V3 specification"),
    # the dataset with spaces in the names of its dimensions
    pytest.mark.filterwarnings("ignore:.*has a space in its name"),
]


@pytest.fixture(scope="module")
def served(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[dict[str, Source], list[Job]]]:
    """Files by a server of their own, objects by one in this process."""
    start = request.config.pluginmanager.get_plugin(str(PROJECT / "tests" / "conftest.py"))
    assert start is not None
    folder = tmp_path_factory.mktemp("clients")
    of_files, of_objects = list(files(folder)), list(objects(folder))
    catalog = folder / "catalog.yaml"
    hrefs = {source.id: {"href": str(source.href)} for source in of_files}
    catalog.write_text(yaml.safe_dump({"cloudify": 1, "datasets": hrefs}))
    process = start.Process(["serve", str(catalog)], folder)
    try:
        with running(Server({source.id: source.made for source in of_objects if source.made is not None}).app) as url:
            for source in of_objects:
                count_times(source, url)
            jobs = [source.job(process.url) for source in of_files] + [source.job(url) for source in of_objects]
            yield {source.id: source for source in of_files + of_objects}, jobs
    finally:
        process.stop()


@pytest.fixture(scope="module")
def clients() -> list[Client]:
    folder = PROJECT / ".venv" / "node"
    with_zarrita.install(folder)
    return [
        *with_xarray.CLIENTS, *with_zarr.CLIENTS, *with_tensorstore.CLIENTS, *with_zarrita.clients(folder),
        *with_gdal.CLIENTS,
    ]  # fmt: skip


def rows(page: str) -> list[str]:
    """Return the rows of the table, whatever number a reason has."""
    table = page.split("| client | version |", maxsplit=1)[0]
    return [re.sub(r"\([\d, ]+\)", "", line) for line in table.splitlines() if line.startswith("| ")]


def answers_ranges(url: str) -> bool:
    return httpx.get(f"{url}/zarr.json", headers={"Range": "bytes=0-1"}).status_code == 206


@pytest.mark.program("node")
@pytest.mark.program("npm")
def test_every_client_reads_every_dataset(served: Any, clients: list[Client], request: pytest.FixtureRequest) -> None:
    sources, jobs = served
    matrix = Matrix()
    for client in clients:
        matrix.add(client, sources, jobs, ranges=answers_ranges(jobs[0].url))
    assert not matrix.faults, "\n".join(matrix.faults)
    if shared_folder() is None:
        expected = [
            row for row in rows(PAGE.read_text()) if not row.startswith(tuple(f"| {one} |" for one in shared_ids()))
        ]
        assert rows(matrix.markdown()) == expected
        pytest.skip("all rows but those of ../shared/data, which are absent, are right: set CLOUDIFY_TEST_DATA")
    if request.config.getoption("--write-clients", default=False):
        PAGE.write_text(matrix.markdown())
    assert matrix.markdown() == PAGE.read_text(), "pytest tests/e2e/clients --write-clients"
