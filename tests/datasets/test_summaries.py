"""Summaries: made once for a version token, kept on disk, never a failure; and the pass that makes them unasked."""

import json
import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

from cloudify.datasets import open as opening
from cloudify.datasets import summaries as keeping
from cloudify.datasets import summary_pass
from cloudify.datasets.opened import Opened
from cloudify.datasets.shelf import Shelf
from cloudify.datasets.summaries import Summaries
from cloudify.datasets.summarise import summarise
from cloudify.datasets.summary_pass import SummaryPass
from cloudify.model.entry import Entry
from cloudify.model.summary import Summary
from cloudify.settings import Settings


def write(path: Path, west: float) -> Entry:
    coords = {
        "lon": ("lon", [west, west + 1], {"units": "degrees_east"}),
        "lat": ("lat", [0.0, 1.0], {"units": "degrees_north"}),
    }  # fmt: skip
    xr.Dataset({"v": (("lat", "lon"), np.zeros((2, 2)))}, coords=coords).to_netcdf(path)
    return Entry(path.stem, "netcdf", str(path))


def box(west: float) -> tuple[float, float, float, float]:
    return (west, 0.0, west + 1, 1.0)


@pytest.fixture
def entries(tmp_path: Path) -> list[Entry]:
    return [write(tmp_path / f"d{number}.nc", float(number)) for number in range(4)]


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Ids of the datasets that were summarised, in order."""
    ids: list[str] = []

    def counted(opened: Opened) -> Summary:
        ids.append(opened.entry.id)
        return summarise(opened)

    monkeypatch.setattr("cloudify.datasets.summaries.summarise", counted)
    return ids


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Ids of the entries that the pass opened, in order."""
    ids: list[str] = []
    real = opening.open_entry

    def counted(entry: Entry, **given: Any) -> Opened:
        ids.append(entry.id)
        return real(entry, **given)

    monkeypatch.setattr("cloudify.datasets.summary_pass.open_entry", counted)
    return ids


def open_(entry: Entry) -> Opened:
    return opening.open_entry(entry, timeout_s=5)


def shelf(entries: list[Entry], limit: int = 8) -> Shelf:
    return Shelf(entries, limit=limit, check_s=0, timeout_s=5)


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_summary_is_made_once_for_64_and_once_for_all_starts(
    entries: list[Entry], made: list[str], tmp_path: Path
) -> None:
    first = Summaries(tmp_path / "kept")
    one = open_(entries[1])
    with ThreadPoolExecutor(64) as pool:
        found = list(pool.map(first.of, [one] * 64))
    assert made == ["d1"]
    assert all(summary == found[0] for summary in found)
    assert first.extent(entries[1]).bbox == box(1)
    later = Summaries(tmp_path / "kept")
    assert later.of(open_(entries[1])) == found[0]
    assert later.unopened(entries[1], Settings()) == found[0]
    assert made == ["d1"]
    (kept,) = (tmp_path / "kept").iterdir()
    assert kept.name == f"{one.token}.json"
    assert str(tmp_path) not in kept.read_text()
    assert (tmp_path / "kept").stat().st_mode & 0o777 == 0o700


def test_a_replaced_file_is_summarised_anew(entries: list[Entry], made: list[str], tmp_path: Path) -> None:
    held = Summaries(tmp_path / "kept")
    held.of(open_(entries[0]))
    write(tmp_path / "new.nc", 50.0)
    (tmp_path / "new.nc").rename(entries[0].href)
    assert held.unopened(entries[0], Settings()) is None
    held.of(open_(entries[0]))
    assert held.extent(entries[0]).bbox == box(50)
    assert made == ["d0", "d0"]


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", '{"form": 2}', "\xff", "x" * 2_000_000, '{"form": 1, "summary": {"dimensions": 3}}', "null"],
)
def test_a_file_that_is_no_summary_is_made_again(
    entries: list[Entry], made: list[str], tmp_path: Path, text: str
) -> None:
    held = open_(entries[2])
    Summaries(tmp_path / "kept").of(held)
    (kept,) = (tmp_path / "kept").iterdir()
    good = kept.read_bytes()
    kept.write_bytes(text.encode("latin-1"))
    again = Summaries(tmp_path / "kept")
    assert again.kept(held.token) is None
    again.of(open_(entries[2]))
    assert again.extent(entries[2]).bbox == box(2)
    assert kept.read_bytes() == good
    assert made == ["d2", "d2"]


