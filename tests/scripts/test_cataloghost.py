"""`scripts/cataloghost.py`, started as its first lines say."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import xarray as xr

PROJECT = Path(__file__).parents[2]
SCRIPT = PROJECT / "scripts" / "cataloghost.py"
DEMO = PROJECT / "cloudify" / "demo"
CATALOG = """
cloudify: 1
title: Two
datasets:
  tas:
    href: {demo}/mpi-esm-tas.nc
    title: Temperature
  gone:
    href: {demo}/nothing.nc
"""


def test_all_entries_of_a_catalog_are_hosted_and_the_bad_ones_named(host_script: Any, tmp_path: Path) -> None:
    (tmp_path / "two.yaml").write_text(CATALOG.format(demo=DEMO))
    script = host_script(str(SCRIPT), "two.yaml", "--open", "--port", "{port}")
    assert set(httpx.get(f"{script.url}/datasets").json()) == {"tas", "gone"}
    with xr.open_dataset(f"{script.url}/datasets/tas/zarr", engine="zarr", zarr_format=3) as served:
        xr.testing.assert_identical(served["tas"].load(), xr.open_dataset(DEMO / "mpi-esm-tas.nc")["tas"].load())
    printed = script.log.read_text()
    assert "dataset  tas                      netcdf    Temperature (4 variables)" in printed
    assert "dataset  gone                     netcdf: dataset 'gone' cannot be opened" in printed


def test_a_catalog_that_is_none_is_one_line(tmp_path: Path) -> None:
    command = [sys.executable, str(SCRIPT), "no.yaml"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("cataloghost: no such target: no.yaml")
    assert done.stderr.count("\n") == 1
