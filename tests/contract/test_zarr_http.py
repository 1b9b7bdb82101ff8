"""HTTP of the byte path: lengths, tags, methods, origins."""

import json
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from numcodecs import Zstd

from cloudify.catalog.targets import read_targets

PROJECT = Path(__file__).parents[2]
TAS = "/datasets/mpi-esm-tas/zarr"
WIND = "/datasets/mpi-esm-wind/zarr"
METADATA = ["zarr.json", ".zmetadata", ".zgroup", ".zattrs", "tas/zarr.json", "tas/.zarray", "tas/.zattrs"]


@pytest.fixture(scope="module")
def client(demo: Any) -> Any:
    with httpx.Client(base_url=demo.url, timeout=30) as client:
        yield client


@pytest.mark.parametrize("key", [*METADATA, "tas/c/0/0/0", "tas/0.0.0", "time_bnds/0.0"])
def test_head_says_what_get_sends(client: httpx.Client, key: str) -> None:
    got, head = client.get(f"{TAS}/{key}"), client.head(f"{TAS}/{key}")
    assert (got.status_code, head.status_code) == (200, 200)
    assert head.content == b""
    assert int(got.headers["content-length"]) == len(got.content) > 0
    for name in ("content-length", "etag", "content-type", "cache-control"):
        assert head.headers[name] == got.headers[name]
    assert got.headers["etag"].startswith('"')
    assert "content-encoding" not in got.headers or key in METADATA


@pytest.mark.parametrize("key", ["zarr.json", "tas/c/0/0/0"])
def test_what_the_client_has_is_not_sent_again(client: httpx.Client, key: str) -> None:
    etag = client.get(f"{TAS}/{key}").headers["etag"]
    for header in (etag, f'"other", {etag}', f"W/{etag}", "*"):
        answer = client.get(f"{TAS}/{key}", headers={"If-None-Match": header})
        assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", etag)
    assert client.get(f"{TAS}/{key}", headers={"If-None-Match": '"other"'}).status_code == 200


def test_both_formats_have_the_same_bytes_and_tag(client: httpx.Client) -> None:
    v2, v3 = client.get(f"{WIND}/uas/2.0.0"), client.get(f"{WIND}/uas/c/2/0/0")
    assert v2.content == v3.content
    assert v2.headers["etag"] == v3.headers["etag"]
    values = np.frombuffer(Zstd().decode(v3.content), "<f4").reshape(3, 96, 192)
    assert values.shape == (3, 96, 192)


def test_documents_of_both_formats_say_the_same(client: httpx.Client) -> None:
    consolidated = client.get(f"{TAS}/.zmetadata").json()["metadata"]
    inline = client.get(f"{TAS}/zarr.json").json()["consolidated_metadata"]["metadata"]
    assert {key.split("/")[0] for key in consolidated if "/" in key} == set(inline)
    for name, v3 in inline.items():
        v2 = consolidated[f"{name}/.zarray"]
        assert v2 == client.get(f"{TAS}/{name}/.zarray").json()
        assert v3 == client.get(f"{TAS}/{name}/zarr.json").json()
        assert v2["shape"] == v3["shape"]
        assert v2["chunks"] == v3["chunk_grid"]["configuration"]["chunk_shape"]
        assert v2["filters"] is None
    for key in METADATA:
        json.loads(client.get(f"{TAS}/{key}").content, parse_constant=pytest.fail)  # NaN and its like are no JSON


def test_any_origin_may_read_and_none_with_credentials(client: httpx.Client) -> None:
    for path in (f"{TAS}/tas/c/0/0/0", f"{TAS}/nothing", "/datasets", "/nothing"):
        answer = client.get(path, headers={"Origin": "https://viewer.example"})
        assert answer.headers["access-control-allow-origin"] == "*"
        assert {"ETag", "Content-Length", "Content-Range"} <= set(
            answer.headers["access-control-expose-headers"].split(", ")
        )
        assert "access-control-allow-credentials" not in answer.headers
        assert len(answer.headers.get_list("access-control-allow-origin")) == 1
    cookie = client.get(f"{TAS}/zarr.json", headers={"Origin": "https://viewer.example", "Cookie": "session=1"})
    assert "access-control-allow-origin" not in cookie.headers


def test_preflight_of_a_range_request(client: httpx.Client) -> None:
    headers = {"Origin": "https://viewer.example", "Access-Control-Request-Method": "GET"}
    answer = client.options(f"{TAS}/tas/c/0/0/0", headers=headers | {"Access-Control-Request-Headers": "range"})
    assert answer.status_code == 204
    assert "Range" in answer.headers["access-control-allow-headers"]
    assert "GET" in answer.headers["access-control-allow-methods"]
    assert int(answer.headers["access-control-max-age"]) > 0


def test_tags_are_the_same_in_two_processes(demo: Any, start: Any) -> None:
    other = start("demo")
    for key in ("zarr.json", "tas/c/0/0/0"):
        one, two = httpx.get(f"{demo.url}{TAS}/{key}"), httpx.get(f"{other.url}{TAS}/{key}")
        assert one.headers["etag"] == two.headers["etag"]
        assert one.content == two.content


def test_demo_catalog_is_without_fault() -> None:
    catalog = read_targets([str(PROJECT / "catalogs" / "demo.yaml")])
    assert catalog.faults == ()
    assert [entry.id for entry in catalog.entries] == ["mpi-esm-tas", "mpi-esm-wind", "icon-ocean"]


def test_other_routes_answer_head_and_compress_text(client: httpx.Client) -> None:
    for path in ("/", "/datasets", "/health", "/ready", "/plugins", "/openapi.json", "/datasets/icon-ocean/"):
        assert client.get(path).status_code == client.head(path).status_code == 200, path
        assert client.head(path).content == b""
    packed = client.get("/openapi.json", headers={"Accept-Encoding": "gzip"})
    assert packed.headers["content-encoding"] == "gzip"
    assert "Accept-Encoding" in packed.headers["vary"]
    chunk = client.get(f"{TAS}/tas/c/0/0/0", headers={"Accept-Encoding": "gzip, zstd, br"})
    assert "content-encoding" not in chunk.headers
