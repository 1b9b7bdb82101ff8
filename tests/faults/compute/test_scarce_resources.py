"""A disk that is full or fails, too few descriptors: it is said, nothing is lost, and all goes on when it passes."""

import sqlite3
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from engines import OWNER, EngineProcess, Site, mounted, reaches, running
from playing import until

from cloudify.compute import hearing
from cloudify.compute.store.store import FILE
from cloudify.errors import StoreUnavailableError

MIB = 2**20
Start = Callable[..., EngineProcess]


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A file system of 12 MB."""
    with mounted(tmp_path / "small", 12 * MIB) as folder:
        yield folder


def fill(folder: Path) -> Path:
    """Take all room of a file system."""
    path = folder / "filler"
    with path.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(2**12))
        except OSError:
            return path


def is_intact(site: Site) -> bool:
    connection = sqlite3.connect(site.settings.data_dir / FILE)
    try:
        return connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    finally:
        connection.close()


@pytest.mark.durability("D-07")
def test_a_job_waits_while_the_disk_of_the_data_directory_is_full(tmp_path: Path, small: Path) -> None:
    site = Site(tmp_path / "site", data_dir=small)
    job = site.ask(args={"pause": 0.02})
    with running(site):
        reaches(site, job.id, 30)
        filler = fill(small)
        until(lambda: is_refused(site), 10)
        done = site.done(job.id)
        assert site.job(job.id).state == "running"  # it can be read meanwhile
        assert len(done) < 200
        filler.unlink()
        site.wait(job.id)
    site.check_whole(job.id)
    assert set(done) <= set(site.done(job.id))
    assert is_intact(site)
    site.close()


def is_refused(site: Site) -> bool:
    """Whether a job cannot be stored now, and is told so; what could be is dismissed."""
    try:
        site.dismiss(site.ask("slow", data=list(range(20_000))).id)
    except StoreUnavailableError as error:
        return error.has_no_room
    return False


@pytest.mark.durability("D-07")
def test_a_job_without_room_for_its_results_fails_in_the_end_and_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a minute; the test does not wait so long."""
    monkeypatch.setattr(hearing, "LONGEST_FULL_S", 0.5)
    monkeypatch.setattr(hearing, "FULL_PAUSE_S", 0.2)
    site = Site(tmp_path / "site")
    with mounted(site.settings.data_dir / "blobs", MIB) as folder, running(site):
        filler = fill(folder)
        failure = site.wait(site.ask().id, 30).failure
        assert failure is not None
        assert failure.reason == "no-room"
        assert "disk is full" in failure.message
        filler.unlink()
        assert site.wait(site.ask("slow", data=[1], args={"seconds": 0}).id).state == "successful"
        assert [path.name for path in folder.iterdir() if path.name.startswith(".tmp-")] == []
    site.close()


@pytest.mark.durability("D-07")
def test_a_function_without_room_for_its_files_fails_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = Site(tmp_path / "site")
    with mounted(tmp_path / "scratch", MIB) as folder:
        monkeypatch.setattr(tempfile, "tempdir", str(folder))
        with running(site):
            failure = site.wait(site.ask("writes", data=[1], args={"nbytes": 2 * MIB}).id).failure
            assert failure is not None
            assert failure.reason == "disk-limit"
            assert site.wait(site.ask("writes", data=[1], args={"nbytes": 1000}).id).state == "successful"
    site.close()


FAULTS = {
    "fdatasync EIO": "name=posix/io/sync/fdatasync,probability=0.2,failinfo=5",
    "fsync EIO": "name=posix/io/sync/fsync,probability=0.05,failinfo=5",
    "pwrite EIO": "name=posix/io/rw/pwrite,probability=0.05,failinfo=5",
    "write EIO": "name=posix/io/rw/write,probability=0.01,failinfo=5",
    "write ENOSPC": "name=posix/io/rw/write,probability=0.01,failinfo=28",
    "open EMFILE": "name=posix/io/oc/open,probability=0.02,failinfo=24",
}
"""What fails in an engine that has begun, and how often; SQLite calls the first, blobs the second."""


@pytest.mark.program("fiu-run")
@pytest.mark.durability("D-08", "D-09")
def test_a_job_survives_calls_of_the_system_that_fail(
    tmp_path: Path, engine: Start, counts: int, record_property: Callable[[str, object], None]
) -> None:
    faults = list(FAULTS) if counts > 1 else ["fdatasync EIO"]
    record_property("runs", len(faults))
    for number, fault in enumerate(faults):
        site = Site(tmp_path / str(number))
        job = site.ask(args={"pause": 0.01})
        faulty = engine(site, wrapper=("fiu-run", "-x", "-f", str(site.folder / "fiu")))
        reaches(site, job.id, 20)
        order = ["fiu-ctrl", "-f", str(site.folder / "fiu"), "-c", f"enable_random {FAULTS[fault]}", str(faulty.pid)]
        subprocess.run(order, check=True, timeout=20)
        site.service.jobs.wait(OWNER, job.id, 5)
        done = site.done(job.id)
        faulty.kill()
        assert is_intact(site)
        assert "cannot be read or written" in faulty.said() or fault != "fdatasync EIO"
        with running(site):
            site.wait(job.id)
        site.check_whole(job.id)
        assert set(done) <= set(site.done(job.id))
        site.close()


@pytest.mark.durability("D-09")
def test_an_engine_with_too_few_descriptors_loses_nothing(
    tmp_path: Path, engine: Start, counts: int, record_property: Callable[[str, object], None]
) -> None:
    limits = (24, 26, 28, 30) if counts > 1 else (24,)
    record_property("runs", len(limits))
    for files in limits:
        site = Site(tmp_path / str(files))
        job = site.ask(args={"pause": 0.01})
        poor = engine(site, wrapper=("prlimit", f"--nofile={files}:{files}"))
        until(lambda: "Too many open files" in poor.said(), 30)  # noqa: B023  # of this round
        done = site.done(job.id)
        poor.end()
        assert is_intact(site)
        with running(site):
            site.wait(job.id)
        site.check_whole(job.id)
        assert set(done) <= set(site.done(job.id))
        site.close()
