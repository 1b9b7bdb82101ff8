"""Dynamic datasets: an id is there as long as something is where it leads, and nothing else is."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
import xarray as xr
from xpublish.rest import Rest

from cloudify import Server
from cloudify.datasets import open as opening
from cloudify.datasets.opened import Opened
from cloudify.datasets.pattern import Pattern
from cloudify.errors import InvalidTargetError
from cloudify.model.entry import Entry
from cloudify.plugins.dynamic import DynamicProvider
from cloudify.server.run import listen
from cloudify.settings import Settings
from cloudify.testing import running

PROJECT = Path(__file__).parents[2]
SCRIPT = PROJECT / "scripts" / "host_dynamic.py"


def write(path: Path, value: float) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    ds = xr.Dataset({"v": ("x", [value, value + 0.5])})
    if path.suffix == ".zarr":
        ds.to_zarr(path, zarr_format=3, consolidated=False)
    else:
        hidden = path.with_name(f".{path.name}")
        ds.to_netcdf(hidden)
        hidden.rename(path)


def value(url: str, dataset_id: str) -> float:
    with xr.open_dataset(f"{url}/datasets/{dataset_id}/zarr", engine="zarr", zarr_format=3) as ds:
        return float(ds["v"][0])


def status(url: str, dataset_id: str, below: str = "zarr/zarr.json") -> int:
    return httpx.get(f"{url}/datasets/{dataset_id}/{below}").status_code


def rest_of(*patterns: Path | str, **datasets: xr.Dataset) -> Rest:
    rest = Rest(dict(datasets))
    for number, pattern in enumerate(patterns):
        rest.register_plugin(DynamicProvider(name=f"dynamic{number}", pattern=str(pattern)))
    return rest


@pytest.fixture(params=["rest", "server"])
def serve(request: pytest.FixtureRequest) -> Callable[..., Any]:
    """A plain Rest, and a server of ours, with the provider."""

    def serve(pattern: Path | str) -> Any:
        own = {"own": xr.Dataset({"v": ("x", [9.0])})}
        if request.param == "rest":
            return running(rest_of(pattern, **own).app)
        return running(Server(own, plugins=[DynamicProvider(pattern=str(pattern))]).app)

    return serve


def test_files_are_found_as_soon_as_they_are_there_and_no_longer_than_that(
    tmp_path: Path, serve: Callable[..., Any]
) -> None:
    with serve(tmp_path / "{id}.nc") as url:
        assert httpx.get(f"{url}/datasets").json() == ["own"]
        assert status(url, "a") == 404
        write(tmp_path / "a.nc", 1)
        assert value(url, "a") == 1
        assert value(url, "own") == 9
        assert httpx.get(f"{url}/datasets/a/info").json()["dimensions"] == {"x": 2}
        tag = httpx.get(f"{url}/datasets/a/zarr/v/c/0").headers["etag"]
        write(tmp_path / "a.nc", 2)
        assert httpx.get(f"{url}/datasets/a/zarr/v/c/0").headers["etag"] != tag
        assert value(url, "a") == 2
        (tmp_path / "a.nc").unlink()
        assert status(url, "a") == 404
        assert httpx.get(f"{url}/datasets/a/info").status_code == 404
        late = httpx.get(f"{url}/datasets/a/zarr/v/c/0")  # whoever has opened it must not take this for fill values
        assert (late.status_code, late.json()["type"]) == (502, "urn:cloudify:problems/source-changed")


@pytest.mark.parametrize("pattern", ["{id}.zarr", "run-{id}.nc", "{id}/deep/out.zarr", "{id}", ""])
def test_patterns(tmp_path: Path, pattern: str) -> None:
    """The last two are a folder: with the whole names as ids, and with the names without their endings."""
    names = ("a.zarr", "run-b.nc", "c/deep/out.zarr", "d.txt", ".e.nc", "f g.nc", "run-...nc")
    for number, name in enumerate(names):
        if name.endswith(".txt"):
            (tmp_path / name).write_text("no dataset")
        else:
            write(tmp_path / name, number)
    expected = {
        "{id}.zarr": {"a": 0}, "run-{id}.nc": {"b": 1}, "{id}/deep/out.zarr": {"c": 2},
        "{id}": {"a.zarr": 0, "run-b.nc": 1}, "": {"a": 0, "run-b": 1},
    }[pattern]  # fmt: skip
    with running(rest_of(f"{tmp_path}/{pattern}").app) as url:
        assert httpx.get(f"{url}/datasets").json() == sorted(expected)
        assert {name: value(url, name) for name in expected} == expected
        for name in ("d", "d.txt", "e", ".e", "f g", "nothing", "run-.", "c", "deep", "."):
            if name not in expected:
                assert status(url, name) == 404, name


HOSTILE = (
    "..", "..%2fsecret", "%2e%2e%2fsecret", "..%2F..%2Fetc%2Fpasswd", "%2fetc%2fpasswd", "a%00", "a%2f..%2f..%2fsecret",
    "link", "linked-folder", "a%5c..%5csecret", "{id}", "~root", "a" * 200, "secret", "pipe", "loop",
)  # fmt: skip


def test_nothing_outside_the_folder_is_ever_served(tmp_path: Path, serve: Callable[..., Any]) -> None:
    write(tmp_path / "secret.nc", 1)
    write(tmp_path / "elsewhere" / "deep" / "x.zarr", 1)
    folder = tmp_path / "data"
    write(folder / "a.nc", 2)
    write(folder / "below" / "b.nc", 3)
    (folder / "link.nc").symlink_to("../secret.nc")
    (folder / "linked-folder.nc").symlink_to(tmp_path / "elsewhere" / "deep" / "x.zarr")
    (folder / "loop.nc").symlink_to("loop.nc")
    (folder / "inner.nc").symlink_to("below/b.nc")
    os.mkfifo(folder / "pipe.nc")
    with serve(folder / "{id}.nc") as url:
        assert sorted(set(httpx.get(f"{url}/datasets").json()) - {"own"}) == ["a", "inner"]
        assert (value(url, "a"), value(url, "inner")) == (2, 3)
        for name in HOSTILE:
            for below in ("zarr/zarr.json", "zarr/v/c/0", "info", "keys"):
                assert status(url, name, below) == 404, (name, below)
        (folder / "a.nc").unlink()
        (folder / "a.nc").symlink_to("../secret.nc")
        assert status(url, "a") == 404
        (folder / "a.nc").unlink()
        (folder / "a.nc").symlink_to("below/b.nc")
        assert value(url, "a") == 3


def test_an_unknown_id_is_left_to_other_providers(tmp_path: Path) -> None:
    write(tmp_path / "one" / "a.nc", 1)
    write(tmp_path / "two" / "b.nc", 2)
    with running(rest_of(tmp_path / "one" / "{id}.nc", tmp_path / "two", c=xr.Dataset({"v": ("x", [3.0])})).app) as url:
        assert sorted(httpx.get(f"{url}/datasets").json()) == ["a", "b", "c"]
        assert [value(url, name) for name in "abc"] == [1, 2, 3]


def test_64_readers_at_once_cost_one_opening_and_no_more_than_the_limit_stay_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    real = opening.open_entry

    def counted(entry: Entry, **given: Any) -> Opened:
        opened.append(entry.id)
        return real(entry, **given)

    monkeypatch.setattr("cloudify.datasets.shelf.open_entry", counted)
    for number in range(6):
        write(tmp_path / f"n{number}.nc", number)
    provider = DynamicProvider(pattern=str(tmp_path), settings=Settings.load(open_datasets=2))
    assert opened == []
    assert provider.get_datasets() == [f"n{number}" for number in range(6)]
    with ThreadPoolExecutor(64) as pool:
        found = list(pool.map(provider.shelf.get, ["n1"] * 64))
    assert opened == ["n1"]
    assert all(one is found[0] for one in found)
    for number in range(6):
        provider.shelf.get(f"n{number}")
    assert [number for number in range(6) if provider.shelf.peek(f"n{number}")] == [4, 5]


def test_a_list_is_bounded_and_what_it_leaves_out_is_found_by_its_id(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cloudify.datasets.pattern.LISTED", 3)
    monkeypatch.setattr("cloudify.datasets.pattern.PLACES", 2)
    for number in range(5):
        write(tmp_path / f"n{number}.nc", number)
    provider = DynamicProvider(pattern=f"{tmp_path}/{{id}}.nc")
    assert len(provider.get_datasets()) == 3
    for _ in range(2):  # more than are remembered
        for number in range(5):
            assert provider.shelf.get(f"n{number}").groups["/"]["v"].values[0] == number


@pytest.mark.parametrize("pattern", ["/data/{id}/{id}.nc", "/data/{name}.nc", "/data/{id.nc", "/data/{}.nc"])
def test_a_pattern_that_is_none_is_refused(pattern: str) -> None:
    with pytest.raises(InvalidTargetError, match=r"expected a folder, or one \{id\}"):
        Pattern.parse(pattern)
    with pytest.raises(InvalidTargetError):
        DynamicProvider(pattern=pattern)


@pytest.fixture
def script(tmp_path: Path) -> Iterator[str]:
    """The script, started as its user does; the folder comes later."""
    with listen("127.0.0.1", 0) as sock:
        port = str(sock.getsockname()[1])
    command = [sys.executable, str(SCRIPT), str(tmp_path / "data"), "--port", port]
    with subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE) as process:
        url = f"http://127.0.0.1:{port}"
        end = time.monotonic() + 60
        while True:
            try:
                assert httpx.get(f"{url}/health").json() == {"status": "ok"}
                break
            except httpx.ConnectError:
                assert process.poll() is None, process.communicate()
                assert time.monotonic() < end
                time.sleep(0.05)
        yield url
        process.terminate()
        process.communicate()


def test_the_script_serves_what_appears_in_its_folder(script: str, tmp_path: Path) -> None:
    assert httpx.get(f"{script}/datasets").json() == ["made-here"]
    for number, name in enumerate(("a.nc", "b.zarr")):
        write(tmp_path / "data" / name, number)
    assert (value(script, "a"), value(script, "b")) == (0, 1)
    with xr.open_dataset(f"{script}/datasets/made-here/zarr", engine="zarr", zarr_format=3) as ds:
        assert ds["x"].values.tolist() == [1, 2, 3]
    assert len(SCRIPT.read_text().splitlines()) <= 60
    assert '\nif __name__ == "__main__":' in SCRIPT.read_text()
