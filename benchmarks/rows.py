"""What a row of the benchmark is, and how peers are compared."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchmarks.load import Sample, measure
from benchmarks.processes import Running

CONNECTIONS = (8, 64)
WARM_UP_S = 1


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
    p50_ms: float
    p99_ms: float


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a row found."""

    subject: str
    """What was asked for, in one sentence."""
    figures: Sequence[Figures]


@dataclass(frozen=True, slots=True)
class Row:
    """One comparison."""

    limit: str
    """The peer that the others are multiples of."""
    run: Callable[[Effort], Outcome]
    """Raises `RowError` where there is nothing to compare."""


def compare(peers: Mapping[str, Running], script: Path, effort: Effort, *, limit: str) -> list[Figures]:
    """Load each peer in turn, round by round, so that a slow minute of the machine meets all of them.

    Parameters
    ----------
    script
        The wrk script with the paths, the same for all peers.
    limit
        The peer that the others are multiples of.
    """
    samples: dict[tuple[str, int], list[Sample]] = {(name, n): [] for n in CONNECTIONS for name in peers}
    for server in peers.values():
        measure(server, script, connections=CONNECTIONS[0], seconds=WARM_UP_S)
    for _ in range(effort.rounds):
        for (name, connections), taken in samples.items():
            taken.append(measure(peers[name], script, connections=connections, seconds=effort.seconds))
    return [
        figures_of(name, connections, taken, samples[limit, connections])
        for (name, connections), taken in samples.items()
    ]


def figures_of(peer: str, connections: int, taken: Sequence[Sample], limit: Sequence[Sample]) -> Figures:
    """Return the medians of what a peer was seen to do, beside the limit in the same rounds."""
    ratios = [own.cpu_us / other.cpu_us for own, other in zip(taken, limit, strict=True)]
    return Figures(
        peer,
        connections,
        cpu_us=median(sample.cpu_us for sample in taken),
        ratio=median(ratios),
        ratio_range=(min(ratios), max(ratios)),
        rate_hz=median(sample.rate_hz for sample in taken),
        p50_ms=median(sample.p50_ms for sample in taken),
        p99_ms=median(sample.p99_ms for sample in taken),
    )
