"""Whatever ends the process or the database, what was acknowledged is there, and nothing of the rest."""

import os
import signal
import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event, Thread
from time import monotonic, sleep
from typing import Any

import psycopg
import pytest

from cloudify.compute.lifecycle import Began, Closed, Dismissed, Extended
from cloudify.compute.store.store import FILE, Store, open_store
from cloudify.errors import StoreUnavailableError
from cloudify.model.job import Job
from cloudify.model.outcome import Emitted, Outcome, Piece

SETTLES = """
import sys
from pathlib import Path
from cloudify.compute.store.store import open_store
from cloudify.model.outcome import Emitted, Outcome, Piece

store = open_store(sys.argv[1] or None, Path(sys.argv[2]), migrate=False)
first, last, boot = int(sys.argv[3]), int(sys.argv[4]), sys.argv[5]
print("begin", flush=True)
for number in range(first, last + 1, 4):
    numbers = range(number, min(number + 4, last + 1))
    store.jobs.lease("j", [(n, 1) for n in numbers], boot)
    said = (Emitted(0, 1.0, "e", "0"),)
    outcomes = [
        Outcome(n, 1, (Piece(f"t/c/{n}", f"{n:064x}", n),), str(n), log=f"log {n}", emitted=said) for n in numbers
    ]
    store.jobs.settle("j", outcomes, boot=boot, at=1.0)
    print(numbers[-1], flush=True)
"""


def settling(url: str | None, tmp_path: Path, first: int, last: int, boot: str) -> "subprocess.Popen[str]":
    """Start a process that settles slices; it says of which it was told that they are."""
    command = [sys.executable, "-c", SETTLES, url or "", str(tmp_path / "data"), str(first), str(last), boot]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "begin\n"
    return process


def added(store: Store, total: int) -> None:
    store.jobs.add(Job("j", "ann", "map", 1.0, total=total, on_error="skip"), "{}", "{}")
    store.jobs.happen("j", Began(at=1.0))


def check_whole(store: Store, acknowledged: int) -> int:
    """Every slice that is done has all that it left, once; returns how many there are."""
    record = store.jobs.get("j")
    assert record is not None
    count = record.job.done
    assert count >= acknowledged
    numbers = [number for number, _ in store.jobs.values("j", 1, 10_000)]
    assert len(numbers) == count
    assert [piece.nbytes for piece in store.jobs.pieces("j")] == numbers
    assert [log.slice for log in store.jobs.log("j", limit=10_000)] == numbers
    done = store.jobs.slices("j", state="done", limit=10_000)
    assert [number for each in done for number in range(each.first, each.last + 1)] == numbers
    events = store.events.after("j", 0, 100_000)
    assert Counter(event.slice for event in events if event.type == "slice-done") == dict.fromkeys(numbers, 1)
    assert Counter(event.slice for event in events if event.type == "e") == dict.fromkeys(numbers, 1)
    return count


@pytest.mark.durability("D-01")
def test_what_was_acknowledged_before_a_kill_is_there_whole(
    store: Store, reopen: Callable[[], Store], url: str | None, tmp_path: Path
) -> None:
    """Engines are killed at any moment, the last ends the work (security.md, D-01)."""
    total, count = 120, 0
    added(store, total)
    for moment in (1, 9, 240):
        boot = f"boot {moment}"
        store.jobs.reclaim(boot)
        engine = settling(url, tmp_path, count + 1, total, boot)
        assert engine.stdout is not None
        told = 0
        for line in engine.stdout:
            told = int(line)
            if told >= count + 4 * moment:
                engine.kill()
                break
        told = max([told, *(int(line) for line in engine.stdout if line.endswith("\n"))])
        engine.stdout.close()
        engine.wait()
        count = check_whole(reopen(), told)
        assert count % 4 == 0  # a batch is whole, or not there
    assert count == total
    assert store.jobs.pending("j", 0, 10) == []


def test_several_processes_write_at_once(store: Store, url: str | None, tmp_path: Path) -> None:
    """Each settles slices of its own, while this one extends and reads; who polls sees events in their order."""
    total = 120
    store.jobs.add(Job("j", "ann", "map", 1.0, total=total, on_error="skip", is_open=True), "{}", "{}")
    store.jobs.happen("j", Began(at=1.0))
    engines = [settling(url, tmp_path, first, first + 39, f"boot {first}") for first in (1, 41, 81)]
    seen: list[int] = []
    extended = 0
    deadline = monotonic() + 60
    while any(engine.poll() is None for engine in engines):
        assert monotonic() < deadline
        store.jobs.happen("j", Extended(at=2.0, count=1), inputs=[str(extended)])
        extended += 1
        new = [event.seq for event in store.events.after("j", seen[-1] if seen else 0, 50)]
        assert new == sorted(new)
        seen += new
    while new := [event.seq for event in store.events.after("j", seen[-1], 50)]:
        seen += new
    assert [engine.returncode for engine in engines] == [0, 0, 0]
    for engine in engines:
        assert engine.stdout is not None
        engine.stdout.close()
    everything = store.events.after("j", 0, 100_000)
    assert seen == [event.seq for event in everything]
    assert check_whole(store, total) == total
    record = store.jobs.get("j")
    assert record is not None
    assert record.job.total == total + extended
    assert len(store.jobs.inputs("j", range(total + 1, total + extended + 1))) == extended


