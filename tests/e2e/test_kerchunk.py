"""`/kerchunk`: the stored bytes, by both engines, as the seed opens them."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import h5py
import httpx
import netCDF4
import numpy as np
import pytest
import xarray as xr
import xpublish
import zarr
from starlette.types import ASGIApp, Receive, Scope, Send

from cloudify import Server
from cloudify.catalog.catalog import Catalog
from cloudify.model.entry import Entry
from cloudify.settings import Settings
from cloudify.testing import running

DEMO = Path(__file__).parents[2] / "cloudify" / "demo"
pytestmark = [
    pytest.mark.filterwarnings("ignore:Consolidated metadata is currently not part"),
    pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning"),  # kerchunk's client session
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@dataclass
class Recorder:
    """Notes the path of every request."""

    app: ASGIApp
    paths: list[str] = field(default_factory=list)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            self.paths.append(scope["path"])
        await self.app(scope, receive, send)


@dataclass
class Served:
    """The server of a module, and what its sources hold."""

    url: str
    recorder: Recorder
    folder: Path
    local: dict[str, xr.Dataset]


def nemo() -> str:
    import iris_sample_data  # noqa: PLC0415

    return f"{Path(iris_sample_data.__file__).parent}/sample_data/NEMO/nemo_1m_*_grid-T.nc"


def make_sources(folder: Path) -> tuple[list[Entry], dict[str, xr.Dataset]]:
    """Write the demo's temperatures in every way that stores have; return what each holds."""
    with xr.open_dataset(DEMO / "mpi-esm-tas.nc") as opened:
        tas = opened.load()
    plain = tas.copy()
    for variable in plain.variables.values():
        variable.encoding = {
            name: variable.encoding[name] for name in ("units", "calendar", "dtype") if name in variable.encoding
        }
    plain.chunk(time=3).to_zarr(folder / "v2.zarr", zarr_format=2)
    plain.chunk(time=3).to_zarr(folder / "v3.zarr", zarr_format=3)
    shards = {"tas": {"shards": (4, 96, 192), "chunks": (2, 48, 96)}}
    plain.chunk(time=4).to_zarr(folder / "sharded.zarr", zarr_format=3, encoding=shards)
    packed = {"tas": {"zlib": True, "shuffle": True, "fletcher32": True, "chunksizes": (1, 48, 96)}}
    plain.to_netcdf(folder / "netcdf4.nc", encoding=packed)
    tas.to_netcdf(folder / "netcdf3.nc", format="NETCDF3_CLASSIC", unlimited_dims=["time"])
    entries = [Entry(name, "zarr", str(folder / f"{name}.zarr")) for name in ("v2", "v3", "sharded")]
    entries += [Entry(name, "netcdf", str(folder / f"{name}.nc")) for name in ("netcdf4", "netcdf3")]
    entries.append(Entry("nemo", "series", nemo(), options={"dim": "time_counter"}))
    local = {entry.id: tas for entry in entries}
    cftime = xr.coders.CFDatetimeCoder(use_cftime=True)
    files = [xr.open_dataset(path, decode_times=cftime) for path in sorted(Path("/").glob(nemo()[1:]))]
    same = {"data_vars": "minimal", "coords": "minimal", "compat": "override"}
    local["nemo"] = xr.concat(files, "time_counter", **same).load()  # type: ignore[call-overload]
    for file in files:
        file.close()
    return entries, local


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("sources")
    entries, local = make_sources(folder)
    settings = Settings.load(data_dir=tmp_path_factory.mktemp("data"))
    computed = local["v2"][["tas"]] * 2
    with xr.open_dataset(folder / "netcdf4.nc", chunks={}) as lazy:
        objects = {"object": lazy, "computed": computed, "cut": lazy.isel(time=slice(0, 5))}
        recorder = Recorder(Server(Catalog(tuple(entries)), settings=settings, objects=objects).app)
        with running(recorder) as url:
            yield Served(url, recorder, folder, local | {"object": local["v2"]})


