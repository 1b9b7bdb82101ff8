"""Kerchunk reference sets: every form of reference, targets where they may lie only, failures are no fill values."""

import base64
import json
import os
import subprocess
import sys
from http.server import SimpleHTTPRequestHandler
from pathlib import Path
from typing import Any

import fastparquet
import httpx
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from fsspec.implementations.reference import LazyReferenceMapper

from cloudify import Server
from cloudify.catalog.targets import read_targets
from cloudify.settings import Settings
from cloudify.testing import running

DATA = np.arange(24, dtype="<f4").reshape(4, 6)
ZARRAY = {
    "zarr_format": 2, "shape": [4, 6], "chunks": [1, 6], "dtype": "<f4", "fill_value": -1.0, "order": "C",
    "filters": None, "compressor": None,
}  # fmt: skip
ROW = 24
"""Bytes of a chunk."""


def server(*targets: Path | str, **settings: Any) -> Server:
    return Server(read_targets(map(str, targets)), settings=Settings.load(token_check_s=0, **settings))


def problem(answer: httpx.Response, code: str) -> str:
    assert answer.status_code == 502, answer.text
    assert answer.json()["type"] == f"urn:cloudify:problems/{code}"
    assert "/tmp" not in answer.text  # noqa: S108  # no path of the server
    assert "://" not in answer.json()["detail"]
    return str(answer.json()["detail"])


def references(**chunks: Any) -> dict[str, Any]:
    """Return a table of version 0; `chunks` by ``c0`` to ``c3``."""
    named = {f"v/{name[1:]}.0": value for name, value in chunks.items()}
    attrs = {"_ARRAY_DIMENSIONS": ["y", "x"]}
    return {".zgroup": '{"zarr_format": 2}', "v/.zarray": json.dumps(ZARRAY), "v/.zattrs": json.dumps(attrs), **named}


