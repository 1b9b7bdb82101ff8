"""Every route with a dataset in its path, asked by everybody for what they may see, may not see, and what is not there.

The routes are those of the server's own OpenAPI document: one that has no example here fails.
"""

import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from access.made import MINE, NONE, PUBLIC, Made

TILE = "tiles/tas/0/0/0.png"
WMS = "wms?service=WMS&version=1.3.0&layers=tas&crs=EPSG:4326&width=64&height=32&format=image/png&bbox=-90,-180,90,180"
EXAMPLES: dict[str, tuple[str, ...]] = {
    "/": ("/", ""),
    "/catalog.yaml": ("/catalog.yaml",),
    "/check": ("/check",),
    "/dict": ("/dict",),
    "/groupby/{var}/{coord}/{action}": ("/groupby/tas/time.month/mean", "/groupby/tas/time.month/mean?f=csv"),
    "/groupby/{var}/{coord}/{action}/zarr/{key}": (
        "/groupby/tas/time.month/mean/zarr/zarr.json",
        "/groupby/tas/time.month/mean/zarr/tas/c/0/0/0",
    ),
    "/groups": ("/groups",),
    "/groups/{group_path}": ("/groups/g",),
    "/groups/{group_path}/dict": ("/groups/g/dict",),
    "/groups/{group_path}/info": ("/groups/g/info",),
    "/groups/{group_path}/keys": ("/groups/g/keys",),
    "/info": ("/info",),
    "/kerchunk": ("/kerchunk", "/kerchunk.json"),
    "/kerchunk/{key}": ("/kerchunk/.zmetadata", "/kerchunk/tas/0.0.0"),
    "/keys": ("/keys",),
    "/plot/{var}/{kind}/{cmap}/{selection}": (
        "/plot/tas/image/viridis/time/0",
        "/plot/tas/image/viridis",
        "/plot/tas/image/viridis/time/0?f=json",
    ),
    "/series/{var}": ("/series/tas?lon=10&lat=50", "/series/tas?lon=10&lat=50&f=covjson"),
    "/source.nc": ("/source.nc",),
    "/stac": ("/stac", "/stac/"),
    "/subset": ("/subset",),
    "/subset.{form}": ("/subset.nc?time=0", "/subset.json?lat=5&lon=5", "/subset.csv?estimate=true"),
    "/tiles/{var}/tilejson.json": ("/tiles/tas/tilejson.json",),
    "/tiles/{var}/{z}/{x}/{y}.png": (f"/{TILE}",),
    "/tree": ("/tree",),
    "/wms": (f"/{WMS}&request=GetMap", f"/{WMS}&request=GetCapabilities", "/wms?request=GetLegendGraphic&layer=tas"),
    "/zarr/{key}": ("/zarr/zarr.json", "/zarr/.zmetadata", "/zarr/tas/.zarray", "/zarr/tas/c/0/0/0", "/zarr/tas/0.0.0"),
}
"""Paths below a dataset by their templates."""
PATHS = [path for examples in EXAMPLES.values() for path in examples]
CLIENT_S = 60.0
RANDOM = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
"""Ids in xarray's HTML."""


@pytest.fixture(scope="module")
def client(served: tuple[str, Made]) -> Iterator[httpx.Client]:
    """A client of the server, after its owner has read all of what is hidden from the others."""
    url, made = served
    with httpx.Client(base_url=url, timeout=CLIENT_S, headers={"Accept-Encoding": "identity"}) as client:
        for path in PATHS:
            for _ in range(2):
                answer = client.get(f"/datasets/{MINE}{path}", headers=made.owner)
                assert answer.status_code == 200, (path, answer.text)
        yield client


def told(client: httpx.Client, dataset_id: str, path: str, headers: dict[str, str], method: str = "GET") -> Any:
    """All that an answer tells but for the id that was asked for, the time and the number of the request."""
    request = client.build_request(method, f"/datasets/{dataset_id}{path}", headers=headers)
    response = client.send(request)
    number = response.headers.get("x-request-id", "none")  # a preflight has none
    text = response.content.replace(number.encode(), b"NUMBER").replace(dataset_id.encode(), b"ID")
    kept = [(k, v.replace(number, "NUMBER")) for k, v in response.headers.multi_items() if k != "date"]
    return response.status_code, sorted(kept), text


def test_every_route_with_a_dataset_has_an_example(client: httpx.Client) -> None:
    documented = {path for path in client.get("/openapi.json").json()["paths"] if "{dataset_id}" in path}
    assert documented == {f"/datasets/{{dataset_id}}{template}" for template in EXAMPLES}


