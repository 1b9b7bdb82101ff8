"""`/zarr` of zarr stores: the chunks that both formats have words for are those on the disk."""

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import netCDF4
import numcodecs
import numpy as np
import pytest
import xarray as xr
import zarr
import zstandard
from clients.made import CODECS2, CODECS3, FILES

from cloudify import Server
from cloudify.catalog.catalog import Catalog
from cloudify.chunks import passed
from cloudify.model.entry import Entry
from cloudify.model.preparation import Preparation
from cloudify.settings import Settings
from cloudify.testing import running

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*does not have a Zarr V3 specification"),
    pytest.mark.filterwarnings("ignore:Consolidated metadata is currently not part"),
]
VALUES = np.arange(35, dtype="f4").reshape(7, 5) / 7
HELD = np.where(np.arange(7)[:, None] < 3, np.float32(-2), VALUES)
"""Of `clients.made.codecs`: the first row of chunks was never written."""
INDICES = [(y, x) for y in range(3) for x in range(3)]
WRITTEN = [index for index in INDICES if index[0]]
HTTP = httpx.Client(timeout=30)


@pytest.fixture(scope="module", autouse=True)
def _client() -> Iterator[None]:
    with HTTP:
        yield


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Any]:
    """Serve entries; returns the URL."""
    stack: list[Any] = []

    def serve(*entries: Entry, **settings: Any) -> str:
        own = Settings.load(**{"data_dir": tmp_path / "data", "token_check_s": 0, "settle_s": 0, **settings})
        stack.append(running(Server(Catalog(entries), settings=own).app))
        return str(stack[-1].__enter__())

    yield serve
    for one in stack:
        one.__exit__(None, None, None)


def make(folder: Path, name: str) -> Entry:
    file, write = FILES[name]
    write(folder / file)
    return Entry(name, "zarr", str(folder / file))


def stored(url: str, dataset_id: str) -> dict[str, str]:
    """What the check says of stored chunks, by subject."""
    report = HTTP.get(f"{url}/datasets/{dataset_id}/check").json()
    assert all(row["verdict"] == "works" for row in report["findings"] if row["endpoint"] == "stored")
    return {row["subject"]: row["reason"] for row in report["findings"] if row["endpoint"] == "stored"}


@pytest.mark.parametrize(
    ("name", "names", "key"), [("made-codecs2", CODECS2, "{}/{}.{}"), ("made-codecs3", CODECS3, "{}/c/{}/{}")]
)
def test_chunks_are_the_files_of_the_store_in_both_formats(
    tmp_path: Path, serve: Any, name: str, names: Any, key: str
) -> None:
    entry = make(tmp_path, name)
    url = serve(entry)
    root = f"{url}/datasets/{name}/zarr"
    for variable in names:
        for y, x in WRITTEN:
            file = (Path(entry.href) / key.format(variable, y, x)).read_bytes()
            v2, v3 = (HTTP.get(f"{root}/{variable}/{below}") for below in (f"{y}.{x}", f"c/{y}/{x}"))
            assert v2.content == v3.content == file
            assert v2.headers["etag"] == v3.headers["etag"]
    assert stored(url, name) == {"": "chunks are sent as they are stored"}
    assert HTTP.get(f"{url}/datasets/{name}/check").json()["verdict"] != "fails"


def test_metadata_of_both_formats_declare_the_codec_of_the_store(tmp_path: Path, serve: Any) -> None:
    """Each format of the source in the words of the other, by hand from their specifications."""
    url = serve(make(tmp_path, "made-codecs2"), make(tmp_path, "made-codecs3"))
    little = {"name": "bytes", "configuration": {"endian": "little"}}
    for name in ("made-codecs2", "made-codecs3"):
        v2 = HTTP.get(f"{url}/datasets/{name}/zarr/.zmetadata").json()["metadata"]
        v3 = HTTP.get(f"{url}/datasets/{name}/zarr/zarr.json").json()["consolidated_metadata"]["metadata"]
        assert v2["none/.zarray"]["compressor"] is None
        assert v3["none"]["codecs"] == [little]
        assert v2["gzip/.zarray"]["compressor"] == {"id": "gzip", "level": 6}
        assert v3["gzip"]["codecs"] == [little, {"name": "gzip", "configuration": {"level": 6}}]
        assert v2["zstd/.zarray"]["compressor"] == {"id": "zstd", "level": 5}
        assert v3["zstd_sum"]["codecs"][1] == {"name": "zstd", "configuration": {"level": 3, "checksum": True}}
        hc = "blosc_lz4hc_2" if name == "made-codecs2" else "blosc_lz4hc_bitshuffle"
        own = {"cname": "lz4hc", "clevel": 7, "blocksize": 0}
        assert v2[f"{hc}/.zarray"]["compressor"] == {"id": "blosc", "shuffle": 2, **own}
        assert v3[hc]["codecs"][1] == {
            "name": "blosc",
            "configuration": {"shuffle": "bitshuffle", "typesize": 4, **own},
        }