CHUNKS = {
    "v2": {f"tas/{t}.0.0" for t in range(4)},
    "v3": {f"tas/c/{t}/0/0" for t in range(4)},
    "sharded": {f"tas/c/{t}/0/0" for t in range(3)},
    "netcdf4": {f"tas/{t}.{y}.{x}" for t in range(12) for y in range(2) for x in range(2)},
    "netcdf3": {f"tas/{t}.0.0" for t in range(12)},
    "nemo": {f"tos/{t}.0.0" for t in range(3)},
    "object": {f"tas/{t}.{y}.{x}" for t in range(12) for y in range(2) for x in range(2)},
}
"""The stored chunks of the field, by hand from how each source was written."""


@pytest.mark.parametrize("engine", ["kerchunk", "zarr"])
@pytest.mark.parametrize("name", CHUNKS)
def test_both_engines_read_the_stored_chunks(served: Served, name: str, engine: str) -> None:
    """The seed's line, with nothing but the stored chunks asked for."""
    served.recorder.paths.clear()
    base = f"/datasets/{name}/kerchunk"
    coder = xr.coders.CFDatetimeCoder(use_cftime=True) if name == "nemo" else None
    own = {} if coder is None else {"decode_times": coder}
    with xr.open_dataset(f"{served.url}{base}", engine=engine, chunks="auto", **own) as ds:
        xr.testing.assert_identical(ds.load(), served.local[name])
    asked = set(served.recorder.paths)
    assert all(path.startswith(base) for path in asked)
    variable = "tos" if name == "nemo" else "tas"
    got = {path.removeprefix(f"{base}/") for path in asked if path.startswith(f"{base}/{variable}/")}
    assert {key for key in got if not key.rpartition("/")[2].startswith((".", "zarr.json"))} == CHUNKS[name]
    assert (base in asked) == (engine == "kerchunk")


def test_chunks_of_hdf5_are_the_bytes_of_the_file(served: Served) -> None:
    path = served.folder / "netcdf4.nc"
    with h5py.File(path) as file:
        info = file["tas"].id.get_chunk_info_by_coord((5, 48, 96))
    answer = httpx.get(f"{served.url}/datasets/netcdf4/kerchunk/tas/5.1.1")
    assert answer.content == path.read_bytes()[info.byte_offset : info.byte_offset + info.size]
    document = httpx.get(f"{served.url}/datasets/netcdf4/kerchunk/tas/.zarray").json()
    assert document["filters"] == [{"id": "fletcher32"}, {"id": "shuffle", "elementsize": 4}]
    assert document["compressor"] == {"id": "zlib", "level": 4}


def test_chunks_of_netcdf_classic_are_big_endian_records(served: Served) -> None:
    answer = httpx.get(f"{served.url}/datasets/netcdf3/kerchunk/tas/7.0.0")
    with netCDF4.Dataset(served.folder / "netcdf3.nc") as file:
        file.set_auto_mask(False)
        np.testing.assert_array_equal(np.frombuffer(answer.content, ">f4").reshape(96, 192), file["tas"][7])
    assert answer.content in (served.folder / "netcdf3.nc").read_bytes()


@pytest.mark.parametrize(
    ("name", "key", "path"),
    [("v2", "tas/1.0.0", "v2.zarr/tas/1.0.0"), ("sharded", "tas/c/1/0/0", "sharded.zarr/tas/c/1/0/0")],
)
def test_stored_objects_have_sizes_ranges_and_tags(served: Served, name: str, key: str, path: str) -> None:
    whole = (served.folder / path).read_bytes()
    url = f"{served.url}/datasets/{name}/kerchunk/{key}"
    head = httpx.head(url)
    assert (head.status_code, int(head.headers["content-length"]), head.content) == (200, len(whole), b"")
    for asked, part in (("bytes=3-9", whole[3:10]), ("bytes=-20", whole[-20:]), ("bytes=100-", whole[100:])):
        answer = httpx.get(url, headers={"range": asked})
        assert (answer.status_code, answer.content) == (206, part)
        assert answer.headers["content-range"].endswith(f"/{len(whole)}")
    assert httpx.get(url, headers={"range": f"bytes={len(whole)}-"}).status_code == 416
    assert httpx.get(url, headers={"if-none-match": head.headers["etag"]}).status_code == 304
    assert httpx.get(url).headers["access-control-allow-origin"] == "*"
    assert httpx.post(url).status_code == 405


