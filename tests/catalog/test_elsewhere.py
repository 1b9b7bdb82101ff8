"""Catalogs on web servers: ours, intake's and STAC, and what they may not do to the one who reads them."""

import json
import time
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from cloudify.catalog import elsewhere, fetch
from cloudify.catalog.catalog import Catalog
from cloudify.catalog.targets import read_targets
from cloudify.errors import InvalidTargetError
from cloudify.settings import Settings

ZARR = "application/vnd+zarr"


@pytest.fixture
def web(serve_http: Any) -> Any:
    """A web server of made documents: ``pages[path]`` is text, a status with headers, or a function of the handler."""

    class Pages(BaseHTTPRequestHandler):
        pages: dict[str, Any] = {}  # noqa: RUF012  # one class for each test
        seen: list[str] = []  # noqa: RUF012
        base = ""

        def do_GET(self) -> None:
            self.seen.append(self.path)
            page = self.pages.get(self.path)
            if callable(page):
                page(self)
                return
            status, headers, body = (
                page if isinstance(page, tuple) else (200 if page is not None else 404, {}, page or "")
            )
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            data = body.encode() if isinstance(body, str) else body
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    Pages.base = serve_http(Pages)
    return Pages


def read(url: str, **settings: Any) -> Catalog:
    return read_targets([url], Settings.load(remote_timeout_s=2, **settings))


def said(catalog: Catalog) -> list[tuple[str, str]]:
    return [(fault.expected, fault.found) for fault in catalog.faults]


def item(name: str, href: str, **asset: Any) -> str:
    assets = {"data": {"href": href, "type": ZARR, **asset}}
    return json.dumps({"type": "Feature", "stac_version": "1.1.0", "id": name, "properties": {}, "assets": assets})


def collection(*hrefs: str) -> str:
    links = [{"rel": "item", "href": href} for href in hrefs]
    return json.dumps({"type": "Collection", "stac_version": "1.1.0", "id": "c", "title": "C", "links": links})


def test_a_collection_is_read_with_its_items(web: Any) -> None:
    web.pages |= {
        "/set/c.json": collection("./items/a.json", "/items/b", f"{web.base}/set/gone.json"),
        "/set/items/a.json": item("a", "../x.zarr"),
        "/items/b": item("b", "/y.zarr?sig=1"),
    }
    catalog = read(f"{web.base}/set/c.json")
    assert [(entry.id, entry.href) for entry in catalog.entries] == [
        ("a", f"{web.base}/set/x.zarr"), ("b", f"{web.base}/y.zarr?sig=1"),
    ]  # fmt: skip
    assert catalog.title == "C"
    assert [(fault.file, fault.expected, fault.found) for fault in catalog.faults] == [
        (f"{web.base}/set/gone.json", "a document", "the status 404")
    ]


def test_a_url_without_an_ending_is_asked_for(web: Any) -> None:
    web.pages |= {"/items/a": item("a", "x.zarr"), "/page": "<html>"}
    assert [entry.id for entry in read(f"{web.base}/items/a").entries] == ["a"]
    for path, found in (("page", "expected a URL that ends in"), ("gone", "found the status 404")):
        with pytest.raises(InvalidTargetError, match=found):
            read(f"{web.base}/{path}")


def test_our_catalog_and_those_of_intake(web: Any) -> None:
    web.pages |= {
        "/own.yaml": 'datasets: {a: {href: a/x.zarr}, b: {href: "/y.nc", options: {group: g}}}',
        "/v1.yml": "sources: {c: {driver: netcdf, args: {urlpath: '{{ CATALOG_DIR }}/c.nc'}}}",
        "/v2.yaml": "version: 2\ndata: {d: {datatype: 'x:Zarr', kwargs: {url: '{CATALOG_DIR}/d.zarr'}}}",
    }
    found = read_targets([f"{web.base}/{name}" for name in ("own.yaml", "v1.yml", "v2.yaml")])
    assert {entry.id: entry.href.removeprefix(web.base) for entry in found.entries} == {
        "a": "/a/x.zarr", "b": "/y.nc", "c": "/c.nc", "d": "/d.zarr",
    }  # fmt: skip
    assert found.faults == ()


