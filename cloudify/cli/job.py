"""``cloudify job``: the jobs of a server, over HTTP, by their ids."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from cloudify.cli.guard import one_line

if TYPE_CHECKING:
    from cloudify.client.connect import RemoteServer
    from cloudify.client.status import Status

job = typer.Typer(help="Jobs of a server.", no_args_is_help=True, rich_markup_mode=None)

Id = Annotated[str, typer.Argument(metavar="ID", help="Of the job; `cloudify job list` shows them.")]
Url = Annotated[str, typer.Option(help="Root of the server.")]
Token = Annotated[
    str | None, typer.Option(help="Who asks; better in CLOUDIFY_TOKEN, unseen.  [default: that, else the demo's]")
]
DataDir = Annotated[str | None, typer.Option(help="Where the demo left its token.  [default: $XDG_DATA_HOME/cloudify]")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]

DEFAULT_URL = "http://127.0.0.1:9000"
COLUMNS = ("id", "status", "slices", "failed", "process", "created", "took")


@job.command("list")
def list_jobs(
    url: Url = DEFAULT_URL, token: Token = None, data_dir: DataDir = None, as_json: Json = False,
    status: Annotated[
        str | None, typer.Option(help="Only those that are: accepted, running, successful, failed, dismissed.")
    ] = None,
    limit: Annotated[int, typer.Option(help="At most this many.", min=1)] = 20,
) -> None:  # fmt: skip
    """List your jobs, the newest first."""
    with _server(url, token, data_dir) as server:
        described = [job.describe() for job in server.jobs(status=status, limit=limit)]
    if as_json:
        print(json.dumps(described, indent=1))
    elif described:
        _print_table([COLUMNS, *map(_row, described)])
    else:
        print("no jobs")


@job.command("show")
def show_job(
    job_id: Id, url: Url = DEFAULT_URL, token: Token = None, data_dir: DataDir = None, as_json: Json = False
) -> None:
    """Say how far a job is, what it used, and why it failed."""
    with _server(url, token, data_dir) as server:
        described = server.job(job_id).describe()
    if as_json:
        print(json.dumps(described, indent=1))
        return
    from cloudify.client.status import Status
    from cloudify.client.view import printable

    status = Status.of(described)
    for name, value in _facts(status):
        if value:
            print(f"{name:<10} {printable(value)}")
    if status.state == "failed":
        print("\n" + printable(str(status.failure()), "\n\t"))


@job.command("logs")
def show_log(
    job_id: Id, url: Url = DEFAULT_URL, token: Token = None, data_dir: DataDir = None, as_json: Json = False,
    slice_number: Annotated[int | None, typer.Option("--slice", help="Only of this slice.", min=1)] = None,
) -> None:  # fmt: skip
    """Print what the function of a job printed."""
    with _server(url, token, data_dir) as server:
        found = server.job(job_id)
        if as_json:
            print(json.dumps(found.log_lines(slice_number), indent=1))
            return
        log = found.log(slice_number)
    from cloudify.client.view import printable

    print(printable(log, "\n\t"), end="" if log.endswith("\n") else "\n" * bool(log))


@job.command("cancel")
def cancel_job(
    job_id: Id, url: Url = DEFAULT_URL, token: Token = None, data_dir: DataDir = None, as_json: Json = False
) -> None:
    """End a job; what it left is discarded."""
    with _server(url, token, data_dir) as server:
        ended = server.job(job_id).cancel()
    if as_json:
        print(json.dumps(ended.describe(), indent=1))
    elif ended.status == "dismissed":
        print(f"job {ended.id} dismissed")
    else:
        print(f"job {ended.id} has ended by itself: {ended.status}")
    if ended.status != "dismissed":
        raise typer.Exit(1)


@contextmanager
def _server(url: str, token: str | None, data_dir: str | None) -> Iterator["RemoteServer"]:
    with one_line():
        from cloudify.client.connect import connect

        with connect(url, token, data_dir=data_dir) as server:
            yield server


def _row(described: Mapping[str, object]) -> tuple[str, ...]:
    from cloudify.client.status import Status, text

    status = Status.of(described)
    slices = status.slices
    counted = f"{slices.settled}/{slices.total}" + "+" * status.is_open
    failed = str(slices.failed) if slices.failed else ""
    return (status.id, status.state, counted, failed, status.process, text(described.get("created")), _took(described))


def _print_table(rows: list[tuple[str, ...]]) -> None:
    from cloudify.client.view import printable

    shown = [[printable(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*shown, strict=True)]
    for row in shown:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _facts(status: "Status") -> Iterator[tuple[str, str]]:
    from cloudify.client.status import text

    described, slices, usage = status.document, status.slices, status.usage
    yield "id", status.id
    yield "status", status.state
    yield "process", status.process
    yield "message", status.message
    yield "progress", f"{status.percent} %" if status.state == "running" else ""
    yield "slices", f"{slices.total}: {slices.done} done, {slices.failed} failed, {slices.reused} reused"
    for name in ("created", "started", "finished"):
        yield name, text(described.get(name))
    yield "kept until", text(described.get("expires"))
    yield "took", _took(described)
    moved = f"{_size(usage.nbytes_in)} in, {_size(usage.nbytes_out)} out"
    yield "used", f"{usage.cpu_s:.1f} s of processors, at most {_size(usage.peak_nbytes)} of memory, {moved}"
    yield "isolation", text(described.get("isolation"))


def _took(described: Mapping[str, object]) -> str:
    """Return how long a job ran, ``""`` while it does."""
    from cloudify.client.view import duration

    try:
        began, ended = (datetime.fromisoformat(str(described.get(name))) for name in ("started", "finished"))
        return duration((ended - began).total_seconds())
    except (ValueError, TypeError):
        return ""


def _size(nbytes: float) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if nbytes < 1000:  # noqa: PLR2004
            return f"{nbytes:.3g} {unit}"
        nbytes /= 1000
    return f"{nbytes:.3g} TB"