def test_many_threads_write_at_once(store: Store) -> None:
    failed: list[Exception] = []

    def work(thread: int) -> None:
        try:
            for number in range(8):
                job_id = f"{thread}-{number}"
                store.jobs.add(Job(job_id, "ann", "map", 1.0, total=1), "{}", "{}")
                store.jobs.happen(job_id, Dismissed(at=2.0))
                assert store.jobs.list("ann", limit=3, now=3.0).items
        except Exception as error:  # noqa: BLE001  # what a thread raises is shown below
            failed.append(error)

    threads = [Thread(target=work, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert len(store.jobs.list("ann", states=["dismissed"], limit=1000, now=3.0).items) == 128


def test_a_file_that_is_held_by_another_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cloudify.compute.store.sqlite.WAIT_S", 0.2)
    store = open_store(None, tmp_path, migrate=True)
    added(store, 2)
    other = sqlite3.connect(tmp_path / FILE, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreUnavailableError, match="is busy"):
        store.jobs.happen("j", Closed(at=1.0))
    assert store.jobs.unfinished() == ["j"]  # it can be read meanwhile
    other.execute("ROLLBACK")
    other.close()
    assert store.jobs.happen("j", Dismissed(at=1.0))[0].state == "dismissed"
    store.close()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 2 MB."""
    folder = tmp_path / "small"
    folder.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if made.returncode:
        pytest.skip("a file system for the test cannot be mounted: not root")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.durability("D-07")
def test_a_full_disk_stops_changes_and_nothing_else(small_disk: Path) -> None:
    """security.md, D-07: what was acknowledged is whole, the rest goes on when there is room again."""
    store = open_store(None, small_disk, migrate=True)
    added(store, 4000)
    filler = small_disk / "filler"
    filler.write_bytes(bytes(2**20))
    settled = 0

    def settle() -> None:
        nonlocal settled
        numbers, said = range(settled + 1, settled + 51), (Emitted(0, 1.0, "e", "0"),)
        store.jobs.lease("j", [(n, 1) for n in numbers], "b")
        outcomes = [
            Outcome(n, 1, (Piece(f"t/c/{n}", f"{n:064x}", n),), str(n), log=f"{n}" * 99, emitted=said) for n in numbers
        ]
        store.jobs.settle("j", outcomes, boot="b", at=1.0)
        settled += 50

    def settle_all() -> None:
        while settled < 4000:
            settle()

    with pytest.raises(StoreUnavailableError, match="its disk is full") as raised:
        settle_all()
    assert raised.value.has_no_room
    assert settled < 4000
    assert check_whole(store, settled) == settled
    with pytest.raises(StoreUnavailableError):
        settle()
    filler.unlink()
    settle()
    assert check_whole(store, settled) == settled
    store.close()


@pytest.mark.durability("D-09")
def test_without_free_descriptors_a_store_says_so_and_recovers(tmp_path: Path) -> None:
    """security.md, D-09, in a process of its own."""
    code = """
import os, resource, sys
from pathlib import Path
from cloudify.compute.store.store import open_store
from cloudify.errors import StoreUnavailableError
from cloudify.model.job import Job
store = open_store(None, Path(sys.argv[1]), migrate=True)
store.close()
resource.setrlimit(resource.RLIMIT_NOFILE, (40, 40))
taken = []
try:
    while True:
        taken.append(os.open("/dev/null", os.O_RDONLY))
except OSError:
    pass
for change in (
    lambda: store.jobs.add(Job("j", "ann", "map", 1.0), "{}", "{}"),
    lambda: store.blobs.put(b"x"),
    lambda: open_store(None, Path(sys.argv[1]), migrate=True),
):
    try:
        change()
        sys.exit("it has worked")
    except StoreUnavailableError:
        pass
for descriptor in taken:
    os.close(descriptor)
store.jobs.add(Job("j", "ann", "map", 1.0), "{}", "{}")
store.blobs.put(b"x")
assert store.jobs.unfinished() == ["j"]
"""
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.program("postgres")
def test_a_database_that_was_away_is_used_again(postgres: Any, tmp_path: Path) -> None:
    url = postgres.new()
    store = open_store(url, tmp_path, migrate=True)
    added(store, 2)
    postgres.stop()
    with pytest.raises(StoreUnavailableError, match="cannot be reached"):
        store.jobs.happen("j", Dismissed(at=1.0))
    with pytest.raises(StoreUnavailableError, match="cannot be reached"):
        store.jobs.unfinished()
    postgres.start()
    assert store.jobs.unfinished() == ["j"]
    assert store.jobs.happen("j", Dismissed(at=1.0))[0].state == "dismissed"
    store.close()


@pytest.mark.program("postgres")
def test_a_connection_that_is_cut_in_the_middle_of_a_change_undoes_it(postgres: Any, tmp_path: Path) -> None:
    url = postgres.new()
    store = open_store(url, tmp_path, migrate=True)
    added(store, 2)

    def inputs() -> Iterator[str]:
        yield "1"
        with psycopg.connect(url, autocommit=True) as admin:
            admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()")
        yield "2"

    with pytest.raises(StoreUnavailableError, match="cannot be reached"):
        store.jobs.add(Job("k", "ann", "map", 1.0, total=2), "{}", "{}", inputs())
    assert store.jobs.unfinished() == ["j"]
    store.close()


@pytest.mark.program("postgres")
def test_a_process_that_has_stopped_in_the_middle_of_a_change_loses_it(
    postgres: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = ("lock_timeout=20s", "idle_in_transaction_session_timeout=300ms")
    monkeypatch.setattr("cloudify.compute.store.postgresql._OPTIONS", options)
    url = postgres.new()
    store = open_store(url, tmp_path, migrate=True)
    store.jobs.add(Job("j", "ann", "map", 1.0, is_open=True), "{}", "{}")
    stopped, go_on = Event(), Event()

    def inputs() -> Iterator[str]:
        stopped.set()
        go_on.wait(20)
        yield "1"

    said: list[Exception] = []

    def extend() -> None:
        try:
            store.jobs.happen("j", Extended(at=2.0, count=1), inputs=inputs())
        except StoreUnavailableError as error:
            said.append(error)

    thread = Thread(target=extend)
    thread.start()
    assert stopped.wait(10)
    assert store.jobs.happen("j", Dismissed(at=3.0))[0].state == "dismissed"
    go_on.set()
    thread.join()
    assert len(said) == 1
    record = store.jobs.get("j")
    assert record is not None
    assert (record.job.state, record.job.total) == ("dismissed", 0)
    store.close()


@pytest.mark.durability("D-18")
@pytest.mark.program("postgres")
def test_a_second_engine_stands_by_until_the_first_is_gone(postgres: Any, tmp_path: Path) -> None:
    """security.md, D-18."""
    url = postgres.new()
    code = """
import sys
from pathlib import Path
from threading import Event
from cloudify.compute.store.store import open_store
store = open_store(sys.argv[1], Path(sys.argv[2]), migrate=True)
with store.hold_engine(Event()) as is_held:
    print(is_held(), flush=True)
    Event().wait()
"""
    first = subprocess.Popen([sys.executable, "-c", code, url, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert first.stdout is not None
    assert first.stdout.readline() == "True\n"
    store = open_store(url, tmp_path, migrate=True)
    begun, stop, ended = Event(), Event(), Event()

    def stand_by() -> None:
        with store.hold_engine(stop) as is_held:
            if is_held():
                begun.set()
                stop.wait(60)
        ended.set()

    thread = Thread(target=stand_by)
    thread.start()
    assert not begun.wait(1.2)
    os.kill(first.pid, signal.SIGKILL)
    first.wait()
    first.stdout.close()
    assert begun.wait(20)
    stop.set()
    assert ended.wait(20)
    thread.join()
    with store.hold_engine(Event()) as is_held:  # the lock was let go of
        assert is_held()
        stop = Event()
        with store.hold_engine(stop_soon(stop)) as is_held_too:
            assert not is_held_too()
        with psycopg.connect(url, autocommit=True) as admin:
            admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()")
        assert not is_held()
    store.close()


def stop_soon(stop: Event) -> Event:
    def later() -> None:
        sleep(0.2)
        stop.set()

    Thread(target=later).start()
    return stop


def test_on_a_file_the_directory_decides_which_engine_works(tmp_path: Path) -> None:
    store = open_store(None, tmp_path, migrate=True)
    with store.hold_engine(Event()) as is_held:
        assert is_held()
    store.close()
