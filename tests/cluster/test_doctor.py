"""`cloudify doctor` where a cluster is configured."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any


def doctor(folder: Path, address: str) -> subprocess.CompletedProcess[str]:
    env = os.environ | {"ZARR_ADDRESS": address, "CLOUDIFY_DASK_CONNECT_S": "2", "CLOUDIFY_PORT": "0"}
    command = [sys.executable, "-m", "cloudify", "doctor", "--data-dir", "d"]
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)


def test_doctor_counts_the_workers(cluster: Any, tmp_path: Path) -> None:
    done = doctor(tmp_path, cluster.address)
    assert (done.returncode, done.stderr) == (0, "")
    assert f"ok    cluster   {cluster.address}" in done.stdout
    assert "2 workers" in done.stdout


def test_doctor_says_that_a_scheduler_does_not_answer(tmp_path: Path) -> None:
    done = doctor(tmp_path, "tcp://127.0.0.1:1")
    assert (done.returncode, done.stderr) == (1, "")
    line = next(line for line in done.stdout.splitlines() if "cluster" in line and "FAIL" in line)
    assert "tcp://127.0.0.1:1" in line
    assert line.endswith("cannot be reached; ask again in a few seconds; is the address right?")
