"""Entries that are on no list: found when they are looked for, gone soon after they are."""

from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from cloudify.datasets import beyond
from cloudify.datasets.shelf import Shelf
from cloudify.errors import UnknownDatasetError
from cloudify.model.entry import Entry


class Kept:
    """What jobs left, by hand."""

    def __init__(self, path: Path) -> None:
        xr.Dataset({"v": ("x", np.arange(3.0))}).to_netcdf(path, engine="h5netcdf")
        self.entries = {"job-1": Entry("job-1", "netcdf", str(path), owner="ada")}
        self.asked: list[str] = []

    def find(self, dataset_id: str) -> Entry | None:
        self.asked.append(dataset_id)
        return self.entries.get(dataset_id)


@pytest.fixture
def kept(tmp_path: Path) -> Kept:
    return Kept(tmp_path / "x.nc")


@pytest.fixture
def shelf(kept: Kept) -> Shelf:
    return Shelf([Entry("job-2", "netcdf", "/nowhere.nc")], limit=4, check_s=1.0, timeout_s=1.0, beyond=kept.find)


def test_nothing_is_looked_for_but_by_looking(shelf: Shelf, kept: Kept) -> None:
    """So nobody who must not wait ever does."""
    assert (shelf.entry("job-1"), "job-1" in shelf, kept.asked) == (None, False, [])
    with pytest.raises(UnknownDatasetError):
        shelf.peek("job-1")
    shelf.look("job-1")
    assert shelf.entry("job-1") == kept.entries["job-1"]
    assert shelf.peek("job-1") is None  # not open yet
    assert list(shelf.get("job-1").groups["/"].variables) == ["v"]
    assert shelf.peek("job-1") is shelf.get("job-1")
    assert shelf.ids() == ["job-2"]  # and on no list


def test_other_ids_and_those_of_a_catalog_are_not_looked_for(shelf: Shelf, kept: Kept) -> None:
    for name in ("ramp", "job", "jobs-1", "", "job-2"):
        shelf.look(name)
    assert kept.asked == []


def test_who_looks_again_at_once_asks_once(shelf: Shelf, kept: Kept) -> None:
    for _ in range(5):
        shelf.look("job-1")
    assert kept.asked == ["job-1"]


def test_what_is_gone_is_gone_when_somebody_looks(shelf: Shelf, kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    shelf.look("job-1")
    opened = shelf.get("job-1")
    monkeypatch.setattr(beyond, "FRESH_S", -1.0)
    assert shelf.peek("job-1") is None  # nobody knows without looking
    assert shelf.get("job-1") is opened  # who was let in before reads on
    assert not shelf.has_changed("job-1", opened.token)
    shelf.look("job-1")
    assert shelf.get("job-1") is opened
    del kept.entries["job-1"]
    shelf.look("job-1")
    assert (shelf.entry("job-1"), shelf.open_count) == (None, 0)
    with pytest.raises(UnknownDatasetError):
        shelf.get("job-1")


def test_so_many_are_known_and_no_more(shelf: Shelf, kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(beyond, "MOST_KNOWN", 2)
    for name in ("job-a", "job-b", "job-c"):
        kept.entries[name] = Entry(name, "netcdf", "/nowhere.nc")
        shelf.look(name)
    assert [name in shelf for name in ("job-a", "job-b", "job-c")] == [False, True, True]
