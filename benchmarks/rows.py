"""What a row of the benchmark is, and how peers are compared."""

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from types import MappingProxyType

from benchmarks.failures import RowError
from benchmarks.load import Asked, Sample, measure, settle
from benchmarks.processes import Running, end

CONNECTIONS = (8, 64)
WARM_UP_S = 1
FRAIL_FACTOR = 3
"""How many times as long frail peers are loaded: in a second they answer too little to be counted."""


@dataclass(frozen=True, slots=True)
class Effort:
    """How long a row takes."""

    rounds: int
    seconds: int
    """Length of one load, in whole seconds: wrk counts no others."""


@dataclass(frozen=True, slots=True)
class Figures:
    """Medians over the rounds for one peer at one number of connections."""

    peer: str
    connections: int
    cpu_us: float
    ratio: float
    """CPU per request as a multiple of the limit's, of the same round."""
    ratio_range: tuple[float, float]
    rate_hz: float
    throughput: float
    """Requests per second as a multiple of the limit's, of the same round."""
    p50_ms: float
    p99_ms: float


@dataclass(frozen=True, slots=True)
class Target:
    """What a peer is to keep to.

    >>> str(Target(cpu=5)), str(Target(throughput=0.9))
    ('CPU <= 5', 'throughput >= 0.9')
    """

    cpu: float = math.inf
    """Most CPU per request, as a multiple of the limit's."""
    throughput: float = 0.0
    """Least requests per second, as a multiple of the limit's."""

    def __str__(self) -> str:
        cpu = [f"CPU <= {self.cpu:g}"] if self.cpu < math.inf else []
        return ", ".join([*cpu, *([f"throughput >= {self.throughput:g}"] if self.throughput else [])])

    def holds(self, figures: Figures) -> bool:
        """Whether a peer keeps to it."""
        return figures.ratio <= self.cpu and figures.throughput >= self.throughput


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a row found."""

    subject: str
    """What was asked for, in one sentence."""
    figures: Sequence[Figures]
    left_out: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """Peer -> why it has no figures, or only those of the first rounds."""


@dataclass(frozen=True, slots=True)
class Row:
    """One comparison."""

    limit: str
    """The peer that the others are multiples of."""
    run: Callable[[Effort], Outcome]
    """Raises `RowError` where there is nothing to compare."""
    targets: Mapping[str, Target] = field(default_factory=lambda: MappingProxyType({}))
    """Peer -> what it is to keep to."""


def compare(
    peers: Mapping[str, Running], asked: Asked, effort: Effort, *, limit: str, frail: Collection[str] = ()
) -> tuple[list[Figures], dict[str, str]]:
    """Load each peer in turn, round by round, so that a slow minute of the machine meets all of them.

    Parameters
    ----------
    asked
        The requests, the same for all peers.
    limit
        The peer that the others are multiples of.
    frail
        Peers that may fail or hang: ended then, with the figures they have. The second value says why.
    """
    samples: dict[tuple[str, int], list[Sample]] = {(name, n): [] for n in CONNECTIONS for name in peers}
    given_up: dict[str, str] = {}

    def load(name: str, connections: int, seconds: int) -> list[Sample]:
        if name in given_up:
            return []
        try:
            sample = measure(peers[name], asked, connections=connections, seconds=seconds)
            settle(peers[name])
        except RowError as error:
            if name not in frail:
                raise
            given_up[name] = str(error)
            end(peers[name].process)
            return []
        return [sample]

    for name in peers:
        load(name, CONNECTIONS[0], WARM_UP_S)
    for _ in range(effort.rounds):
        for (name, connections), taken in samples.items():
            taken.extend(load(name, connections, effort.seconds * (FRAIL_FACTOR if name in frail else 1)))
    figures = [
        figures_of(name, connections, taken, samples[limit, connections])
        for (name, connections), taken in samples.items()
        if taken
    ]
    return figures, given_up


def figures_of(peer: str, connections: int, taken: Sequence[Sample], limit: Sequence[Sample]) -> Figures:
    """Return the medians of what a peer was seen to do, beside the limit in the same rounds, as far as it came."""
    rounds = list(zip(taken, limit, strict=False))
    ratios = [own.cpu_us / other.cpu_us for own, other in rounds]
    return Figures(
        peer,
        connections,
        cpu_us=median(sample.cpu_us for sample in taken),
        ratio=median(ratios),
        ratio_range=(min(ratios), max(ratios)),
        rate_hz=median(sample.rate_hz for sample in taken),
        throughput=median(own.rate_hz / other.rate_hz for own, other in rounds),
        p50_ms=median(sample.p50_ms for sample in taken),
        p99_ms=median(sample.p99_ms for sample in taken),
    )
