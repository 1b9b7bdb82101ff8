"""Where the scheduler is: the setting, or the variable that host scripts set, whenever they do."""

from pathlib import Path
from typing import Any

import dask.array as da
import httpx
import pytest
import xarray as xr
import xpublish

from cloudify.cluster.cluster import cluster_of
from cloudify.errors import InvalidSettingError
from cloudify.settings import Settings, dask_address, load_settings, origin
from cloudify.testing import running

ADDRESSES = [
    "tcp://127.0.0.1:8786",
    "tls://scheduler.example.org:8786",
    "10.0.0.1:8786",
    "tcp://[::1]:1",
    "inproc://a/1/2",
]


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("ZARR_ADDRESS", raising=False)
    monkeypatch.delenv("CLOUDIFY_DASK_ADDRESS", raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("address", ADDRESSES)
def test_an_address(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    monkeypatch.setenv("CLOUDIFY_DASK_ADDRESS", address)
    assert Settings.load().dask_address == address


@pytest.mark.parametrize(
    "address", ["nowhere", "http://127.0.0.1:8786", "tcp://127.0.0.1", "tcp://a b:1", "tcp://a:1\n"]
)
def test_what_is_no_address_is_said_when_settings_are_loaded(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    monkeypatch.setenv("ZARR_ADDRESS", address)
    with pytest.raises(InvalidSettingError, match=r"'dask_address' \(environment ZARR_ADDRESS\).*expected the address"):
        Settings.load()


def test_the_variable_of_host_scripts_is_an_alias_that_ours_goes_before(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "cloudify.yaml").write_text("dask_address: tcp://127.0.0.1:1\n")
    assert Settings.load().dask_address == "tcp://127.0.0.1:1"
    monkeypatch.setenv("ZARR_ADDRESS", "tcp://127.0.0.1:2")
    assert Settings.load().dask_address == "tcp://127.0.0.1:2"
    assert origin("dask_address") == "environment ZARR_ADDRESS"
    monkeypatch.setenv("CLOUDIFY_DASK_ADDRESS", "tcp://127.0.0.1:3")
    assert Settings.load().dask_address == "tcp://127.0.0.1:3"
    assert Settings(dask_address="tcp://127.0.0.1:4").dask_address == "tcp://127.0.0.1:4"
    monkeypatch.setenv("CLOUDIFY_DASK_ADDRESS", "")
    assert Settings.load().dask_address is None


def test_settings_are_loaded_again_when_the_environment_has_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    before = load_settings()
    assert load_settings() is before
    monkeypatch.setenv("ZARR_ADDRESS", "tcp://127.0.0.1:2")
    assert load_settings().dask_address == "tcp://127.0.0.1:2"
    monkeypatch.setenv("ZARR_ADDRESS", "tcp://127.0.0.1:3")
    assert load_settings().dask_address == "tcp://127.0.0.1:3"


def test_without_an_address_there_is_no_cluster() -> None:
    assert cluster_of(Settings()) is None
    assert dask_address(Settings()) is None


@pytest.mark.parametrize("when", ["before Rest", "after Rest"])
def test_a_plain_rest_finds_the_address_whenever_a_script_sets_it(
    cluster: Any, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    load_settings()  # as something imported before may have done
    ds = xr.Dataset({"v": ("x", da.arange(4, chunks=2) + 1)})
    if when == "before Rest":
        monkeypatch.setenv("ZARR_ADDRESS", cluster.address)
    rest = xpublish.Rest({"a": ds})
    monkeypatch.setenv("ZARR_ADDRESS", cluster.address)
    with running(rest.app) as url:
        assert httpx.get(f"{url}/ready").json() == {"status": "ready", "datasets": 1, "workers": 2}
        with xr.open_dataset(f"{url}/datasets/a/zarr", engine="zarr", zarr_format=3) as served:
            assert served["v"].values.tolist() == [1, 2, 3, 4]