def test_the_document_has_the_servers_own_urls_and_nothing_of_the_source(served: Served) -> None:
    for name in CHUNKS:
        answer = httpx.get(f"{served.url}/datasets/{name}/kerchunk.json")
        assert answer.content == httpx.get(f"{served.url}/datasets/{name}/kerchunk").content
        assert httpx.head(f"{served.url}/datasets/{name}/kerchunk").headers["etag"] == answer.headers["etag"]
        content = answer.json()
        assert content["version"] == 1
        targets = [value[0] for value in content["refs"].values() if isinstance(value, list)]
        assert all(target.startswith(f"{served.url}/datasets/{name}/") for target in targets)
        assert len(targets) > 3
        for text in (str(served.folder), "iris_sample_data", "file://"):
            assert text not in answer.text


def test_the_netcdf_library_reads_the_file_itself(served: Served) -> None:
    url = f"{served.url}/datasets/netcdf3/source.nc"
    with netCDF4.Dataset(f"{url}#mode=bytes") as there, netCDF4.Dataset(served.folder / "netcdf3.nc") as here:
        np.testing.assert_array_equal(there["tas"][:], here["tas"][:])
    whole = (served.folder / "netcdf3.nc").read_bytes()
    answer = httpx.get(url)
    assert (answer.content, answer.headers["content-type"]) == (whole, "application/x-netcdf")
    assert httpx.get(url, headers={"range": "bytes=-7"}).content == whole[-7:]
    assert httpx.get(url, headers={"if-none-match": answer.headers["etag"]}).status_code == 304
    refused = httpx.get(f"{served.url}/datasets/v2/source.nc")
    assert (refused.status_code, refused.json()["type"]) == (404, "urn:cloudify:problems/no-source-file")


@pytest.mark.parametrize("name", ["computed", "cut"])
def test_what_was_made_in_python_has_no_stored_bytes(served: Served, name: str) -> None:
    """Arithmetic keeps the name of the file, whose bytes would be other values than those of `/zarr`."""
    for below in ("", ".json", "/.zmetadata", "/tas/0.0.0"):
        answer = httpx.get(f"{served.url}/datasets/{name}/kerchunk{below}")
        assert (answer.status_code, answer.json()["type"]) == (404, "urn:cloudify:problems/no-stored-bytes")
        assert f"/datasets/{name}/zarr" in answer.json()["detail"]


def test_a_plain_rest_passes_on_the_file_of_its_dataset() -> None:
    with xr.open_dataset(DEMO / "mpi-esm-tas.nc") as ds, running(xpublish.Rest({"tas": ds}).app) as url:
        with xr.open_dataset(f"{url}/datasets/tas/kerchunk", engine="kerchunk", chunks="auto") as there:
            xr.testing.assert_identical(there.load(), ds.load())
        assert httpx.head(f"{url}/datasets/tas/kerchunk").status_code == 200
        assert httpx.get(f"{url}/datasets/tas/kerchunk/x").headers["content-type"] == "application/problem+json"


HOSTILE = [
    "..%2fnetcdf4.nc", "%2e%2e/%2e%2e/etc/passwd", "/etc/passwd", "%2Fetc%2Fpasswd", "tas/../tas/0.0.0", "tas//0.0.0",
    "tas/..%2f..%2fv2.zarr%2ftas%2f0.0.0", "file:///etc/passwd", "http://127.0.0.1:1/x", "tas/-1.0.0", "tas/00.0.0",
    "tas/0.0", "tas/0.0.0.0", "tas/99999999999999999999999.0.0", "tas/+1.0.0", "tas/1e0.0.0", "tas/", "tas", "%00",
    "tas/0.0.0%00", "tas/c/0/0/0/../0", ".zattrs/0", "{{x}}", "tas/%D9%A3.0.0", "a" * 5000,
]  # fmt: skip


