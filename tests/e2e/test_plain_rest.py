"""`xpublish.Rest({"air": ds}).serve()` in a plain script: the same `/zarr`, by the entry points alone."""

import runpy
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent

import httpx
import numpy as np
import pandas as pd
import pytest
import xarray as xr

from cloudify import Server
from cloudify.server.run import listen
from cloudify.testing import running

SCRIPT = """
    import sys
    import numpy as np, pandas as pd, xarray as xr, xpublish

    def dataset():
        rng = np.random.default_rng(1)
        time = pd.date_range("2013-01-01", periods=8, freq="6h")
        air = rng.normal(280, 10, (8, 5, 6)).astype("float32")
        air[0, 0, 0] = np.nan
        return xr.Dataset(
            {"air": (("time", "lat", "lon"), air, {"units": "K", "valid_range": np.array([200.0, 330.0])})},
            coords={"time": time, "lat": np.arange(5.0), "lon": np.arange(6), "height": 2.0},
            attrs={"title": "made here"},
        )

    if __name__ == "__main__":
        ds = dataset()
        xpublish.Rest({"air": ds, "lazy": ds.chunk(time=3)}).serve(host="127.0.0.1", port=int(sys.argv[1]))
"""


@pytest.fixture(scope="module")
def script(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("host") / "host.py"
    path.write_text(dedent(SCRIPT))
    return path


@pytest.fixture(scope="module")
def air(script: Path) -> xr.Dataset:
    made: xr.Dataset = runpy.run_path(str(script), run_name="host")["dataset"]()
    return made


@pytest.fixture(scope="module")
def rest(script: Path) -> Iterator[str]:
    sock = listen("127.0.0.1", 0)
    port = sock.getsockname()[1]
    sock.close()
    process = subprocess.Popen([sys.executable, str(script), str(port)], stderr=subprocess.PIPE)
    url = f"http://127.0.0.1:{port}"
    deadline = time.monotonic() + 60
    while True:
        try:
            assert httpx.get(f"{url}/health").json() == {"status": "ok"}
            break
        except httpx.ConnectError:
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.05)
    yield url
    process.terminate()
    process.communicate()


@pytest.mark.parametrize("zarr_format", [2, 3])
@pytest.mark.parametrize("dataset_id", ["air", "lazy"])
def test_a_plain_script_serves_what_it_was_given(rest: str, air: xr.Dataset, dataset_id: str, zarr_format: int) -> None:
    url = f"{rest}/datasets/{dataset_id}/zarr"
    with xr.open_dataset(url, engine="zarr", chunks={}, zarr_format=zarr_format) as ds:
        expected = air.assign_attrs(air.attrs)
        assert "_xpublish_id" not in ds.attrs
        xr.testing.assert_identical(ds.compute(), expected)
        assert ds["air"].dtype == np.dtype("float32")
        assert ds["lon"].dtype == np.dtype("int64")
        assert ds["air"].chunks == (((3, 3, 2) if dataset_id == "lazy" else (8,)), (5,), (6,))


def test_a_plain_script_answers_failures_tags_and_origins_too(rest: str) -> None:
    url = f"{rest}/datasets/air/zarr"
    chunk = httpx.get(f"{url}/air/c/0/0/0")
    assert httpx.head(f"{url}/air/0.0.0").headers["content-length"] == str(len(chunk.content))
    etag = chunk.headers["etag"]
    assert httpx.get(f"{url}/air/c/0/0/0", headers={"If-None-Match": etag}).status_code == 304
    assert httpx.options(f"{url}/zarr.json").status_code == 204
    wrong = httpx.post(f"{url}/zarr.json")
    assert (wrong.status_code, wrong.headers["allow"]) == (405, "GET, HEAD, OPTIONS")
    for path in ("air/c/1/0/0", "air/c/00/0/0", "nothing/0"):
        missing = httpx.get(f"{url}/{path}")
        assert missing.status_code == 404
        assert missing.json()["type"] == "urn:cloudify:problems/unknown-key"
        assert missing.headers["access-control-allow-origin"] == "*"
    unknown = httpx.get(f"{rest}/datasets/aid/zarr/zarr.json")
    assert unknown.json()["detail"] == "no dataset 'aid'; did you mean 'air'?"


def test_the_same_datasets_under_our_server_are_the_same(air: xr.Dataset) -> None:
    with running(Server({"air": air}).app) as url:
        with xr.open_dataset(f"{url}/datasets/air/zarr", engine="zarr", zarr_format=3) as ds:
            xr.testing.assert_identical(ds.compute(), air)
        assert httpx.get(f"{url}/datasets").json() == ["air"]
        assert "_xpublish_id" not in httpx.get(f"{url}/datasets/air/dict").text
        assert "_xpublish_id" not in httpx.get(f"{url}/datasets/air/info").text
        assert "_xpublish_id" not in httpx.get(f"{url}/datasets/air/", headers={"Accept": "text/html"}).text


def test_stale_encoding_of_a_dataset_is_of_no_consequence() -> None:
    """What a file once had (packing, chunks, filters of another format) does not come back in the served values."""
    values = np.linspace(250.0, 300.0, 24, dtype="float32").reshape(4, 6)
    ds = xr.Dataset({"t": (("time", "x"), values)}, coords={"time": pd.date_range("2000-01-01", periods=4)})
    ds["t"].encoding = {
        "dtype": np.dtype("int16"), "scale_factor": 0.01, "add_offset": 270.0, "_FillValue": -9999,
        "chunks": (1, 1), "chunksizes": (7, 9), "preferred_chunks": {"x": 1}, "filters": ["shuffle"],
        "compressor": object(), "compressors": object(), "zlib": True,
    }  # fmt: skip
    ds["time"].encoding = {"units": "days since 1999-12-31", "calendar": "standard", "dtype": np.dtype("float64")}
    with running(Server({"t": ds}).app) as url:
        for zarr_format in (2, 3):
            with xr.open_dataset(f"{url}/datasets/t/zarr", engine="zarr", zarr_format=zarr_format) as served:
                xr.testing.assert_identical(served.compute(), ds)
                assert served["t"].dtype == np.float32
                assert served["time"].encoding["units"] == "days since 1999-12-31"
                assert "scale_factor" not in served["t"].encoding


def test_times_that_their_unit_cannot_hold_get_one_that_can() -> None:
    time = np.array(["2000-01-01T00:00:00.000000001", "2000-01-01T06:30:00"], dtype="datetime64[ns]")
    ds = xr.Dataset(coords={"time": time, "lead": ("time", np.array([90, 61], dtype="timedelta64[s]"))})
    ds["time"].encoding = {"units": "days since 2000-01-01", "dtype": np.dtype("int64")}
    with running(Server({"t": ds}).app) as url:
        options = {"engine": "zarr", "zarr_format": 3, "decode_timedelta": True}
        with xr.open_dataset(f"{url}/datasets/t/zarr", **options) as served:
            np.testing.assert_array_equal(served["time"].values, time)
            np.testing.assert_array_equal(served["lead"].values, ds["lead"].values)
