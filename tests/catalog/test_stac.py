"""STAC documents become entries: chosen assets, followed links, and what a document may not name."""

import json
from pathlib import Path
from typing import Any

import pytest

from cloudify.catalog import fetch, stac
from cloudify.catalog.catalog import Catalog
from cloudify.catalog.targets import read_targets

ZARR = "application/vnd+zarr"


def item(name: Any = "a", **more: Any) -> dict[str, Any]:
    assets = {"data": {"href": "./x.zarr", "type": ZARR, "roles": ["data"]}}
    whole: dict[str, Any] = {"type": "Feature", "stac_version": "1.1.0", "id": name, "properties": {}, "assets": assets}
    return whole | more


def collection(*hrefs: Any, rel: str = "item", **more: Any) -> dict[str, Any]:
    links = [{"rel": rel, "href": href} for href in hrefs]
    return {"type": "Collection", "stac_version": "1.0.0", "id": "c", "links": links} | more


def write(path: Path, content: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def read(path: Path) -> Catalog:
    return read_targets([str(path)])


def said(catalog: Catalog) -> list[tuple[str, str, str]]:
    return [(Path(fault.file).name, fault.expected, fault.found) for fault in catalog.faults]


def test_the_items_of_a_collection_are_entries_that_say_what_it_says(tmp_path: Path) -> None:
    own = {"title": "Title", "description": "Words", "license": "CC0-1.0", "keywords": ["own"]}
    write(tmp_path / "items" / "a.json", item("a", properties=own))
    write(tmp_path / "items" / "b.json", item("b.1"))
    path = write(
        tmp_path / "c.json",
        collection("./items/a.json", "items/b.json", title="All", license="CC-BY-4.0", keywords=["sea", "ice"]),
    )
    catalog = read(path)
    assert catalog.faults == ()
    assert catalog.title == "All"
    a, b = catalog.entries
    assert (a.id, a.driver, a.href) == ("a", "zarr", f"{tmp_path}/items/x.zarr")
    assert (a.title, a.description, a.license, a.keywords) == ("Title", "Words", "CC0-1.0", ("own",))
    assert (b.id, b.title, b.description, b.license, b.keywords) == ("b.1", "b.1", "", "CC-BY-4.0", ("sea", "ice"))
    assert not a.is_prepared


def test_an_item_says_where_when_and_from_what_it_is(tmp_path: Path) -> None:
    """A box with heights, a range of times, and links of which only those to the web that tell its origin are kept."""
    links = [
        {"rel": "via", "href": "https://example.org/run-7", "title": "Run 7"},
        {"rel": "via", "href": "file:///etc/passwd"},
        {"rel": "next", "href": "https://example.org/2"},
    ]
    times = {"datetime": None, "start_datetime": "2001-02-03T00:00:00Z", "end_datetime": "2001-02-04T12:00:00+01:00"}
    whole = item("a", bbox=[-10, -20, 0, 10, 20, 5000], links=links, properties=times | {"sci:citation": "We (2001)"})
    (entry,) = read(write(tmp_path / "a.json", whole)).entries
    assert entry.bbox == (-10.0, -20.0, 10.0, 20.0)
    assert entry.interval == ("2001-02-03T00:00:00Z", "2001-02-04T11:00:00Z")
    assert [(link.rel, link.href, link.title) for link in entry.links] == [
        ("via", "https://example.org/run-7", "Run 7")
    ]
    assert entry.citation == "We (2001)"
    once = item("b", bbox=[0, 0, 400, 10], properties={"datetime": "2001-02-03T04:05:06Z", "version": "7"})
    (entry,) = read(write(tmp_path / "b.json", once)).entries
    assert (entry.bbox, entry.interval, entry.version) == (None, ("2001-02-03T04:05:06Z", "2001-02-03T04:05:06Z"), "7")


def test_a_catalog_of_catalogs_is_followed_and_its_collections_inherit_to_their_own(tmp_path: Path) -> None:
    write(tmp_path / "one" / "a.json", item("a"))
    write(tmp_path / "one" / "c.json", collection("a.json", license="CC0-1.0"))
    write(tmp_path / "two" / "b.json", item("b"))
    write(tmp_path / "two" / "c.json", {"type": "Catalog", "stac_version": "1.0.0", "id": "t",
                                        "links": [{"rel": "item", "href": "b.json"}]})  # fmt: skip
    catalog = read(write(tmp_path / "root.json", collection("one/c.json", "two/c.json", rel="child", type="Catalog")))
    assert [(entry.id, entry.license) for entry in catalog.entries] == [("a", "CC0-1.0"), ("b", "")]
    assert catalog.faults == ()


def test_an_item_of_several_data_assets_is_a_dataset_each(tmp_path: Path) -> None:
    assets = {
        "tas": {"href": "tas.nc", "roles": ["data"], "title": "Temperature"},
        "P R": {"href": "pr.nc", "roles": ["data"]},
        "also": {"href": "also.nc"},
        "thumbnail": {"href": "t.png", "roles": ["thumbnail"]},
    }
    catalog = read(write(tmp_path / "a.json", item("run1", assets=assets)))
    assert [(entry.id, entry.title, Path(entry.href).name) for entry in catalog.entries] == [
        ("run1-tas", "run1, Temperature", "tas.nc"), ("run1-p-r", "run1, P R", "pr.nc"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("asset", "driver"),
    [
        ({"href": "x", "type": "application/vnd+zarr"}, "zarr"),
        ({"href": "x", "type": "application/vnd.zarr; version=3"}, "zarr"),
        ({"href": "x.zarr/"}, "zarr"),
        ({"href": "x", "type": "Application/X-NetCDF"}, "netcdf"),
        ({"href": "x.h5"}, "netcdf"),
        ({"href": "x", "type": "application/wmo-GRIB2"}, "grib"),
        ({"href": "x", "type": "image/tiff; application=geotiff; profile=cloud-optimized"}, "raster"),
        ({"href": "x.json", "type": "application/json", "roles": ["references"]}, "kerchunk"),
        ({"href": "x.parq"}, "kerchunk"),
        ({"href": "x", "xarray:open_kwargs": {"engine": "kerchunk", "chunks": {}}}, "kerchunk"),
        ({"href": "x", "xarray:open_kwargs": {"engine": "h5netcdf"}}, "netcdf"),
        ({"href": "https://example.org/x.zarr?sig=1"}, "zarr"),
        ({"href": "x.json", "type": "application/json"}, None),
        ({"href": "x.tif", "roles": ["overview"]}, None),
        ({"href": "x", "type": "application/vnd.zarr+icechunk"}, None),
        ({"href": "x.png", "type": "image/png"}, None),
        ({"type": "text/html"}, None),
        ("x.nc", None),
    ],
)
def test_an_asset_is_chosen_by_role_media_type_engine_or_ending(tmp_path: Path, asset: Any, driver: str | None) -> None:
    catalog = read(write(tmp_path / "a.json", item(assets={"one": asset})))
    if driver:
        assert [(entry.id, entry.driver) for entry in catalog.entries] == [("a", driver)]
    else:
        assert catalog.entries == ()
        ((_, expected, found),) = said(catalog)
        assert expected == "an asset of zarr, netCDF, HDF5, GRIB, GeoTIFF or kerchunk references"
        assert found.startswith(("assets of the types ", "1 assets without"))


def test_our_own_items_are_read_as_their_zarr_stores(tmp_path: Path) -> None:
    assets = {
        "data": {"href": "http://h/datasets/d/zarr", "type": ZARR, "roles": ["data"],
                 "xarray:open_kwargs": {"engine": "zarr", "chunks": {}, "consolidated": True}},
        "kerchunk": {"href": "http://h/datasets/d/kerchunk", "type": "application/json", "roles": ["references"]},
        "thumbnail": {"href": "http://h/t.png", "roles": ["thumbnail"]},
    }  # fmt: skip
    (entry,) = read(write(tmp_path / "a.json", item("d", assets=assets))).entries
    assert (entry.id, entry.driver, entry.href, entry.options) == ("d", "zarr", "http://h/datasets/d/zarr", {})


def test_what_is_said_of_opening_is_honoured_from_a_closed_list(tmp_path: Path) -> None:
    asset = {
        "href": "s3://bucket/x.zarr", "type": ZARR,
        "xarray:open_kwargs": {"group": "deep", "drop_variables": ["lat_bnds"], "decode_times": False},
        "xarray:storage_options": {"anon": True, "client_kwargs": {"endpoint_url": "https://s3.example.org"}},
    }  # fmt: skip
    (entry,) = read(write(tmp_path / "a.json", item(assets={"x": asset}))).entries
    assert entry.options == {"anonymous": True, "endpoint_url": "https://s3.example.org", "group": "deep"}
    assert entry.prepare.drop == ("lat_bnds",)


@pytest.mark.parametrize(
    ("more", "expected", "found"),
    [
        ({"xarray:open_kwargs": {"backend_kwargs": {}}}, "xarray:open_kwargs among group,", "'backend_kwargs'"),
        ({"xarray:open_kwargs": {"preprocess": "x"}}, "xarray:open_kwargs among", "'preprocess'"),
        ({"xarray:open_kwargs": [1]}, "a mapping as xarray:open_kwargs", "a list of 1"),
        ({"xarray:open_kwargs": {"group": 3}}, "the name of a group", "3"),
        ({"xarray:open_kwargs": {"drop_variables": [3]}}, "names of variables under drop_variables", "a list of 1"),
        ({"xarray:storage_options": {"remote_protocol": "file"}}, "storage options among anon,", "remote_protocol"),
        ({"xarray:storage_options": {"anon": "yes"}}, "a value for the storage option anon", "'yes'"),
        ({"xarray:storage_options": {"key": ["x"]}}, "a value for the storage option key", "a list of 1"),
    ],
)  # fmt: skip
def test_what_is_said_of_opening_beyond_it_is_a_fault(tmp_path: Path, more: Any, expected: str, found: str) -> None:
    asset = {"href": "x.zarr", "type": ZARR, **more}
    catalog = read(write(tmp_path / "a.json", item(assets={"x": asset})))
    assert catalog.entries == ()
    ((file, was_expected, was_found),) = said(catalog)
    assert file == "a.json"
    assert was_expected.startswith(expected)
    assert was_found == found


BAD = {
    "no id": (item(None), "an id such as 'dataset'", "nothing"),
    "an id that is none": (item("S2A/2020"), "an id such as 's2a-2020'", "'S2A/2020'"),
    "an id of dots": (item(".."), "an id such as 'dataset'", "'..'"),
    "a list as id": (item([1]), "an id such as 'dataset'", "a list of 1"),
    "no assets": (item(assets={}), "an asset of zarr", "0 assets without media types"),
    "assets that are none": (item(assets=[1]), "a mapping as assets", "a list of 1"),
    "no href": (item(assets={"x": {"type": ZARR}}), "a path or URL in the asset 'x'", "nothing"),
    "NUL": (item(assets={"x": {"type": ZARR, "href": "a\0b"}}), "a path or URL without control", "'a\\x00b'"),
    "half a pair": (item(assets={"x": {"type": ZARR, "href": "\ud800"}}), "a path or URL that can be", "'\\ud800'"),
    "no host": (item(assets={"x": {"type": ZARR, "href": "http://[::1"}}), "a path or URL that can be", "'http://[::1'"),
    "nobody's": (item(assets={"x": {"type": ZARR, "href": "~nobodyhere/x"}}), "a path or URL that can be", "'~nobody"),
    "a file above": (item(assets={"x": {"type": ZARR, "href": "../x.zarr"}}), "a file in the folder of", "'../x.z"),
    "a file elsewhere": (item(assets={"x": {"type": ZARR, "href": "/etc/passwd"}}), "a file in the folder", "'/etc/pa"),
    "by a URL": (item(assets={"x": {"type": ZARR, "href": "file:///etc/passwd"}}), "a file in the folder", "'file:///"),
    "of a machine": (item(assets={"x": {"type": ZARR, "href": "file://h/x"}}), "a path, or an http,", "'file://h/x'"),
    "another scheme": (item(assets={"x": {"type": ZARR, "href": "ftp://h/x"}}), "a path, or an http, https", "'ftp://h/x'"),
    "a chain": (item(assets={"x": {"type": ZARR, "href": "simplecache::file:///x"}}), "a path, or an http", "'simpl"),
}  # fmt: skip


@pytest.mark.parametrize(("bad", "expected", "found"), BAD.values(), ids=BAD.keys())
def test_a_bad_item_costs_itself(tmp_path: Path, bad: Any, expected: str, found: str) -> None:
    write(tmp_path / "bad.json", bad)
    write(tmp_path / "good.json", item("good"))
    catalog = read(write(tmp_path / "c.json", collection("bad.json", "good.json")))
    assert [entry.id for entry in catalog.entries] == ["good"]
    ((file, was_expected, was_found),) = said(catalog)
    assert file == "bad.json"
    assert was_expected.startswith(expected)
    assert was_found.startswith(found)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("[" * 100_000, "something else"), ('{"a":' * 100_000, "something else"), ("{}", "something else"),
        ('{"version": 1, "refs": {}, "stac_version": "1.0.0"}', "something else"), ("\xff", "something else"),
        ("3", "something else"), ('{"stac_version": "1.0.0"', "something else"),
    ],
)  # fmt: skip
def test_a_linked_document_that_is_none_is_a_fault(tmp_path: Path, text: str, found: str) -> None:
    write(tmp_path / "bad.json", text)
    write(tmp_path / "good.json", item("good"))
    catalog = read(write(tmp_path / "c.json", collection("bad.json", "good.json", "gone.json")))
    assert [entry.id for entry in catalog.entries] == ["good"]
    assert said(catalog) == [
        ("bad.json", "a STAC item, collection or catalog", found),
        ("gone.json", "a readable file", "No such file or directory"),
    ]


