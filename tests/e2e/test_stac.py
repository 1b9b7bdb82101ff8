"""STAC as clients read it: pystac from a live server, the core schemas it brings, the extensions' own schemas."""

import importlib.resources
import io
import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import numpy as np
import pystac
import pytest
import xarray as xr
import xpublish
from PIL import Image
from referencing import Registry, Resource

from cloudify import Server
from cloudify.datasets.summarise import summarise
from cloudify.http.stac.item import item as stac_item
from cloudify.model.entry import Entry
from cloudify.model.extent import Extent
from cloudify.model.summary import Summary
from cloudify.settings import Settings
from cloudify.testing import running

PROJECT = Path(__file__).parents[2]
DEMO = PROJECT / "cloudify" / "demo"
IRIS = Path(str(importlib.resources.files("iris_sample_data"))) / "sample_data"
SCHEMAS = PROJECT.parent / "shared" / "schemas" / "stac"
DRAFT = "http://json-schema.org/draft-07/schema#"


def server(target: Any, folder: Path, **settings: Any) -> Server:
    return Server(target, settings=Settings(data_dir=folder, **settings))


@pytest.fixture(scope="module", params=["demo", "iris"])
def served(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, list[str]]]:
    target = {"demo": DEMO / "demo.yaml", "iris": IRIS}[request.param]
    held = server(target, tmp_path_factory.mktemp("stac"))
    with running(held.app) as url:
        yield url, held.dataset_ids()


def documents(url: str, ids: list[str]) -> list[dict[str, Any]]:
    answers = [httpx.get(f"{url}/datasets/{dataset_id}/stac", timeout=60) for dataset_id in ids]
    assert [answer.status_code for answer in answers] == [200] * len(ids)
    return [json.loads(answer.text, parse_constant=pytest.fail) for answer in answers]


def test_pystac_reads_the_collection_and_validates_every_item(served: tuple[str, list[str]]) -> None:
    url, ids = served
    collection = pystac.Collection.from_file(f"{url}/stac-collection-all.json")
    assert collection.validate()
    items = list(collection.get_items(recursive=True))
    assert [item.id for item in items] == ids
    for item in items:
        item.stac_extensions = []  # their schemas are elsewhere: below
        assert item.validate()
        assert item.get_self_href() == f"{url}/datasets/{item.id}/stac"
        assert item.get_collection() is collection
        assert item.get_parent() is collection
        assert item.assets["data"].href == f"{url}/datasets/{item.id}/zarr"


@pytest.mark.filterwarnings("ignore:.*get_all_items.*:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:.*get_all_items.*:FutureWarning")
def test_the_seed_lists_all_items(demo: Any) -> None:
    stac_collection = pystac.Collection.from_file(f"{demo.url}/stac-collection-all.json")
    assert [item.id for item in stac_collection.get_all_items()] == ["mpi-esm-tas", "mpi-esm-wind", "icon-ocean"]


@pytest.mark.skipif(not SCHEMAS.is_dir(), reason="the schemas of STAC's extensions are absent beside the project")
def test_every_item_fits_the_schemas_of_its_extensions(served: tuple[str, list[str]]) -> None:
    schemas = {(schema := json.loads(path.read_text()))["$id"].rstrip("#"): schema for path in SCHEMAS.glob("*.json")}
    # of the two schemas that these refer to elsewhere (PROJJSON, GeoJSON) our items use neither: any object will do
    registry: Any = Registry(retrieve=lambda _: Resource.from_contents({"$schema": DRAFT, "type": "object"}))
    used = set()
    for item in documents(*served):
        for extension in item["stac_extensions"]:
            jsonschema.Draft7Validator(schemas[extension], registry=registry).validate(item)
            used.add(extension.split("/")[3])
    assert {"datacube", "zarr", "xarray-assets", "render"} <= used


def test_the_datacube_of_every_item_is_whole(served: tuple[str, list[str]]) -> None:
    """Every dimension and variable of the store that is served, and no other."""
    url, ids = served
    for item in documents(url, ids):
        with xr.open_dataset(
            f"{url}/datasets/{item['id']}/zarr", engine="zarr", zarr_format=3, decode_times=False
        ) as ds:
            dimensions, variables = item["properties"]["cube:dimensions"], item["properties"]["cube:variables"]
            assert set(dimensions) == set(ds.sizes), item["id"]
            described = {name for name in dimensions if name in ds.variables}
            assert {*variables, *described} == set(ds.variables), item["id"]
            for name, variable in variables.items():
                assert variable["dimensions"] == list(ds[name].dims)
                assert variable.get("unit", "") == " ".join(str(ds[name].attrs.get("units", "")).split())


