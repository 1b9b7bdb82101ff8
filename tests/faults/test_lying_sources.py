"""Sources that lie: metadata that cannot be, chunks that inflate, filters that would run code."""

import bz2
import gzip
import json
import lzma
import os
import pickle
import random
import shutil
import subprocess
import sys
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import numcodecs
import numpy as np
import psutil
import pytest
import xarray as xr
import zarr
import zstandard

from cloudify import Server
from cloudify.catalog.targets import read_targets
from cloudify.settings import Settings
from cloudify.testing import running

MIB = 2**20
BOMB_NBYTES = 600 * MIB


def server(*targets: Path | str, **settings: Any) -> Server:
    return Server(read_targets(map(str, targets)), settings=Settings.load(token_check_s=0, **settings))


def problem(answer: httpx.Response, code: str) -> str:
    assert answer.status_code == 502, (answer.status_code, answer.text[:200])
    assert answer.json()["type"] == f"urn:cloudify:problems/{code}"
    assert "/tmp" not in answer.text  # noqa: S108  # no path of the server
    return str(answer.json()["detail"])


@contextmanager
def process(*targets: Path) -> Iterator[tuple[str, psutil.Process]]:
    """Serve in a process of its own, whose memory can be measured."""
    code = (
        "import sys, uvicorn; from cloudify import Server; from cloudify.catalog.targets import read_targets\n"
        "from cloudify.server.run import listen\n"
        "sock = listen('127.0.0.1', 0); print(sock.getsockname()[1], flush=True)\n"
        "uvicorn.Server(uvicorn.Config(Server(read_targets(sys.argv[1:])).app, log_config=None)).run(sockets=[sock])\n"
    )
    with subprocess.Popen([sys.executable, "-c", code, *map(str, targets)], stdout=subprocess.PIPE, text=True) as child:
        try:
            assert child.stdout
            yield f"http://127.0.0.1:{int(child.stdout.readline())}", psutil.Process(child.pid)
        finally:
            child.terminate()


def v2_array(**changes: Any) -> dict[str, Any]:
    return {
        "zarr_format": 2, "shape": [10], "chunks": [10], "dtype": "<i4", "fill_value": 0, "order": "C",
        "filters": None, "compressor": None, **changes,
    }  # fmt: skip


def v2_store(path: Path, chunk: bytes, **changes: Any) -> Path:
    (path / "v").mkdir(parents=True)
    (path / ".zgroup").write_text('{"zarr_format": 2}')
    (path / "v" / ".zarray").write_text(json.dumps(v2_array(**changes)))
    (path / "v" / ".zattrs").write_text('{"_ARRAY_DIMENSIONS": ["x"]}')
    (path / "v" / "0").write_bytes(chunk)
    return path


def bombs() -> dict[str, tuple[dict[str, Any], bytes]]:
    """Chunks of 600 MiB of zeros, for arrays of 40 bytes."""
    zeros = bytes(MIB)
    count = BOMB_NBYTES // MIB

    def stream(compressor: Any) -> bytes:
        return b"".join([*(compressor.compress(zeros) for _ in range(count)), compressor.flush()])

    sized = zstandard.ZstdCompressor().compressobj(size=BOMB_NBYTES)
    return {
        "zlib": ({"id": "zlib", "level": 1}, stream(zlib.compressobj())),
        "gzip": ({"id": "gzip", "level": 1}, stream(zlib.compressobj(wbits=31))),
        "gzip-members": ({"id": "gzip", "level": 1}, gzip.compress(bytes(MIB)) * count),
        "bz2": ({"id": "bz2", "level": 1}, stream(bz2.BZ2Compressor(1))),
        "lzma": ({"id": "lzma"}, stream(lzma.LZMACompressor(preset=0))),
        "zstd": ({"id": "zstd", "level": 1}, stream(sized)),
        "zstd-stream": ({"id": "zstd", "level": 1}, stream(zstandard.ZstdCompressor().compressobj())),
        "blosc": ({"id": "blosc", "cname": "lz4"}, numcodecs.Blosc("zstd", 9).encode(bytes(BOMB_NBYTES))),
        "lz4": ({"id": "lz4"}, numcodecs.LZ4().encode(bytes(BOMB_NBYTES))),
        "raw": ({}, b""),
    }