@pytest.mark.parametrize(
    ("href", "expected"),
    [
        ("../x.json", "a file in the folder of the catalog or below, or a URL"),
        ("/etc/hostname", "a file in the folder of the catalog or below, or a URL"),
        ("s3://bucket/x.json", "a link to a file, or to an http or https URL"),
        ("ftp://h/x.json", "a path, or an http, https or s3 URL"),
        (None, "a path or URL"), (["x"], "a path or URL"), ("", "a path or URL"),
    ],
)  # fmt: skip
def test_a_link_that_may_not_be_followed_is_a_fault(tmp_path: Path, href: Any, expected: str) -> None:
    write(tmp_path / "x.json", item("outside"))
    write(tmp_path / "set" / "good.json", item("good"))
    catalog = read(write(tmp_path / "set" / "c.json", collection(href, "good.json")))
    assert [entry.id for entry in catalog.entries] == ["good"]
    assert [fault.expected for fault in catalog.faults] == [expected]


def test_a_link_out_of_the_folder_by_the_file_system_is_not_followed(tmp_path: Path) -> None:
    write(tmp_path / "x.json", item("outside"))
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "x.json").symlink_to(tmp_path / "x.json")
    catalog = read(write(tmp_path / "set" / "c.json", collection("x.json")))
    assert catalog.entries == ()
    assert said(catalog) == [("c.json", "a file in the folder of the catalog or below, or a URL", "'x.json'")]