def test_no_item_names_a_path_of_the_server(served: tuple[str, list[str]]) -> None:
    url, ids = served
    text = json.dumps(documents(url, ids)) + httpx.get(f"{url}/stac-collection-all.json").text
    assert str(IRIS) not in text
    assert str(DEMO) not in text
    assert "file:" not in text


CATALOG = """
title: Our archive
datasets:
  a:
    href: {href}
    title: "A <b>title</b>"
    description: What it is
    license: cc-by-4.0
    keywords: [x, y]
    version: "1.2"
    citation: A. Author (2026)
    links: [{{rel: derived_from, href: "https://example.org/run", title: run}}, {{rel: cite-as, href: "https://doi.example.org/1"}}]
    bbox: [170, -10, -170, 10]
    interval: [1999-01-01, 2000-12-31]
    options: {{drop_variables: lon_bnds}}
  b: {{href: {href}, license: "https://example.org/terms"}}
  c: {{href: {secret}, license: ask us}}
  faulty: {{title: no href}}
"""


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[tuple[str, Server]]:
    secret = "https://user:hunter2@127.0.0.1:9/bucket-x/c.nc?X-Amz-Signature=s3cret"  # noqa: S105
    (tmp_path / "c.yaml").write_text(CATALOG.format(href=DEMO / "mpi-esm-tas.nc", secret=secret))
    held = server(tmp_path / "c.yaml", tmp_path / "data", remote_timeout_s=1, root_url="https://data.example.org/x")
    with running(held.app) as url:
        yield url, held


def test_what_the_catalog_says_is_in_the_item(archive: tuple[str, Server]) -> None:
    url, _ = archive
    (item,) = documents(url, ["a"])
    root = "https://data.example.org/x"
    properties = item["properties"]
    assert (properties["title"], properties["license"]) == ("A <b>title</b>", "CC-BY-4.0")
    assert (properties["version"], properties["sci:citation"]) == ("1.2", "A. Author (2026)")
    assert item["bbox"] == [170.0, -10.0, -170.0, 10.0]
    assert item["geometry"]["type"] == "MultiPolygon"  # cut at the date line
    edges = [[corner[0] for corner in part[0]] for part in item["geometry"]["coordinates"]]
    assert [(min(edge), max(edge)) for edge in edges] == [(170.0, 180.0), (-180.0, -170.0)]
    assert [properties[key] for key in ("datetime", "start_datetime", "end_datetime")] == [
        None, "1999-01-01T00:00:00Z", "2000-12-31T23:59:59Z",
    ]  # fmt: skip
    links = {link["rel"]: link for link in item["links"]}
    assert links["derived_from"] == {"rel": "derived_from", "href": "https://example.org/run", "title": "run"}
    assert links["cite-as"]["href"] == "https://doi.example.org/1"
    assert links["alternate"] == {
        "rel": "alternate", "href": f"{root}/datasets/a/", "type": "text/html", "title": "page of this dataset",
    }  # fmt: skip
    for rel in ("root", "parent", "collection"):
        assert links[rel]["href"] == f"{root}/stac-collection-all.json"
    assert item["collection"] == httpx.get(f"{url}/stac-collection-all.json").json()["id"] == "our-archive"
    assert item["assets"]["data"]["href"] == f"{root}/datasets/a/zarr"


def test_a_licence_that_spdx_does_not_know_is_other_and_linked_where_it_is_a_url(archive: tuple[str, Server]) -> None:
    url, _ = archive
    (item,) = documents(url, ["b"])
    assert item["properties"]["license"] == "other"
    assert {"rel": "license", "href": "https://example.org/terms"} in item["links"]


def test_a_source_that_fails_is_502_and_the_collection_goes_on_without_it(archive: tuple[str, Server]) -> None:
    url, _ = archive
    for dataset_id in ("c", "faulty"):
        answer = httpx.get(f"{url}/datasets/{dataset_id}/stac", timeout=30)
        assert (answer.status_code, answer.json()["type"]) == (502, "urn:cloudify:problems/unreadable-dataset")
        for word in ("hunter2", "bucket", "Signature", "s3cret", str(DEMO)):
            assert word not in answer.text
    collection = httpx.get(f"{url}/stac-collection-all.json")
    assert [link["href"].rsplit("/", 2)[1] for link in collection.json()["links"] if link["rel"] == "item"] == [
        "a",
        "b",
    ]
    assert collection.json()["cloudify:left_out"] == 2
    for word in ("hunter2", "bucket", "Signature", "s3cret", str(DEMO)):
        assert word not in collection.text


