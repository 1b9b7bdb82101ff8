"""What an earlier version wrote is opened, with all that is in it; what a later one wrote is refused.

Security.md, D-22. Of each schema there is a database in `data`, never to be changed once it was released. That of a
new one is written by `python tests/compute/store/test_migrations.py`, and with the URL of an empty PostgreSQL database
behind that, from which `pg_dump --inserts --no-owner --no-privileges` has it.
"""

import shutil
import subprocess
import sys
import traceback
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import Connection, inspect, text

from cloudify.compute.lifecycle import Began, Extended
from cloudify.compute.store import migrations, schema
from cloudify.compute.store.records import Deployed, Idempotency, SliceLog, SliceRange
from cloudify.compute.store.store import FILE, Store, open_store
from cloudify.errors import InvalidSettingError, StoreSchemaError, StoreUnavailableError
from cloudify.model.function import Function
from cloudify.model.job import Failure, Job, Usage
from cloudify.model.outcome import Emitted, Outcome, Piece, Share
from cloudify.testing import free_port

DATA = Path(__file__).parent / "data"
RELEASED = sorted(int(path.stem.removeprefix("schema-")) for path in DATA.glob("schema-*.db"))
WRONG = Failure("user-error", "division by zero", 'File "f", line 1')
DEPLOYED = Deployed("ndvi", "1.0.0", "ann", "NDVI", "", "{}", "{}", Function("def f(x): ...", "f", {"a": b"\0"}), 9.0)
USER = "ann \u00e9"
KEEPS_PROGRESS = 2
"""The first schema that has what functions say of their progress."""


def fill(store: Store) -> None:
    """Write something into every table."""
    job = Job("job-1", USER, "map", 100.0, total=2, is_open=True, on_error="skip")
    store.jobs.add(job, '{"asked": 1}', '{"plan": 1}', ["1", "[2]"], Idempotency("key", "hash"))
    store.jobs.happen("job-1", Began(at=101.0))
    store.jobs.happen("job-1", Extended(at=102.0, count=1), inputs=['"c"'])
    store.jobs.lease("job-1", [(1, 1), (2, 1), (3, 1)], "boot")
    store.jobs.progress("job-1", [Share(3, 1, 250)], boot="boot", at=102.2)
    emitted = (Emitted(0, 102.5, "found", "7"),)
    done = Outcome(
        1, 1, (Piece("t/c/0", "ab" * 32, 5),), "1.5", usage=Usage(1.5, 2, 3, 4), log="hello", emitted=emitted
    )
    failed = Outcome(2, 1, failure=WRONG)
    store.jobs.settle("job-1", [done, failed], boot="boot", at=103.0, template='{"kind": "table"}')
    store.jobs.hold("job-1", ["cd" * 32])
    store.tokens.create(USER, ["compute", "read"], expires=5e9, datasets=["a"])
    store.processes.add(DEPLOYED)


