"""The tables of the store, as this version writes them. A change here needs a step in `migrations.py`."""

from sqlalchemy import (
    Boolean,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    text,
)

from cloudify.compute.store.dialect import Count, Key, Prose, partial_index, serial_table, sorted_table

VERSION = 2
"""Of the schema. A database of a higher one is refused."""

metadata = MetaData()

versions = Table("schema_version", metadata, Column("version", Integer, primary_key=True, autoincrement=False))

jobs = Table(
    "jobs",
    metadata,
    Column("serial", Count, primary_key=True, autoincrement=True),  # what the other tables know a job by
    Column("id", Key, nullable=False, unique=True),
    Column("owner", Key, nullable=False),
    Column("process", Key, nullable=False),
    Column("process_version", Prose, nullable=False),
    Column("created", Double, nullable=False),
    Column("state", Key, nullable=False),
    Column("is_open", Boolean, nullable=False),
    Column("on_error", Prose, nullable=False),
    Column("total", Count, nullable=False),
    Column("done", Count, nullable=False),
    Column("failed", Count, nullable=False),
    Column("reused", Count, nullable=False),
    Column("cpu_s", Double, nullable=False),
    Column("peak_nbytes", Count, nullable=False),
    Column("nbytes_in", Count, nullable=False),
    Column("nbytes_out", Count, nullable=False),
    Column("isolation", Prose, nullable=False),
    Column("reason", Prose),  # of the failure; none without one
    Column("message", Prose),
    Column("traceback", Prose),
    Column("started", Double),
    Column("updated", Double),
    Column("finished", Double),
    Column("result", Prose, nullable=False),
    Column("hidden", Boolean, nullable=False),
    Column("pruned", Boolean, nullable=False),  # rows of it are being removed: to everybody else it is gone
    Column("last_seq", Count, nullable=False),  # of its events
    Column("request", Prose, nullable=False),
    Column("plan", Prose, nullable=False),
    Column("template", Prose, nullable=False),
    Column("running_permille", Count, nullable=False),
    Column("reached_permille", Count, nullable=False),
    **serial_table,
)
Index("jobs_by_owner", jobs.c.owner, jobs.c.serial)
UNFINISHED = text("state IN ('accepted', 'running')")
"""What is asked for in these words is looked up in an index."""
partial_index("jobs_unfinished", jobs.c.serial, where=UNFINISHED)
Index("jobs_by_end", jobs.c.finished)


def _job() -> Column[int]:
    return Column("job", Count, ForeignKey("jobs.serial"), primary_key=True, autoincrement=False)


idempotency = Table(
    "idempotency",
    metadata,
    Column("owner", Key, primary_key=True),
    Column("key", Key, primary_key=True),
    Column("body_hash", Prose, nullable=False),
    Column("created", Double, nullable=False),
    Column("job", Count, ForeignKey("jobs.serial"), nullable=False, index=True),
)

inputs = Table(  # many slices a row: a job over a million numbers is added in one go
    "inputs",
    metadata,
    _job(),
    Column("first", Count, primary_key=True, autoincrement=False),
    Column("last", Count, nullable=False),
    Column("packed", Prose, nullable=False),  # JSON: array of texts
)

slices = Table(  # a row once the slice was leased
    "slices",
    metadata,
    _job(),
    Column("number", Count, primary_key=True, autoincrement=False),
    Column("state", Key, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("boot", Prose, nullable=False),  # of the engine that leased it
    Column("settled", Double),
    Column("cpu_s", Double),
    Column("peak_nbytes", Count),
    Column("nbytes_in", Count),
    Column("nbytes_out", Count),
    Column("reason", Prose),
    Column("message", Prose),
    Column("traceback", Prose),
    Column("permille", Integer),  # how far it is while it runs; none where it has not said so
    **sorted_table,
)
NOT_DONE = text("slices.state <> 'done'")
ODD = text("(slices.state <> 'done' OR slices.attempt > 1)")
"""Few slices are either. What is asked for in these words is looked up in an index of those."""
partial_index("slices_not_done", slices.c.job, slices.c.state, slices.c.number, where=NOT_DONE)
partial_index("slices_odd", slices.c.job, slices.c.number, where=ODD)

pieces = Table(
    "pieces",
    metadata,
    _job(),
    Column("number", Count, primary_key=True, autoincrement=False),
    Column("key", Key, primary_key=True),
    Column("sha256", LargeBinary, nullable=False, index=True),
    Column("nbytes", Count, nullable=False),
    **sorted_table,
)

held = Table(  # blobs of a job besides its pieces
    "held",
    metadata,
    _job(),
    Column("sha256", LargeBinary, primary_key=True, index=True),
    **sorted_table,
)

slice_values = Table(
    "slice_values",
    metadata,
    _job(),
    Column("number", Count, primary_key=True, autoincrement=False),
    Column("value", Prose, nullable=False),
)

logs = Table(
    "logs",
    metadata,
    _job(),
    Column("number", Count, primary_key=True, autoincrement=False),
    Column("attempt", Integer, primary_key=True, autoincrement=False),
    Column("text", Prose, nullable=False),
    Column("is_cut", Boolean, nullable=False),
)

events = Table(
    "events",
    metadata,
    _job(),
    Column("seq", Count, primary_key=True, autoincrement=False),
    Column("time", Double, nullable=False),
    Column("slice", Count),
    Column("attempt", Integer),  # this and the next: of what a function said
    Column("emission", Integer),
    Column("type", Prose, nullable=False),
    Column("payload", Prose, nullable=False),
)
partial_index(
    "events_said_once",
    *(events.c.job, events.c.slice, events.c.attempt, events.c.emission),
    where=text("emission IS NOT NULL"),
    unique=True,
)

PARTS = (idempotency, inputs, slices, pieces, held, slice_values, logs, events)
"""What a job consists of besides its own row."""

tokens = Table(
    "tokens",
    metadata,
    Column("id", Key, primary_key=True),
    Column("digest", LargeBinary, nullable=False),
    Column("user", Prose, nullable=False),
    Column("scopes", Prose, nullable=False),
    Column("datasets", Prose),
    Column("created", Double, nullable=False),
    Column("expires", Double),
    Column("last_used", Double),
    Column("revoked", Double),
)

processes = Table(
    "processes",
    metadata,
    Column("id", Key, primary_key=True),
    Column("version", Prose, nullable=False),
    Column("owner", Prose, nullable=False),
    Column("title", Prose, nullable=False),
    Column("description", Prose, nullable=False),
    Column("inputs", Prose, nullable=False),
    Column("outputs", Prose, nullable=False),
    Column("source", Prose, nullable=False),
    Column("entry", Prose, nullable=False),
    Column("files", Prose, nullable=False),
    Column("created", Double, nullable=False),
)
