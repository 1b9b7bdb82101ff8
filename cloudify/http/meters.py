"""What a server counts of itself, as Prometheus reads it."""

import asyncio
from collections.abc import Callable, Iterator
from threading import Lock
from time import monotonic
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest
from prometheus_client.metrics_core import Metric

BUCKETS_S = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 30.0, 120.0)
CUT = ("head", "stall")
"""Why clients are cut off."""
KEPT_S = 1.0
"""How long an answer stands: who asks more often is given the same."""

Samples = dict[str, list[tuple[str, dict[str, str], float]]]
"""Family -> names of samples, their labels, values."""
Snapshot = dict[str, Samples]
"""``counters``, which only grow and are added up over processes, and ``gauges``, which are of one process."""


class Meters:
    """The meters of one server in one process. Belongs to one event loop."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        own: dict[str, Any] = {"namespace": "cloudify", "registry": self.registry}
        self.requests = Counter(
            "requests", "Requests answered, by route and class of status.", ["route", "status"], **own
        )
        self.seconds = Histogram(
            "request_seconds", "Time until an answer was handed over, of what passes all layers.", ["route"],
            buckets=BUCKETS_S, **own,
        )  # fmt: skip
        self.sent = Counter("sent_bytes", "Bodies of answers, in bytes.", **own)
        self.hits = Counter("cache_hits", "Chunks and coded documents found in memory.", **own)
        self.misses = Counter("cache_misses", "Chunks and coded documents made since they were not in memory.", **own)
        self.cached = Gauge("cache_bytes", "Chunks and coded documents in memory, in bytes.", **own)
        self.held = Gauge("queue_held", "What runs and waits, by kind.", ["kind"], **own)
        self.full = Counter(
            "queue_full", "Requests asked to come again since as many waited as may, by kind.", ["kind"], **own
        )
        self.flights = Gauge("flights", "Chunks that are being made, each for all who ask for it.", **own)
        self.datasets = Gauge("open_datasets", "Datasets held open.", **own)
        self.connections = Gauge("connections", "Connections of clients.", **own)
        self.cut = Counter("slow_clients", "Clients that were cut off, by reason.", ["reason"], **own)
        for reason in CUT:
            self.cut.labels(reason)
        ProcessCollector(registry=self.registry)
        self.all: Callable[[], Snapshot | None] | None = None
        """Returns the meters of all processes of the server added up, None if they are not to be had now. Blocks."""
        self._samplers: list[Callable[[], None]] = []
        self._totals: dict[Counter, float] = {}
        self._sampling = Lock()
        self._text, self._made_at = b"", -KEPT_S
        self._making = asyncio.Lock()

    def before_reading(self, sample: Callable[[], None]) -> None:
        """Have something called before the meters are read, which sets some."""
        self._samplers.append(sample)

    def follow(self, counter: Counter, total: float) -> None:
        """Have a counter show what something else has counted so far."""
        counter.inc(total - self._totals.get(counter, 0.0))
        self._totals[counter] = total

    def snapshot(self) -> Snapshot:
        """Return what the meters of this process show now. Safe to use from many threads."""
        with self._sampling:
            for sample in self._samplers:
                sample()
        found: Snapshot = {"counters": {}, "gauges": {}}
        for family in self.registry.collect():
            kind = "gauges" if family.type == "gauge" else "counters"
            found[kind][family.name] = [
                (sample.name, dict(sample.labels), sample.value)
                for sample in family.samples
                if not sample.name.endswith("_created")
            ]
        return found

    async def text(self) -> bytes:
        """Return what all meters of the server show, in Prometheus' text format."""
        async with self._making:
            if monotonic() - self._made_at >= KEPT_S:
                found = await asyncio.to_thread(self.all) if self.all is not None else None
                shown = _Collected(self.registry, found or self.snapshot())
                self._text = generate_latest(shown)
                self._made_at = monotonic()
        return self._text


class _Collected:
    """Samples of several processes under the names and descriptions of this one."""

    def __init__(self, registry: CollectorRegistry, found: Snapshot) -> None:
        self._registry, self._found = registry, found

    def collect(self) -> Iterator[Metric]:
        """Yield all families."""
        for family in self._registry.collect():
            for samples in self._found.values():
                if family.name in samples:
                    shown = Metric(family.name, family.documentation, family.type)
                    for name, labels, value in samples[family.name]:
                        shown.add_sample(name, labels, value)
                    yield shown


def of_worker(snapshot: Snapshot, number: int) -> Snapshot:
    """Return a snapshot whose gauges say of which worker they are."""
    gauges = {
        family: [(name, {**labels, "worker": str(number)}, value) for name, labels, value in samples]
        for family, samples in snapshot["gauges"].items()
    }
    return {"counters": snapshot["counters"], "gauges": gauges}