def test_a_bomb_costs_less_than_100_mb_and_is_502(tmp_path: Path) -> None:
    """security.md, C-13: unbounded, one of them takes 1.2 GB."""
    made = bombs()
    for name, (compressor, chunk) in made.items():
        v2_store(tmp_path / f"{name}.zarr", chunk, compressor=compressor or None)
    with (tmp_path / "raw.zarr" / "v" / "0").open("wb") as file:
        file.truncate(BOMB_NBYTES)  # a file with a hole
    v2_store(tmp_path / "good.zarr", np.arange(10, dtype="<i4").tobytes())
    with process(tmp_path) as (url, child):
        for _ in range(600):
            try:
                if httpx.get(f"{url}/ready").status_code == 200:
                    break
            except httpx.TransportError:
                time.sleep(0.1)
        assert httpx.get(f"{url}/datasets/good/zarr/v/c/0", timeout=60).status_code == 200
        before = child.memory_info().rss
        for name in made:
            detail = problem(httpx.get(f"{url}/datasets/{name}/zarr/v/c/0", timeout=60), "unreadable-chunk")
            assert "far" in detail, (name, detail)
        with Path(f"/proc/{child.pid}/status").open() as file:
            peak = next(int(line.split()[1]) * 1024 for line in file if line.startswith("VmHWM"))
        assert peak - before < 100 * MIB, f"{(peak - before) / MIB:.0f} MiB"
        assert httpx.get(f"{url}/datasets/good/zarr/v/c/0").status_code == 200


def test_a_v3_bomb_is_502_also_inside_a_shard(tmp_path: Path) -> None:
    for name, shards in (("flat", None), ("shard", (8,))):
        root = zarr.create_group(tmp_path / f"{name}.zarr")
        array = root.create_array(
            "v", shape=(8,), chunks=(4,), shards=shards, dtype="i4", dimension_names=["x"],
            compressors=zarr.codecs.GzipCodec(), fill_value=0,
        )  # fmt: skip
        array[:] = np.arange(8)
        bomb = gzip.compress(bytes(8 * MIB))
        chunk = tmp_path / f"{name}.zarr" / "v" / "c" / "0"
        if shards is None:
            chunk.write_bytes(bomb)
        else:  # two inner chunks, then their index (offset and size of each) and its crc32c
            index = np.array([0, len(bomb), 0, len(bomb)], dtype="<u8").tobytes()
            chunk.write_bytes(bomb + bytes(numcodecs.CRC32C(location="end").encode(index)))
    with running(server(tmp_path).app) as url:
        for name in ("flat", "shard"):
            detail = problem(httpx.get(f"{url}/datasets/{name}/zarr/v/c/0"), "unreadable-chunk")
            assert "far more than its metadata declares" in detail
        assert httpx.get(f"{url}/datasets/flat/zarr/v/c/1").status_code == 200


@pytest.mark.parametrize("codec", ["zlib", "gzip", "bz2", "lzma", "zstd", "blosc", "lz4"])
def test_honest_chunks_of_every_codec_are_read(tmp_path: Path, codec: str) -> None:
    data = np.arange(10, dtype="<i4")
    config = {"id": codec} | ({"cname": "zstd"} if codec == "blosc" else {})
    v2_store(
        tmp_path / "a.zarr", bytes(numcodecs.get_codec(dict(config)).encode(data)), compressor=config, fill_value=None
    )
    delta = numcodecs.Delta("<i4")
    shuffle = numcodecs.Shuffle(4)
    packed = numcodecs.get_codec(dict(config)).encode(shuffle.encode(delta.encode(data)))
    filters = [delta.get_config(), shuffle.get_config()]
    v2_store(tmp_path / "b.zarr", bytes(packed), compressor=config, filters=filters, fill_value=None)
    with running(server(tmp_path).app) as url:
        for name in "ab":
            with xr.open_dataset(f"{url}/datasets/{name}/zarr", engine="zarr", zarr_format=3) as ds:
                assert ds["v"].values.tolist() == list(range(10))