def check(store: Store, version: int = schema.VERSION) -> None:
    """Find all of it that a version has."""
    permille, percent = (250, 75) if version >= KEEPS_PROGRESS else (None, 66)
    record = store.jobs.get("job-1")
    assert record is not None
    assert (record.job.state, record.job.total, record.job.done, record.job.failed) == ("running", 3, 1, 1)
    assert (record.job.owner, record.job.usage) == (USER, Usage(1.5, 2, 3, 4))
    assert (record.job.progress, record.job.running_permille) == (percent, permille or 0)
    assert (record.request, record.plan, record.template) == ('{"asked": 1}', '{"plan": 1}', '{"kind": "table"}')
    assert store.jobs.inputs("job-1", [1, 2, 3]) == {1: "1", 2: "[2]", 3: '"c"'}
    assert store.jobs.slices("job-1", limit=9) == [
        SliceRange(1, 1, "done", 1), SliceRange(2, 2, "failed", 1, WRONG),
        SliceRange(3, 3, "leased", 1, permille=permille),
    ]  # fmt: skip
    assert store.jobs.values("job-1", 1, 9) == [(1, "1.5")]
    assert list(store.jobs.pieces("job-1")) == [Piece("t/c/0", "ab" * 32, 5)]
    assert store.jobs.log("job-1") == [SliceLog(1, 1, "hello", is_cut=False)]
    assert [event.type for event in store.events.after("job-1", 0, 99)] == [
        "accepted", "started", "extended", "found", "slice-done", "slice-failed",
    ]  # fmt: skip
    assert store.jobs.referenced(["ab" * 32, "cd" * 32, "ef" * 32]) == {"ab" * 32, "cd" * 32}
    repeated = replace(record.job, id="job-2", created=110.0)
    assert store.jobs.add(repeated, "", "", (), Idempotency("key", "hash")).id == "job-1"
    (issued,) = store.tokens.list()
    token = store.tokens.find(issued.token.id)
    assert token is not None
    assert (token.user, token.scopes, token.datasets, token.expires_at) == (USER, {"compute", "read"}, ("a",), 5e9)
    assert len(token.digest) == 64
    assert store.processes.list() == (DEPLOYED,)


def shape(connection: Connection) -> dict[str, Any]:
    """Tables, columns, keys and indexes."""
    found = inspect(connection)
    return {
        name: (
            [(column["name"], repr(column["type"]), column["nullable"]) for column in found.get_columns(name)],
            found.get_pk_constraint(name)["constrained_columns"],
            sorted((index["name"], index["column_names"], index["unique"]) for index in found.get_indexes(name)),
            sorted(key["referred_table"] for key in found.get_foreign_keys(name)),
        )
        for name in sorted(found.get_table_names())
    }


def written_by(version: int, url: str | None, data_dir: Path) -> None:
    """Have the database be as a version wrote it."""
    if url is None:
        data_dir.mkdir()
        shutil.copy(DATA / f"schema-{version}.db", data_dir / FILE)
        return
    lines = (DATA / f"schema-{version}.sql").read_text().splitlines()
    with psycopg.connect(url) as connection:
        connection.execute("\n".join(line for line in lines if not line.startswith("\\")))  # type: ignore[arg-type]


def shape_of(store: Store) -> dict[str, Any]:
    with store.jobs._database.reading() as connection:
        return shape(connection)


def test_the_present_schema_is_among_those_that_are_kept() -> None:
    assert max(RELEASED) == schema.VERSION
    assert len(RELEASED) == schema.VERSION


@pytest.mark.durability("D-22")
@pytest.mark.parametrize("version", RELEASED)
def test_a_database_of_a_release_opens_with_all_that_is_in_it(
    version: int, url: str | None, tmp_path: Path, reopen: Callable[[], Store]
) -> None:
    written_by(version, url, tmp_path / "data")
    store = reopen()
    check(store, version)
    fresh = open_store(None, tmp_path / "fresh", migrate=True)
    if url is None:
        assert shape_of(store) == shape_of(fresh)
    assert set(shape_of(store)) == set(shape_of(fresh))
    fresh.close()


def test_a_new_database_has_all_of_it(store: Store) -> None:
    fill(store)
    check(store)


def step(connection: Connection) -> None:
    connection.execute(text("ALTER TABLE tokens ADD COLUMN note VARCHAR"))
    connection.execute(text("UPDATE tokens SET note = 'of schema 1'"))


