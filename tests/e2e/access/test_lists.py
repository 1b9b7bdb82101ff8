"""Lists, counts and suggestions: what is hidden is in none of them."""

import json
import socket
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import product
from urllib.parse import urlsplit

import httpx
import pytest

from access.made import MINE, NONE, OTHERS, PUBLIC, Made, bearer
from cloudify.catalog.catalog import Catalog
from cloudify.model.entry import Entry
from cloudify.server.orders import catalog_line, read_catalog
from cloudify.testing import running

LISTS = {
    "/": ('"id":"{}"', "application/json"),
    "/?f=html": ("/datasets/{}/", "text/html"),
    "/datasets": ('"{}"', "application/json"),
    "/intake.yaml": ('"{}-zarr"', "text/yaml"),
    "/stac-collection-all.json": ("/datasets/{}/stac", "application/json"),
}
"""Where datasets are listed, and as what."""
OTHER_ROUTES = {"/health", "/metrics", "/plugins", "/ready", "/versions"} | {
    f"/ogc-api/{name}" for name in ("", "conformance", "isolation", "jobs", "openapi.json", "pools", "processes")
}


def test_no_route_shows_the_id_of_a_hidden_dataset(served: tuple[str, Made]) -> None:
    url, made = served
    paths = {path for path in httpx.get(f"{url}/openapi.json").json()["paths"] if "{" not in path}
    assert paths == (LISTS.keys() - {"/?f=html"}) | OTHER_ROUTES
    unknown = [f"/datasets/{NONE}/{path}" for path in ("zarr/zarr.json", "keys", "stac", "catalog.yaml", "wms")]
    everywhere = [*paths, "/?f=html", "/?q=job", "/docs", "/openapi.json", *unknown]
    for path in everywhere:  # the owner first, who fills what is kept
        httpx.get(f"{url}{path}", headers=made.owner)
    for path, token in product(everywhere, made.strangers.values()):
        answer = httpx.get(f"{url}{path}", headers=token)
        assert MINE not in answer.text, path
        assert f"title of {MINE}" not in answer.text, path
        if not token and not path.startswith("/ogc-api/"):
            assert "private" not in answer.headers.get("cache-control", ""), path


@pytest.mark.parametrize("path", LISTS)
def test_everybody_is_listed_what_they_may_read(served: tuple[str, Made], path: str) -> None:
    url, made = served
    form, media_type = LISTS[path]
    expected = {
        "nobody": {PUBLIC},
        "another user": {PUBLIC, OTHERS},
        "a token of hers that may not read": {PUBLIC},
        "a token of hers for another dataset": {PUBLIC},
        "the owner": {PUBLIC, MINE},
    }
    for who, token in {**made.strangers, "the owner": made.owner}.items():
        answer = httpx.get(f"{url}{path}", headers=token)
        assert answer.headers["content-type"].startswith(media_type)
        assert {name for name in (PUBLIC, MINE, OTHERS) if form.format(name) in answer.text} == expected[who], who
        assert "Authorization" in answer.headers["vary"]
        is_private = len(expected[who]) > 1
        assert (answer.headers.get("cache-control") == "private, no-store") == is_private
        if token:
            assert "access-control-allow-origin" not in answer.headers


def test_counts_are_of_what_is_listed(served: tuple[str, Made]) -> None:
    url, made = served
    for token, number in (({}, 1), (made.owner, 2)):
        assert httpx.get(f"{url}/ready", headers=token).json()["datasets"] == number
        landing = httpx.get(f"{url}/", headers=token).json()
        assert (landing["summarised"]["of"], len(landing["datasets"])) == (number, number)
        collection = httpx.get(f"{url}/stac-collection-all.json", headers=token).json()
        assert len([link for link in collection["links"] if link["rel"] == "item"]) == number


def test_only_its_owner_is_offered_the_name_of_a_hidden_dataset(served: tuple[str, Made]) -> None:
    url, made = served
    wrong = f"{url}/datasets/{MINE}x/zarr/zarr.json"
    suggested = f"no dataset '{MINE}x'; did you mean '{MINE}'?"
    assert httpx.get(wrong, headers=made.owner).json()["detail"] == suggested
    for token in made.strangers.values():
        assert "did you mean" not in httpx.get(wrong, headers=token).json()["detail"]


