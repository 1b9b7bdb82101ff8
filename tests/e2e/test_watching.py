"""What comes, goes and changes below the targets shows within seconds, and disturbs nothing else."""

import errno
import html
import os
import re
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import xarray as xr

from cloudify import Server
from cloudify.catalog.survey import Survey
from cloudify.settings import Settings
from cloudify.testing import running

DEADLINE_S = 15.0


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look at targets more often than usual."""
    monkeypatch.setattr("cloudify.server.watcher.TICK_MS", 100)


def until(condition: Callable[[], object], what: object = "") -> None:
    end = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < end, what
        time.sleep(0.02)


def write(path: Path, value: float) -> None:
    """Write a file in one step, as careful writers do."""
    path.parent.mkdir(parents=True, exist_ok=True)
    hidden = path.with_name(f".{path.name}")
    xr.Dataset({"v": ("x", [value, value + 0.5])}).to_netcdf(hidden)
    hidden.rename(path)


def value(url: str, dataset_id: str) -> float:
    with xr.open_dataset(f"{url}/datasets/{dataset_id}/zarr", engine="zarr", zarr_format=3) as ds:
        return float(ds["v"][0])


def ids(url: str) -> list[str]:
    found: list[str] = httpx.get(f"{url}/datasets").json()
    return found


def status(url: str, dataset_id: str) -> tuple[int, str]:
    answer = httpx.get(f"{url}/datasets/{dataset_id}/zarr/zarr.json")
    return answer.status_code, "" if answer.is_success else answer.json()["type"].rpartition("/")[2]


def served(*targets: Path, **settings: Any) -> Server:
    given = Settings.load(token_check_s=0.1, **settings)
    return Server(Survey(map(str, targets), settings=given), settings=given)


def test_a_file_that_comes_and_goes_shows_on_every_list_and_disturbs_no_other(tmp_path: Path) -> None:
    write(tmp_path / "a.nc", 1)
    server = served(tmp_path)
    with running(server.app) as url:
        assert value(url, "a") == 1
        kept = server.shelf.peek("a")
        write(tmp_path / "below" / "b.nc", 2)
        until(lambda: ids(url) == ["a", "below-b"])
        assert value(url, "below-b") == 2
        write(tmp_path / "below" / "c.nc", 3)  # in a folder that was not there when the watch began
        until(lambda: ids(url) == ["a", "below-b", "below-c"])
        assert "below-c-zarr" in httpx.get(f"{url}/intake.yaml").text
        assert [row["id"] for row in httpx.get(url).json()["datasets"]] == ids(url)
        write(tmp_path / "below" / "c.nc", 4)
        until(lambda: value(url, "below-c") == 4)
        shutil.rmtree(tmp_path / "below")
        until(lambda: ids(url) == ["a"])
        assert status(url, "below-b") == (404, "unknown-dataset")
        assert "below-b" not in httpx.get(f"{url}/intake.yaml").text
        assert server.shelf.peek("a") is kept


def test_a_store_that_comes_is_one_dataset_from_its_metadata_on(tmp_path: Path) -> None:
    write(tmp_path / "a.nc", 1)
    with running(served(tmp_path).app) as url:
        xr.Dataset({"v": ("x", [7.0, 8.0])}).to_zarr(tmp_path / "s.zarr", zarr_format=3, consolidated=False)
        xr.Dataset({"v": ("x", [9.0])}).to_zarr(tmp_path / "plain", zarr_format=2, consolidated=True)
        until(lambda: ids(url) == ["a", "plain", "s"])
        assert (value(url, "s"), value(url, "plain")) == (7, 9)


def test_a_file_that_is_being_written_is_not_broken_for_good(tmp_path: Path) -> None:
    write(tmp_path / "whole", 1)
    whole = (tmp_path / "whole").read_bytes()
    write(tmp_path / "a.nc", 1)
    with running(served(tmp_path).app) as url, (tmp_path / "b.nc").open("wb") as file:
        file.write(whole[:2000])
        file.flush()
        until(lambda: ids(url) == ["a", "b"])
        until(lambda: status(url, "b") == (502, "unreadable-dataset"))
        assert httpx.get(url).json()["datasets"][1]["error"]
        file.write(whole[2000:])
        file.flush()
        assert httpx.get(url).json()["datasets"][1]["error"] == ""  # nobody knows by now
        until(lambda: status(url, "b") == (200, ""))
        assert value(url, "b") == 1


def test_a_file_keeps_its_id_when_another_comes_that_would_have_it(tmp_path: Path) -> None:
    write(tmp_path / "one" / "x.nc", 1)
    with running(served(tmp_path / "one", tmp_path).app) as url:  # the second has it again, and is no second dataset
        assert ids(url) == ["x"]
        tag = httpx.get(f"{url}/datasets/x/zarr/v/c/0").headers["etag"]
        write(tmp_path / "one" / "x.h5", 2)
        write(tmp_path / "x.nc", 3)
        until(lambda: len(ids(url)) == 3)
        assert httpx.get(f"{url}/datasets/x/zarr/v/c/0").headers["etag"] == tag
        others = sorted(set(ids(url)) - {"x"})
        assert sorted(value(url, name) for name in others) == [2, 3]
        (tmp_path / "one" / "x.nc").unlink()
        until(lambda: sorted(ids(url)) == others)
        assert sorted(value(url, name) for name in others) == [2, 3]


def test_a_folder_exchanged_by_a_link_has_the_new_values_under_the_old_ids(tmp_path: Path) -> None:
    for name, number in (("v1", 1), ("v2", 2)):
        write(tmp_path / name / "a.nc", number)
        xr.Dataset({"v": ("x", [number + 10.0])}).to_zarr(tmp_path / name / "s.zarr", zarr_format=3)
    write(tmp_path / "v2" / "b.nc", 5)
    (tmp_path / "current").symlink_to("v1")
    catalog = tmp_path / "c.yaml"
    catalog.write_text("datasets: {linked: {href: current/s.zarr}}\n")
    with running(served(tmp_path / "current", catalog).app) as url:
        assert (value(url, "a"), value(url, "s"), value(url, "linked")) == (1, 11, 11)
        (tmp_path / "next").symlink_to("v2")
        (tmp_path / "next").rename(tmp_path / "current")
        until(lambda: sorted(ids(url)) == ["a", "b", "linked", "s"])
        until(lambda: (value(url, "a"), value(url, "s"), value(url, "linked")) == (2, 12, 12))
        write(tmp_path / "v2" / "c.nc", 6)  # the kernel tells of the folder that is there now
        until(lambda: "c" in ids(url))


def test_a_thousand_new_files_show_soon(tmp_path: Path) -> None:
    write(tmp_path / "a.nc", 1)
    with running(served(tmp_path).app) as url:
        data = (tmp_path / "a.nc").read_bytes()
        for number in range(1000):
            (tmp_path / f"n{number}.nc").write_bytes(data)
        until(lambda: len(ids(url)) == 1001)
        assert value(url, "n999") == 1


@pytest.fixture
def catalog(tmp_path: Path) -> Path:
    for name, number in (("a", 1), ("b", 2), ("c", 3)):
        write(tmp_path / f"{name}.nc", number)
    path = tmp_path / "catalog.yaml"
    path.write_text("title: one\ndatasets:\n  a: {href: a.nc}\n  b: {href: b.nc}\n")
    return path


def test_entries_of_a_catalog_come_go_and_change(catalog: Path) -> None:
    server = served(catalog)
    with running(server.app) as url:
        assert (value(url, "a"), value(url, "b")) == (1, 2)
        kept = server.shelf.peek("a")
        tag = httpx.get(f"{url}/datasets/b/zarr/v/c/0").headers["etag"]
        catalog.write_text("title: two\ndatasets:\n  a: {href: a.nc}\n  b: {href: c.nc}\n  d: {href: b.nc}\n")
        until(lambda: ids(url) == ["a", "b", "d"])
        assert (value(url, "b"), value(url, "d")) == (3, 2)
        assert httpx.get(f"{url}/datasets/b/zarr/v/c/0").headers["etag"] != tag
        assert httpx.get(url).json()["title"] == "two"
        assert server.shelf.peek("a") is kept
        catalog.write_text("datasets: {}\n")
        until(lambda: ids(url) == [])
        assert status(url, "a") == (404, "unknown-dataset")


@pytest.mark.parametrize("content", ["title: one\ndatasets:\n  a: {href: a.", "", None])
def test_a_catalog_that_cannot_be_read_keeps_its_last_good_entries(catalog: Path, content: str | None) -> None:
    good = catalog.read_text()
    with running(served(catalog).app) as url:
        assert "faults" not in httpx.get(f"{url}/ready").json()
        catalog.unlink() if content is None else catalog.write_text(content)
        until(lambda: "faults" in httpx.get(f"{url}/ready").json())
        assert ids(url) == ["a", "b"]
        assert value(url, "a") == 1
        said = httpx.get(url).json()["faults"]
        page = httpx.get(url, headers={"Accept": "text/html"}).text
        assert said
        assert all(re.match(r"catalog\.yaml(:\d+)?: expected ", line) for line in said)
        assert all(html.escape(line, quote=False) in page for line in said)
        assert str(catalog.parent) not in page + str(said)
        catalog.write_text(good + "  c: {href: c.nc}\n")
        until(lambda: ids(url) == ["a", "b", "c"])
        assert "faults" not in httpx.get(f"{url}/ready").json()


def test_an_entry_that_becomes_faulty_says_so_and_costs_no_other(catalog: Path) -> None:
    with running(served(catalog).app) as url:
        catalog.write_text("datasets:\n  a: {href: a.nc}\n  b: {href: [b.nc]}\n")
        until(lambda: status(url, "b") == (502, "unreadable-dataset"))
        assert value(url, "a") == 1
        assert ids(url) == ["a", "b"]


def test_an_entry_that_claims_the_id_of_a_file_comes_too_late(catalog: Path) -> None:
    with running(served(catalog, catalog.parent / "c.nc").app) as url:
        assert value(url, "c") == 3
        catalog.write_text("datasets:\n  a: {href: a.nc}\n  c: {href: b.nc}\n")
        until(lambda: "b" not in ids(url))
        assert value(url, "c") == 3
        assert httpx.get(url).json()["faults"] == ["catalog.yaml: expected an id that no other entry has"]


def test_an_object_of_python_keeps_its_id_too(tmp_path: Path) -> None:
    write(tmp_path / "a.nc", 1)
    survey = Survey([str(tmp_path)], reserved=["b"])
    server = Server(survey, objects={"b": xr.Dataset({"v": ("x", [9.0])})})
    with running(server.app) as url:
        write(tmp_path / "b.nc", 2)
        until(lambda: len(ids(url)) == 3)
        assert value(url, "b") == 9


def test_a_single_file_that_goes_is_unknown_until_it_is_back(tmp_path: Path) -> None:
    write(tmp_path / "a.nc", 1)
    write(tmp_path / "b.nc", 2)
    with running(served(tmp_path / "a.nc", tmp_path / "b.nc").app) as url:
        (tmp_path / "a.nc").rename(tmp_path / "away")
        until(lambda: status(url, "a") == (404, "unknown-dataset"))
        assert ids(url) == ["b"]
        assert httpx.get(url).json()["faults"] == ["a.nc: expected what was there when the server started"]
        (tmp_path / "away").rename(tmp_path / "a.nc")
        until(lambda: status(url, "a") == (200, ""))


def test_where_nothing_tells_of_changes_they_show_by_reading_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(*_: object, **__: object) -> Iterator[set[Any]]:
        raise OSError(errno.ENOSPC, "no more watches")

    monkeypatch.setattr("cloudify.server.watcher.watch", refuse)
    (tmp_path / "deep").mkdir()
    write(tmp_path / "deep" / "a.nc", 1)
    with running(served(tmp_path, reread_s=0.2).app) as url:
        write(tmp_path / "deep" / "b.nc", 2)  # the target itself does not change
        until(lambda: ids(url) == ["deep-a", "deep-b"])
    assert [record.message for record in caplog.records if "cannot be watched" in record.message]


def test_nothing_is_watched_that_was_not_asked_for(tmp_path: Path) -> None:
    write(tmp_path / "data" / "below" / "a.nc", 1)
    xr.Dataset({"v": ("x", [1.0])}).to_zarr(tmp_path / "data" / "s.zarr", zarr_format=3)
    (tmp_path / "data" / ".hidden").mkdir()
    before = set(watched_inodes())
    with running(served(tmp_path / "data").app):
        wanted = {(tmp_path / "data").stat().st_ino, (tmp_path / "data" / "below").stat().st_ino}
        until(lambda: set(watched_inodes()) - before == wanted, watched_inodes)
    assert set(watched_inodes()) - before == set()


def watched_inodes() -> Iterator[int]:
    """What the kernel tells this process about."""
    for info in Path("/proc/self/fdinfo").iterdir():
        try:
            lines = info.read_text().splitlines()
        except OSError:
            continue
        for line in lines:
            if match := re.match(r"inotify wd:\S+ ino:(\S+)", line):
                yield int(match[1], 16)


def test_nothing_is_watched_where_the_setting_says_so(tmp_path: Path) -> None:
    write(tmp_path / "a.nc", 1)
    before = set(watched_inodes())
    server = served(tmp_path, watch=False)
    with running(server.app) as url:
        write(tmp_path / "b.nc", 2)
        assert ids(url) == ["a"]
        assert set(watched_inodes()) == before


def test_a_served_folder_is_watched_and_the_end_comes_within_five_seconds(start: Any, tmp_path: Path) -> None:
    write(tmp_path / "data" / "a.nc", 1)
    server = start("serve", str(tmp_path / "data"))
    write(tmp_path / "data" / "b.nc", 2)
    until(lambda: ids(server.url) == ["a", "b"])
    assert value(server.url, "b") == 2
    for number in range(200):  # it ends in the middle of work, too
        shutil.copyfile(tmp_path / "data" / "a.nc", tmp_path / "data" / f"n{number}.nc")
    begun = time.monotonic()
    os.kill(server.process.pid, signal.SIGTERM)
    assert server.process.wait(timeout=10) == 0
    assert time.monotonic() - begun < 5
    with server.process.stdout as printed:
        assert printed.read() == "cloudify: ended\n"
    assert "Traceback" not in server.log.read_text()
    assert "datasets were added" in server.log.read_text()


def test_a_dataset_that_is_split_is_looked_at_again_when_its_source_has_changed(tmp_path: Path) -> None:
    def levels(*values: float) -> None:
        ds = xr.Dataset({"v": (("lev", "x"), [[value] for value in values])}, coords={"lev": list(values)})
        ds.to_netcdf(tmp_path / "hidden")
        (tmp_path / "hidden").rename(tmp_path / "a.nc")

    levels(1, 2)
    catalog = tmp_path / "c.yaml"
    catalog.write_text("datasets: {a: {href: a.nc, prepare: {split: lev}}}\n")
    server = served(catalog, reread_s=0.3)
    with running(server.app) as url:
        assert len(ids(url)) == 2
        first = ids(url)[0]
        httpx.get(f"{url}/datasets/{first}/zarr/zarr.json").raise_for_status()
        kept = server.shelf.peek(first)
        read_at = server.watcher.readings
        until(lambda: server.watcher.readings > read_at)
        assert server.shelf.peek(first) is kept
        levels(1, 2, 3)
        until(lambda: len(ids(url)) == 3)