def write(path: Path, table: Any) -> Path:
    path.write_text(json.dumps(table))
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder for a set, with targets in and beside it."""
    inside = tmp_path / "set"
    inside.mkdir()
    (inside / "data.bin").write_bytes(b"HEAD" + DATA.tobytes())
    (inside / "row.bin").write_bytes(DATA[2].tobytes())
    (tmp_path / "outside.bin").write_bytes(DATA.tobytes())
    return inside


def values(url: str, name: str) -> Any:
    with xr.open_dataset(f"{url}/datasets/{name}/zarr", engine="zarr", zarr_format=2, mask_and_scale=False) as ds:
        return ds["v"].to_numpy()


@pytest.mark.parametrize("version", [0, 1])
def test_every_form_of_reference_has_its_bytes(folder: Path, version: int) -> None:
    row = base64.b64encode(DATA[3].tobytes()).decode()
    table = references(
        c0=["data.bin", 4, ROW], c1=[f"file://{folder}/data.bin", 4 + ROW, ROW], c2=["row.bin"], c3=f"base64:{row}"
    )
    path = write(folder / "a.json", table if version == 0 else {"version": 1, "refs": table})
    with running(server(path).app) as url:
        assert values(url, "a").tolist() == DATA.tolist()
        stored = [httpx.get(f"{url}/datasets/a/kerchunk/v/{n}.0") for n in range(4)]
        assert b"".join(answer.content for answer in stored) == DATA.tobytes()
        part = httpx.get(f"{url}/datasets/a/kerchunk/v/1.0", headers={"range": "bytes=-8"})
        assert (part.status_code, part.content) == (206, DATA[1, -2:].tobytes())
        assert [httpx.head(str(answer.url)).headers["content-length"] for answer in stored] == [str(ROW)] * 4
        document = httpx.get(f"{url}/datasets/a/kerchunk")
        assert str(folder) not in document.text
        assert document.json()["refs"]["v/3.0"] == [f"{url}/datasets/a/kerchunk/v/3.0"]


def test_an_absent_key_is_fill_values_and_a_missing_target_is_not(folder: Path) -> None:
    table = references(c1=["gone.bin", 0, ROW], c2=["data.bin", 90, ROW], c3=["gone.bin"])
    with running(server(write(folder / "a.json", table)).app) as url:
        chunk = f"{url}/datasets/a/zarr/v"
        assert httpx.get(f"{chunk}/0.0").status_code == 200
        for n in (1, 2, 3):
            problem(httpx.get(f"{chunk}/{n}.0"), "unreadable-chunk")
        (folder / "data.bin").write_bytes(b"HEAD" + bytes(200))
        assert httpx.get(f"{chunk}/2.0").status_code == 200


OUTSIDE = "outside the folders and servers"


@pytest.mark.parametrize(
    ("reference", "reason"),
    [
        (["../outside.bin", 0, ROW], OUTSIDE),
        (["/etc/passwd", 0, ROW], OUTSIDE),
        (["file:///etc/passwd", 0, ROW], OUTSIDE),
        (["file://./%2e%2e/outside.bin"], "of another machine"),
        (["link.bin", 0, ROW], OUTSIDE),
        (["linked/outside.bin", 0, ROW], OUTSIDE),
        (["http://127.0.0.1:80/x", 0, ROW], OUTSIDE),
        (["http://169.254.169.254/latest/meta-data/", 0, ROW], OUTSIDE),
        (["s3://bucket/key", 0, ROW], OUTSIDE),
        (["memory://x", 0, ROW], "a scheme that is not read"),
        (["ftp://example.org/x"], "a scheme that is not read"),
        (["simplecache::file:///etc/passwd"], "a chain of protocols"),
        (["{{u}}/data.bin", 0, ROW], "templates"),
        (["data.bin", -1, ROW], "an offset that cannot be"),
        (["data.bin", 2**70, ROW], "an offset that cannot be"),
        (["data.bin", 0, -1], "a length"),
        (["data.bin", 0, 10**12], "a length"),
        (["data.bin", "0", ROW], "an offset that cannot be"),
        (["data.bin", 0], "not understood"),
        ([1, 0, ROW], "not understood"),
        (7, "not understood"),
        ("base64:%%%", "base64"),
    ],
)
def test_a_reference_that_may_not_be_is_refused(folder: Path, reference: Any, reason: str) -> None:
    (folder / "link.bin").symlink_to(folder.parent / "outside.bin")
    (folder / "linked").symlink_to(folder.parent)
    path = write(folder / "a.json", references(c0=reference))
    with running(server(path).app) as url:
        assert reason in problem(httpx.get(f"{url}/datasets/a/zarr/zarr.json"), "unreadable-dataset")
        for key in ("zarr/v/0.0", "kerchunk/v/0.0", "kerchunk"):
            assert httpx.get(f"{url}/datasets/a/{key}").status_code == 502


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        ({"version": 1, "templates": {"u": "data.bin"}, "refs": {}}, "templates"),
        ({"version": 1, "gen": [{"key": "v/{{i}}"}], "refs": {}}, "generated keys"),
        ({"version": 2, "refs": {}}, "version 0 nor of version 1"),
        ({"version": 1, "refs": []}, "version 0 nor of version 1"),
        ([], "not a JSON object"),
        ({"version": 1, "refs": {}}, "no zarr metadata"),
    ],
)
def test_a_document_that_is_no_reference_set_is_refused(folder: Path, document: Any, reason: str) -> None:
    with running(server(write(folder / "a.json", document)).app) as url:
        assert reason in problem(httpx.get(f"{url}/datasets/a/zarr/zarr.json"), "unreadable-dataset")


def test_a_truncated_document_and_a_million_references_are_refused(folder: Path) -> None:
    (folder / "cut.json").write_text(json.dumps(references(c0=["data.bin"]))[:-9])
    (folder / "many.json").write_text("{" + ",".join(f'"v/{n}.0":"a"' for n in range(1_000_001)) + "}")
    with running(server(folder / "cut.json", folder / "many.json").app) as url:
        assert "not JSON" in problem(httpx.get(f"{url}/datasets/cut/zarr/zarr.json"), "unreadable-dataset")
        detail = problem(httpx.get(f"{url}/datasets/many/zarr/zarr.json", timeout=60), "unreadable-dataset")
        assert "more than 1000000 references" in detail


def test_the_catalog_can_allow_other_folders(folder: Path) -> None:
    write(folder / "a.json", references(c0=[str(folder.parent / "outside.bin"), 0, ROW]))
    (folder / "c.yaml").write_text(
        f"datasets:\n  yes: {{href: a.json, options: {{roots: ['{folder.parent}']}}}}\n"
        f"  no: {{href: a.json, options: {{roots: ['{folder.parent}/outsi']}}}}\n"
        "  wrong: {href: a.json, options: {roots: 3}}\n"
    )
    with running(server(folder / "c.yaml").app) as url:
        assert values(url, "yes")[0].tolist() == DATA[0].tolist()
        assert OUTSIDE in problem(httpx.get(f"{url}/datasets/no/zarr/v/0.0"), "unreadable-dataset")
        assert "roots" in problem(httpx.get(f"{url}/datasets/wrong/zarr/v/0.0"), "unreadable-dataset")


def test_keys_are_looked_up_and_never_joined_to_a_path(folder: Path) -> None:
    with running(server(write(folder / "a.json", references(c0=["row.bin"]))).app) as url:
        for key in ("..%2Fdata.bin", "v/..%2F..%2Fdata.bin", "%2Fetc%2Fpasswd", "row.bin", "v/refs.0.parq"):
            for below in ("zarr", "kerchunk"):
                assert httpx.get(f"{url}/datasets/a/{below}/{key}").status_code == 404


def test_other_json_files_of_an_archive_are_passed_over(folder: Path) -> None:
    write(folder / "a.json", references(c0=["row.bin"]))
    write(folder / "collection.json", {"type": "Collection"})
    assert [entry.id for entry in read_targets([str(folder)]).entries] == ["a"]


@pytest.mark.filterwarnings("ignore:The 'fastparquet' engine:Warning")  # fsspec writes with it
def test_a_parquet_set_has_the_values_of_the_json_set(folder: Path) -> None:
    """Written by fsspec itself."""
    table = references(c0=["data.bin", 4, ROW], c2=["row.bin"], c3=["../outside.bin", 0, ROW])
    refs = LazyReferenceMapper.create(str(folder / "a.parq"), record_size=2)
    for key, value in table.items():
        refs[key] = value.encode() if isinstance(value, str) else value
    refs.flush()
    with running(server(folder / "a.parq").app) as url:
        chunks = [httpx.get(f"{url}/datasets/a/zarr/v/{n}.0") for n in range(4)]
        assert [answer.status_code for answer in chunks] == [200, 200, 200, 502]
        assert OUTSIDE in problem(chunks[3], "unreadable-chunk")
        stored = [httpx.get(f"{url}/datasets/a/kerchunk/v/{n}.0") for n in range(4)]
        assert [answer.status_code for answer in stored] == [200, 404, 200, 502]
        assert stored[0].content + stored[2].content == DATA[[0, 2]].tobytes()
        listed = httpx.get(f"{url}/datasets/a/kerchunk").json()["refs"]
        assert sorted(key for key in listed if key[-1].isdigit()) == ["v/0.0", "v/2.0", "v/3.0"]
        (folder.parent / "outside.bin").rename(folder / "outside.bin")
        with xr.open_dataset(f"{url}/datasets/a/zarr", engine="zarr", zarr_format=2, mask_and_scale=False) as ds:
            assert ds["v"][:3].to_numpy().tolist() == [DATA[0].tolist(), [-1.0] * 6, DATA[2].tolist()]


PROGRAM = """
import sys, time
from cloudify.datasets.open import open_entry
from cloudify.model.entry import Entry
from cloudify.settings import Settings
import cloudify.datasets.zarr, dask.array
start = time.monotonic()
opened = open_entry(Entry("a", "kerchunk", sys.argv[1]), timeout_s=5, settings=Settings.load())
value = float(opened.groups["/"]["v"][999_999].values)
peak = next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(value, time.monotonic() - start, peak / 1024)
"""


def test_a_million_references_open_in_3_s_and_500_mb(tmp_path: Path) -> None:
    """Ten files of 100,000; the target's bytes are the numbers 0 to 9 again and again."""
    (tmp_path / "data.bin").write_bytes(np.arange(10, dtype="<f8").tobytes())
    (tmp_path / "a.parq" / "v").mkdir(parents=True)
    zarray = ZARRAY | {"shape": [1_000_000], "chunks": [1], "dtype": "<f8"}
    metadata = {
        ".zgroup": {"zarr_format": 2}, "v/.zarray": zarray, "v/.zattrs": {"_ARRAY_DIMENSIONS": ["x"]},
    }  # fmt: skip
    (tmp_path / "a.parq" / ".zmetadata").write_text(json.dumps({"metadata": metadata, "record_size": 100_000}))
    frame = pd.DataFrame(
        {"path": pd.Categorical(["data.bin"] * 100_000), "offset": np.tile(np.arange(10) * 8, 10_000), "size": 8}
    ).assign(raw=pd.Series([None] * 100_000, dtype=object))
    for number in range(10):
        path = tmp_path / "a.parq" / "v" / f"refs.{number}.parq"
        fastparquet.write(str(path), frame, object_encoding={"raw": "bytes"}, compression="zstd")
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, tmp_path / "a.parq"], capture_output=True, text=True, check=True, env=os.environ
    )
    value, seconds, peak_mib = map(float, done.stdout.split())
    assert value == 9.0
    assert seconds < 3
    assert peak_mib < 500


