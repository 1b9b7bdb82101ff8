"""The pages in a real browser, without a network beyond this server."""

import html
import re
import subprocess
from pathlib import Path
from typing import Any

import httpx
import pytest

OPTIONS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update", "--virtual-time-budget=8000",
    "--enable-logging=stderr", "--log-level=0", "--dump-dom",
]  # fmt: skip


def visit(url: str, profile: Path) -> tuple[str, list[str]]:
    """Return a page's document after its scripts ran, and what the browser's console said."""
    command = ["chromium", *OPTIONS, f"--user-data-dir={profile}", url]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    return done.stdout, re.findall(r"CONSOLE.*", done.stderr)


@pytest.mark.program("chromium")
@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (
            "/",
            ["Near-surface wind 2005, MPI-ESM-LR", '<button type="button" class="copy">copy</button>', "zarr_format=3"],
        ),
        (
            "/datasets/icon-ocean/",
            ["clon_vertices", "xarray.Dataset<", "Ocean salinity, ICON", 'class="copy">copy</button>'],
        ),
        ("/docs", ["/datasets/{dataset_id}/zarr/{key}", "swagger-ui"]),
        ("/datasets/nope/", ["no dataset 'nope'", "urn:cloudify:problems/unknown-dataset"]),
    ],
)
def test_a_page_works_and_its_console_is_silent(demo: Any, tmp_path: Path, path: str, expected: list[str]) -> None:
    document, console = visit(demo.url + path, tmp_path)
    for text in expected:
        assert text in document.replace("<wbr>", "").replace("\u200b", ""), text
    assert [line for line in console if "404 (Not Found)" not in line or path != "/datasets/nope/"] == []


def test_each_dataset_has_its_picture_on_the_landing_page(demo: Any) -> None:
    """Once the background pass has seen them, a directory too; not of the mask of the ocean, but of what is in it."""
    expected = {"mpi-esm-tas": "tas", "mpi-esm-wind": "uas", "icon-ocean": "S"}
    for dataset_id in expected:
        httpx.get(f"{demo.url}/datasets/{dataset_id}/stac").raise_for_status()
    page = httpx.get(demo.url, headers={"accept": "text/html"}).text
    sources = dict(re.findall(r'<img src="[^"]*/datasets/([^/]+)/plot/([^/]+)/image', page))
    assert sources == expected
    for address in re.findall(r'<img src="([^"]*/datasets/[^"]*)"', page):
        assert httpx.get(html.unescape(address)).headers["content-type"] == "image/png"
