"""What the benchmark and the soak say of what they saw."""

from pathlib import Path

import pytest

from benchmarks.bench import ROWS
from benchmarks.load import Sample
from benchmarks.memory import MIB, growth_nbytes, judge
from benchmarks.rows import Target, figures_of
from benchmarks.tally import Tally

RESULTS = (Path(__file__).parents[2] / "benchmarks" / "RESULTS.md").read_text()


def sample(cpu_us: float, rate_hz: float) -> Sample:
    return Sample(cpu_us, rate_hz, p50_ms=1, p99_ms=2)


def test_a_ratio_is_of_the_same_round() -> None:
    """While the machine was slow, in the second round, both took three times as long: the ratio is 2 all the same."""
    limit = [sample(10, 900), sample(30, 300), sample(10, 900)]
    ours = [sample(20, 450), sample(60, 150), sample(25, 300)]
    figures = figures_of("ours", 8, ours, limit)
    assert (figures.ratio, figures.ratio_range, figures.throughput) == (2.0, (2.0, 2.5), 0.5)


def test_a_peer_that_was_given_up_is_compared_as_far_as_it_came() -> None:
    figures = figures_of("frail", 8, [sample(40, 1)], [sample(10, 2), sample(1, 2)])
    assert (figures.ratio, figures.throughput) == (4.0, 0.5)


@pytest.mark.parametrize(
    ("target", "is_held"),
    [
        (Target(cpu=2), True),
        (Target(cpu=1.9), False),
        (Target(throughput=0.5), True),
        (Target(throughput=0.51), False),
        (Target(cpu=2, throughput=0.9), False),
    ],
)
def test_a_target_is_held_where_all_of_it_is(target: Target, is_held: bool) -> None:
    assert target.holds(figures_of("ours", 8, [sample(20, 1)], [sample(10, 2)])) is is_held


def test_every_target_is_of_a_peer_of_the_written_table() -> None:
    for name, row in ROWS.items():
        for peer, target in row.targets.items():
            assert f"| {name} | {peer} | {target} |" in RESULTS


def test_every_row_is_in_the_written_table() -> None:
    for name in ROWS:
        assert f"\n| {name} |" in RESULTS, name


def test_memory_that_grows_on_after_the_first_quarter_is_a_failure() -> None:
    grows, flat = Tally(), Tally()
    judge([MIB * (200 + look) for look in range(100)], grows)
    judge([MIB * (200 + min(look, 25)) for look in range(100)], flat)
    assert (grows.failures, flat.failures) == (1, 0)
    assert growth_nbytes(range(100)) == 50
    assert "it grows: +50.0 MiB" in grows.notes[0]
    assert "flat: +0.0 MiB" in flat.notes[0]


def test_too_few_looks_at_memory_are_a_skip_that_is_named() -> None:
    tally = Tally()
    judge([MIB] * 3, tally)
    assert (tally.failures, tally.skips) == (0, ["memory: 3 looks are too few to judge by"])
