"""`scripts/host_with_dask.py`, started as its first lines say."""

from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import xarray as xr
from distributed import Client, get_task_stream

PROJECT = Path(__file__).parents[2]
SCRIPT = PROJECT / "scripts" / "host_with_dask.py"
DEMO = PROJECT / "cloudify" / "demo" / "mpi-esm-tas.nc"


def test_the_anomaly_of_the_demo_is_computed_on_the_cluster_it_is_given(host_script: Any, cluster: Any) -> None:
    script = host_script(str(SCRIPT), "--port", "{port}", env={"ZARR_ADDRESS": cluster.address})
    with xr.open_dataset(DEMO) as source, Client(cluster.address, set_as_default=False) as client:
        tas = source["tas"].values
        with (
            get_task_stream(client=client) as tasks,
            xr.open_dataset(f"{script.url}/datasets/anomaly/zarr", engine="zarr", chunks={}, zarr_format=3) as ds,
        ):
            assert ds["tas"].chunks == ((1,) * 12, (96,), (192,))
            served = ds["tas"].values
            assert ds["tas"].attrs["long_name"] == "Anomaly of air_temperature"
    assert any("sub" in str(task["key"]) for task in tasks.data)
    np.testing.assert_allclose(served, tas - tas.astype("float64").mean(axis=0), atol=1e-3)  # float32 of 300 K


def test_another_file_is_computed_on_a_cluster_of_its_own(host_script: Any, tmp_path: Path) -> None:
    ramp = xr.Dataset({"v": (("time", "x"), np.repeat([[0.0], [2.0], [4.0]], 5, axis=1))}, {"time": [0, 1, 2]})
    ramp.to_netcdf(tmp_path / "ramp.nc")
    script = host_script(str(SCRIPT), "ramp.nc", "--port", "{port}")
    assert httpx.get(f"{script.url}/ready").json()["workers"] >= 1
    with xr.open_dataset(f"{script.url}/datasets/anomaly/zarr", engine="zarr", zarr_format=3) as ds:
        assert ds["v"].values.tolist() == [[-2.0] * 5, [0.0] * 5, [2.0] * 5]


@pytest.mark.parametrize("path", sorted((PROJECT / "scripts").glob("*host*.py")), ids=lambda path: path.name)
def test_host_scripts_are_short(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 60
