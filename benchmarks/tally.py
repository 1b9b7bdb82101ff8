"""What a row of the soak counts."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Lock

SHOWN = 10


@dataclass(slots=True)
class Tally:
    """Counts of one row. Safe to use from many threads."""

    requests: int = 0
    failures: int = 0
    first_failures: list[str] = field(default_factory=list)
    """At most ten, each with what was sent, what came back and what was wrong with it."""
    skips: list[str] = field(default_factory=list)
    """Reason of each thing that was not tried."""
    answers: Counter[str] = field(default_factory=Counter)
    """Number of answers of each kind."""
    notes: list[str] = field(default_factory=list)
    """Measured values, for the reader."""
    table: str = ""
    """Markdown: more than a line says."""
    _lock: Lock = field(default_factory=Lock)

    def answered(self, kind: str, number: int = 1) -> None:
        """Count requests and their answers."""
        with self._lock:
            self.requests += number
            self.answers[kind] += number

    def failed(self, what: str) -> None:
        """Count a failure."""
        with self._lock:
            self.failures += 1
            if len(self.first_failures) < SHOWN:
                self.first_failures.append(what)


SoakRow = Callable[[float, int], Tally]
"""Runs for so many seconds with a seed."""
