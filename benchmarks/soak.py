"""Long counts against real servers: `python -m benchmarks.soak --budget 10m`."""

import argparse
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from time import monotonic

import httpx

from benchmarks import (
    crowd,
    durability,
    generated,
    generated_jobs,
    half_open,
    lost_scheduler,
    mixed,
    random_keys,
    under_load,
)
from benchmarks.failures import RowError
from benchmarks.processes import end_on_sigterm
from benchmarks.report import table, today, versions, without_places
from benchmarks.tally import SoakRow, Tally
from benchmarks.wire import WireError

LOADS: dict[str, SoakRow] = {
    "under-load": under_load.run,
    "lost-scheduler": lost_scheduler.run,
    "half-open": half_open.run,
    "crowd": crowd.run,
}
"""Show how a server bears what comes in a certain time."""
COUNTS: dict[str, tuple[SoakRow, float]] = {
    "mixed": (mixed.run, 5),
    "random-keys": (random_keys.run, 1),
    "generated": (generated.run, 1),
    "generated-jobs": (generated_jobs.run, 1),
    "durability": (durability.run, 9),
}
"""Share what the loads leave of the budget, by these weights; what one does not use is the next one's.

The last one counts faults: from its share follows how many, not how long they take.
"""
LOAD_S, SHORT_LOAD_S = 60.0, 10.0
LOAD_BUDGET_S, SHORT_LOAD_BUDGET_S = 1200.0, 300.0
"""From which budget on loads take as long. With less there are none."""
HEADER = ("row", "versions", "passed", "seed", "requests", "failures", "skips", "seconds")
TEXTS = 3
"""Columns of text."""
_UNIT_S = {"s": 1, "m": 60, "h": 3600}


def parse_budget(text: str) -> float:
    """Return a time in seconds.

    >>> parse_budget("30s"), parse_budget("10m"), parse_budget("1h")
    (30.0, 600.0, 3600.0)
    """
    match = re.fullmatch(r"([1-9][0-9]*)([smh])", text)
    if match is None:
        raise argparse.ArgumentTypeError(f"expected a time such as 30s, 10m or 1h, not {text!r}")
    return float(int(match[1]) * _UNIT_S[match[2]])


def load_seconds(budget_s: float) -> float:
    """Return how long a load may be, 0 for none.

    >>> load_seconds(1200), load_seconds(600), load_seconds(30)
    (60.0, 10.0, 0.0)
    """
    return LOAD_S if budget_s >= LOAD_BUDGET_S else SHORT_LOAD_S if budget_s >= SHORT_LOAD_BUDGET_S else 0.0


def run(names: Sequence[str], budget_s: float, load_s: float, seed: int) -> dict[str, tuple[Tally, float]]:
    """Run rows, loads first; return the counts of each and how long it took in seconds."""
    end = monotonic() + budget_s
    outcomes: dict[str, tuple[Tally, float]] = {}
    for name in [name for name in LOADS if name in names]:
        outcomes[name] = run_row(LOADS[name], load_s, seed) if load_s else (_skipped(), 0.0)
    left = [name for name in COUNTS if name in names]
    while left:
        share = COUNTS[left[0]][1] / sum(COUNTS[name][1] for name in left)
        name = left.pop(0)
        outcomes[name] = run_row(COUNTS[name][0], max(0.0, end - monotonic()) * share, seed)
    return outcomes


def _skipped() -> Tally:
    tally = Tally()
    tally.skips.append(f"the budget is below {SHORT_LOAD_BUDGET_S:.0f} s, and no length of it was asked for")
    return tally


def run_row(row: SoakRow, budget_s: float, seed: int) -> tuple[Tally, float]:
    """Run a row; return its counts and how long it took in seconds. What keeps it from running is a failure."""
    start = monotonic()
    try:
        tally = row(budget_s, seed)
    except (RowError, WireError, httpx.HTTPError, OSError, subprocess.SubprocessError) as error:
        tally = Tally()
        tally.failed(f"the row could not be run: {type(error).__name__}: {error}")
    return tally, monotonic() - start


def write(outcomes: dict[str, tuple[Tally, float]], budget: str, seed: int) -> str:
    """Return the page with the table."""
    named = versions(["cloudify-xarray"])
    lines = [
        (name, named, _passed(tally), str(seed), *map(str, (tally.requests, tally.failures, len(tally.skips))),
         f"{seconds:.0f}")
        for name, (tally, seconds) in outcomes.items()
    ]  # fmt: skip
    parts = [f"# Soak\n\nWritten by `make soak BUDGET={budget}` on {today()}.\n", table(HEADER, lines, texts=TEXTS)]
    for name, (tally, _) in outcomes.items():
        answers = ", ".join(f"{kind}: {count}" for kind, count in sorted(tally.answers.items()))
        facts = [f"answers by status {answers}", *tally.notes, *(f"skipped: {reason}" for reason in tally.skips)]
        parts.append(f"\n`{name}`: {'; '.join(facts)}.")
        if tally.table:
            parts.append(f"\n{tally.table}")
        if tally.first_failures:
            shown = "\n".join(f"- `{failure.replace('`', chr(39))}`" for failure in tally.first_failures)
            parts.append(f"\nThe first {len(tally.first_failures)} failures of `{name}`:\n\n{shown}")
    return without_places("\n".join(parts) + "\n")


def _passed(tally: Tally) -> str:
    return "**no**" if tally.failures else "yes" if tally.requests else ""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run all rows, write and print the page; 1 on any failure."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak", description="Long counts against real servers.")
    parser.add_argument("--budget", default="10m", help="time for all rows together, such as 30s, 10m, 1h")
    parser.add_argument("--rows", default="all", help=f"all, or some of {','.join([*LOADS, *COUNTS])}")
    parser.add_argument("--load", type=float, help="seconds of each load; default: by the budget, 60 from 20m on")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("SOAK.md"))
    options = parser.parse_args(arguments)
    try:
        budget_s = parse_budget(options.budget)
    except argparse.ArgumentTypeError as error:
        parser.error(str(error))
    every = [*LOADS, *COUNTS]
    names = every if options.rows == "all" else options.rows.split(",")
    if unknown := [name for name in names if name not in every]:
        parser.error(f"no row {', '.join(unknown)}; there are {', '.join(every)}")
    end_on_sigterm()
    load_s = load_seconds(budget_s) if options.load is None else options.load
    outcomes = run(names, budget_s, load_s, options.seed)
    page = write(outcomes, options.budget, options.seed)
    options.out.write_text(page, encoding="utf-8")
    print(page)
    return int(any(tally.failures for tally, _ in outcomes.values()))


if __name__ == "__main__":
    sys.exit(main())
