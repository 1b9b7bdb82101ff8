"""Functions over datasets and values, from Python, on a real server with a real Dask cluster."""

from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import xarray as xr

import cloudify
from cloudify.client.connect import RemoteServer
from cloudify.errors import JobFailedError, NotThereError, TokenRefusedError, UnsendableFunctionError

DEMO = Path(cloudify.__file__).parent / "demo"


def windspeed(block: Any) -> Any:
    import numpy as np  # noqa: PLC0415  # where it runs, nothing of this module is

    return np.hypot(block["uas"], block["vas"]).rename("sfcWind")


@pytest.fixture(scope="session")
def wind() -> xr.Dataset:
    """The dataset as it is on disk."""
    return xr.open_zarr(DEMO / "mpi-esm-wind.zarr").load()


def test_the_wind_speed_over_every_chunk_equals_numpy(server: RemoteServer, wind: xr.Dataset) -> None:
    job = server.map(windspeed, "mpi-esm-wind")
    out = job.result(120)

    assert (job.status, job.progress, job.slices.done, job.slices.total) == ("successful", 1.0, 4, 4)
    assert isinstance(out, xr.Dataset)
    assert out.sfcWind.chunks is not None
    assert out.sfcWind.chunks[0] == (3, 3, 3, 3)  # lazily, in the chunks of the slices
    np.testing.assert_array_equal(out.sfcWind.to_numpy(), np.hypot(wind.uas, wind.vas).to_numpy())
    xr.testing.assert_equal(out.time, wind.time.drop_vars("height", errors="ignore"))
    assert job.usage.nbytes_in > wind.uas.nbytes + wind.vas.nbytes
    assert job.describe()["isolation"] == "none"  # said in every job


def test_a_result_is_private_on_every_route(server: RemoteServer, computing: Any) -> None:
    job = server.map(windspeed, "mpi-esm-wind")
    job.result(60)
    token = {"Authorization": f"Bearer {(computing.data_dir / 'demo-token').read_text().strip()}"}
    routes = (f"/datasets/job-{job.id}/{rest}" for rest in ("", "zarr/zarr.json", "stac", "catalog.yaml", "kerchunk"))

    for route in routes:
        mine = httpx.get(computing.url + route, headers=token)
        assert mine.status_code == 200, route
        assert "private" in mine.headers["cache-control"], route
        assert httpx.get(computing.url + route).status_code == 404, route
    assert f"job-{job.id}" not in httpx.get(f"{computing.url}/datasets").text
    picture = httpx.get(f"{computing.url}/datasets/job-{job.id}/plot/sfcWind/image/viridis/", headers=token)
    assert picture.headers["content-type"] == "image/png"


def test_a_job_over_values_is_opened_extended_and_closed(server: RemoteServer) -> None:
    def triple(x: int, k: int = 2) -> int:
        import cloudify.slice  # noqa: PLC0415

        print("slice", cloudify.slice.number)  # noqa: T201  # what it prints is the point
        cloudify.slice.emit("seen", {"x": x})
        return x * k

    job = server.map(triple, data=[1, 2, 3, 4, 5], args={"k": 3}, open=True)
    job.add(data=[6, 7])
    assert job.status in {"accepted", "running"}  # whatever is done by now: more may come
    job.close()

    assert job.result(60) == [3, 6, 9, 12, 15, 18, 21]
    events = list(job.events())
    numbers = [event.seq for event in events]
    assert numbers == sorted(set(numbers))  # with gaps, but each once
    assert sorted(event.payload["x"] for event in events if event.type == "seen") == [1, 2, 3, 4, 5, 6, 7]
    assert job.log().splitlines() == [f"[slice {n}] slice {n}" for n in range(1, 8)]