@pytest.mark.parametrize("path", PATHS)
def test_what_is_hidden_is_told_from_what_is_not_there_by_nobody(
    client: httpx.Client, served: tuple[str, Made], path: str
) -> None:
    _, made = served
    tag = client.get(f"/datasets/{MINE}{path}", headers=made.owner).headers.get("etag", '"none"')
    variants: list[tuple[str, dict[str, str]]] = [
        ("GET", {}),
        ("HEAD", {}),
        ("POST", {}),
        ("OPTIONS", {}),
        ("GET", {"Accept": "text/html"}),
        ("GET", {"Range": "bytes=0-9"}),
        ("GET", {"Range": "bytes=0-9", "If-Range": tag}),
        ("GET", {"If-None-Match": tag}),
        ("GET", {"If-None-Match": "*"}),
        ("GET", {"If-Match": '"other"'}),
        ("GET", {"Cookie": "a=b"}),
    ]
    for who, token in made.strangers.items():
        for method, headers in variants:
            hidden = told(client, MINE, path, token | headers, method)
            none = told(client, NONE, path, token | headers, method)
            assert hidden == none, (who, method, headers)
            assert MINE not in str(none)
            if method in {"GET", "HEAD"}:
                assert hidden[0] == 404, (who, headers)


@pytest.mark.parametrize("path", PATHS)
def test_the_owner_reads_as_everybody_reads_what_is_public_and_no_cache_keeps_it(
    client: httpx.Client, served: tuple[str, Made], path: str
) -> None:
    _, made = served
    for method in ("GET", "HEAD"):
        mine = client.request(method, f"/datasets/{MINE}{path}", headers=made.owner)
        public = client.request(method, f"/datasets/{PUBLIC}{path}")
        assert mine.status_code == public.status_code == 200
        assert mine.headers["content-type"] == public.headers["content-type"]
        assert bool(mine.content) == bool(public.content) == (method == "GET")
        assert mine.headers["cache-control"] == "private, no-store"
        assert "Authorization" in mine.headers["vary"]
        assert "access-control-allow-origin" not in mine.headers
        assert "private" not in public.headers.get("cache-control", "")
        is_page = public.headers["content-type"].startswith("text/html")
        assert public.headers.get("access-control-allow-origin") == (None if is_page else "*")
    etag = mine.headers.get("etag")
    if etag is not None:
        known = client.get(f"/datasets/{MINE}{path}", headers=made.owner | {"If-None-Match": etag})
        assert (known.status_code, known.content) == (304, b"")
        assert known.headers["cache-control"] == "private, no-store"


@pytest.mark.parametrize("path", ["/zarr/tas/c/0/0/0", "/kerchunk/tas/0.0.0", "/source.nc", "/subset.nc?time=0"])
def test_the_owner_reads_parts(client: httpx.Client, served: tuple[str, Made], path: str) -> None:
    _, made = served
    url = f"/datasets/{MINE}{path}"
    whole = client.get(url, headers=made.owner)
    part = client.get(url, headers=made.owner | {"Range": "bytes=3-9", "If-Range": whole.headers["etag"]})
    assert (part.status_code, part.content) == (206, whole.content[3:10])
    assert part.headers["cache-control"] == "private, no-store"


@pytest.mark.parametrize("path", PATHS)
def test_what_is_public_is_the_same_to_everybody(client: httpx.Client, served: tuple[str, Made], path: str) -> None:
    _, made = served
    bodies = {
        RANDOM.sub("", client.get(f"/datasets/{PUBLIC}{path}", headers=token).text)
        for token in (*made.strangers.values(), made.owner)
    }
    assert len(bodies) == 1


def test_keys_that_are_none_are_hidden_too(client: httpx.Client, served: tuple[str, Made]) -> None:
    _, made = served
    for path in ("/zarr/tas/c/9/9/9", "/zarr/none", "/kerchunk/none", "/plot/none/image/viridis", "/no/such/route"):
        assert client.get(f"/datasets/{MINE}{path}", headers=made.owner).status_code == 404
        for token in made.strangers.values():
            assert told(client, MINE, path, token) == told(client, NONE, path, token)


def test_the_fast_lane_keeps_nothing_of_it(client: httpx.Client, served: tuple[str, Made]) -> None:
    _, made = served
    for dataset_id in (MINE, PUBLIC):
        for path in ("/zarr/zarr.json", "/zarr/tas/c/0/0/0", "/zarr/none"):
            for headers in ({}, made.owner, {}):
                client.get(f"/datasets/{dataset_id}{path}", headers=headers)
    lane: Any = made.server.app
    kept = [path for path, _ in lane._known] + list(lane._absent)
    assert f"/datasets/{PUBLIC}/zarr/none" in kept
    assert not [path for path in kept if MINE in path]
