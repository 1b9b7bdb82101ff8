"""HTTP of the byte path: lengths, tags, methods, origins."""

import json
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from numcodecs import Zstd

from cloudify import Server
from cloudify.catalog.targets import read_targets
from cloudify.testing import running

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
    with client.stream("GET", f"{TAS}/{key}") as stream:
        sent = sum(map(len, stream.iter_raw()))
    assert int(got.headers["content-length"]) == sent > 0
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


RANGES = {
    "bytes=0-0": (0, 1), "bytes=0-9": (0, 10), "bytes=5-7": (5, 8), "bytes=10-": (10, None), "bytes=-4": (-4, None),
    "BYTES=0-3": (0, 4), "bytes=0-99999999": (0, None), "bytes=-99999999": (0, None), "bytes= 1-2": (1, 3),
}  # fmt: skip
WHOLE = [
    "bytes=0-1,4-5", "bytes=-1,0-1", "bytes=", "bytes=-", "bytes=a-b", "bytes=5-2", "chunks=0-1", "0-1", "bytes=1.0-2",
    "bytes=+1-2", "bytes=1-2x", "bytes=" + "9" * 30 + "-",
]  # fmt: skip


@pytest.mark.parametrize("key", ["tas/c/0/0/0", "zarr.json"])
@pytest.mark.parametrize(("asked", "part"), RANGES.items())
def test_a_range_is_that_part_of_the_whole(
    client: httpx.Client, key: str, asked: str, part: tuple[int, int | None]
) -> None:
    whole = client.get(f"{TAS}/{key}", headers={"Accept-Encoding": "identity"})
    expected = whole.content[slice(*part)]
    answer = client.get(f"{TAS}/{key}", headers={"Range": asked})
    assert answer.status_code == 206
    assert answer.content == expected
    start = part[0] if part[0] >= 0 else len(whole.content) + part[0]
    assert answer.headers["content-range"] == f"bytes {start}-{start + len(expected) - 1}/{len(whole.content)}"
    assert answer.headers["content-length"] == str(len(expected))
    assert answer.headers["etag"] == whole.headers["etag"]


@pytest.mark.parametrize("asked", WHOLE)
def test_what_is_no_single_range_gets_the_whole(client: httpx.Client, asked: str) -> None:
    answer = client.get(f"{TAS}/tas/c/0/0/0", headers={"Range": asked})
    assert (answer.status_code, answer.headers["accept-ranges"]) == (200, "bytes")
    assert len(answer.content) == int(client.head(f"{TAS}/tas/c/0/0/0").headers["content-length"])


@pytest.mark.parametrize("asked", ["bytes=999999999-", "bytes=999999999-9999999999", "bytes=-0"])
def test_a_range_beyond_the_end_is_416_with_the_size(client: httpx.Client, asked: str) -> None:
    size = client.head(f"{TAS}/tas/c/0/0/0").headers["content-length"]
    answer = client.get(f"{TAS}/tas/c/0/0/0", headers={"Range": asked})
    assert (answer.status_code, answer.headers["content-range"]) == (416, f"bytes */{size}")
    assert answer.json()["type"] == "urn:cloudify:problems/range-not-satisfiable"


def test_a_range_counts_only_for_the_tag_it_names_and_only_for_get(client: httpx.Client) -> None:
    key = f"{TAS}/tas/c/0/0/0"
    etag = client.head(key).headers["etag"]
    part = {"Range": "bytes=0-3"}
    statuses = {
        value: client.get(key, headers=part | {"If-Range": value}).status_code for value in (etag, f"W/{etag}", '"x"')
    }
    assert statuses == {etag: 206, f"W/{etag}": 200, '"x"': 200}
    assert client.get(key, headers=part | {"If-Range": "Sat, 01 Jan 2000 00:00:00 GMT"}).status_code == 200
    head = client.head(key, headers=part)
    assert (head.status_code, "content-range" in head.headers) == (200, False)
    assert client.get(key, headers=part | {"If-None-Match": etag}).status_code == 304


def test_a_precondition_that_fails_is_412(client: httpx.Client) -> None:
    key = f"{TAS}/tas/c/0/0/0"
    etag = client.head(key).headers["etag"]
    for value, status in {etag: 200, f'"x", {etag}': 200, "*": 200, '"x"': 412, f"W/{etag}": 412}.items():
        assert client.get(key, headers={"If-Match": value}).status_code == status, value
    problem = client.get(key, headers={"If-Match": '"x"'}).json()
    assert problem["type"] == "urn:cloudify:problems/precondition-failed"


@pytest.mark.parametrize(
    ("accept", "coding"),
    [("gzip", "gzip"), ("zstd", "zstd"), ("gzip, deflate, br, zstd", "zstd"), ("gzip, zstd;q=0.1", "gzip"),
     ("identity", None), ("br", None), ("gzip;q=0, zstd;q=0", None), ("", None)],
)  # fmt: skip
def test_metadata_is_compressed_as_asked_and_its_tag_tells(
    client: httpx.Client, accept: str, coding: str | None
) -> None:
    for key in ("zarr.json", ".zmetadata"):
        plain = client.get(f"{TAS}/{key}", headers={"Accept-Encoding": "identity"})
        answer = client.get(f"{TAS}/{key}", headers={"Accept-Encoding": accept})
        head = client.head(f"{TAS}/{key}", headers={"Accept-Encoding": accept})
        assert answer.content == plain.content
        assert answer.headers.get("content-encoding") == coding == head.headers.get("content-encoding")
        assert answer.headers["vary"] == plain.headers["vary"] == "Accept-Encoding"
        assert (answer.headers["etag"] == plain.headers["etag"]) == (coding is None)
        assert answer.headers["content-length"] == head.headers["content-length"]
        if coding:
            assert int(answer.headers["content-length"]) < len(plain.content) / 2
        again = {"Accept-Encoding": accept, "If-None-Match": answer.headers["etag"]}
        not_modified = client.get(f"{TAS}/{key}", headers=again)
        assert (not_modified.status_code, not_modified.headers["vary"]) == (304, "Accept-Encoding")


def test_what_never_changes_may_be_kept(tmp_path: Path) -> None:
    catalog = tmp_path / "c.yaml"
    file = PROJECT / "cloudify" / "demo" / "mpi-esm-tas.nc"
    catalog.write_text(f"datasets:\n  kept: {{href: {file}, immutable: true}}\n  live: {{href: {file}}}\n")
    with running(Server(catalog).app) as url:
        for key in ("zarr.json", "tas/c/0/0/0"):
            kept, live = (httpx.get(f"{url}/datasets/{name}/zarr/{key}") for name in ("kept", "live"))
            assert kept.headers["cache-control"] == "public, max-age=31536000, immutable"
            assert live.headers["cache-control"] == "no-cache"
            assert kept.headers["etag"] != live.headers["etag"] or key == "zarr.json"


def test_a_key_cut_at_its_question_mark_is_not_mistaken_for_fill_values(client: httpx.Client) -> None:
    """Fsspec does not quote a '?' in a variable's name."""
    cut = client.get(f"{TAS}/what?/c/0/0/0")
    assert (cut.status_code, cut.json()["type"]) == (400, "urn:cloudify:problems/mangled-key")
    for path in ("what%3F/c/0/0/0", "what?f=json", "what?token=a/b", "what?"):
        assert client.get(f"{TAS}/{path}").status_code == 404
    assert client.get(f"{TAS}/tas/c/0/0/0?v=1").status_code == 200