def test_a_function_that_returns_five_megabytes_gives_them_back(server: RemoteServer) -> None:
    def blob(n: int) -> bytes:
        return bytes(range(256)) * (n // 256)

    (file,) = server.map(blob, data=[5_000_192]).result(60)  # type: ignore[misc]
    assert file.read() == bytes(range(256)) * 19_532


def test_partial_sums_are_combined_in_their_order(server: RemoteServer, wind: xr.Dataset) -> None:
    def days(block: Any) -> Any:
        return block[["uas"]].sum("time")

    def add(a: Any, b: Any) -> Any:
        return a + b

    out = server.map(days, "mpi-esm-wind", variables=["uas"], combine=add).result(60)
    assert isinstance(out, xr.Dataset)
    np.testing.assert_allclose(out.uas.to_numpy(), wind.uas.sum("time").to_numpy(), rtol=1e-5)


def test_a_failure_says_where_and_shows_the_lines_of_the_function(server: RemoteServer) -> None:
    def calm(block: Any) -> Any:
        if int(block.time.dt.month[0]) == 4:
            raise ValueError("no wind in April")
        return block["uas"]

    job = server.map(calm, "mpi-esm-wind")
    with pytest.raises(JobFailedError) as caught:
        job.result(60)
    said = str(caught.value)
    assert "slice 2 (time 3:6, lat 0:96, lon 0:192): ValueError: no wind in April" in said
    assert 'raise ValueError("no wind in April")' in said
    assert "site-packages" not in said


def test_a_skipped_slice_is_a_gap_that_the_result_names(server: RemoteServer) -> None:
    def calm(block: Any) -> Any:
        if int(block.time.dt.month[0]) == 4:
            raise ValueError("no wind in April")
        return block["uas"]

    out = server.map(calm, "mpi-esm-wind", on_error="skip").result(60)
    assert isinstance(out, xr.Dataset)
    assert out.attrs["cloudify:failed_slices"] == [2]
    missing = np.isnan(out.uas).all(("lat", "lon")).to_numpy()
    assert missing.tolist() == [False] * 3 + [True] * 3 + [False] * 6


def test_a_job_that_is_cancelled_ends_at_once_and_leaves_nothing(server: RemoteServer) -> None:
    def endless(x: int) -> int:
        while True:
            x += 1

    job = server.map(endless, data=[1, 2])
    for event in job.events():
        if event.type == "started":
            break
    job.cancel()
    assert job.status == "dismissed"
    assert server.map(abs_of, data=[-3]).result(60) == [3]  # its slots are free


def abs_of(x: int) -> int:
    return abs(x)


def test_a_job_of_one_long_slice_shows_how_far_it_is(server: RemoteServer, computing: Any, tmp_path: Path) -> None:
    """Its function says that a quarter is done, then three quarters, and waits each time for the test to go on."""

    def slow(gate: str) -> str:
        from pathlib import Path  # noqa: PLC0415
        from time import sleep  # noqa: PLC0415

        import cloudify.slice  # noqa: PLC0415

        for step in (1, 3):
            cloudify.slice.progress(step / 4)
            while not Path(gate, str(step)).exists():
                sleep(0.01)
        return gate

    job = server.map(slow, data=[str(tmp_path)])
    token = {"Authorization": f"Bearer {(computing.data_dir / 'demo-token').read_text().strip()}"}
    slices = f"{computing.url}/ogc-api/jobs/{job.id}/slices"
    for event in job.events():
        if event.type != "progress":
            continue
        assert (event.slice, event.is_emitted) == (1, False)
        assert event.payload == {"fraction": job.progress}
        assert httpx.get(f"{slices}?state=running", headers=token).json()["slices"] == [
            {"first": 1, "last": 1, "state": "running", "attempt": 1, "progress": job.progress}
        ]
        (tmp_path / str(round(4 * job.progress))).touch()

    assert (job.status, job.progress) == ("successful", 1.0)
    told = list(job.events())
    seen = [(event.type, event.payload) for event in told if event.type == "progress"]
    assert seen == [("progress", {"fraction": 0.25}), ("progress", {"fraction": 0.75})]
    assert [event.seq for event in told] == [1, 2, 3, 4, 5, 6]
    assert [event.type for event in job.events(after=3)] == ["progress", "slice-done", "successful"]
    (only,) = httpx.get(slices, headers=token).json()["slices"]
    assert only == {"first": 1, "last": 1, "state": "done", "attempt": 1}


def test_a_deployed_process_runs_as_its_source_does(server: RemoteServer, wind: xr.Dataset) -> None:
    server.deploy(windspeed, id="windspeed", version="1.0.0")
    job = server.execute("windspeed", {"dataset": "mpi-esm-wind"})
    out = job.result(60)
    assert isinstance(out, xr.Dataset)
    np.testing.assert_array_equal(out.sfcWind.to_numpy(), np.hypot(wind.uas, wind.vas).to_numpy())


def test_what_cannot_travel_is_refused_before_it_is_sent(server: RemoteServer) -> None:
    with pytest.raises(UnsendableFunctionError, match="lambda"):
        server.map(lambda block: block, "mpi-esm-wind")
    with pytest.raises(NotThereError, match="did you mean 'mpi-esm-wind'"):
        server.map(windspeed, "mpi-esm-wnd")


def test_nobody_runs_functions_without_a_token(computing: Any) -> None:
    with cloudify.connect(computing.url, token="") as stranger, pytest.raises(TokenRefusedError, match="compute"):
        stranger.map(windspeed, "mpi-esm-wind")
