"""The result of a job, by every route that a dataset has."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
import intake
import numpy as np
import pystac
import pytest
import xarray as xr
from PIL import Image

from cloudify import Server
from cloudify.catalog.catalog import Catalog
from cloudify.compute.blocks import Reader
from cloudify.compute.fit import fit
from cloudify.compute.planning import make_plan
from cloudify.compute.request import read_map
from cloudify.compute.results.assemble import assemble
from cloudify.compute.results.parts import store_parts
from cloudify.compute.results.table import assemble_table
from cloudify.compute.templating import template_of
from cloudify.datasets.chunk_index import RECORD
from cloudify.datasets.manifest import read_manifest
from cloudify.datasets.open import open_entry
from cloudify.model.blob import blob_path
from cloudify.model.entry import Entry
from cloudify.settings import Settings
from cloudify.testing import running
from tests.compute.results.made import Folder, Left

DEMO = Path(__file__).parents[2] / "cloudify" / "demo"
pytestmark = [
    pytest.mark.filterwarnings("ignore:Consolidated metadata is currently not part"),
    pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning"),  # kerchunk's client session
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


def doubled(blobs: Folder, *, skipped: int = 0, title: str = "doubled") -> str:
    """Return the result of a job that doubled the demo's temperatures, month by month."""
    opened = open_entry(Entry("source", "netcdf", str(DEMO / "mpi-esm-tas.nc")), timeout_s=5)
    inputs = {"dataset": "source", "function": {"source": "", "entry": "double"}, "chunks": {"time": 1}}
    plan = make_plan(read_map(inputs), opened, max_block_nbytes=2**28)
    reader = Reader(opened, plan)

    def double(number: int) -> xr.Dataset:
        block = reader.block(number)
        return block.assign(tas=2 * block["tas"]).assign_attrs(title=title)

    template = template_of(double(1), plan, 1, "double", opened=opened)
    pieces = [
        piece
        for number in range(1, plan.total + 1)
        if number != skipped
        for piece in store_parts(fit(double(number), template, plan, number), blobs)
    ]
    left = Left(pieces, failed=[skipped] if skipped else [])
    return assemble(template, plan, "double", left, blobs, opened=opened).manifest


@dataclass(frozen=True)
class Served:
    """A server, and what it serves."""

    url: str
    blobs: Folder
    hashes: dict[str, str]
    local: xr.Dataset

    def at(self, path: str) -> str:
        return f"{self.url}/datasets/{path}"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    blobs = Folder(tmp_path_factory.mktemp("results"))
    values = [(n, json.dumps({"n": n * n, "word": "w" * n})) for n in range(1, 6)]
    hashes = {
        "job-1": doubled(blobs), "job-skipped": doubled(blobs, skipped=3),
        "job-table": assemble_table("f", Left(plain=values), blobs).manifest,
    }  # fmt: skip
    entries = tuple(Entry(name, "result", str(blobs.path(each)), immutable=True) for name, each in hashes.items())
    with xr.open_dataset(DEMO / "mpi-esm-tas.nc") as ds:
        local = ds.load()
    with running(Server(Catalog(entries), settings=Settings.load()).app) as url:
        yield Served(url, blobs, hashes, local)


@pytest.mark.parametrize(
    ("engine", "path", "options"),
    [
        ("zarr", "zarr", {"zarr_format": 3}),
        ("zarr", "zarr", {"zarr_format": 2}),
        ("kerchunk", "kerchunk", {}),
        ("zarr", "kerchunk", {}),
    ],
)
def test_values_are_what_the_slices_computed(served: Served, engine: str, path: str, options: Any) -> None:
    with xr.open_dataset(served.at(f"job-1/{path}"), engine=engine, chunks={}, **options) as ds:
        np.testing.assert_array_equal(ds["tas"].to_numpy(), 2 * served.local["tas"].to_numpy())
        for name in ("time", "lat", "lon"):
            np.testing.assert_array_equal(ds[name].to_numpy(), served.local[name].to_numpy())
        assert ds["tas"].attrs["units"] == served.local["tas"].attrs["units"]