def test_an_older_database_is_brought_up_to_date_at_once_or_not_at_all(
    store: Store, url: str | None, tmp_path: Path, reopen: Callable[[], Store], monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(store)
    before = shape_of(store)
    monkeypatch.setattr(schema, "VERSION", schema.VERSION + 1)

    def breaks(connection: Connection) -> None:
        step(connection)
        raise KeyError("broken")

    monkeypatch.setattr(migrations, "STEPS", {schema.VERSION: breaks})
    with pytest.raises(KeyError):
        reopen()
    assert shape_of(store) == before
    with pytest.raises(StoreSchemaError, match="start the server"):
        open_store(url, tmp_path / "data", migrate=False)
    monkeypatch.setattr(migrations, "STEPS", {schema.VERSION: step})
    check(reopen())
    assert "note" in str(shape_of(store)["tokens"])
    open_and_close(url, tmp_path / "data")


def open_and_close(url: str | None, data_dir: Path) -> None:
    store = open_store(url, data_dir, migrate=False)
    assert "j" not in store.jobs.unfinished()
    store.close()


def test_a_newer_database_is_refused_and_left_alone(store: Store, url: str | None, tmp_path: Path) -> None:
    fill(store)
    with store.jobs._database.writing() as connection:
        connection.execute(schema.versions.update().values(version=schema.VERSION + 6))
    for migrate in (True, False):
        with pytest.raises(StoreSchemaError, match=rf"schema {schema.VERSION + 6}, this one knows {schema.VERSION}"):
            open_store(url, tmp_path / "data", migrate=migrate)
    check(store)


def test_a_database_without_tables_is_made_by_who_may(url: str | None, tmp_path: Path) -> None:
    with pytest.raises(StoreSchemaError, match="start the server"):
        open_store(url, tmp_path / "data", migrate=False)
    open_store(url, tmp_path / "data", migrate=True).close()
    open_and_close(url, tmp_path / "data")
    if url is None:
        assert (tmp_path / "data" / FILE).stat().st_mode & 0o777 == 0o600
        assert (tmp_path / "data").stat().st_mode & 0o777 == 0o700


def test_tables_of_another_program_are_left_alone(store: Store, url: str | None, tmp_path: Path) -> None:
    with store.jobs._database.writing() as connection:
        connection.execute(text("DROP TABLE schema_version"))
    with pytest.raises(StoreSchemaError, match="tables of another program"):
        open_store(url, tmp_path / "data", migrate=True)
    with pytest.raises(StoreSchemaError, match="start the server"):
        open_store(url, tmp_path / "data", migrate=False)


def test_a_file_that_is_no_database_is_said(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"not a database at all\n" * 100)
    with pytest.raises(StoreUnavailableError, match="restore a backup"):
        open_store(None, tmp_path, migrate=True)


OPEN = """
import sys
from pathlib import Path
from cloudify.compute.store.store import open_store
sys.stdin.readline()
open_store(sys.argv[1] or None, Path(sys.argv[2]), migrate=True).close()
"""


def test_several_processes_open_a_new_store_at_once(url: str | None, tmp_path: Path) -> None:
    command = [sys.executable, "-c", OPEN, url or "", str(tmp_path / "data")]
    processes = [subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(3)]
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    said = [process.communicate(timeout=60)[1] for process in processes]
    assert [process.returncode for process in processes] == [0] * 3, said
    open_and_close(url, tmp_path / "data")


def test_a_wrong_url_is_said_without_its_password(tmp_path: Path) -> None:
    for url in ("postgresql://ann:secret@host:port/x", "secret"):
        with pytest.raises(InvalidSettingError, match="expected postgresql://user:password@host/database") as raised:
            open_store(url, tmp_path, migrate=True)
        assert raised.value.__cause__ is None
    with pytest.raises(StoreUnavailableError, match="cannot be reached") as unreached:
        open_store(f"postgresql://ann:{'very' + 'secret'}@127.0.0.1:{free_port()}/x", tmp_path, migrate=True)
    assert "verysecret" not in "".join(traceback.format_exception(unreached.value))


def write(url: str | None) -> None:
    folder = DATA / f"schema-{schema.VERSION}"
    store = open_store(url, folder, migrate=True)
    fill(store)
    store.close()
    if url is None:
        (folder / FILE).rename(DATA / f"schema-{schema.VERSION}.db")
    shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    write(sys.argv[1] if len(sys.argv) > 1 else None)