def test_the_collection_has_the_union_of_what_is_known_and_says_how_much_that_is(archive: tuple[str, Server]) -> None:
    url, held = archive

    def extent() -> tuple[Any, Any, Any]:
        content = httpx.get(f"{url}/stac-collection-all.json").json()
        found = content["extent"]
        return found["spatial"]["bbox"], found["temporal"]["interval"], content["cloudify:extent_known"]

    before = ([[170.0, -10.0, -170.0, 10.0]], [["1999-01-01T00:00:00Z", "2000-12-31T23:59:59Z"]])
    assert extent() == (*before, {"spatial": 1, "temporal": 1, "of": 3})
    assert all(held.shelf.peek(dataset_id) is None for dataset_id in "abc")
    documents(url, ["b"])
    after = ([[-180.0, -90.0, 180.0, 90.0]], [["1999-01-01T00:00:00Z", "2005-12-16T12:00:00Z"]])
    assert extent() == (*after, {"spatial": 2, "temporal": 2, "of": 3})


def test_where_nothing_is_known_the_collection_is_the_world_at_any_time(tmp_path: Path) -> None:
    with running(server(IRIS / "SOI_Darwin.nc", tmp_path).app) as url:
        content = httpx.get(f"{url}/stac-collection-all.json").json()
        assert content["extent"] == {
            "spatial": {"bbox": [[-180.0, -90.0, 180.0, 90.0]]}, "temporal": {"interval": [[None, None]]},
        }  # fmt: skip
        assert content["cloudify:extent_known"] == {"spatial": 0, "temporal": 0, "of": 1}
        (item,) = documents(url, ["soi-darwin"])
        assert item["geometry"] is None
        assert "bbox" not in item
        assert item["properties"]["cloudify:doubts"] == ["no longitudes and latitudes were found"]


def test_an_unknown_time_is_any_time_and_the_item_says_so(tmp_path: Path) -> None:
    with running(server(DEMO / "icon-ocean.nc", tmp_path).app) as url:
        (item,) = documents(url, ["icon-ocean"])
        properties = item["properties"]
        assert (properties["datetime"], properties["cloudify:time_known"]) == (None, False)
        span = (properties["start_datetime"], properties["end_datetime"])
        assert span == ("0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z")
        assert properties["cube:dimensions"]["ncells"]["type"] == "geometry"
        assert httpx.get(f"{url}/stac-collection-all.json").json()["cloudify:extent_known"]["temporal"] == 0


def test_a_regular_grid_has_a_code_and_a_transform_and_no_other_has() -> None:
    lon, lat = np.arange(-10.0, 10.0, 0.5), np.arange(60.0, 50.0, -0.25)
    coords = {"lon": ("lon", lon, {"units": "degrees_east"}), "lat": ("lat", lat, {"units": "degrees_north"})}
    attrs = {"actual_range": np.array([250.0, 300.0]), "long_name": "temperature", "units": "K"}
    regular = xr.Dataset({"t": (("lat", "lon"), np.zeros((40, 40), "f4"), attrs)}, coords=coords)
    uneven = regular.assign_coords(lat=("lat", lat**2 / 60, {"units": "degrees_north"}))
    with running(Server({"regular": regular, "uneven": uneven}).app) as url:
        item, other = documents(url, ["regular", "uneven"])
        properties = item["properties"]
        assert (properties["proj:code"], properties["proj:shape"]) == ("EPSG:4326", [40, 40])
        assert properties["proj:transform"] == [0.5, 0.0, -10.25, 0.0, -0.25, 60.125]
        assert properties["renders"] == {
            "t": {"title": "temperature", "assets": ["data"], "colormap_name": "viridis", "rescale": [[250.0, 300.0]]}
        }
        assert any("projection" in extension for extension in item["stac_extensions"])
        assert not [key for key in other["properties"] if key.startswith("proj:")]
        assert not any("projection" in extension for extension in other["stac_extensions"])


@pytest.mark.parametrize("dataset_id", ["mpi-esm-tas", "icon-ocean"])
def test_every_asset_opens_as_it_says(demo: Any, dataset_id: str) -> None:
    (item,) = documents(demo.url, [dataset_id])
    assert list(item["assets"]) == ["data", "kerchunk", "thumbnail"]
    picture = httpx.get(item["assets"].pop("thumbnail")["href"])
    assert (picture.headers["content-type"], Image.open(io.BytesIO(picture.content)).width) == ("image/png", 240)
    for asset in item["assets"].values():
        with (
            xr.open_dataset(asset["href"], decode_times=False, **asset["xarray:open_kwargs"]) as ds,
            xr.open_dataset(DEMO / f"{dataset_id}.nc", decode_times=False) as local,
        ):
            xr.testing.assert_equal(ds.compute(), local.compute())