def test_a_circle_ends(tmp_path: Path) -> None:
    write(tmp_path / "a.json", item("a"))
    write(tmp_path / "b.json", collection("c.json", "./c.json", rel="child"))
    catalog = read(write(tmp_path / "c.json", collection("b.json", "c.json", "a.json", "./a.json", rel="child")))
    assert [entry.id for entry in catalog.entries] == ["a"]
    assert catalog.faults == ()


def test_a_chain_of_links_ends_at_its_bound(tmp_path: Path) -> None:
    for n in range(20):
        write(tmp_path / f"{n}.json", collection(f"{n + 1}.json", f"item{n}.json", rel="child"))
        write(tmp_path / f"item{n}.json", item(f"i{n}"))
    catalog = read(tmp_path / "0.json")
    assert [entry.id for entry in catalog.entries] == [f"i{n}" for n in range(stac.MAX_DEPTH)]
    assert said(catalog) == [("0.json", "at most 20000 documents, 16 links from the first", "more")]


def test_so_many_documents_are_read_and_no_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stac, "MAX_DOCUMENTS", 5)
    for n in range(9):
        write(tmp_path / f"{n}.json", item(f"i{n}"))
    catalog = read(write(tmp_path / "c.json", collection(*(f"{n}.json" for n in range(9)))))
    assert [entry.id for entry in catalog.entries] == ["i0", "i1", "i2", "i3"]
    assert said(catalog) == [("c.json", "at most 5 documents, 16 links from the first", "more")]