def test_a_catalog_that_is_not_there_is_a_fault_and_the_others_are_served(web: Any, tmp_path: Path) -> None:
    (tmp_path / "here.yaml").write_text("datasets: {a: {href: x.nc}}")
    web.pages |= {"/bad.yaml": "datasets: [", "/list.yaml": "[1]"}
    targets = [f"{web.base}/gone.yaml", f"{web.base}/bad.yaml", f"{web.base}/list.yaml", "http://127.0.0.1:9/c.yaml"]
    catalog = read_targets([*targets, str(tmp_path / "here.yaml")])
    assert [entry.id for entry in catalog.entries] == ["a"]
    assert {fault.file for fault in catalog.faults} == set(targets)
    assert [catalog.faults[0].found, catalog.faults[-1].found] == ["the status 404", "ConnectError"]


ENTRIES = [
    ("{href: 'file:///etc/passwd', driver: netcdf}", "an http, https or s3 URL, as the catalog is not on this machine"),
    ("{href: 'http://169.254.169.254/x.zarr'}", "a host on the public network, or one in the setting fetch_allow"),
    ("{href: 'http://127.0.0.1:1/x.zarr'}", "a host on the public network, or one in the setting fetch_allow"),
    ("{href: 'http://u:p@127.0.0.1/x.zarr'}", "a URL without a user"),
    ("{href: r.json, options: {roots: [/etc]}}", "options among group, anonymous, region, endpoint_url"),
    ("{href: x.zarr, options: {headers: {a: b}}}", "options among group, anonymous, region, endpoint_url"),
]


def test_our_catalog_from_elsewhere_names_nothing_of_this_machine(web: Any) -> None:
    lines = [f"  bad{n}: {entry}" for n, (entry, _) in enumerate(ENTRIES)]
    web.pages["/c.yaml"] = "\n".join(["datasets:", *lines, "  good: {href: x.zarr}"])
    catalog = read(f"{web.base}/c.yaml")
    assert [entry.id for entry in catalog.entries if not entry.fault] == ["good"]
    assert [(fault.file, fault.line) for fault in catalog.faults] == [
        (f"{web.base}/c.yaml", line) for line in range(2, 2 + len(ENTRIES))
    ]
    for fault, (_, expected) in zip(catalog.faults, ENTRIES, strict=True):
        assert fault.expected.startswith(expected)


ASSETS = [
    ({"href": "file:///etc/passwd"}, "an http, https or s3 URL"),
    ({"href": "http://169.254.169.254/latest"}, "a host on the public network"),
    ({"href": "x", "xarray:storage_options": {"headers": {"a": "b"}}}, "options among"),
    ({"href": "s3://b/x", "xarray:storage_options": {"key": "k", "secret": "s"}}, "options among"),
    ({"href": "s3://b/x", "xarray:storage_options": {"endpoint_url": "http://10.0.0.1"}}, "a host on the public"),
]


def test_an_item_from_elsewhere_names_nothing_of_this_machine(web: Any) -> None:
    names = [f"a{n}.json" for n in range(len(ASSETS))]
    web.pages |= {f"/{name}": item("a", **asset) for name, (asset, _) in zip(names, ASSETS, strict=True)}
    web.pages |= {"/c.json": collection(*names, "b.json"), "/b.json": item("b", "y")}
    catalog = read(f"{web.base}/c.json")
    assert [entry.id for entry in catalog.entries] == ["b"]
    for fault, (_, expected) in zip(catalog.faults, ASSETS, strict=True):
        assert fault.expected.startswith(expected)