@pytest.mark.parametrize("name", ["made-codecs2", "made-codecs3"])
def test_chunks_never_written_are_fill_values_of_the_source(tmp_path: Path, serve: Any, name: str) -> None:
    url = serve(make(tmp_path, name))
    for variable in CODECS2 if name == "made-codecs2" else CODECS3:
        answers = [HTTP.get(f"{url}/datasets/{name}/zarr/{variable}/c/0/{x}") for x in range(3)]
        assert [answer.status_code for answer in answers] == [200, 200, 200]
        assert len({answer.content for answer in answers}) == 1
        for zarr_format in (2, 3):
            group = zarr.open_group(f"{url}/datasets/{name}/zarr", mode="r", zarr_format=zarr_format)
            np.testing.assert_array_equal(group[variable][:], HELD)


def test_a_null_fill_value_reads_as_zero_and_text_as_none(tmp_path: Path, serve: Any) -> None:
    group = zarr.open_group(tmp_path / "a.zarr", mode="w", zarr_format=2)
    for name, dtype in (("n", "i4"), ("t", "string"), ("b", "S3")):
        array = group.create_array(name, shape=(4,), chunks=(2,), dtype=dtype, fill_value=None)
        array.attrs["_ARRAY_DIMENSIONS"] = ["x"]
    group["n"][2:] = [7, 8]
    zarr.consolidate_metadata(tmp_path / "a.zarr", zarr_format=2)
    assert json.loads((tmp_path / "a.zarr/n/.zarray").read_text())["fill_value"] is None
    url = serve(Entry("a", "zarr", str(tmp_path / "a.zarr")))
    assert stored(url, "a") == {"": "chunks are sent as they are stored"}
    for zarr_format in (2, 3):
        with xr.open_dataset(f"{url}/datasets/a/zarr", engine="zarr", zarr_format=zarr_format) as ds:
            assert ds["n"].values.tolist() == [0, 0, 7, 8]
            assert ds["t"].values.tolist() == [""] * 4
            assert ds["b"].values.tolist() == [b""] * 4


def test_ranges_sizes_and_tags_are_those_of_the_file(tmp_path: Path, serve: Any) -> None:
    entry = make(tmp_path, "made-codecs3")
    file = (Path(entry.href) / "gzip/c/1/1").read_bytes()
    for nbytes in (0, 2**20):
        key = f"{serve(entry, chunk_cache_nbytes=nbytes)}/datasets/made-codecs3/zarr/gzip/c/1/1"
        head = HTTP.head(key)
        assert (head.status_code, int(head.headers["content-length"]), head.content) == (200, len(file), b"")
        for asked, part in (("bytes=3-9", file[3:10]), ("bytes=-5", file[-5:]), ("bytes=8-", file[8:])):
            answer = HTTP.get(key, headers={"Range": asked})
            assert (answer.status_code, answer.content) == (206, part)
        assert HTTP.get(key, headers={"If-None-Match": head.headers["etag"]}).status_code == 304
        assert HTTP.get(key, headers={"Range": f"bytes={len(file)}-"}).status_code == 416


