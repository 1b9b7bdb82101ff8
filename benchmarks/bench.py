"""Side-by-side ratios against limits and peers: `python -m benchmarks.bench --rows all`.

Wall times on a shared machine are noise. What is compared is the server's CPU time per answered request, as a
multiple of the limit's in the same round; on one core that is the ratio of what the two can serve.
"""

import argparse
import math
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx

from benchmarks import clients, computed, documents, groups, jobs, kept, many_slices, pictures, start, stored
from benchmarks.failures import MissingProgramError, RowError
from benchmarks.processes import end_on_sigterm
from benchmarks.report import cores, table, today, versions, without_places
from benchmarks.rows import Effort, Figures, Outcome, Row, Target

ROWS: dict[str, Row] = {
    "stored-chunk": stored.SMALL_ROW,
    "large-chunk": stored.LARGE_ROW,
    "computed-cached": kept.ROW,
    "metadata": documents.PLAIN_ROW,
    "metadata-zstd": documents.ZSTD_ROW,
    "not-found": documents.ABSENT_ROW,
    "xarray-load": clients.FSSPEC_ROW,
    "xarray-load-obstore": clients.OBSTORE_ROW,
    "computed-chunk": computed.CHUNK_ROW,
    "computed-growth": computed.GROWTH_ROW,
    "start": start.ROW,
    "image": pictures.IMAGE_ROW,
    "decorated": pictures.DECORATED_ROW,
    "pictures-at-once": pictures.AT_ONCE_ROW,
    "groupby": groups.MEAN_ROW,
    "groupby-all": groups.ALL_ROW,
    "job-large": jobs.LARGE_ROW,
    "job-small": jobs.SMALL_ROW,
    "job-growth": jobs.GROWTH_ROW,
    "job-million": many_slices.ROW,
}
PACKAGES = (
    "cloudify-xarray", "xpublish", "zarr", "xarray", "dask", "uvicorn", "uvloop", "httptools", "fastapi", "fsspec",
    "obstore", "matplotlib", "pillow",
)  # fmt: skip
PROGRAMS = ("nginx", "wrk")
HEADER = (
    "row", "peer", "target", "held", "connections", "CPU us/request", "x limit (min to max)", "requests/s", "x limit",
    "p50 ms", "p99 ms",
)  # fmt: skip
TEXTS = 4
"""Columns of text."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a row has no figures."""

    reason: str
    is_missing_program: bool


def run_row(name: str, row: Row, effort: Effort) -> Outcome | Failure:
    """Run a row; what can go wrong outside of this program becomes part of the table."""
    print(f"{name} ...", file=sys.stderr, flush=True)
    try:
        return row.run(effort)
    except MissingProgramError as error:
        return Failure(str(error), is_missing_program=True)
    except (RowError, OSError, httpx.HTTPError, subprocess.SubprocessError) as error:
        return Failure(f"{type(error).__name__}: {error}", is_missing_program=False)


def write(outcomes: dict[str, Outcome | Failure], effort: Effort) -> str:
    """Return the page with the table."""
    lines: list[Sequence[str]] = []
    subjects: list[str] = []
    for name, outcome in outcomes.items():
        if isinstance(outcome, Failure):
            verdict = "skipped" if outcome.is_missing_program else "failed"
            lines.append(_gap(name, f"{verdict}: {outcome.reason}"))
        else:
            lines.extend(_line(name, figures, ROWS[name].targets.get(figures.peer)) for figures in outcome.figures)
            lines.extend(_gap(name, f"{peer}: {reason}") for peer, reason in outcome.left_out.items())
            subjects.append(f"- `{name}` (limit: {ROWS[name].limit}): {outcome.subject}.\n")
    conditions = (
        f"{cores()} cores shared by server and client, one worker per server, loopback, wrk with one thread; "
        f"rounds: {effort.rounds}, of {effort.seconds} s for each line, peers in turn; medians over the rounds"
    )
    page = f"""# Benchmarks

Written by `make bench` on {today()}: {versions(PACKAGES, PROGRAMS)}.

Conditions: {conditions}.

What counts is the CPU time (user and system) of all processes of the server per answered request, as a multiple of the
limit's in the same round; how far the rounds are apart shows how noisy the machine was. Requests per second and
latencies are shown, but client and server share the cores. Targets are multiples of the limit; a peer without one is
there to compare with.

{table(HEADER, lines, texts=TEXTS)}

{"".join(subjects)}"""
    return without_places(page.rstrip() + "\n")


def _line(name: str, figures: Figures, target: Target | None) -> Sequence[str]:
    low, high = (_multiple(ratio) for ratio in figures.ratio_range)
    return (
        name,
        figures.peer,
        str(target or ""),
        "" if target is None else "yes" if target.holds(figures) else "**no**",
        str(figures.connections),
        f"{figures.cpu_us:.0f}",
        f"{_multiple(figures.ratio)} ({low} to {high})",
        f"{figures.rate_hz:.{0 if figures.rate_hz >= 10 else 2}f}",  # noqa: PLR2004
        _multiple(figures.throughput),
        f"{figures.p50_ms:.2f}",
        f"{figures.p99_ms:.2f}",
    )


def _multiple(ratio: float) -> str:
    """Write a multiple with as many digits as are worth reading."""
    return f"{ratio:.{2 if ratio < 10 else 0}f}"  # noqa: PLR2004


def _gap(name: str, reason: str) -> Sequence[str]:
    """Return the line of what has no figures."""
    return (name, reason, *("" for _ in HEADER[2:]))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the rows, write and print the page; 1 if a row failed, or is missing a program under CI."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bench", description="Ratios against limits and peers.")
    parser.add_argument("--rows", default="all", help=f"all, or some of {','.join(ROWS)}")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1.0, help="length of one load, rounded up to whole seconds")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("RESULTS.md"))
    options = parser.parse_args(arguments)
    names = list(ROWS) if options.rows == "all" else options.rows.split(",")
    if unknown := [name for name in names if name not in ROWS]:
        parser.error(f"no row {', '.join(unknown)}; there are {', '.join(ROWS)}")
    if options.rounds < 1 or options.seconds <= 0:
        parser.error("expected at least one round and more than 0 seconds")
    end_on_sigterm()
    effort = Effort(options.rounds, math.ceil(options.seconds))
    outcomes = {name: run_row(name, ROWS[name], effort) for name in names}
    page = write(outcomes, effort)
    options.out.write_text(page, encoding="utf-8")
    print(page)
    failures = [outcome for outcome in outcomes.values() if isinstance(outcome, Failure)]
    return int(any(not failure.is_missing_program or os.environ.get("CI") == "true" for failure in failures))


if __name__ == "__main__":
    sys.exit(main())