@pytest.fixture
def web(tmp_path: Path, serve_http: Any) -> Any:
    """Another web server; it does not answer with parts, and ``/away`` leads elsewhere."""

    class Here(SimpleHTTPRequestHandler):
        elsewhere = ""

        def __init__(self, *args: Any) -> None:
            super().__init__(*args, directory=str(tmp_path))

        def do_GET(self) -> None:
            if self.path.startswith("/away"):
                self.send_response(302)
                self.send_header("location", self.elsewhere)
                self.end_headers()
            else:
                super().do_GET()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    return Here, serve_http(Here)


def test_a_remote_set_reads_its_own_origin_only(folder: Path, web: Any) -> None:
    handler, base = web
    handler.elsewhere = f"{base}/outside.bin"
    table = references(c0=["data.bin", 4, ROW], c1=[f"{base}/outside.bin", ROW, ROW], c2=[f"{base}/away", 0, ROW])
    write(folder / "a.json", table)
    write(folder / "b.json", references(c0=["http://127.0.0.1:1/x", 0, ROW]))
    write(folder / "c.json", references(c0=["/etc/passwd", 0, ROW]))
    write(folder / "local.json", references(c0=[f"{base}/outside.bin", 0, ROW]))
    (folder / "cat.yaml").write_text(f"datasets:\n  local: {{href: local.json, options: {{roots: ['{base}/']}}}}\n")
    targets = [f"{base}/set/{name}.json" for name in "abc"]
    with running(server(*targets, folder / "cat.yaml").app) as url:
        chunk = f"{url}/datasets/a/zarr/v"
        assert [httpx.get(f"{chunk}/{n}.0").status_code for n in range(4)] == [200, 200, 502, 200]
        for name in "bc":
            assert OUTSIDE in problem(httpx.get(f"{url}/datasets/{name}/zarr/v/0.0"), "unreadable-dataset")
        assert values(url, "local")[0].tolist() == DATA[0].tolist()
