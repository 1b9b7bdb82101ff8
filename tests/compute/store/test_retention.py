"""What has ended long ago goes, with the blobs that nothing else has; what is backed up comes back."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from threading import Event, Thread
from time import time

import pytest
from sqlalchemy import func, select

from cloudify.compute.lifecycle import Assembled, Began, Dismissed
from cloudify.compute.store import schema
from cloudify.compute.store.records import Idempotency
from cloudify.compute.store.store import Store, open_store
from cloudify.errors import UsageError
from cloudify.model.job import Job
from cloudify.model.outcome import Emitted, Outcome, Piece


def age(store: Store, *names: str) -> None:
    for name in names:
        os.utime(store.blobs.path(name), (time() - 10**6, time() - 10**6))


def ended(store: Store, job_id: str, at: float, values: list[bytes]) -> list[str]:
    """A job that has ended; returns the names of its blobs: of each value, of a part of its manifest, of that."""
    blobs = [store.blobs.put(value)[0] for value in values]
    manifest, _ = store.blobs.put(f"manifest of {job_id}".encode())
    part, _ = store.blobs.put(f"part of {job_id}".encode())
    total = len(values)
    made = Job(job_id, "ann", "map", 1.0, total=total)
    store.jobs.add(made, "{}", "{}", ["1"] * total, Idempotency(job_id, "hash"))
    store.jobs.happen(job_id, Began(at=1.0))
    store.jobs.lease(job_id, [(number, 1) for number in range(1, total + 1)], "e")
    said = (Emitted(0, 1.0, "found", "1"),)
    outcomes = [
        Outcome(number, 1, (Piece("t", blob, 1),), "1", log="x", emitted=said) for number, blob in enumerate(blobs, 1)
    ]
    store.jobs.settle(job_id, outcomes, boot="e", at=2.0)
    store.jobs.hold(job_id, [part])
    store.jobs.hold(job_id, [part])
    store.jobs.happen(job_id, Assembled(at=at, result=manifest))
    age(store, *blobs, manifest, part)
    return [*blobs, part, manifest]


def there(store: Store, names: list[str]) -> list[bool]:
    return [store.blobs.path(name).exists() for name in names]


def rows(store: Store, *, of_jobs: bool = True) -> dict[str, int]:
    tables = [schema.jobs, *schema.PARTS] if of_jobs else [schema.tokens, schema.processes]
    with store.jobs._database.reading() as connection:
        return {each.name: connection.execute(select(func.count()).select_from(each)).scalar_one() for each in tables}


def test_jobs_that_ended_long_ago_go_with_their_blobs(store: Store) -> None:
    old = ended(store, "old", 100.0, [b"only", b"shared"])
    new = ended(store, "new", 200.0, [b"shared"])
    store.jobs.add(Job("runs", "ann", "map", 1.0), "{}", "{}")
    assert store.jobs.prune(150.0) == 1
    assert there(store, old) == [False, True, False, False]
    assert there(store, new) == [True, True, True]
    assert store.jobs.get("old") is None
    assert [each.id for each in store.jobs.list("ann", limit=9, now=1.0).items] == ["runs", "new"]
    assert rows(store) == {
        "jobs": 2, "idempotency": 1, "inputs": 1, "slices": 1, "pieces": 1, "held": 2, "slice_values": 1, "logs": 1,
        "events": 6,
    }  # fmt: skip
    again = store.jobs.add(Job("again", "ann", "map", 5.0), "{}", "{}", (), Idempotency("old", "other"))
    assert again.id == "again"
    store.jobs.happen("again", Dismissed(at=120.0))
    assert store.jobs.prune(1e9) == 2
    assert there(store, new) == [False, False, False]
    assert store.jobs.unfinished() == ["runs"]


def test_more_than_one_transaction_takes_goes_too(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cloudify.compute.store.retention.AT_ONCE", 3)
    names = ended(store, "old", 100.0, [bytes([number]) for number in range(10)])
    assert store.jobs.prune(150.0) == 1
    assert not any(there(store, names))
    assert set(rows(store).values()) == {0}


def test_pruning_that_was_killed_is_ended_by_the_next(
    store: Store, reopen: Callable[[], Store], monkeypatch: pytest.MonkeyPatch
) -> None:
    """At any step of it the job is gone for everybody, and its blobs are found in the end."""
    names: list[str] = []
    for step in range(9):
        mine = ended(store, f"old {step}", 100.0, [f"{step}".encode()])
        names += mine
        calls = 0
        remove = store.jobs._remove

        def killed(*given: object, step: int = step, remove: Callable[..., None] = remove) -> None:
            nonlocal calls
            calls += 1
            if calls > step:
                raise KeyboardInterrupt
            remove(*given)

        with monkeypatch.context() as patch:
            patch.setattr(store.jobs, "_remove", killed)
            if step < 8:
                with pytest.raises(KeyboardInterrupt):
                    store.jobs.prune(150.0)
        assert step == 8 or store.jobs.get(f"old {step}") is None
        assert store.jobs.unfinished() == []
    other = reopen()
    assert other.jobs.prune(150.0) == 9
    other.jobs.sweep()
    assert not any(there(store, names))
    assert set(rows(store).values()) == {0}


def test_a_sweep_takes_what_nothing_refers_to(store: Store) -> None:
    kept = ended(store, "kept", 100.0, [b"a"])
    orphan, _ = store.blobs.put(b"of a job whose engine was killed before it was told")
    fresh, _ = store.blobs.put(b"of a job that is about to be told of")
    age(store, orphan)
    assert store.jobs.sweep() == 1
    assert there(store, [*kept, orphan, fresh]) == [True, True, True, False, True]


@pytest.mark.durability("D-20")
def test_a_backup_that_is_taken_while_jobs_run_restores(tmp_path: Path) -> None:
    """security.md, D-20: the copy has all that was acknowledged before, and every blob that it names."""
    store = open_store(None, tmp_path / "data", migrate=True)
    old = ended(store, "old", 100.0, [b"a", b"b"])
    store.tokens.create("ann", ["read"])
    stop = Event()
    store.jobs.add(Job("j", "ann", "map", 1.0, total=10**6, on_error="skip"), "{}", "{}")
    store.jobs.happen("j", Began(at=1.0))

    def work() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            blob, nbytes = store.blobs.put(str(number).encode())
            store.jobs.lease("j", [(number, 1)], "e")
            store.jobs.settle("j", [Outcome(number, 1, (Piece(f"{number}", blob, nbytes),))], boot="e", at=2.0)

    thread = Thread(target=work)
    thread.start()
    try:
        for name in ("one", "one", "two"):
            before = done(store)
            store.backup(tmp_path / name)
            after = done(store)
            copy = open_store(None, tmp_path / name, migrate=False)
            pieces = list(copy.jobs.pieces("j"))
            assert before <= done(copy) == len(pieces) <= after
            assert all(copy.blobs.read(piece.sha256) == piece.key.encode() for piece in pieces)
            assert there(copy, old) == [True] * 4
            assert [issued.token.user for issued in copy.tokens.list()] == ["ann"]
            copy.jobs.reclaim("of a server that was started on it")
            assert copy.jobs.happen("j", Dismissed(at=5.0))[0].state == "dismissed"
            copy.close()
    finally:
        stop.set()
        thread.join()
    assert store.jobs.unfinished() == ["j"]
    assert sorted(path.name for path in (tmp_path / "one").iterdir() if "cloudify.db-" not in path.name) == [
        "blobs", "cloudify.db",
    ]  # fmt: skip
    assert (tmp_path / "one" / "cloudify.db").stat().st_mode & 0o777 == 0o600
    store.close()


def done(store: Store) -> int:
    record = store.jobs.get("j")
    return record.job.done if record else 0


def test_blobs_are_copied_where_they_cannot_be_linked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = open_store(None, tmp_path / "data", migrate=True)
    name, _ = store.blobs.put(b"value")

    def refuse(*_: object) -> None:
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", refuse)
    store.backup(tmp_path / "backup")
    shutil.rmtree(tmp_path / "data")
    store.close()
    copy = open_store(None, tmp_path / "backup", migrate=False)
    assert copy.blobs.read(name) == b"value"
    copy.close()


def test_a_backup_that_cannot_be_written_says_so_and_leaves_nothing(tmp_path: Path) -> None:
    store = open_store(None, tmp_path / "data", migrate=True)
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="the backup"):
        store.backup(tmp_path / "file")
    (tmp_path / "to" / "cloudify.db").mkdir(parents=True)
    with pytest.raises(UsageError, match="the backup"):
        store.backup(tmp_path / "to")
    assert [path.name for path in (tmp_path / "to").iterdir()] == ["cloudify.db"]
    with pytest.raises(UsageError, match="a server uses"):
        store.backup(tmp_path / "data")
    assert store.jobs.unfinished() == []
    store.close()


@pytest.mark.program("postgres")
def test_on_postgresql_a_backup_is_made_by_its_programs(postgres: object, tmp_path: Path) -> None:
    store = open_store(postgres.new(), tmp_path, migrate=True)  # type: ignore[attr-defined]
    with pytest.raises(UsageError, match="pg_dump"):
        store.backup(tmp_path / "to")
    store.close()
