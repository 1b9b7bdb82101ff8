"""The shelf: one opening for many, so many at once, closed when the last reader is done, never stale."""

import gc
import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

from cloudify.datasets import open as opening
from cloudify.datasets.opened import Opened
from cloudify.datasets.shelf import Shelf
from cloudify.errors import UnknownDatasetError, UnreadableDatasetError
from cloudify.model.entry import Entry


def shelf(*entries: Entry, limit: int = 8, check_s: float = 0.0) -> Shelf:
    return Shelf(entries, limit=limit, check_s=check_s, timeout_s=5.0)


@pytest.fixture
def files(tmp_path: Path) -> list[Entry]:
    entries = []
    for number in range(5):
        path = tmp_path / f"{number}.nc"
        xr.Dataset({"v": ("x", np.full(4, float(number)))}).to_netcdf(path)
        entries.append(Entry(str(number), "netcdf", str(path)))
    return entries


def open_files(folder: Path) -> int:
    """Descriptors of this process on files below a folder."""
    gc.collect()
    links = [link for link in Path("/proc/self/fd").iterdir() if link.is_symlink()]
    return sum(link.exists() and str(link.readlink()).startswith(str(folder)) for link in links)


def test_nothing_is_opened_before_it_is_asked_for(files: list[Entry], tmp_path: Path) -> None:
    held = shelf(*files)
    assert held.ids() == ["0", "1", "2", "3", "4"]
    assert held.entry("3") is files[3]
    assert held.peek("3") is None
    assert open_files(tmp_path) == 0


def test_64_readers_at_once_cost_one_opening(files: list[Entry], monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    real = opening.open_entry

    def counted(entry: Entry, **given: Any) -> Opened:
        opened.append(entry.id)
        return real(entry, **given)

    monkeypatch.setattr("cloudify.datasets.shelf.open_entry", counted)
    held = shelf(*files)
    with ThreadPoolExecutor(64) as pool:
        found = list(pool.map(held.get, ["1"] * 64))
    assert opened == ["1"]
    assert all(one is found[0] for one in found)


def test_64_readers_of_a_broken_entry_cost_one_attempt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    attempts: list[str] = []
    real = opening.open_entry

    def counted(entry: Entry, **given: Any) -> Opened:
        attempts.append(entry.id)
        return real(entry, **given)

    monkeypatch.setattr("cloudify.datasets.shelf.open_entry", counted)
    held = shelf(Entry("gone", "netcdf", str(tmp_path / "gone.nc")))

    def attempt(_: int) -> str:
        with pytest.raises(UnreadableDatasetError) as caught:
            held.get("gone")
        return caught.value.reason

    with ThreadPoolExecutor(64) as pool:
        assert set(pool.map(attempt, range(64))) == {"its source is not there"}
    assert attempts == ["gone"]
    assert held.failure("gone") == "its source is not there"


def test_no_more_than_the_limit_stay_open_and_readers_keep_theirs(files: list[Entry], tmp_path: Path) -> None:
    held = shelf(*files, limit=2)
    first = held.get("0")
    for entry in files[1:]:
        held.get(entry.id)
    assert held.peek("0") is None
    assert open_files(tmp_path) == 3  # two on the shelf, one with us
    assert first.groups["/"]["v"].values.tolist() == [0.0] * 4
    del first
    assert open_files(tmp_path) == 2
    held.close()
    assert open_files(tmp_path) == 0


def test_the_one_used_last_stays(files: list[Entry]) -> None:
    held = shelf(*files, limit=2)
    held.get("0")
    held.get("1")
    held.get("0")
    held.get("2")
    assert held.peek("0") is not None
    assert held.peek("1") is None


def test_a_replaced_file_is_opened_anew_and_its_token_differs(files: list[Entry], tmp_path: Path) -> None:
    held = shelf(*files)
    before = held.get("0")
    assert held.get("0") is before
    xr.Dataset({"v": ("x", np.full(4, 9.0))}).to_netcdf(tmp_path / "new.nc")
    (tmp_path / "new.nc").rename(files[0].href)
    assert held.peek("0") is None
    assert held.has_changed("0", before.token)
    after = held.get("0")
    assert after.token != before.token
    assert after.groups["/"]["v"].values.tolist() == [9.0] * 4
    assert before.groups["/"]["v"].values.tolist() == [0.0] * 4  # who reads the old file goes on reading it


def test_a_chunk_written_into_a_store_changes_its_token(tmp_path: Path) -> None:
    store = tmp_path / "a.zarr"
    xr.Dataset({"v": ("x", np.arange(4.0))}).to_zarr(store, zarr_format=2, consolidated=True)
    held = shelf(Entry("a", "zarr", str(store)))
    before = held.get("a").token
    assert held.get("a").token == before
    os.utime(store / "v" / "0", ns=(1, 2**61))
    assert held.get("a").token != before


def test_an_immutable_entry_is_not_looked_at_again(tmp_path: Path) -> None:
    path = tmp_path / "a.nc"
    xr.Dataset({"v": ("x", np.arange(4.0))}).to_netcdf(path)
    held = shelf(Entry("a", "netcdf", str(path), immutable=True))
    before = held.get("a")
    os.utime(path, ns=(1, 1))
    assert held.get("a") is before


def test_a_directory_is_taken_as_unchanged_for_a_while(tmp_path: Path) -> None:
    store = tmp_path / "a.zarr"
    xr.Dataset({"v": ("x", np.arange(4.0))}).to_zarr(store, zarr_format=3, consolidated=False)
    held = shelf(Entry("a", "zarr", str(store)), check_s=60)
    before = held.get("a")
    os.utime(store / "v" / "c" / "0", ns=(1, 2**61))
    assert held.get("a") is before
    shutil.rmtree(store)
    assert held.peek("a") is None  # that it is gone is seen at once


def test_unknown_ids_are_unknown(files: list[Entry]) -> None:
    held = shelf(*files)
    assert "7" not in held
    for method in (held.get, held.peek):
        with pytest.raises(UnknownDatasetError):
            method("7")
