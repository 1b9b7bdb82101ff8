"""Targets read again and again: ids stay, and what cannot be read goes on standing."""

import errno
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cloudify.catalog.catalog import Fault
from cloudify.catalog.survey import Survey
from cloudify.errors import InvalidTargetError

CATALOGS = Path(__file__).parents[2] / "catalogs"


def touch(*paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"CDF\x01")


def again(survey: Survey) -> dict[str, str]:
    survey.look()
    return {entry.id: entry.href for entry in survey.read_again(everything=True).entries}


def test_ids_are_those_of_one_reading_until_something_collides(tmp_path: Path) -> None:
    touch(tmp_path / "a" / "x.nc", tmp_path / "b" / "x.nc", tmp_path / "b" / "y.nc")
    survey = Survey([str(tmp_path / "a"), str(tmp_path / "b")])
    assert {entry.id for entry in survey.read().entries} == {"a-x", "b-x", "y"}
    touch(tmp_path / "a" / "y.nc", tmp_path / "a" / "y.h5")
    found = again(survey)
    assert found["y"] == str(tmp_path / "b" / "y.nc")
    assert {href for name, href in found.items() if name != "y"} > {
        str(tmp_path / "a" / f"y.{end}") for end in ("nc", "h5")
    }
    (tmp_path / "b" / "y.nc").unlink()
    assert again(survey) == {name: href for name, href in found.items() if name != "y"}
    touch(tmp_path / "b" / "y.nc")
    assert again(survey) == found


def test_an_entry_that_did_not_change_is_the_same_object(tmp_path: Path) -> None:
    touch(tmp_path / "x.nc", tmp_path / "y.nc")
    survey = Survey([str(tmp_path)])
    before = survey.read().entries
    touch(tmp_path / "z.nc")
    after = survey.read_again(everything=False).entries
    assert after[0] is before[0]
    assert after[1] is before[1]
    assert survey.knows(str(tmp_path / "z.nc"))


def test_the_first_reading_is_strict(tmp_path: Path) -> None:
    for target in (tmp_path, tmp_path / "nowhere.nc"):
        with pytest.raises(InvalidTargetError):
            Survey([str(target)]).read()


def test_a_folder_that_cannot_be_listed_is_not_an_empty_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    touch(tmp_path / "data" / "x.nc")
    survey = Survey([str(tmp_path / "data")])
    before = survey.read().entries

    def fail(top: str, onerror: Callable[[OSError], object]) -> Iterator[tuple[str, list[str], list[str]]]:
        onerror(OSError(errno.EIO, os.strerror(errno.EIO), top))
        yield top, [], []

    monkeypatch.setattr("cloudify.catalog.targets.walk", fail)
    kept = survey.read_again(everything=True)
    assert kept.entries == before
    assert "Input/output error" in str(kept.faults[0])
    monkeypatch.undo()
    assert survey.read_again(everything=True).faults == ()
    (tmp_path / "data").rename(tmp_path / "away")
    gone = survey.read_again(everything=True)
    assert (gone.entries, len(gone.faults)) == ((), 1)


def test_a_catalog_is_read_when_who_writes_it_has_paused(tmp_path: Path) -> None:
    catalog = tmp_path / "c.yaml"
    catalog.write_text("datasets: {a: {href: a.nc}}\n")
    survey = Survey([str(catalog)])
    survey.read()
    assert not survey.look()
    catalog.write_text("datasets: {b: {href: b.nc}}\n")
    assert [survey.look(), survey.look()] == [False, True]
    assert [entry.id for entry in survey.read_again(everything=False).entries] == ["b"]
    assert not survey.look()


def test_half_of_a_stac_document_is_not_taken_for_a_dataset(tmp_path: Path) -> None:
    """JSON that is no STAC may be a reference set."""
    shutil.copytree(CATALOGS, tmp_path / "c")
    collection = tmp_path / "c" / "stac-collection.json"
    survey = Survey([str(collection)])
    before = survey.read()
    assert len(before.entries) > 1
    whole = collection.read_text()
    collection.write_text(whole[: len(whole) // 2])
    kept = survey.read_again(everything=True)
    assert kept.entries == before.entries
    assert "a catalog that can be read (what it said before is served)" in str(kept.faults[-1])
    collection.write_text(whole)
    assert survey.read_again(everything=True).faults == before.faults


def test_what_anybody_may_see_of_a_fault_is_neither_a_folder_nor_a_key() -> None:
    assert Fault("/data/secret/c.yaml", 3, "YAML", "'x'").public() == "c.yaml:3: expected YAML"
    assert Fault("https://example.org/a/c.yaml?sig=abc", 0, "YAML", "'x'").public() == "c.yaml: expected YAML"