def test_so_many_faults_are_told_and_no_more(tmp_path: Path) -> None:
    write(tmp_path / "good.json", item("good"))
    catalog = read(write(tmp_path / "c.json", collection(*([None] * 3000), "good.json")))
    assert [entry.id for entry in catalog.entries] == ["good"]
    assert len(catalog.faults) == 1001
    assert said(catalog)[-1] == ("c.json", "at most 1000 faults", "3000")


def test_so_many_bytes_are_read_and_no_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stac, "MAX_DOCUMENT_NBYTES", 1000)
    write(tmp_path / "big.json", item("big", pad="x" * 1000))
    write(tmp_path / "good.json", item("good"))
    path = write(tmp_path / "c.json", collection("big.json", "good.json"))
    catalog = read(path)
    assert [entry.id for entry in catalog.entries] == ["good"]
    assert said(catalog) == [("big.json", "a file of at most 1000 bytes", "a larger one")]
    monkeypatch.setattr(fetch, "MAX_NBYTES", 100)
    assert said(read(path))[1] == ("good.json", "at most 100 bytes of documents in all", "more")


def test_ids_that_stand_twice_are_faults_and_the_first_is_served(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write(tmp_path / f"{name}.json", item("same"))
    catalog = read(write(tmp_path / "c.json", collection("a.json", "b.json")))
    assert [entry.id for entry in catalog.entries] == ["same"]
    assert [fault.expected for fault in catalog.faults] == ["an id that no other entry has"]


def test_collections_may_have_assets_themselves_and_features_may_come_together(tmp_path: Path) -> None:
    assets = {"zarr": {"href": "x.zarr", "type": ZARR}, "thumbnail": {"href": "t.png", "type": "image/png"}}
    path = write(tmp_path / "c.json", collection(assets=assets, title="Whole", license="CC0-1.0"))
    (entry,) = read(path).entries
    assert (entry.id, entry.title, entry.license) == ("c", "Whole", "CC0-1.0")
    path = write(tmp_path / "f.geojson", {"type": "FeatureCollection", "features": [item("a"), 3, item("b")]})
    assert [entry.id for entry in read(path).entries] == ["a", "b"]
    only = write(tmp_path / "t.json", collection(assets={"thumbnail": assets["thumbnail"]}))
    assert said(read(only)) == [("t.json", "an item, or links to some", "none")]


def test_texts_that_are_no_unicode_do_no_harm(tmp_path: Path) -> None:
    own = {"title": "half \ud800 pair", "description": 3, "license": ["x"], "keywords": ["a", 3, "\udfff"]}
    (entry,) = read(write(tmp_path / "a.json", item("a", properties=own))).entries
    assert (entry.title, entry.description, entry.license, entry.keywords) == ("half ? pair", "", "", ("a", "?"))


def test_a_reference_set_is_no_stac_although_it_speaks_of_it(tmp_path: Path) -> None:
    refs = {"version": 1, "refs": {".zgroup": '{"zarr_format": 2}', ".zattrs": '{"x": "\\"stac_version\\""}'}}
    (entry,) = read(write(tmp_path / "r.json", refs)).entries
    assert entry.driver == "kerchunk"
    (entry,) = read(write(tmp_path / "t.json", {".zgroup": "{}", "type": "x", "a": {"stac_version": 1}})).entries
    assert entry.driver == "kerchunk"


def test_a_folder_with_a_collection_in_it_is_its_files(tmp_path: Path) -> None:
    (tmp_path / "x.zarr").mkdir()
    (tmp_path / "x.zarr" / "zarr.json").write_text("{}")
    write(tmp_path / "a.json", item("a", assets={"x": {"href": "x.zarr/zarr.json", "type": ZARR}}))
    write(tmp_path / "c.json", collection("a.json"))
    assert [entry.id for entry in read(tmp_path).entries] == ["x"]