@pytest.mark.parametrize("name", ["v2", "v3", "sharded", "netcdf4", "netcdf3", "nemo"])
def test_keys_are_looked_up_and_never_made_into_paths(served: Served, name: str) -> None:
    """C-14."""
    connection = HTTPConnection(served.url.removeprefix("http://"))
    for key in HOSTILE:  # as they are: other clients tidy them up
        connection.request("GET", f"/datasets/{name}/kerchunk/{key}")
        answer = connection.getresponse()
        body = answer.read()
        assert answer.status == 404, key
        assert answer.headers["content-type"] == "application/problem+json"
        assert str(served.folder).encode() not in body
    connection.close()


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Any]:
    """Serve entries; returns the URL."""
    stack: list[Any] = []

    def serve(*entries: Entry, **settings: Any) -> str:
        own = Settings.load(data_dir=tmp_path / "data", token_check_s=0, **settings)
        stack.append(running(Server(Catalog(entries), settings=own).app))
        return str(stack[-1].__enter__())

    yield serve
    for one in stack:
        one.__exit__(None, None, None)


def test_chunks_never_written_read_as_under_zarr(tmp_path: Path, serve: Any) -> None:
    """HDF5 fills with the library's default, v3 with zero, and neither is declared to be missing."""
    with netCDF4.Dataset(tmp_path / "holes.nc", "w") as file:
        file.createDimension("x", 6)
        plain = file.createVariable("plain", "f4", ("x",), chunksizes=(2,), zlib=True)
        plain[0:2] = [1, 2]
        declared = file.createVariable("declared", "f4", ("x",), chunksizes=(2,), fill_value=-1)
        declared[4:6] = [5, 6]
    group = zarr.open_group(tmp_path / "rain.zarr", mode="w", zarr_format=3)
    rain = group.create_array("rain", shape=(6,), chunks=(2,), dtype="f4", fill_value=0, dimension_names=["x"])
    rain[2:4] = [3, 4]
    assert not (tmp_path / "rain.zarr/rain/c/0").exists()
    url = serve(
        Entry("holes", "netcdf", str(tmp_path / "holes.nc")), Entry("rain", "zarr", str(tmp_path / "rain.zarr"))
    )
    fill = np.float32(netCDF4.default_fillvals["f4"])
    for engine in ("kerchunk", "zarr"):
        with xr.open_dataset(f"{url}/datasets/holes/kerchunk", engine=engine, chunks={}) as ds:
            np.testing.assert_array_equal(ds["plain"].values, np.array([1, 2, fill, fill, fill, fill], "f4"))
            np.testing.assert_array_equal(ds["declared"].values, np.array([np.nan] * 4 + [5, 6], "f4"))
        with xr.open_dataset(f"{url}/datasets/rain/kerchunk", engine=engine, chunks={}) as ds:
            np.testing.assert_array_equal(ds["rain"].values, np.array([0, 0, 3, 4, 0, 0], "f4"))
    assert httpx.get(f"{url}/datasets/holes/kerchunk/declared/0").status_code == 404
    assert httpx.get(f"{url}/datasets/rain/kerchunk/rain/c/0").status_code == 404


def test_a_replaced_file_has_new_tags_and_bytes(tmp_path: Path, serve: Any) -> None:
    path = tmp_path / "a.nc"
    ds = xr.Dataset({"v": ("x", np.arange(8.0))})
    ds.to_netcdf(path, encoding={"v": {"zlib": True, "chunksizes": (4,)}})
    url = serve(Entry("a", "netcdf", str(path)))
    tags = [httpx.get(f"{url}/datasets/a/kerchunk{key}").headers["etag"] for key in ("/v/0", "", "/.zmetadata")]
    kept = list((tmp_path / "data" / "references").iterdir())
    assert len(kept) == 1
    kept[0].write_bytes(b"damaged")
    (ds + 1).to_netcdf(tmp_path / "b.nc", encoding={"v": {"zlib": True, "chunksizes": (2,)}})
    (tmp_path / "b.nc").replace(path)
    with xr.open_dataset(f"{url}/datasets/a/kerchunk", engine="zarr", chunks={}) as there:
        np.testing.assert_array_equal(there["v"].values, np.arange(8.0) + 1)
    new = [httpx.get(f"{url}/datasets/a/kerchunk{key}").headers["etag"] for key in ("/v/0", "")]
    assert new[0] != tags[0]
    assert new[1] != tags[1]
    assert httpx.get(f"{url}/datasets/a/kerchunk/v/0", headers={"if-match": tags[0]}).status_code == 412