def test_kerchunk_hands_out_the_blobs_themselves(served: Served) -> None:
    index = blob_path(served.blobs.folder, read_manifest(served.blobs.path(served.hashes["job-1"])).indices["tas"])
    record = index.read_bytes()[3 * RECORD.size :][: RECORD.size]
    answer = httpx.get(served.at("job-1/kerchunk/tas/c/3/0/0"))
    assert answer.status_code == 200
    assert sha256(answer.content).digest() == record[:32]
    part = httpx.get(served.at("job-1/kerchunk/tas/c/3/0/0"), headers={"range": "bytes=5-9"})
    assert (part.status_code, part.content) == (206, answer.content[5:10])
    head = httpx.head(served.at("job-1/kerchunk/tas/c/3/0/0"))
    assert head.headers["content-length"] == str(len(answer.content))


@pytest.mark.parametrize("path", ["zarr/tas/c/0/0/0", "kerchunk/tas/c/0/0/0", "zarr/zarr.json"])
def test_a_result_never_changes_and_says_so(served: Served, path: str) -> None:
    answer = httpx.get(served.at(f"job-1/{path}"))
    assert "immutable" in answer.headers["cache-control"]
    again = httpx.get(served.at(f"job-1/{path}"), headers={"if-none-match": answer.headers["etag"]})
    assert again.status_code == 304
    assert httpx.get(served.at(f"job-skipped/{path}")).headers["etag"] != answer.headers["etag"]


def test_two_servers_on_a_moved_folder_have_the_same_tags(served: Served, tmp_path: Path) -> None:
    moved = tmp_path / "blobs"
    moved.symlink_to(served.blobs.folder)
    entry = Entry("job-1", "result", str(blob_path(moved, served.hashes["job-1"])), immutable=True)
    with running(Server(Catalog((entry,)), settings=Settings.load()).app) as url:
        one, other = (httpx.get(f"{root}/datasets/job-1/zarr/tas/c/0/0/0") for root in (url, served.url))
    assert one.headers["etag"] == other.headers["etag"]


def test_a_slice_that_was_skipped_reads_as_missing_and_is_said(served: Served) -> None:
    with xr.open_dataset(served.at("job-skipped/zarr"), engine="zarr", zarr_format=3) as ds:
        assert ds.attrs["cloudify:failed_slices"] == [3]
        missing = np.isnan(ds["tas"].to_numpy()).all(axis=(1, 2))
        assert np.flatnonzero(missing).tolist() == [2]
    document = httpx.get(served.at("job-skipped/kerchunk")).json()
    listed = [key for key in document["refs"] if key.startswith("tas/2.")]
    assert listed == []


def test_a_table_of_plain_values_is_a_dataset(served: Served) -> None:
    with xr.open_dataset(served.at("job-table/zarr"), engine="zarr", zarr_format=3) as ds:
        assert ds["n"].sel(slice=4).item() == 16
        assert ds["word"].values.tolist() == ["w", "ww", "www", "wwww", "wwwww"]
    text = httpx.get(served.at("job-table/subset.csv?var=n")).text
    assert text.splitlines()[-1].endswith("25")