def test_a_summary_with_a_wrong_type_inside_is_no_summary(entries: list[Entry], tmp_path: Path) -> None:
    held = open_(entries[2])
    Summaries(tmp_path / "kept").of(held)
    (kept,) = (tmp_path / "kept").iterdir()
    for path, value in (("extent", {"bbox": [1, 2, 3]}), ("calendar", 5), ("is_whole", "yes"), ("dimensions", [{}])):
        content = json.loads(kept.read_text())
        content["summary"][path] = value
        (tmp_path / "kept" / kept.name).write_text(json.dumps(content))
        assert Summaries(tmp_path / "kept").kept(held.token) is None
        kept.unlink()
        Summaries(tmp_path / "kept").of(open_(entries[2]))


def test_a_disk_that_cannot_be_written_fails_nobody(entries: list[Entry], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    held = Summaries(tmp_path / "file" / "kept")
    held.of(open_(entries[3]))
    assert held.extent(entries[3]).bbox == box(3)
    full = Summaries(Path("/dev/full"))
    full.of(open_(entries[3]))
    assert full.extent(entries[3]).bbox == box(3)


def test_a_disk_that_fills_up_leaves_no_half_of_a_file(
    entries: list[Entry], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, target: Path) -> Path:
        assert path.parent == target.parent  # else it would not be replaced in one step
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    held = Summaries(tmp_path / "kept")
    held.of(open_(entries[3]))
    assert held.extent(entries[3]).bbox == box(3)
    assert list((tmp_path / "kept").iterdir()) == []


def test_the_oldest_files_go_where_there_are_too_many(
    entries: list[Entry], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Summaries(tmp_path / "one").of(open_(entries[0]))
    (one,) = (tmp_path / "one").iterdir()
    monkeypatch.setattr(keeping, "ON_DISK_NBYTES", one.stat().st_size * 5 // 2)
    monkeypatch.setattr(keeping, "IN_MEMORY", 1)
    held = Summaries(tmp_path / "kept")
    tokens = []
    for number, entry in enumerate(entries):
        opened_ = open_(entry)
        held.of(opened_)
        tokens.append(opened_.token)
        os.utime(tmp_path / "kept" / f"{opened_.token}.json", (number, number))
    assert {path.stem for path in (tmp_path / "kept").iterdir()} == set(tokens[2:])
    assert held.kept(tokens[0]) is None
    assert held.kept(tokens[2]) is not None
    assert all(held.extent(entry).bbox for entry in entries)


def test_what_the_catalog_says_comes_first(entries: list[Entry]) -> None:
    stated = Entry("d0", "netcdf", entries[0].href, bbox=(5.0, 5.0, 6.0, 6.0))
    held = Summaries()
    assert held.extent(stated).bbox == (5.0, 5.0, 6.0, 6.0)
    held.of(open_(stated))
    assert held.extent(stated).bbox == (5.0, 5.0, 6.0, 6.0)
    assert held.count([stated, entries[1]]) == 1


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(summary_pass, "FIRST_S", 0.0)
    monkeypatch.setattr(summary_pass, "AGAIN_S", 0.02)
    monkeypatch.setattr(summary_pass, "PAUSE_S", 0.01)


@pytest.mark.usefixtures("quick")
def test_the_pass_summarises_what_nobody_asked_for_and_leaves_the_shelf_to_readers(
    entries: list[Entry], opened: list[str], tmp_path: Path
) -> None:
    placed = Entry("placed", "netcdf", "/nowhere.nc", bbox=box(0), interval=("2000-01-01T00:00:00Z",) * 2)
    held, known = shelf([*entries, placed], limit=1), Summaries(tmp_path / "kept")
    reader = held.get("d2")
    with SummaryPass(held, known, Settings()):
        wait_for(lambda: known.count(entries) == 4)
    assert [known.extent(entry).bbox for entry in entries] == [box(number) for number in range(4)]
    assert held.peek("d2") is reader
    assert sorted(opened) == ["d0", "d1", "d2", "d3"]
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("cloudify-summar")]
    again = Summaries(tmp_path / "kept")
    with SummaryPass(held, again, Settings()):
        wait_for(lambda: again.count(entries) == 4)
    assert len(opened) == 4  # the disk knew


@pytest.mark.usefixtures("quick")
def test_the_pass_remembers_what_failed_until_its_source_changes(
    entries: list[Entry], opened: list[str], tmp_path: Path
) -> None:
    Path(entries[1].href).write_text("no netCDF")
    gone = Entry("gone", "netcdf", str(tmp_path / "gone.nc"))
    held, known = shelf([gone, *entries]), Summaries()
    passing = SummaryPass(held, known, Settings())
    with passing:
        wait_for(lambda: known.count(entries) == 3)
        rounds: list[int] = []
        before = passing._round
        passing._round = lambda: (before(), rounds.append(1))[0]  # type: ignore[method-assign]
        wait_for(lambda: len(rounds) > 3)
        assert sorted(opened) == ["d0", "d1", "d2", "d3", "gone"]
        assert known.has_failed("d1")
        assert known.has_failed("gone")
        write(tmp_path / "gone.nc", 7.0)
        wait_for(lambda: known.extent(gone).bbox == box(7))
        assert not known.has_failed("gone")
        write(tmp_path / "new.nc", 60.0)
        (tmp_path / "new.nc").rename(entries[0].href)
        wait_for(lambda: known.extent(entries[0]).bbox == box(60))
    assert opened.count("d1") == 1


@pytest.mark.usefixtures("quick")
def test_a_dataset_that_takes_too_long_is_left_alone_and_the_others_have_their_turn(
    entries: list[Entry], monkeypatch: pytest.MonkeyPatch
) -> None:
    release, waiting = threading.Event(), threading.Event()
    real = opening.open_entry

    def slow(entry: Entry, **given: Any) -> Opened:
        if entry.id == "d0":
            waiting.set()
            release.wait(30)
        return real(entry, **given)

    monkeypatch.setattr("cloudify.datasets.summary_pass.open_entry", slow)
    held, known = shelf(entries), Summaries()
    with SummaryPass(held, known, Settings(summary_timeout_s=0.05)):
        assert waiting.wait(10)
        wait_for(lambda: known.count(entries) == 3)
        release.set()
        wait_for(lambda: known.count(entries) == 4)  # what it found after all is not lost


@pytest.mark.usefixtures("quick")
def test_the_end_does_not_wait_for_a_dataset(entries: list[Entry], monkeypatch: pytest.MonkeyPatch) -> None:
    release, waiting = threading.Event(), threading.Event()

    def stuck(entry: Entry, **given: Any) -> Opened:
        waiting.set()
        release.wait(30)
        return opening.open_entry(entry, **given)

    monkeypatch.setattr("cloudify.datasets.summary_pass.open_entry", stuck)
    with SummaryPass(shelf(entries), Summaries(), Settings()):
        assert waiting.wait(10)
        began = time.monotonic()
    assert time.monotonic() - began < 2
    release.set()
    wait_for(lambda: not [thread for thread in threading.enumerate() if thread.name.startswith("cloudify-summar")])


def test_no_time_no_pass(entries: list[Entry], opened: list[str]) -> None:
    with SummaryPass(shelf(entries), Summaries(), Settings(summary_timeout_s=0)):
        assert not [thread for thread in threading.enumerate() if thread.name == "cloudify-summaries"]
    assert opened == []