DAMAGES = [
    lambda good: good[:-1], lambda good: good[: len(good) // 2], lambda _: b"", lambda _: b"\0" * 64,
    lambda good: good + b"more", lambda _: b"not what it was",
]  # fmt: skip


@pytest.mark.parametrize("variable", ["none", "zstd", "zstd_sum", "gzip", "blosc_lz4_shuffle", "blosc_zstd_noshuffle"])
def test_a_damaged_chunk_is_502_and_never_kept(tmp_path: Path, serve: Any, variable: str) -> None:
    """What follows the end of a frame of zstd is left out, and the chunk encoded anew; all else is no chunk."""
    entry = make(tmp_path, "made-codecs3")
    file = Path(entry.href) / variable / "c/1/1"
    good = file.read_bytes()
    url = serve(entry)
    key = f"{url}/datasets/made-codecs3/zarr/{variable}/c/1/1"
    assert HTTP.get(key).content == good
    for number, damage in enumerate(DAMAGES):
        file.write_bytes(damage(good))
        for _ in range(2):
            answer = HTTP.get(key)
            if number == 4 and variable.startswith("zstd"):
                assert (answer.status_code, decoded(answer.content)) == (200, decoded(good))
            else:
                assert answer.status_code == 502, (number, answer.content[:50])
                assert answer.json()["type"] == "urn:cloudify:problems/unreadable-chunk"
                assert HTTP.head(key).status_code == 502
    file.write_bytes(good)
    assert HTTP.get(key).content == good


def decoded(data: bytes) -> bytes:
    return bytes(numcodecs.Zstd().decode(data))


def test_what_can_be_read_but_not_by_all_is_encoded_anew_with_the_same_codec(tmp_path: Path, serve: Any) -> None:
    """A frame of zstd that does not say its size, which stops numcodecs before 0.16; a gzip file of two members."""
    entry = make(tmp_path, "made-codecs3")
    full = np.zeros((3, 2), "f4")
    full[:, :1] = VALUES[3:6, 4:]
    plain = full.tobytes()
    stream = zstandard.ZstdCompressor().compressobj()
    odd = {
        "zstd": stream.compress(plain) + stream.flush(),
        "gzip": gzip.compress(plain[:8]) + gzip.compress(plain[8:]),
    }
    for variable, data in odd.items():
        (Path(entry.href) / variable / "c/1/2").write_bytes(data)
        url = serve(entry)
        answer = HTTP.get(f"{url}/datasets/made-codecs3/zarr/{variable}/c/1/2")
        assert answer.content != data
        codec = numcodecs.Zstd() if variable == "zstd" else numcodecs.GZip()
        values = np.frombuffer(codec.decode(answer.content), "<f4").reshape(3, 2)
        np.testing.assert_array_equal(values[:, 0], VALUES[3:6, 4])
        if variable == "zstd":
            assert zstandard.frame_content_size(answer.content) == len(plain)


def test_a_chunk_is_decoded_once_and_not_again_when_it_is_no_longer_kept(
    tmp_path: Path, serve: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[bytes] = []

    def counted(data: bytes, *more: Any) -> bool:
        calls.append(data)
        return real(data, *more)

    real = passed.is_sound
    monkeypatch.setattr(passed, "is_sound", counted)
    entry = make(tmp_path, "made-codecs3")
    file = Path(entry.href) / "zstd" / "c/1/1"
    key = f"{serve(entry, chunk_cache_nbytes=0)}/datasets/made-codecs3/zarr/zstd/c/1/1"
    first = HTTP.get(key)
    for _ in range(5):
        assert HTTP.get(key).content == first.content
    assert calls == [file.read_bytes()]
    file.write_bytes(numcodecs.Zstd(1).encode(np.ones((3, 2), "f4")))
    second = HTTP.get(key)
    assert second.content == file.read_bytes() != first.content
    assert second.headers["etag"] != first.headers["etag"]
    assert len(calls) == 2


def test_what_is_not_passed_on_is_read_all_the_same_and_the_check_says_why(tmp_path: Path, serve: Any) -> None:
    names = ("made-zarr2", "made-zarr3")
    url = serve(*(make(tmp_path, name) for name in names))
    anew = "chunks are encoded anew: "
    assert stored(url, "made-zarr2") == {
        "word, x": "chunks are sent as they are stored",
        "lonely": f"{anew}its elements are in Fortran order",
        "packed": f"{anew}it has the filter 'delta'",
        "t": f"{anew}it has the filter 'shuffle'",
    }
    assert stored(url, "made-zarr3") == {
        "n, time, word, inner/v": "chunks are sent as they are stored", "t": f"{anew}it is stored in shards",
    }  # fmt: skip


def test_a_codec_of_the_catalog_and_a_preparation_are_kept_to(tmp_path: Path, serve: Any) -> None:
    href = make(tmp_path, "made-codecs2").href
    with netCDF4.Dataset(tmp_path / "a.nc", "w") as file:
        file.createDimension("x", 3)
        file.createVariable("v", "f4", ("x",))[:] = [1, 2, 3]
    url = serve(
        Entry("gzip", "zarr", href, codec="gzip"),
        Entry("rounded", "zarr", href, prepare=Preparation(keepbits=8)),
        Entry("masked", "zarr", href, options={"mask_and_scale": True}),
        Entry("fewer", "zarr", href, options={"drop_variables": ["none"]}),
        Entry("file", "netcdf", str(tmp_path / "a.nc")),
    )
    found = stored(url, "gzip")
    assert found["gzip"] == "chunks are sent as they are stored"
    assert found["none"] == "chunks are encoded anew: its codec is 'none' and its catalog wants 'gzip'"
    answer = HTTP.get(f"{url}/datasets/gzip/zarr/zstd/1.1")
    np.testing.assert_array_equal(np.frombuffer(gzip.decompress(answer.content), "<f4").reshape(3, 2), HELD[3:6, 2:4])
    assert HTTP.get(f"{url}/datasets/gzip/zarr/zstd/.zarray").json()["compressor"] == {"id": "gzip", "level": 1}
    server = "chunks are encoded by the server: "
    assert stored(url, "rounded") == {"": f"{server}its catalog has it prepared"}
    (reason,) = stored(url, "masked").values()
    assert reason == "chunks are encoded anew: its catalog's `options` say how it is read"
    with xr.open_dataset(f"{url}/datasets/masked/zarr", engine="zarr", zarr_format=3, mask_and_scale=False) as ds:
        assert np.isnan(ds["zstd"].values[:3]).all()
    assert stored(url, "fewer") == {"": "chunks are sent as they are stored"}
    assert HTTP.get(f"{url}/datasets/fewer/zarr/none/c/0/0").status_code == 404
    assert stored(url, "file") == {"": f"{server}what the driver 'netcdf' reads are no chunks of zarr"}


def test_chunks_of_a_reference_set_are_parts_of_its_targets(tmp_path: Path, serve: Any) -> None:
    """Of a store packed into one file; and of a netCDF-4 file, whose zlib zarr v3 does not have."""
    values = np.arange(12, dtype="<f4").reshape(3, 4)
    chunks = [bytes(numcodecs.Blosc("zstd", 3).encode(row)) for row in values[:2]]
    (tmp_path / "packed.bin").write_bytes(b"head" + chunks[0] + b"between" + chunks[1])
    array = {"zarr_format": 2, "shape": [3, 4], "chunks": [1, 4], "dtype": "<f4", "order": "C", "fill_value": 5.0}
    blosc = numcodecs.Blosc("zstd", 3).get_config()
    refs: dict[str, Any] = {
        ".zgroup": '{"zarr_format": 2}',
        "v/.zarray": json.dumps(array | {"filters": None, "compressor": blosc}),
        "z/.zarray": json.dumps(array | {"filters": None, "compressor": {"id": "zlib", "level": 1}}),
        "v/.zattrs": '{"_ARRAY_DIMENSIONS": ["y", "x"]}',
        "z/.zattrs": '{"_ARRAY_DIMENSIONS": ["y", "x"]}',
        "v/0.0": ["packed.bin", 4, len(chunks[0])],
        "v/1.0": ["packed.bin", 4 + len(chunks[0]) + 7, len(chunks[1])],
    }
    (tmp_path / "a.json").write_text(json.dumps({"version": 1, "refs": refs}))
    url = serve(Entry("a", "kerchunk", str(tmp_path / "a.json")))
    assert [HTTP.get(f"{url}/datasets/a/zarr/v/c/{row}/0").content for row in range(2)] == chunks
    assert stored(url, "a") == {
        "v": "chunks are sent as they are stored",
        "z": "chunks are encoded anew: its codec 'zlib' is none that zarr v2 and v3 share",
    }
    for zarr_format in (2, 3):
        with xr.open_dataset(
            f"{url}/datasets/a/zarr", engine="zarr", zarr_format=zarr_format, mask_and_scale=False
        ) as ds:
            np.testing.assert_array_equal(ds["v"].values, [*values[:2], [5] * 4])
            np.testing.assert_array_equal(ds["z"].values, np.full((3, 4), 5))
    (tmp_path / "packed.bin").unlink()
    for key in ("v/c/0/0", "v/0.0"):  # what was read is kept, until the set changes
        assert HTTP.get(f"{url}/datasets/a/zarr/{key}").content == chunks[0]
    (tmp_path / "a.json").write_text(json.dumps({"version": 1, "refs": refs}) + " ")
    assert HTTP.get(f"{url}/datasets/a/zarr/v/c/0/0").status_code == 502
