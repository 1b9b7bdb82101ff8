"""The same on a PostgreSQL database: two web workers and the engine share it."""

from collections.abc import Callable
from typing import Any

import numpy as np
import psycopg
import pytest
import xarray as xr

import cloudify


def twice(block: Any) -> Any:
    return block["tas"] * 2


@pytest.mark.program("postgres")
def test_a_job_runs_on_postgresql(postgres_server: Callable[[], Any], start: Any) -> None:
    url = postgres_server().new()
    env = {"CLOUDIFY_UNSAFE_COMPUTE": "1", "CLOUDIFY_DATABASE_URL": url}
    demo = start("demo", "--workers", "2", "--dask", "none", env=env)
    token = (demo.data_dir / "demo-token").read_text().strip()

    with cloudify.connect(demo.url, token=token) as server:
        job = server.map(twice, "mpi-esm-tas")
        out = job.result(60)
        assert isinstance(out, xr.Dataset)
        source = server.open("mpi-esm-tas")
        np.testing.assert_array_equal(out.tas.to_numpy(), 2 * source.tas.to_numpy())

    assert not (demo.data_dir / "cloudify.db").exists()
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT id, state FROM jobs").fetchall() == [(job.id, "successful")]