def test_links_stay_at_their_origin_and_redirects_of_them_are_not_followed(web: Any, serve_http: Any) -> None:
    asked: list[str] = []

    class Other(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_error(404)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    other = serve_http(Other)
    web.pages |= {
        "/c.json": collection(f"{other}/a.json", "away.json", "http://169.254.169.254/a.json"),
        "/away.json": (302, {"location": f"{other}/b.json"}, ""),
    }
    catalog = read(f"{web.base}/c.json", fetch_allow="127.0.0.0/8")
    assert catalog.entries == ()
    assert sorted(said(catalog)) == [
        ("a document after at most 0 redirects", "another redirect"),
        ("a host on the public network, or one in the setting fetch_allow", "'169.254.169.254'"),
        (f"a link to {web.base}", f"'{other}/a.json'"),
    ]
    assert asked == []


def test_the_operator_can_allow_a_network(web: Any) -> None:
    web.pages["/a.json"] = item("a", "http://127.0.0.1:1/x.zarr")
    assert read(f"{web.base}/a.json").entries == ()
    (entry,) = read(f"{web.base}/a.json", fetch_allow="127.0.0.1").entries
    assert entry.href == "http://127.0.0.1:1/x.zarr"


def test_the_target_itself_may_have_moved(web: Any) -> None:
    web.pages |= {
        "/old.json": (301, {"location": "/new/c.json"}, ""), "/new/c.json": collection("a.json"),
        "/new/a.json": item("a", "x.zarr"), "/file.json": (302, {"location": "file:///etc/passwd"}, ""),
        "/loop.yaml": (302, {"location": "/loop.yaml"}, ""),
    }  # fmt: skip
    (entry,) = read(f"{web.base}/old.json").entries
    assert entry.href == f"{web.base}/new/x.zarr"
    assert said(read(f"{web.base}/loop.yaml")) == [("a document after at most 5 redirects", "another redirect")]
    (entry,) = read(f"{web.base}/file.json").entries  # no catalog: what it is shows when it is opened
    assert (entry.driver, entry.href) == ("kerchunk", f"{web.base}/file.json")


def test_a_reference_set_is_told_by_its_beginning_and_not_read(web: Any) -> None:
    sent: list[int] = []

    def big(handler: Any) -> None:
        handler.send_response(200)
        handler.end_headers()
        try:
            handler.wfile.write(b'{"version": 1, "refs": {')
            for _ in range(1000):
                handler.wfile.write(b'"v/0.0": "x",' * 5000)
                sent.append(65_000)
        except OSError:
            pass

    web.pages["/r.json"] = big
    (entry,) = read(f"{web.base}/r.json").entries
    assert entry.driver == "kerchunk"
    assert sum(sent) < 20_000_000


def test_a_document_that_is_too_large_inflates_or_never_ends_is_left(web: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def slow(handler: Any) -> None:
        handler.send_response(200)
        handler.end_headers()
        try:
            for _ in range(100):
                handler.wfile.write(b" ")
                handler.wfile.flush()
                time.sleep(0.05)
        except OSError:
            pass

    web.pages |= {
        "/slow.yaml": slow,
        "/big.yaml": "#" * 20_000_000,
        "/gz.yaml": (200, {"content-encoding": "gzip"}, b"x"),
    }
    monkeypatch.setattr(fetch, "MAX_S", 1.0)
    monkeypatch.setattr(elsewhere, "MAX_NBYTES", 2**24)
    start = time.monotonic()
    assert said(read(f"{web.base}/slow.yaml")) == [("a document in time", "one that takes too long")]
    assert time.monotonic() - start < 4
    assert said(read(f"{web.base}/big.yaml")) == [("a document of at most 16777216 bytes", "a larger one")]
    assert said(read(f"{web.base}/gz.yaml")) == [("a document as it is, as was asked for", "the coding 'gzip'")]


def test_other_datasets_on_the_web_are_not_asked_for(web: Any) -> None:
    urls = [f"{web.base}/{name}" for name in ("x.zarr", "y.nc", "z.parq")]
    assert [entry.href for entry in read_targets(urls).entries] == urls
    assert web.seen == []