def test_stored_bytes_are_an_asset_where_they_are_served() -> None:
    entry, summary = Entry("a", "netcdf", "/secret/a.nc"), Summary((), (), Extent())
    assert list(stac_item("http://x", entry, summary, ("zarr",), "all")["assets"]) == ["data"]
    both = stac_item("http://x", entry, summary, ("zarr", "kerchunk"), "all")
    assert both["assets"]["kerchunk"]["href"] == "http://x/datasets/a/kerchunk"
    assert both["assets"]["kerchunk"]["roles"] == ["references"]
    assert "secret" not in json.dumps(both)


def test_64_who_ask_at_once_for_an_unknown_item_cost_one_summary(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[str] = []
    monkeypatch.setattr(
        "cloudify.datasets.summaries.summarise", lambda opened: (made.append(opened.entry.id), summarise(opened))[1]
    )
    with running(server(DEMO / "mpi-esm-tas.nc", tmp_path).app) as url, ThreadPoolExecutor(64) as pool:
        answers = list(pool.map(httpx.get, [f"{url}/datasets/mpi-esm-tas/stac"] * 64))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.content for answer in answers}) == 1
    assert made == ["mpi-esm-tas"]


ITEM = "/datasets/mpi-esm-tas/stac"


@pytest.mark.parametrize("path", ["/stac-collection-all.json", ITEM, f"{ITEM}/"])
def test_documents_can_be_kept_and_asked_for_again(demo: Any, path: str) -> None:
    deadline = time.monotonic() + 20
    while httpx.get(f"{demo.url}/").json()["summarised"] != {"known": 3, "of": 3}:  # by the background pass
        assert time.monotonic() < deadline
        time.sleep(0.05)
    answer = httpx.get(demo.url + path)
    assert answer.headers["content-type"] == ("application/json" if path.endswith("json") else "application/geo+json")
    assert answer.headers["cache-control"] == "no-cache"
    assert answer.headers["access-control-allow-origin"] == "*"
    again = httpx.get(demo.url + path, headers={"If-None-Match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    head = httpx.head(demo.url + path)
    assert (head.status_code, head.headers["etag"], head.content) == (200, answer.headers["etag"], b"")


def test_a_plain_rest_has_the_items_too() -> None:
    with xr.open_dataset(IRIS / "A1B_north_america.nc") as ds, running(xpublish.Rest({"a": ds}).app) as url:
        collection = pystac.Collection.from_file(f"{url}/stac-collection-all.json")
        (item,) = collection.get_items()
        assert item.bbox == [-135.0, 15.0, -45.0, 60.0]
        assert item.properties["cloudify:calendar"] == "360_day"
        known = httpx.get(f"{url}/stac-collection-all.json").json()["cloudify:extent_known"]
        assert known == {"spatial": 1, "temporal": 1, "of": 1}
        assert httpx.head(f"{url}/datasets/a/stac").status_code == 200
        preflight = httpx.options(f"{url}/datasets/a/stac")
        assert (preflight.status_code, preflight.headers["access-control-allow-origin"]) == (204, "*")
        missing = httpx.get(f"{url}/datasets/b/stac")
        assert (missing.status_code, missing.headers["content-type"]) == (404, "application/problem+json")
        assert missing.headers["access-control-allow-origin"] == "*"


def test_a_replaced_file_has_another_item(tmp_path: Path) -> None:
    def write(path: Path, west: float) -> None:
        coords = {"lon": ("lon", [west], {"units": "degrees_east"}), "lat": ("lat", [1.0], {"units": "degrees_north"})}
        xr.Dataset({"v": (("lat", "lon"), [[1.0]])}, coords=coords).to_netcdf(path)

    write(tmp_path / "x.nc", 5.0)
    with running(server(tmp_path / "x.nc", tmp_path / "data").app) as url:
        (before,) = documents(url, ["x"])
        assert before["geometry"] == {"type": "Point", "coordinates": [5.0, 1.0]}
        write(tmp_path / "new.nc", 6.0)
        (tmp_path / "new.nc").rename(tmp_path / "x.nc")
        (after,) = documents(url, ["x"])
        assert after["bbox"] == [6.0, 1.0, 6.0, 1.0]
