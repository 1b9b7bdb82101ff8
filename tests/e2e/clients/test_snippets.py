"""What a dataset's page offers to copy, run as it stands there."""

import html
import re
import runpy
import subprocess
from pathlib import Path
from typing import Any

import httpx
import netCDF4
import numpy as np
import pytest
import xarray as xr

from clients import with_zarrita

PROJECT = Path(__file__).parents[3]
DEMO = PROJECT / "cloudify" / "demo"
FILES = {"mpi-esm-tas": "mpi-esm-tas.nc", "mpi-esm-wind": "mpi-esm-wind.zarr", "icon-ocean": "icon-ocean.nc"}
FIELDS = {"mpi-esm-tas": "tas", "mpi-esm-wind": "vas", "icon-ocean": "S"}
pytestmark = pytest.mark.filterwarnings("ignore")  # the clients' own


def ways(url: str, dataset_id: str) -> dict[str, str]:
    """Return the snippets of a page by the client that each is for."""
    page = httpx.get(f"{url}/datasets/{dataset_id}/", headers={"accept": "text/html"}).text
    codes = [html.unescape(code) for code in re.findall(r"<pre><code>(.*?)</code>", page, re.DOTALL)]
    return dict(
        zip(["xarray", *re.findall(r"<summary>(.*?)</summary><div class", page.replace("\n", ""))], codes, strict=True)
    )


def read(code: str, folder: Path) -> dict[str, Any]:
    script = folder / "snippet.py"
    script.write_text(code)
    return runpy.run_path(str(script))


@pytest.mark.parametrize("dataset_id", FILES)
def test_python_snippets_read_the_values_of_the_file(demo: Any, tmp_path: Path, dataset_id: str) -> None:
    name = FIELDS[dataset_id]
    with xr.open_dataset(DEMO / FILES[dataset_id], decode_times=False) as local:
        expected = local[name].to_numpy()
    offered = ways(demo.url, dataset_id)
    stored = "xarray, the bytes as they are stored"
    assert list(offered)[:5] == ["xarray", stored, "intake", "pystac", "zarrita"]
    for client in ("xarray", stored, "intake"):
        ds = read(offered[client], tmp_path)["ds"]
        np.testing.assert_array_equal(ds[name].to_numpy(), expected)
        assert ds[name].chunks is not None
    assert read(offered["pystac"], tmp_path)["item"].id == dataset_id
    assert ("netCDF4" in offered) == FILES[dataset_id].endswith(".nc")
    subprocess.run(offered["a variable as netCDF, for cdo, R, Panoply"], shell=True, cwd=tmp_path, check=True)  # noqa: S602
    with netCDF4.Dataset(tmp_path / f"{dataset_id}-part.nc") as file:
        (pictured,) = set(file.variables) & {"tas", "uas", "vas", "S", "wet_c"}
        with xr.open_dataset(DEMO / FILES[dataset_id], decode_times=False) as local:
            np.testing.assert_array_equal(file[pictured][:].filled(np.nan), local[pictured])
    if "netCDF4" in offered:
        np.testing.assert_array_equal(read(offered["netCDF4"], tmp_path)["ds"][name][:].filled(np.nan), expected)
        subprocess.run(offered["the file itself"], shell=True, cwd=tmp_path, check=True, capture_output=True)  # noqa: S602  # as a person would
        with netCDF4.Dataset(tmp_path / f"{dataset_id}.nc") as file:
            np.testing.assert_array_equal(file[name][:].filled(np.nan), expected)


@pytest.mark.program("node")
@pytest.mark.program("npm")
def test_the_snippet_for_zarrita_opens_the_group(demo: Any) -> None:
    folder = PROJECT / ".venv" / "node"
    with_zarrita.install(folder)
    code = ways(demo.url, "mpi-esm-tas")["zarrita"]
    (folder / "snippet.mjs").write_text(f"{code}\nconsole.log(group.attrs.institute_id, group.kind)\n")
    done = subprocess.run(["node", "snippet.mjs"], cwd=folder, capture_output=True, text=True, check=True)
    assert done.stdout == "MPI-M group\n"