def test_it_is_drawn_grouped_and_cut_as_any_dataset(served: Served) -> None:
    picture = httpx.get(served.at("job-1/plot/tas/image/viridis/"), params={"f": "png"}, timeout=60)
    assert Image.open(BytesIO(picture.content)).size[0] > 100
    expected = 2 * served.local["tas"]
    grouped = httpx.get(served.at("job-1/groupby/tas/time.month/mean"), params={"f": "nc"}, timeout=60)
    with xr.open_dataset(BytesIO(grouped.content), engine="h5netcdf") as ds:
        by_month = expected.groupby("time.month").mean()
        np.testing.assert_allclose(ds["tas"].to_numpy(), by_month.to_numpy(), rtol=1e-6)
    lat, lon = float(served.local["lat"][10]), float(served.local["lon"][20])
    series = httpx.get(served.at("job-1/series/tas"), params={"lon": lon, "lat": lat}).json()
    np.testing.assert_allclose(series["values"], expected[:, 10, 20], rtol=1e-6)
    cut = httpx.get(served.at(f"job-1/subset.nc?var=tas&lat={lat},{lat}"), timeout=60)
    with xr.open_dataset(BytesIO(cut.content), engine="h5netcdf") as ds:
        np.testing.assert_array_equal(ds["tas"].to_numpy()[:, 0, :], expected[:, 10, :])


def test_catalogs_lead_to_it(served: Served) -> None:
    item = pystac.Item.from_dict(httpx.get(served.at("job-1/stac")).json())
    hrefs = {asset.href for asset in item.assets.values()}
    assert served.at("job-1/zarr") in hrefs
    assert served.at("job-1/kerchunk") in hrefs
    assert not any(served.hashes["job-1"] in href for href in hrefs)
    catalog = intake.open_catalog(f"{served.url}/intake.yaml")
    assert "job-1" in list(catalog)
    assert served.hashes["job-1"] not in httpx.get(served.at("job-1/")).text


def harmed(tmp_path: Path, harm: Callable[[Path], None]) -> Entry:
    """Return a result of its own, which no cache of this process has, to whose fifth month harm was done."""
    blobs = Folder(tmp_path)
    sha = doubled(blobs, title=tmp_path.name)
    index = blobs.path(read_manifest(blobs.path(sha)).indices["tas"]).read_bytes()
    harm(blobs.path(index[4 * RECORD.size :][:32].hex()))
    return Entry("job-1", "result", str(blobs.path(sha)), immutable=True)


@pytest.mark.parametrize(
    "harm", [Path.unlink, lambda path: path.write_bytes(path.read_bytes()[:-3])], ids=["lost", "cut"]
)
def test_a_chunk_whose_blob_is_lost_or_cut_is_502_on_every_route(tmp_path: Path, harm: Callable[[Path], None]) -> None:
    entry = harmed(tmp_path, harm)
    with running(Server(Catalog((entry,)), settings=Settings.load()).app) as url:
        for path in (
            "zarr/tas/c/4/0/0",
            "zarr/tas/4.0.0",
            "kerchunk/tas/c/4/0/0",
            "series/tas?lon=0&lat=0",
            "groupby/tas/time.month/mean",
        ):
            answer = httpx.get(f"{url}/datasets/job-1/{path}")
            assert answer.status_code == 502, path
            assert str(tmp_path) not in answer.text
        assert httpx.get(f"{url}/datasets/job-1/zarr/tas/c/3/0/0").status_code == 200
        report = httpx.get(f"{url}/datasets/job-1/check").json()
        assert report["verdict"] == "fails"
        (finding,) = [each for each in report["findings"] if each["verdict"] == "fails"]
        assert (finding["subject"], finding["endpoint"]) == ("tas", "zarr")


def test_a_check_finds_bytes_that_turned_with_their_number_kept(served: Served, tmp_path: Path) -> None:
    def turn(path: Path) -> None:
        data = bytearray(path.read_bytes())
        data[-1] ^= 1
        path.write_bytes(data)

    entry = harmed(tmp_path, turn)
    with running(Server(Catalog((entry,)), settings=Settings.load()).app) as url:
        findings = httpx.get(f"{url}/datasets/job-1/check").json()["findings"]
    assert [each["reason"][:35] for each in findings if each["verdict"] == "fails"] == [
        "a blob has other bytes than it had:"
    ]
    whole = httpx.get(served.at("job-1/check")).json()["findings"]
    assert any("were compared by hash" in each["reason"] for each in whole)
