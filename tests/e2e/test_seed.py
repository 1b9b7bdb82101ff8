"""The snippets of the document that the project comes from, as they are written there: names and URL filled in."""

import io
import re
import runpy
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pystac
import pytest
import xarray as xr
from PIL import Image

from cloudify.testing import free_port

PROJECT = Path(__file__).parents[2]
SEED = PROJECT.parent / "shared" / "seeds" / "cloudify.txt"
TAS = PROJECT / "cloudify" / "demo" / "mpi-esm-tas.nc"
START_S = 90
pytestmark = [
    pytest.mark.skipif(not SEED.exists(), reason="the seed document is not beside the project"),
    pytest.mark.filterwarnings("ignore"),  # the clients' own
]


def snippets() -> dict[str, str]:
    """Return the Python snippets of the document by the heading or bold word before each."""
    found: dict[str, str] = {}
    title = ""
    for match in re.finditer(r"^#+ +(?P<heading>[^\n]*)$|^\*\*(?P<bold>[^*]+)\*\*|```python\n(?P<code>.*?)^```",
                             SEED.read_text(), re.MULTILINE | re.DOTALL):  # fmt: skip
        if match["code"] is None:
            title = (match["heading"] or match["bold"]).strip().rstrip(":")
        else:
            found[title] = match["code"]
    return found


def test_all_snippets_of_the_document_are_known() -> None:
    """A new one must be run here, or be named with those that are not."""
    assert list(snippets()) == [
        "With Dask to apply functions before hosting", "Consumption", "Metadata info per xarray dataset", "Zarr Raw",
        "Zarr Dask backed", "STAC", "Intake", "Plotting", "Diagnostics",
    ]  # fmt: skip


@pytest.fixture(scope="module")
def host_script(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The script of "With Dask", which hosts the dataset `test`."""
    folder, port = tmp_path_factory.mktemp("seed"), free_port()
    code = snippets()["With Dask to apply functions before hosting"]
    written = code.replace("DATASET", repr(str(TAS))).replace('"0.0.0.0"', '"127.0.0.1"').replace("9000", str(port))
    assert written.count(str(port)) == 1
    (folder / "host.py").write_text(written)
    url = f"http://127.0.0.1:{port}"
    with (folder / "log.txt").open("w") as log:
        process = subprocess.Popen([sys.executable, "host.py"], cwd=folder, stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + START_S
        while not is_up(url):
            assert process.poll() is None, (folder / "log.txt").read_text()
            assert time.monotonic() < deadline, (folder / "log.txt").read_text()
            time.sleep(0.2)
        yield url
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()


def is_up(url: str) -> bool:
    try:
        return httpx.get(f"{url}/datasets", timeout=2).status_code == 200
    except httpx.HTTPError:
        return False


@pytest.fixture(scope="module", params=["the seed's own host script", "cloudify demo"])
def server(request: pytest.FixtureRequest) -> tuple[str, str]:
    """Return URL and dataset id."""
    if request.param == "cloudify demo":
        return request.getfixturevalue("demo").url, "mpi-esm-tas"
    return request.getfixturevalue("host_script"), "test"


def run(title: str, server: tuple[str, str], tmp_path: Path, last: str = "", names: str = "") -> dict[str, Any]:
    """Run a snippet; `last` names the value of its last expression, which a notebook would show."""
    url, dataset_id = server
    code = snippets()[title].replace("https://eerie.cloud.dkrz.de", url)
    if last:
        code = code.replace("xr.open_dataset(", f"{last} = xr.open_dataset(")
    names += f"SERVER_URL = {url!r}\ndataset_id = {dataset_id!r}\n"
    if title == "Intake":
        code = code.replace('dataset_id="test"', f"dataset_id={dataset_id!r}")
    (tmp_path / "snippet.py").write_text(names + code)
    return runpy.run_path(str(tmp_path / "snippet.py"))


def equal_to_the_file(ds: xr.Dataset) -> None:
    with xr.open_dataset(TAS) as local:
        np.testing.assert_array_equal(ds["tas"].to_numpy(), local["tas"].to_numpy())
        np.testing.assert_array_equal(ds["time"].to_numpy(), local["time"].to_numpy())


def test_all_endpoints_are_listed(server: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run("Consumption", server, tmp_path)
    printed = capsys.readouterr().out
    for path in re.findall(r"'(/datasets[^']*)'", snippets()["Metadata info per xarray dataset"]):
        assert f"'{path}'" in printed
        assert httpx.get(server[0] + path.replace("{dataset_id}", server[1])).status_code == 200


@pytest.mark.parametrize("title", ["Zarr Raw", "Zarr Dask backed"])
def test_a_dataset_opens(server: tuple[str, str], tmp_path: Path, title: str) -> None:
    with run(title, server, tmp_path, last="ds")["ds"] as ds:
        assert ds["tas"].chunks is not None
        equal_to_the_file(ds)


def test_the_collection_has_the_items(server: tuple[str, str], tmp_path: Path) -> None:
    names = run("STAC", server, tmp_path)
    assert isinstance(names["stac_collection"], pystac.Collection)
    (item,) = [item for item in names["items"] if item.id == server[1]]
    assert item.assets["data"].href == f"{server[0]}/datasets/{server[1]}/zarr"


def test_the_intake_catalog_opens_a_dataset(server: tuple[str, str], tmp_path: Path) -> None:
    with run("Intake", server, tmp_path)["ds"] as ds:
        equal_to_the_file(ds)


def test_a_variable_is_plotted(server: tuple[str, str], tmp_path: Path) -> None:
    names = "var_name, kind, cmap, selection = 'tas', 'image', 'viridis', 'time/0'\n"
    image = Image.open(io.BytesIO(run("Plotting", server, tmp_path, names=names)["plot"]))
    assert (image.format, image.mode, image.width) == ("PNG", "P", 900)


def test_a_variable_is_grouped(server: tuple[str, str], tmp_path: Path) -> None:
    names = "variable_name, groupby_coord, groupby_action = 'tas', 'time.season', 'mean'\n"
    answer = run("Diagnostics", server, tmp_path, names=names)["plot"]
    assert answer.status_code == 200
    found = xr.Dataset.from_dict(answer.json())["tas"].sel(season="JJA").to_numpy()
    with xr.open_dataset(TAS) as local:
        expected = local["tas"].isel(time=[5, 6, 7]).to_numpy().astype(np.float64).mean(axis=0)
    np.testing.assert_allclose(found, expected, rtol=1e-12)
