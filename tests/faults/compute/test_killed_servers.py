"""A whole server is killed under a job, while its client waits: nothing that was answered is lost."""

import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random
from typing import Any

import httpx
import numpy as np
import psutil
import pytest
from engines import SLICES, ramp
from playing import until

import cloudify

DOUBLED = """
def doubled(block, trace):
    import time
    import cloudify.slice
    with open(trace, "a") as file:
        file.write(f"{cloudify.slice.number}\\n")
    time.sleep(0.03)
    return block * 2
"""
STILL_S = 10.0
"""How long what a killed server had started may go on."""


@pytest.mark.durability("D-01")
def test_a_server_is_killed_at_random_and_a_client_that_waits_gets_every_slice_once(
    host_script: Callable[..., Any], tmp_path: Path, counts: int, record_property: Callable[[str, object], None]
) -> None:
    kills, random = {1: 3, 2: 20, 3: 50}[counts], Random(10)  # noqa: S311  # moments
    record_property("runs", kills)
    ramp().to_netcdf(tmp_path / "ramp.nc")
    where = ["--data-dir", str(tmp_path / "data")]
    serve = ["-m", "cloudify", "serve", "ramp.nc", "--port", "{port}", "--workers", "2", "--dask", "none", *where]
    create = [sys.executable, "-m", "cloudify", "token", "create", "--scope", "read,compute", *where]
    token = subprocess.run(create, capture_output=True, text=True, check=True).stdout.strip()
    unsafe = {"CLOUDIFY_UNSAFE_COMPUTE": "1"}
    server, trace = host_script(*serve, env=unsafe), tmp_path / "trace"

    def begun() -> Counter[int]:
        return Counter(map(int, trace.read_text().split()))

    def done(job_id: str) -> list[int]:
        url, headers = f"{server.url}/ogc-api/jobs/{job_id}/slices", {"Authorization": f"Bearer {token}"}
        told = httpx.get(url, headers=headers, params={"state": "done", "limit": 1000}).json()
        return [number for each in told["slices"] for number in range(each["first"], each["last"] + 1)]

    with cloudify.connect(server.url, token=token) as client, ThreadPoolExecutor(1) as waiting:
        job = client.map(DOUBLED, "ramp", chunks={"time": 1}, args={"trace": str(trace)})
        result, seen = waiting.submit(client.job(job.id).result), list[tuple[list[int], Counter[int]]]()
        for kill in range(kills):
            at = min(SLICES * kill // kills + random.randrange(SLICES // kills), SLICES - 1)
            until(lambda at=at: job.slices.done >= at, 60)
            answered, started = done(job.id), psutil.Process(server.process.pid).children(recursive=True)
            server.process.kill()
            server.process.wait()
            seen.append((answered, begun()))
            psutil.wait_procs(started, STILL_S)
            assert not any(map(psutil.Process.is_running, started))
            server = host_script(*serve, env=unsafe, port=server.port)
            assert set(answered) <= set(done(job.id))
        np.testing.assert_array_equal(result.result(60)["t"].values, 2 * ramp()["t"].values)
        assert (job.status, job.slices.done, job.slices.failed) == ("successful", SLICES, 0)
    runs = begun()
    assert sorted(runs) == list(range(1, SLICES + 1))
    for answered, before in seen:
        assert {number: runs[number] for number in answered} == {number: before[number] for number in answered}