def test_damaged_or_unwritable_keeps_cost_work_only(tmp_path: Path, serve: Any) -> None:
    path = tmp_path / "a.nc"
    xr.Dataset({"v": ("x", np.arange(8.0))}).to_netcdf(path, encoding={"v": {"zlib": True, "chunksizes": (4,)}})
    first = serve(Entry("a", "netcdf", str(path)))
    body = httpx.get(f"{first}/datasets/a/kerchunk/v/1").content
    (kept,) = (tmp_path / "data" / "references").iterdir()
    kept.write_bytes(b"damaged")
    assert httpx.get(f"{serve(Entry('a', 'netcdf', str(path)))}/datasets/a/kerchunk/v/1").content == body
    assert kept.stat().st_size > 100
    kept.unlink()
    (tmp_path / "data" / "references").rmdir()
    (tmp_path / "data" / "references").write_text("no folder")
    assert httpx.get(f"{serve(Entry('a', 'netcdf', str(path)))}/datasets/a/kerchunk/v/1").content == body


def test_a_file_that_is_none_fails_as_a_source(tmp_path: Path, serve: Any) -> None:
    (tmp_path / "a.nc").write_bytes(b"\x89HDF\r\n\x1a\n" + b"\0" * 5000)
    url = serve(Entry("a", "netcdf", str(tmp_path / "a.nc")))
    for key in ("", "/.zmetadata", "/v/0"):
        answer = httpx.get(f"{url}/datasets/a/kerchunk{key}")
        assert (answer.status_code, answer.headers["content-type"]) == (502, "application/problem+json")
        assert str(tmp_path) not in answer.text


@pytest.mark.parametrize(
    ("second", "reason"),
    [
        (
            xr.Dataset({"v": ("t", [3.0])}, {"t": ("t", [1.0], {"units": "hours since 2000-01-01"})}),
            "differ in what values",
        ),
        (xr.Dataset({"w": ("t", [3.0])}, {"t": ("t", [1.0], {"units": "days since 2000-01-01"})}), "same variables"),
        (xr.Dataset({"v": ("t", [3])}, {"t": ("t", [1.0], {"units": "days since 2000-01-01"})}), "shape or type"),
    ],
)
def test_files_that_do_not_fit_are_no_series(tmp_path: Path, serve: Any, second: xr.Dataset, reason: str) -> None:
    first = xr.Dataset({"v": ("t", [1.0, 2.0])}, {"t": ("t", [0.0, 0.5], {"units": "days since 2000-01-01"})})
    first.to_netcdf(tmp_path / "a1.nc")
    second.to_netcdf(tmp_path / "a2.nc")
    url = serve(
        Entry("a", "series", str(tmp_path / "a*.nc"), options={"dim": "t"}),
        Entry("nodim", "series", str(tmp_path / "a*.nc")),
        Entry("wrongdim", "series", str(tmp_path / "a1.nc"), options={"dim": "z"}),
        Entry("nofile", "series", str(tmp_path / "b*.nc"), options={"dim": "t"}),
    )
    answer = httpx.get(f"{url}/datasets/a/zarr/zarr.json")
    assert answer.status_code == 502
    assert reason in answer.json()["detail"]
    for name, text in (("nodim", "option `dim`"), ("wrongdim", "no dimension 'z'"), ("nofile", "not there")):
        assert text in httpx.get(f"{url}/datasets/{name}/zarr/zarr.json").json()["detail"]


