"""Row ``durability``: what jobs survive, shown by the tests of it, with many kills and faults in each."""

import platform
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from xml.etree import ElementTree as ET

from benchmarks.failures import RowError
from benchmarks.report import ROOT, table
from benchmarks.tally import Tally

CLAIMS = {
    "D-01": "the engine is killed: no acknowledged slice is lost, each counts once, the job ends successful",
    "D-02": "a worker is killed: the job completes",
    "D-03": "the scheduler is killed: the job completes, done slices are kept",
    "D-04": "a worker hangs: its lease is lost, its slice runs once more, none counts twice",
    "D-05": "a slice that kills what runs it fails with the reason, the others finish",
    "D-06": "a job that is dismissed frees its slots within 2 s",
    "D-07": "a full disk: database, results, files of functions; all goes on when there is room",
    "D-08": "calls of the system fail: nothing is lost, the database is whole",
    "D-09": "too few descriptors: the same",
    "D-14": "a function that takes too much memory is judged within 30 s",
    "D-15": "a clock that jumps by two hours changes nothing but times",
    "D-18": "a second engine refuses, or stands by and takes over",
    "D-19": "SIGTERM ends the engine within 5 s, what ran is pending",
    "D-20": "a backup that is taken while jobs run restores",
    "D-21": "whatever happens, in any order, is as a small model says",
    "D-22": "a database of the previous release opens",
}
"""What each group of tests shows; the ids are those of their marker ``durability``."""
LEAST_S, MANY_S, MOST_S = 60.0, 220.0, 1000.0
"""From which budget on there are few, many (20 kills), or most (50 kills) faults in each test."""
TIMES = 6
"""How many times the budget the tests may take on a busy machine."""
ISOLATION = "none"
"""Of functions in these tests; a sandbox has tests of its own."""


@dataclass(frozen=True, slots=True)
class Case:
    """What became of one test."""

    claims: tuple[str, ...]
    name: str
    seconds: float
    runs: int
    failure: str
    """What was wrong, ``""`` if nothing."""
    skip: str
    """Why it was not run, ``""`` if it was."""


def run(budget_s: float, _seed: int) -> Tally:
    """Run the tests; which faults come when is fixed in each of them."""
    tally = Tally()
    if budget_s < LEAST_S:
        tally.skips.append(f"its share of the budget is below {LEAST_S:.0f} s")
        return tally
    counts = 3 if budget_s >= MOST_S else 2 if budget_s >= MANY_S else 1
    with TemporaryDirectory(prefix="cloudify-bench-") as folder:
        path = Path(folder) / "cases.xml"
        command = [
            sys.executable, "-m", "pytest", "-q", "-m", "durability", f"--counts={counts}", f"--junitxml={path}",
            "-o", "junit_family=xunit1", "-o", f"timeout={TIMES * budget_s:.0f}", "-p", "no:cacheprovider",
            "tests/faults/compute", "tests/compute",
        ]  # fmt: skip
        ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=TIMES * budget_s)
        if not path.exists():
            raise RowError(f"the tests did not run: {ended.stdout[-500:]}{ended.stderr[-500:]}")
        cases = list(read(path.read_text(encoding="utf-8")))
    count(cases, tally)
    tally.notes.append(
        f"functions apart by: {ISOLATION}; kernel {platform.release()}; faults in each test: {counts} of 3"
    )
    return tally


def read(report: str) -> Iterator[Case]:
    """Read what pytest wrote of each test."""
    for node in ET.fromstring(report).iter("testcase"):  # noqa: S314  # of our own pytest
        said = [(each.get("name"), each.get("value", "")) for each in node.iter("property")]
        failure = next((found for kind in ("failure", "error") if (found := node.find(kind)) is not None), None)
        skip = node.find("skipped")
        yield Case(
            claims=tuple(value for name, value in said if name == "durability"),
            name=node.get("name", ""),
            seconds=float(node.get("time", "0")),
            runs=sum(int(value) for name, value in said if name == "runs") or 1,
            failure="" if failure is None else failure.get("message", "").partition("\n")[0] or "failed",
            skip="" if skip is None else skip.get("message", "") or "skipped",
        )


def count(cases: list[Case], tally: Tally) -> None:
    """Count cases by their claims, and make the table."""
    runs, failures, skips, seconds = Counter[str](), Counter[str](), Counter[str](), Counter[str]()
    for case in cases:
        for claim in case.claims:
            runs[claim] += 0 if case.skip else case.runs
            failures[claim] += bool(case.failure)
            skips[claim] += bool(case.skip)
            seconds[claim] += round(case.seconds)
        if case.skip:
            tally.skips.append(f"{', '.join(case.claims)} {case.name}: {case.skip}")
        elif case.failure:
            tally.failed(f"{', '.join(case.claims)} {case.name}: {case.failure}")
        if not case.skip:
            tally.answered("failed" if case.failure else "passed", case.runs)
    missing = [claim for claim in CLAIMS if not runs[claim] and not skips[claim]]
    for claim in missing:
        tally.failed(f"{claim}: no test shows that {CLAIMS[claim]}")
    lines = [
        (claim, what, *map(str, (runs[claim], failures[claim], skips[claim], seconds[claim])))
        for claim, what in CLAIMS.items()
    ]
    tally.table = table(("id", "what", "runs", "failures", "skips", "seconds"), lines, texts=2)