def test_text_that_claims_more_items_than_the_chunk_has_is_502(tmp_path: Path) -> None:
    claim = np.array([2**32 - 1], dtype="<u4").tobytes() + bytes(100)
    options = {"dtype": "|O", "filters": [{"id": "vlen-utf8"}], "fill_value": None}
    v2_store(tmp_path / "a.zarr", claim, **options)
    text = np.array(["a", "bc", "", "d"] + ["e"] * 6, dtype=object)
    v2_store(tmp_path / "b.zarr", bytes(numcodecs.VLenUTF8().encode(text)), **options)
    with running(server(tmp_path).app) as url:
        problem(httpx.get(f"{url}/datasets/a/zarr/v/c/0"), "unreadable-chunk")
        with xr.open_dataset(f"{url}/datasets/b/zarr", engine="zarr", zarr_format=3) as ds:
            assert ds["v"].values.tolist() == text.tolist()


class Canary:
    """Makes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize(
    "changes",
    [
        {"dtype": "|O", "filters": [{"id": "pickle"}]},
        {"dtype": "|O", "filters": [{"id": "pickle", "protocol": 5}], "object_codec": "pickle"},
        {"dtype": "<i4", "compressor": {"id": "pickle"}},
        {"dtype": "|O", "filters": [{"id": "vlen-utf8"}, {"id": "pickle"}]},
        {"dtype": "|O", "object_codec": "pickle"},
    ],
)
def test_nothing_is_ever_unpickled(tmp_path: Path, changes: dict[str, Any]) -> None:
    canary = tmp_path / "canary"
    v2_store(tmp_path / "a.zarr", pickle.dumps(np.array([Canary(canary)], dtype=object)), **changes)
    with running(server(tmp_path / "a.zarr").app) as url:
        problem(httpx.get(f"{url}/datasets/a/zarr/zarr.json"), "unreadable-dataset")
        assert httpx.get(f"{url}/datasets/a/zarr/v/c/0").status_code == 502
    assert not canary.exists()


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"shape": [10**12, 10**12], "chunks": [1, 1]}, "larger than any computer's memory"),
        ({"shape": [1] * 33, "chunks": [1] * 33}, "more than 32 dimensions"),
        ({"shape": [-1]}, "no shape"),
        ({"shape": [2**63]}, "no shape"),
        ({"shape": [1e12]}, "no shape"),
        ({"shape": "10"}, "no shape"),
        ({"shape": [True]}, "no shape"),
        ({"chunks": [0]}, "without elements"),
        ({"chunks": [10, 1]}, "no shape"),
        ({"dtype": "|V99999999999"}, "not simple"),
        ({"dtype": "<U4000000000"}, "no size"),
        ({"dtype": ["<i4"]}, "not simple"),
        ({"filters": [{"id": "nonsense"}]}, "the codec 'nonsense'"),
        ({"filters": {"id": "delta"}}, "no list"),
        ({"filters": [{"id": "astype", "encode_dtype": "|O", "decode_dtype": "<i4"}]}, "no numbers"),
        ({"filters": [{"id": "shuffle", "elementsize": 0}]}, "elements of no size"),
        ({"compressor": {"id": 3}}, "codec without a name"),
        ({"zarr_format": 7}, "no zarr v2 array"),
    ],
)
def test_metadata_that_cannot_be_is_refused_with_a_reason(tmp_path: Path, changes: dict[str, Any], reason: str) -> None:
    v2_store(tmp_path / "a.zarr", bytes(40), **changes)
    with running(server(tmp_path / "a.zarr").app) as url:
        assert reason in problem(httpx.get(f"{url}/datasets/a/zarr/zarr.json"), "unreadable-dataset")


def test_a_variable_of_huge_chunks_is_left_out_and_costs_nothing(tmp_path: Path) -> None:
    store = v2_store(tmp_path / "a.zarr", bytes(40))
    shutil.copytree(store / "v", store / "w")
    (store / "w" / ".zarray").write_text(json.dumps(v2_array(shape=[10**12], chunks=[10**11])))
    (store / "w" / ".zattrs").write_text('{"_ARRAY_DIMENSIONS": ["z"]}')
    with running(server(store).app) as url:
        found = httpx.get(f"{url}/datasets/a/zarr/zarr.json").json()["consolidated_metadata"]["metadata"]
        assert list(found) == ["v"]
        assert httpx.get(f"{url}/datasets/a/zarr/w/c/0").status_code == 404


@pytest.mark.parametrize("path", ["../secret", "/etc", "a/../../secret", "a//b", "."])
def test_consolidated_metadata_cannot_leave_the_store(tmp_path: Path, path: str) -> None:
    v2_store(tmp_path / "hidden", b"secret" * 10)
    store = v2_store(tmp_path / "a.zarr", bytes(40))
    flat = {".zgroup": {"zarr_format": 2}, f"{path}/.zarray": v2_array()}
    (store / ".zmetadata").write_text(json.dumps({"zarr_consolidated_format": 1, "metadata": flat}))
    with running(server(store).app) as url:
        detail = problem(httpx.get(f"{url}/datasets/a/zarr/zarr.json"), "unreadable-dataset")
        assert "a path that cannot be" in detail


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000,
        '{"a":' * 100_000,
        '{"metadata": {".zattrs": ' + '{"a":' * 500 + "1" + "}" * 502,
        "\x00",
        "9" * 5000,
    ],
)
def test_json_that_is_deep_or_none_is_refused(tmp_path: Path, text: str) -> None:
    store = v2_store(tmp_path / "a.zarr", bytes(40))
    (store / ".zmetadata").write_text(text)
    with running(server(store).app) as url:
        problem(httpx.get(f"{url}/datasets/a/zarr/zarr.json"), "unreadable-dataset")


WORDS: list[Any] = [
    -1, 0, 1, 2**31, 2**63, 2**64, 1e308, float("nan"), None, True, "", "NaN", "\ud800", "|O", "<M8[ns]", "<c16",
    [], {}, [[]], [None], {"id": "pickle"}, {"name": "gzip"}, ["x", "x"], {"a": {"b": [1, {"c": "\udfff"}]}},
    "x" * 300, "../..", "\x00",
]  # fmt: skip


def mutate(value: Any, chance: random.Random) -> Any:
    """Change one thing somewhere in a document."""
    if isinstance(value, dict) and value and chance.random() < 0.9:
        key = chance.choice(list(value))
        what = chance.random()
        if what < 0.1:
            return {name: part for name, part in value.items() if name != key}
        if what < 0.15:
            return {(str(chance.choice(WORDS)) if name == key else name): part for name, part in value.items()}
        return value | {key: mutate(value[key], chance)}
    if isinstance(value, list) and value and chance.random() < 0.7:
        at = chance.randrange(len(value))
        return [mutate(part, chance) if n == at else part for n, part in enumerate(value)]
    return chance.choice(WORDS)


@pytest.mark.parametrize("zarr_format", [2, 3])
@pytest.mark.parametrize("consolidated", [True, False])
def test_mutated_metadata_give_values_or_problems(tmp_path: Path, zarr_format: int, consolidated: bool) -> None:
    chance = random.Random(f"{zarr_format}{consolidated}")  # noqa: S311  # repeatable
    plain = xr.Dataset(
        {
            "v": (("y", "x"), np.arange(12.0).reshape(3, 4), {"units": "K"}),
            "s": ("x", np.array(["a", "b", "c", "d"], dtype=object)),
        },
        coords={"x": [1, 2, 3, 4]},
    )
    plain.to_zarr(tmp_path / "plain.zarr", zarr_format=zarr_format, consolidated=consolidated)
    names = {".zmetadata"} if zarr_format == 2 and consolidated else {".zarray", ".zattrs", ".zgroup", "zarr.json"}
    found = [
        path.relative_to(tmp_path / "plain.zarr") for path in (tmp_path / "plain.zarr").rglob("*") if path.name in names
    ]
    if zarr_format == 3 and consolidated:
        found = [Path("zarr.json")]
    (tmp_path / "many").mkdir()
    for number in range(75):
        store = shutil.copytree(tmp_path / "plain.zarr", tmp_path / "many" / f"m{number}.zarr")
        path = store / chance.choice(found)
        document = json.loads(path.read_text())
        for _ in range(chance.choice([1, 1, 2, 5])):
            document = mutate(document, chance)
        path.write_text(json.dumps(document))
    answers: dict[int, int] = {}
    with running(server(tmp_path / "many").app) as url, httpx.Client(base_url=url, timeout=60) as client:
        ids = client.get("/datasets").json()
        assert len(ids) > 60
        for one in ids:
            for key in ("zarr.json", ".zmetadata", "v/c/0/0", "s/0", "x/c/0"):
                answer = client.get(f"/datasets/{one}/zarr/{key}")
                answers[answer.status_code] = answers.get(answer.status_code, 0) + 1
                assert answer.status_code in {200, 404, 413, 502}, (one, key, answer.text)
        assert client.get("/health").status_code == 200
    assert answers[200] > 10, answers
    assert answers[502] > 20, answers
