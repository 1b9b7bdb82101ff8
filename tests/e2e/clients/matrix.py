"""Clients by datasets: what was read, as a table in Markdown."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np

from clients.base import Answers, Array, Client, Job, Refused, Wanted
from clients.compare import meant_the_same, stored_the_same
from clients.declared import DECLARED, NO_RANGES, Declared
from clients.sources import Source

INTRODUCTION = """# Clients

What real clients read over a socket, compared with the source opened locally: stored values and types bit for bit
(byte order apart), by xarray also decoded ones (packed floats within one rounding to float32). `same`: every variable
is. Else the number of the reason below for which the client cannot read some variable; all others of that dataset are
the same. Written by `tests/e2e/clients`, and compared with what they find.
"""


@dataclass
class Matrix:
    """One cell for each client and dataset."""

    clients: list[Client] = field(default_factory=list)
    datasets: list[str] = field(default_factory=list)
    notes: dict[tuple[str, str], set[str]] = field(default_factory=dict)
    """(client, dataset) -> reasons of what is declared."""
    faults: list[str] = field(default_factory=list)

    def add(self, client: Client, sources: Mapping[str, Source], jobs: Iterable[Job], *, ranges: bool) -> None:
        """Let a client read every dataset and compare."""
        jobs = list(jobs)
        self.clients.append(client)
        self.datasets = [job.dataset_id for job in jobs]
        answers = client.read(jobs)
        without = "range" in client.name and not ranges
        for job in jobs:
            notes = self.notes.setdefault((client.name, job.dataset_id), set())
            for wanted in job.wanted:
                source = sources[job.dataset_id]
                for suffix, held in (("", source.stored), (" decoded", source.meant)):
                    if wanted.path + suffix in answers[job.dataset_id]:
                        self._judge(
                            client, job, wanted, suffix, answers[job.dataset_id], held[wanted.path], notes, without
                        )

    def _judge(
        self, client: Client, job: Job, wanted: Wanted, suffix: str, answers: Answers, held: Array, notes: set[str],
        without_ranges: bool,
    ) -> None:  # fmt: skip
        answer = answers[wanted.path + suffix]
        same = meant_the_same if suffix else stored_the_same
        why = answer.why if isinstance(answer, Refused) else same(answer, held)
        rule = next((r for r in DECLARED if r.covers(client.name, wanted, decoded=bool(suffix))), None)
        if without_ranges:
            rule = Declared((), lambda _: True, NO_RANGES)
        where = f"{client.name}: {job.dataset_id}: {wanted.path}{suffix}"
        if rule is None and why:
            self.faults.append(f"{where}: {why}")
        elif rule is not None and not why:
            self.faults.append(f"{where}: is the same, but declared: {rule.reason}")
        elif rule is not None:
            notes.add(rule.reason)
            if not (isinstance(answer, Refused) or rule.silent or _same_numbers(answer, held)):
                self.faults.append(f"{where}: declared to be refused, but {why}")

    def cell(self, client: str, dataset_id: str, numbers: Mapping[str, int]) -> str:
        if any(fault.startswith(f"{client}: {dataset_id}: ") for fault in self.faults):
            return "FAILED"
        notes = sorted(numbers[reason] for reason in self.notes[client, dataset_id])
        return f"declared ({', '.join(map(str, notes))})" if notes else "same"

    def markdown(self) -> str:
        reasons = [*(rule.reason for rule in DECLARED), NO_RANGES]
        used = [reason for reason in reasons if any(reason in notes for notes in self.notes.values())]
        numbers = {reason: number for number, reason in enumerate(used, 1)}
        names = [client.name for client in self.clients]
        lines = [INTRODUCTION, "| dataset | " + " | ".join(names) + " |", "|---" * (len(names) + 1) + "|"]
        for dataset_id in self.datasets:
            cells = [self.cell(name, dataset_id, numbers) for name in names]
            lines.append(f"| {dataset_id} | " + " | ".join(cells) + " |")
        lines += ["", "| client | version |", "|---|---|"]
        lines += [f"| {client.name} | {client.version} |" for client in self.clients]
        lines += ["", *(f"{number}. {reason}" for reason, number in numbers.items())]
        return "\n".join(lines) + "\n"


def _same_numbers(answer: Array, held: Array) -> bool:
    """Whether a client reads numbers as another type that holds them."""
    both_numbers = answer.dtype.kind in "biuf" and held.dtype.kind in "biuf" and answer.shape == held.shape
    return both_numbers and np.array_equal(answer, held, equal_nan=True)
