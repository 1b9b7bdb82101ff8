"""Host scripts as targets."""

import subprocess
import sys
from pathlib import Path
from textwrap import dedent
from typing import Any

import httpx
import pytest
import xarray as xr

from cloudify import Server
from cloudify.errors import InvalidTargetError
from cloudify.server.object_names import is_object
from cloudify.server.objects import load_object
from cloudify.settings import Settings
from cloudify.testing import running

HOST = """
    import numpy as np, xarray as xr, xpublish
    from beside import name

    collection = {name: xr.Dataset({"v": ("x", np.arange(3.0))})}
    rest = xpublish.Rest(dict(collection), plugins={})
    number = 3
    if __name__ == "__main__":
        raise SystemExit("guarded code ran")
"""


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(sys, "path", [*sys.path])
    (tmp_path / "host.py").write_text(dedent(HOST))
    (tmp_path / "beside.py").write_text("name = 'made'\n")
    return tmp_path / "host.py"


@pytest.mark.parametrize("name", ["collection", "rest"])
def test_a_host_script_names_a_dict_or_a_rest(host: Path, name: str) -> None:
    assert is_object(f"{host}:{name}")
    datasets = load_object(f"{host}:{name}")
    assert list(datasets) == ["made"]
    values = datasets["made"]["v"]
    assert isinstance(values, xr.DataArray)
    assert values.values.tolist() == [0.0, 1.0, 2.0]


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("{host}:nothing", "has no 'nothing'; its names are collection, name, np, number, rest, xpublish, xr"),
        ("{host}:number", "is a int; expected a dict of xarray datasets by id, or an xpublish.Rest"),
        ("nowhere.py:x", "no such host script: nowhere.py"),
        ("no_such_module_anywhere:x", "no module 'no_such_module_anywhere'"),
    ],
)
def test_what_names_no_datasets(host: Path, target: str, said: str) -> None:
    with pytest.raises(InvalidTargetError, match=said):
        load_object(target.format(host=host))


def test_the_command_serves_objects_beside_files(host: Path, start: Any) -> None:
    file = Path(__file__).parents[2] / "cloudify" / "demo" / "icon-ocean.nc"
    server = start("serve", f"{host}:collection", str(file))
    assert sorted(httpx.get(f"{server.url}/datasets").json()) == ["icon-ocean", "made"]
    with xr.open_dataset(f"{server.url}/datasets/made/zarr", engine="zarr", zarr_format=3) as ds:
        assert ds["v"].values.tolist() == [0.0, 1.0, 2.0]


def test_a_script_that_fails_shows_its_own_traceback(tmp_path: Path) -> None:
    (tmp_path / "host.py").write_text("1 / 0\n")
    command = [sys.executable, "-m", "cloudify", "check", "host.py:x"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr.endswith("ZeroDivisionError: division by zero\n")


def test_functions_of_a_host_script_reach_the_workers_of_a_cluster(cluster: Any, tmp_path: Path, start: Any) -> None:
    """They know no module of its name."""
    text = """
        import dask.array as da, numpy as np, xarray as xr

        def tripled(block):
            return block * 3

        numbers = da.arange(4, chunks=2).map_blocks(tripled, dtype="int64")
        collection = {"lazy": xr.Dataset({"v": ("x", numbers)})}
    """
    (tmp_path / "host.py").write_text(dedent(text))
    server = start("serve", f"{tmp_path}/host.py:collection", env={"ZARR_ADDRESS": cluster.address})
    with xr.open_dataset(f"{server.url}/datasets/lazy/zarr", engine="zarr", zarr_format=3) as ds:
        assert ds["v"].values.tolist() == [0, 3, 6, 9]
    assert httpx.get(f"{server.url}/ready").json()["workers"] == 2
    assert "computed in the server" not in server.log.read_text()


def test_servers_of_one_process_never_have_the_bytes_of_each_other() -> None:
    """They share one cache of chunks, and call their datasets by the same name."""
    seen = []
    for value in (1.0, 2.0):
        server = Server({"a": xr.Dataset({"t": ("x", [value])})}, settings=Settings())
        with (
            running(server.app) as url,
            xr.open_dataset(f"{url}/datasets/a/zarr", engine="zarr", zarr_format=3) as ds,
        ):
            seen.append(ds["t"].values.tolist())
    assert seen == [[1.0], [2.0]]
