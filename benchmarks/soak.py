"""Long counts against real servers: `python -m benchmarks.soak --budget 10m`."""

import argparse
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from time import monotonic

from benchmarks import generated, mixed, random_keys
from benchmarks.failures import RowError
from benchmarks.processes import end_on_sigterm
from benchmarks.report import table, today, versions, without_places
from benchmarks.tally import SoakRow, Tally
from benchmarks.wire import WireError

ROWS: dict[str, SoakRow] = {
    "random-keys": random_keys.run,
    "mixed": mixed.run,
    "generated": generated.run,
}
HEADER = ("row", "versions", "seed", "requests", "failures", "skips", "seconds")
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


def run_row(row: SoakRow, budget_s: float, seed: int) -> tuple[Tally, float]:
    """Run a row; return its counts and how long it took in seconds."""
    start = monotonic()
    try:
        tally = row(budget_s, seed)
    except (RowError, WireError, OSError, subprocess.SubprocessError) as error:
        tally = Tally()
        tally.failed(f"the row could not be run: {type(error).__name__}: {error}")
    return tally, monotonic() - start


def write(outcomes: dict[str, tuple[Tally, float]], budget: str, seed: int) -> str:
    """Return the page with the table."""
    named = versions(["cloudify-xarray"])
    lines = [
        (name, named, str(seed), str(tally.requests), str(tally.failures), str(len(tally.skips)), f"{seconds:.0f}")
        for name, (tally, seconds) in outcomes.items()
    ]
    parts = [f"# Soak\n\nWritten by `make soak BUDGET={budget}` on {today()}.\n", table(HEADER, lines, texts=2)]
    for name, (tally, _) in outcomes.items():
        answers = ", ".join(f"{kind}: {count}" for kind, count in sorted(tally.answers.items()))
        facts = [f"answers by status {answers}", *tally.notes, *(f"skipped: {reason}" for reason in tally.skips)]
        parts.append(f"\n`{name}`: {'; '.join(facts)}.")
        if tally.first_failures:
            shown = "\n".join(f"- `{failure.replace('`', chr(39))}`" for failure in tally.first_failures)
            parts.append(f"\nThe first {len(tally.first_failures)} failures of `{name}`:\n\n{shown}")
    return without_places("\n".join(parts) + "\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run all rows, write and print the page; 1 on any failure."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak", description="Long counts against real servers.")
    parser.add_argument("--budget", default="10m", help="time for all rows together, such as 30s, 10m, 1h")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("SOAK.md"))
    options = parser.parse_args(arguments)
    try:
        budget_s = parse_budget(options.budget)
    except argparse.ArgumentTypeError as error:
        parser.error(str(error))
    end_on_sigterm()
    outcomes = {name: run_row(row, budget_s / len(ROWS), options.seed) for name, row in ROWS.items()}
    page = write(outcomes, options.budget, options.seed)
    options.out.write_text(page, encoding="utf-8")
    print(page)
    return int(any(tally.failures for tally, _ in outcomes.values()))


if __name__ == "__main__":
    sys.exit(main())