def test_an_etag_of_a_list_does_not_tell_of_what_is_hidden(made: Made) -> None:
    with running(made.server.app) as url:
        before = httpx.get(f"{url}/stac-collection-all.json")
        changes = (*made.server.catalog.entries, Entry("job-new", "netcdf", str(made.paths[MINE]), owner="ada"))
        made.server.adopt(Catalog(changes))
        assert httpx.get(f"{url}/stac-collection-all.json").headers["etag"] == before.headers["etag"]
        assert "job-new" in httpx.get(f"{url}/datasets", headers=made.owner).json()
        assert httpx.get(f"{url}/datasets").json() == [PUBLIC]


def test_a_dataset_that_gets_an_owner_is_gone_for_the_others_at_once(made: Made) -> None:
    """Also from what the fast lane keeps. Who has it open must not take its chunks for fill values."""
    expected = {"zarr/zarr.json": 404, "zarr/tas/c/0/0/0": 502, "kerchunk/tas/0.0.0": 502, "source.nc": 404}
    with running(made.server.app) as url:
        below = f"{url}/datasets/{PUBLIC}"
        for path in [path for path in expected for _ in range(3)]:
            assert httpx.get(f"{below}/{path}").status_code == 200
        entries = [replace(entry, owner=entry.owner or "ada") for entry in made.server.catalog.entries]
        made.server.adopt(Catalog(tuple(entries)))
        for path, status in expected.items():
            assert httpx.get(f"{below}/{path}").status_code == status, path
            assert httpx.get(f"{below}/{path}", headers=made.owner).status_code == 200
            assert httpx.get(f"{below}/{path}").status_code == status, path
        assert httpx.get(f"{url}/datasets").json() == []


def test_many_at_once_are_each_told_their_own(made: Made) -> None:
    """Of a server that has opened nothing yet: what is made once for all who ask is not made for those who may not."""
    paths = ["stac", "zarr/zarr.json", "zarr/tas/c/0/0/0", "kerchunk", "plot/tas/image/viridis", "keys", "subset.nc"]
    whose = [made.owner, {}, made.strangers["another user"], made.owner]
    asked = [(path, headers) for path in paths for _ in range(3) for headers in whose]

    with running(made.server.app) as url, httpx.Client(base_url=f"{url}/datasets/{MINE}", timeout=60) as client:

        def ask(one: tuple[str, dict[str, str]]) -> int:
            return client.get(one[0], headers=one[1]).status_code

        with ThreadPoolExecutor(32) as pool:
            found = list(pool.map(ask, asked))
    assert found == [200 if headers is made.owner else 404 for _, headers in asked]


def test_requests_behind_each_other_on_one_connection_do_not_borrow_rights(made: Made) -> None:
    """A server may begin the second one in the context of the first."""
    token = made.owner["Authorization"]
    first = f"GET /datasets/{MINE}/zarr/zarr.json HTTP/1.1\r\nHost: localhost\r\nAuthorization: {token}\r\n\r\n"
    paths = [f"/datasets/{MINE}/zarr/zarr.json", "/datasets"]
    with running(made.server.app) as url:
        for path in paths:
            second = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
            answers = exchange(url, first + second)
            assert answers.count(b"HTTP/1.1 200 OK") == (2 if path == "/datasets" else 1)
            last = answers[answers.rindex(b"HTTP/1.1") :]
            assert last.startswith(b"HTTP/1.1 404") or last.endswith(f'["{PUBLIC}"]'.encode())


def exchange(url: str, text: str) -> bytes:
    """Send requests in one piece and return all that is answered."""
    place = urlsplit(url)
    with socket.create_connection((place.hostname, place.port), timeout=30) as sock:
        sock.sendall(text.encode())
        return b"".join(iter(lambda: sock.recv(65536), b""))


def test_workers_are_told_whose_a_dataset_is(made: Made) -> None:
    said = made.server.catalog
    assert read_catalog(json.loads(catalog_line(said))) == said


def test_what_is_gone_is_hidden_no_more_than_before(made: Made) -> None:
    """Who has read a dataset that was removed since is told so; others are told what they always were."""
    with running(made.server.app) as url:
        key = f"{url}/datasets/{MINE}/zarr/tas/c/0/0/0"
        assert httpx.get(key, headers=made.owner).status_code == 200
        made.server.adopt(Catalog(tuple(entry for entry in made.server.catalog.entries if entry.id != MINE)))
        assert httpx.get(key, headers=made.owner).status_code == 502
        for token in (*made.strangers.values(), bearer(made.tokens.add("eve", "read"))):
            assert httpx.get(key, headers=token).status_code == 404
