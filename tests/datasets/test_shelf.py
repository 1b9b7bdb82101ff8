"""The shelf: one opening for many, so many at once, closed when the last reader is done, never stale."""

import gc
import os
import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
import pytest
import xarray as xr

from cloudify.datasets import open as opening
from cloudify.datasets.objects import FolderObjects
from cloudify.datasets.opened import Opened
from cloudify.datasets.shelf import Replaced, Shelf
from cloudify.datasets.source import ChangedError
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


def test_other_entries_take_the_place_of_those_there_are_and_equal_ones_stay_open(files: list[Entry]) -> None:
    held = shelf(*files[:3])
    opened = [held.get(name) for name in "012"]
    same, other = Entry("0", "netcdf", files[0].href), Entry("1", "netcdf", files[4].href)
    assert held.replace([other, same, files[3]]) == Replaced(added=("3",), removed=("2",), changed=("1",))
    assert held.ids() == ["1", "0", "3"]
    assert held.peek("0") is opened[0]
    assert held.peek("1") is None
    assert held.get("1").groups["/"]["v"].values.tolist() == [4.0] * 4
    assert held.has_changed("1", opened[1].token)
    assert held.has_changed("2", opened[2].token)  # who reads it has what belongs to nothing
    assert opened[1].groups["/"]["v"].values.tolist() == [1.0] * 4
    with pytest.raises(UnknownDatasetError):
        held.get("2")
    assert held.failure("2") == ""


def test_a_dataset_replaced_while_it_was_opened_is_for_those_who_asked_before(
    files: list[Entry], monkeypatch: pytest.MonkeyPatch
) -> None:
    began, may_end = Event(), Event()
    real = opening.open_entry

    def slow(entry: Entry, **given: Any) -> Opened:
        if entry is files[0]:
            began.set()
            assert may_end.wait(10)
        return real(entry, **given)

    monkeypatch.setattr("cloudify.datasets.shelf.open_entry", slow)
    held = shelf(files[0])
    with ThreadPoolExecutor(1) as pool:
        early = pool.submit(held.get, "0")
        assert began.wait(10)
        held.replace([Entry("0", "netcdf", files[1].href)])
        assert held.get("0").groups["/"]["v"].values.tolist() == [1.0] * 4
        may_end.set()
        assert early.result().groups["/"]["v"].values.tolist() == [0.0] * 4
    assert held.get("0").groups["/"]["v"].values.tolist() == [1.0] * 4


def test_a_failure_is_forgotten_when_its_source_has_changed(tmp_path: Path) -> None:
    path = tmp_path / "a.nc"
    path.write_bytes(b"CDF")
    held = shelf(Entry("a", "netcdf", str(path)))
    with pytest.raises(UnreadableDatasetError):
        held.get("a")
    assert held.failure("a")
    path.unlink()
    xr.Dataset({"v": ("x", [1.0])}).to_netcdf(path)
    assert held.failure("a") == ""
    end = time.monotonic() + 1.5  # less than what a failure that stands is remembered for
    while True:
        try:
            assert held.get("a").groups["/"]["v"].values.tolist() == [1.0]
            break
        except UnreadableDatasetError:
            assert time.monotonic() < end
            time.sleep(0.02)


def test_a_file_is_opened_when_nobody_has_written_it_for_a_moment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A write sets the time when it begins: what is as old as the file says may be half of it."""
    path = tmp_path / "a.nc"
    xr.Dataset({"v": ("x", [1.0])}).to_netcdf(path)
    held = shelf(Entry("a", "netcdf", str(path)))
    os.utime(path)
    held.get("a")
    assert time.time_ns() - path.stat().st_mtime_ns >= 50_000_000
    monkeypatch.setattr("cloudify.datasets.open.sleep", lambda _: os.utime(path))  # its writer goes on
    os.utime(path)
    with pytest.raises(UnreadableDatasetError, match="is being written; try again"):
        held.get("a")


def test_a_change_beyond_the_bounded_listing_is_met_by_who_reads_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cloudify.datasets.token.LISTED", 1)  # the root of the store, and none of its chunks
    store = tmp_path / "a.zarr"
    xr.Dataset({"v": ("x", np.arange(4.0))}).to_zarr(store, zarr_format=3)
    held = shelf(Entry("a", "zarr", str(store)), check_s=60)
    before = held.get("a")
    chunk = store / "v" / "c" / "0"
    chunk.write_bytes(chunk.read_bytes())
    with pytest.raises(ChangedError) as caught:
        before.groups["/"]["v"].load()
    assert caught.value.at_ns == chunk.stat().st_mtime_ns
    assert held.get("a") is before
    held.let_go("a", caught.value.at_ns)
    after = held.get("a")
    assert after.token != before.token
    assert after.groups["/"]["v"].values.tolist() == [0, 1, 2, 3]


def test_a_folder_is_read_as_it_was_or_not_at_all(tmp_path: Path) -> None:
    root = tmp_path / "store"
    (root / "v").mkdir(parents=True)
    (root / "v" / "0").write_bytes(b"old")
    objects = FolderObjects(str(root), 0)
    assert objects.read("v/0", limit_nbytes=9) == b"old"
    assert objects.read("v/1", limit_nbytes=9) is None
    assert objects.read("w/1", limit_nbytes=9) is None
    root.rename(tmp_path / "away")
    (root / "v").mkdir(parents=True)
    (root / "v" / "0").write_bytes(b"new")
    assert objects.read("v/0", limit_nbytes=9) == b"old"
    (tmp_path / "away" / "v" / "0").unlink()
    for key in ("v/0", "v/1"):  # the second never was there, but nothing tells
        with pytest.raises(ChangedError):
            objects.read(key, limit_nbytes=9)
    shutil.rmtree(tmp_path / "away")
    with pytest.raises(ChangedError):
        objects.read("w/1", limit_nbytes=9)
    handles = open_files(tmp_path)
    del objects
    assert open_files(tmp_path) <= handles