def test_a_series_grows_with_its_files(tmp_path: Path, serve: Any) -> None:
    """Two steps a file on chunks of two; a file of one step ends within a chunk, so another may not follow it."""
    for number, steps in enumerate((2, 2, 1)):
        values = np.arange(steps * 3.0).reshape(steps, 3) + 10 * number
        ds = xr.Dataset({"v": (("t", "x"), values), "x": [7.0, 8.0, 9.0]})
        ds.to_netcdf(
            tmp_path / f"a{number}.nc", encoding={"v": {"chunksizes": (min(2, steps), 3)}}, unlimited_dims=["t"]
        )
    (tmp_path / "a2.nc").rename(tmp_path / "later.nc")
    url = serve(Entry("a", "series", str(tmp_path / "a*.nc"), options={"dim": "t"}))
    with xr.open_dataset(f"{url}/datasets/a/kerchunk", engine="zarr", chunks={}) as there:
        np.testing.assert_array_equal(there["v"].values, [[0, 1, 2], [3, 4, 5], [10, 11, 12], [13, 14, 15]])
        np.testing.assert_array_equal(there["x"].values, [7, 8, 9])
    before = httpx.get(f"{url}/datasets/a/kerchunk/v/0.0").headers["etag"]
    (tmp_path / "later.nc").rename(tmp_path / "a2.nc")
    for below in ("kerchunk", "zarr"):
        with xr.open_dataset(f"{url}/datasets/a/{below}", engine="zarr", chunks={}, zarr_format=2) as there:
            np.testing.assert_array_equal(there["v"].values[4:], [[20, 21, 22]])
    assert httpx.get(f"{url}/datasets/a/kerchunk/v/0.0").headers["etag"] != before
    report = httpx.get(f"{url}/datasets/a/check").json()["findings"]
    assert any(row["subject"] == "v" and "do not fit together" in row["reason"] for row in report)


def test_text_of_any_length_has_the_chunks_of_zarr(tmp_path: Path, serve: Any) -> None:
    ds = xr.Dataset({"name": ("x", np.array(["ab", "", "größe"], object)), "v": ("x", [1, 2, 3])})
    ds.to_netcdf(tmp_path / "a.nc")
    url = serve(Entry("a", "netcdf", str(tmp_path / "a.nc")))
    for engine in ("kerchunk", "zarr"):
        with xr.open_dataset(f"{url}/datasets/a/kerchunk", engine=engine, chunks={}) as there:
            assert there["name"].values.tolist() == ["ab", "", "größe"]
            assert there["v"].values.tolist() == [1, 2, 3]
    kept, served = (httpx.get(f"{url}/datasets/a/{below}/name/0").content for below in ("kerchunk", "zarr"))
    assert kept == served


def test_groups_have_consolidated_documents_of_their_own(tmp_path: Path, serve: Any) -> None:
    tree = xr.DataTree.from_dict({"/": xr.Dataset({"a": ("x", [1, 2])}), "/sub": xr.Dataset({"b": ("y", [3.0])})})
    tree.to_netcdf(tmp_path / "tree.nc")
    tree.to_zarr(tmp_path / "v2.zarr", zarr_format=2)
    tree.to_zarr(tmp_path / "v3.zarr", zarr_format=3)
    url = serve(
        Entry("nc", "netcdf", str(tmp_path / "tree.nc")),
        *(Entry(name, "zarr", str(tmp_path / f"{name}.zarr")) for name in ("v2", "v3")),
    )
    for name in ("nc", "v2", "v3"):
        with xr.open_datatree(f"{url}/datasets/{name}/kerchunk", engine="zarr") as there:
            assert there["sub/b"].values.tolist() == [3.0]
            assert there["a"].values.tolist() == [1, 2]
        refs = httpx.get(f"{url}/datasets/{name}/kerchunk").json()["refs"]
        assert {"a/0", "sub/b/0", "sub/.zgroup", "sub/b/.zarray"} <= set(refs)
        assert json.loads(refs["sub/b/.zarray"])["shape"] == [1]
