"""The intake catalog, by intake itself and by a YAML library."""

from pathlib import Path
from typing import Any

import httpx
import intake
import pytest
import xarray as xr
import xpublish
import yaml

from cloudify import Server
from cloudify.plugins.intake import write_catalog
from cloudify.testing import running

DEMO = Path(__file__).parents[2] / "cloudify" / "demo"
pytestmark = pytest.mark.filterwarnings("ignore")  # intake's own


def test_the_seed_opens_a_dataset_by_intake(demo: Any) -> None:
    catalog = intake.open_catalog(f"{demo.url}/intake.yaml")
    assert list(catalog) == [
        f"{name}{suffix}"
        for name in ("mpi-esm-tas", "mpi-esm-wind", "icon-ocean")
        for suffix in ("", "-zarr", "-kerchunk")
    ]
    with xr.open_dataset(DEMO / "mpi-esm-tas.nc") as local:
        for source in (catalog["mpi-esm-tas"](method="zarr"), catalog["mpi-esm-tas"], catalog["mpi-esm-tas-zarr"]):
            with source.to_dask() as ds:
                xr.testing.assert_equal(ds.compute(), local.compute())


def test_one_dataset_has_a_catalog_of_its_own(demo: Any) -> None:
    answer = httpx.get(f"{demo.url}/datasets/icon-ocean/catalog.yaml")
    assert answer.headers["content-type"].startswith("text/yaml")
    content = yaml.safe_load(answer.text)
    assert list(content["sources"]) == ["icon-ocean", "icon-ocean-zarr", "icon-ocean-kerchunk"]
    fixed = content["sources"]["icon-ocean-zarr"]
    assert fixed["args"] == {"urlpath": f"{demo.url}/datasets/icon-ocean/zarr", "consolidated": True}
    assert fixed["description"] == "Ocean salinity, ICON"
    missing = httpx.get(f"{demo.url}/datasets/icon-ocea/catalog.yaml")
    assert (missing.status_code, missing.json()["type"]) == (404, "urn:cloudify:problems/unknown-dataset")


def test_titles_of_any_text_survive() -> None:
    titles = [
        "a: b # c",
        '"quoted" \\ {{x}}',
        "größe 温度 \U0001f30a",
        "line\nbreak\ttab",
        "\x00\x07\x7f\x85\x9f\ud800\ufffe",
        "yes",
        "",
    ]
    rows = [(f"d{number}", title, ("zarr",)) for number, title in enumerate(titles)]
    content = yaml.safe_load(write_catalog("http://x", rows))
    assert [content["sources"][name]["description"] for name, _, _ in rows] == titles
    assert yaml.safe_load(write_catalog("", []))["sources"] == {}


def test_a_catalog_of_10_000_has_them_all_and_opens_nothing(tmp_path: Path) -> None:
    entries = "\n".join(f"  d{n}: {{href: {DEMO / 'mpi-esm-tas.nc'}, title: Number {n}}}" for n in range(10_000))
    (tmp_path / "c.yaml").write_text(f"datasets:\n{entries}\n")
    server = Server(tmp_path / "c.yaml")
    with running(server.app) as url:
        content = httpx.get(f"{url}/intake.yaml", timeout=60)
        assert content.text.count('"driver": "zarr"') == 30_000
        assert len(httpx.get(f"{url}/datasets").json()) == 10_000
    assert server.shelf.peek("d0") is None


def test_a_plain_rest_has_the_catalog_too() -> None:
    with running(xpublish.Rest({"a": xr.Dataset()}).app) as url:
        assert list(yaml.safe_load(httpx.get(f"{url}/intake.yaml").text)["sources"]) == ["a", "a-zarr"]
        assert httpx.get(f"{url}/datasets/b/catalog.yaml").headers["content-type"] == "application/problem+json"
