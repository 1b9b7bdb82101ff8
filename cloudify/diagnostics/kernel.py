"""Statistics of groups in one pass: block by block, accumulated in float64, what is NaN left out.

Blocks are two-dimensional, places along the grouped dimension x cells. Partial results of a block are merged with those
of the blocks before it: sums are added, squared deviations merged as Chan, Golub and LeVeque do (1983), which loses no
digits to a large mean.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, ClassVar, Final, Self

import numpy as np

from cloudify.diagnostics.groups import NONE, Array

PIECE_NBYTES = 2**20
"""How much is taken in at once: small enough to stay in the processor's cache from one statistic to the next."""
WIDE = 256
"""Cells from which on groups are reduced one by one, along whole rows; narrower blocks all at once."""
STATISTICS: Final = ("count", "sum", "mean", "min", "max", "std", "var", "first", "last")
_PARTS: Final[dict[str, frozenset[str]]] = {
    "count": frozenset({"count"}),
    "sum": frozenset({"total"}),
    "mean": frozenset({"count", "total"}),
    "std": frozenset({"count", "total", "squares"}),
    "var": frozenset({"count", "total", "squares"}),
    "min": frozenset({"low"}),
    "max": frozenset({"high"}),
    "first": frozenset({"first"}),
    "last": frozenset({"last"}),
}
"""Statistic -> what has to be accumulated for it."""


def parts_of(wanted: Iterable[str]) -> frozenset[str]:
    """Return what has to be accumulated for some statistics, an array of eight bytes a cell and group each."""
    return frozenset[str]().union(*(_PARTS[name] for name in wanted))


@dataclass(eq=False)
class Accumulator:
    """Partial statistics of `groups` x `cells`, of values of one type."""

    COUNT_TYPE: ClassVar[np.dtype[Any]] = np.dtype(np.int64)

    groups: int
    cells: int
    dtype: np.dtype[Any]
    wanted: tuple[str, ...]
    """Of `STATISTICS`."""
    held: dict[str, Array] = field(init=False)
    """Of what is accumulated, by name: (groups, cells)."""
    seen: Array = field(init=False)
    """Of which groups there was a place."""

    def __post_init__(self) -> None:
        shape = (self.groups, self.cells)
        missing = np.nan if self.dtype.kind == "f" else 0
        fills: dict[str, Any] = {"low": missing, "high": missing, "first": missing, "last": missing}
        types = {"count": self.COUNT_TYPE, "total": np.dtype(np.float64), "squares": np.dtype(np.float64)}
        self.held = {
            part: np.full(shape, fills.get(part, 0), types.get(part, self.dtype)) for part in parts_of(self.wanted)
        }
        self.seen = np.zeros(self.groups, bool)

    def empty(self, groups: int) -> Self:
        """Return one of the same kind that holds nothing yet."""
        return type(self)(groups, self.cells, self.dtype, self.wanted)

    def add(self, rows: Array, codes: Array) -> None:
        """Take in a block.

        Parameters
        ----------
        rows
            (places, cells), of the accumulator's type.
        codes
            The group of each place, `NONE` for no group.
        """
        step = max(1, PIECE_NBYTES // max(1, rows.shape[1] * rows.itemsize))
        for start in range(0, len(rows), step):
            self._take_in(rows[start : start + step], codes[start : start + step])

    def result(self, name: str) -> Array:
        """Return a statistic, (groups, cells). Of what has no value: count and sum 0, as xarray has it, else NaN."""
        held = self.held
        if name in {"count", "sum"}:
            return held["count" if name == "count" else "total"]
        if name in {"mean", "var", "std"}:
            over = held["total" if name == "mean" else "squares"]
            with np.errstate(invalid="ignore", divide="ignore"):
                mean = over / held["count"]  # 0 / 0 is NaN, as it should be
            return np.asarray(np.sqrt(mean)) if name == "std" else np.asarray(mean)
        return held[{"min": "low", "max": "high"}.get(name, name)]

    def _take_in(self, rows: Array, codes: Array) -> None:
        order = np.argsort(codes, kind="stable")
        order = order[codes[order] != NONE]
        if not order.size:
            return
        if order.size < codes.size or (np.diff(order) != 1).any():
            rows = rows[order]
        found, starts = np.unique(codes[order], return_index=True)
        with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
            self.merge_parts(found, _Block(rows, starts))

    def merge(self, later: "Accumulator", groups: Array) -> None:
        """Take in what was accumulated of later places along the dimension.

        Parameters
        ----------
        groups
            Which group of ours each of its groups is; each once.
        """
        present = later.seen  # what it has no place of says nothing
        with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
            parts = SimpleNamespace(**{part: held[present] for part, held in later.held.items()})
            self.merge_parts(groups[present], parts)

    def merge_parts(self, found: Array, more: "_Block | SimpleNamespace") -> None:
        """Take in what was found out of later places of some groups: as attributes, what is `held`."""
        held = self.held
        if "squares" in held:
            self._merge_squares(found, more)
        if "count" in held:
            held["count"][found] += more.count
        if "total" in held:
            held["total"][found] += more.total
        new = ~self.seen[found]
        for part, ufunc in (("low", np.fmin), ("high", np.fmax)):
            if part in held:
                of_more, before = getattr(more, part), held[part][found]
                held[part][found] = np.where(new[:, None], of_more, ufunc(before, of_more))
        if "first" in held:
            before = held["first"][found]
            held["first"][found] = np.where(new[:, None] | _is_missing(before), more.first, before)
        if "last" in held:
            after = more.last
            held["last"][found] = np.where(_is_missing(after), held["last"][found], after)
        self.seen[found] = True

    def _merge_squares(self, found: Array, block: "_Block | SimpleNamespace") -> None:
        """Merge squared deviations; to be called before counts and totals are."""
        count, total = self.held["count"][found], self.held["total"][found]
        between = block.total / block.count - total / count
        shared = between**2 * (count / (count + block.count)) * block.count
        self.held["squares"][found] += block.squares + np.where((count > 0) & (block.count > 0), shared, 0.0)


class _Block:
    """Rows in the order of their groups, and what is the same for several statistics."""

    def __init__(self, rows: Array, starts: Array) -> None:
        self.rows, self.starts = rows, starts
        self.stops = np.append(starts[1:], len(rows))
        present = ~_is_missing(rows)
        self.present = None if present.all() else present
        self._filled = rows if self.present is None else np.where(present, rows, 0)
        self._count: Array | None = None
        self._total: Array | None = None

    def reduce(self, ufunc: np.ufunc, rows: Array, dtype: Any = None) -> Array:  # noqa: ANN401  # whatever numpy takes
        """Reduce each group, (groups, cells)."""
        if rows.shape[1] < WIDE:
            return np.asarray(ufunc.reduceat(rows, self.starts, axis=0, dtype=dtype))
        pairs = zip(self.starts, self.stops, strict=True)
        return np.stack([ufunc.reduce(rows[start:stop], axis=0, dtype=dtype) for start, stop in pairs])

    @property
    def count(self) -> Array:
        if self._count is None:
            lengths = (self.stops - self.starts)[:, None]
            self._count = lengths if self.present is None else self.reduce(np.add, self.present, np.int64)
        return self._count

    @property
    def total(self) -> Array:
        if self._total is None:
            self._total = self.reduce(np.add, self._filled, np.float64)
        return self._total

    @property
    def low(self) -> Array:
        return self.reduce(np.fmin, self.rows)

    @property
    def high(self) -> Array:
        return self.reduce(np.fmax, self.rows)

    @property
    def first(self) -> Array:
        return self._at_end(first=True)

    @property
    def last(self) -> Array:
        return self._at_end(first=False)

    @property
    def squares(self) -> Array:
        """Squared deviations from the mean of each group in this block."""
        mean = np.where(self.count > 0, self.total / self.count, 0.0)
        deviations = self.rows - np.repeat(mean, self.stops - self.starts, axis=0)
        if self.present is not None:
            deviations[~self.present] = 0.0
        return self.reduce(np.add, deviations * deviations, np.float64)

    def _at_end(self, *, first: bool) -> Array:
        """Return the first or last value of each group that is there; NaN where none is."""
        if self.present is None:
            return np.asarray(self.rows[self.starts if first else self.stops - 1])
        places = np.arange(len(self.rows))[:, None]
        otherwise = len(self.rows) if first else -1
        found = self.reduce(np.minimum if first else np.maximum, np.where(self.present, places, otherwise))
        values = np.take_along_axis(self.rows, np.where(found == otherwise, 0, found), axis=0)
        return np.where(found == otherwise, np.nan, values).astype(self.rows.dtype)


def median(rows: Array, codes: Array, groups: int) -> Array:
    """Return the medians, (groups, cells) float64; NaN where a group has no value.

    A sort by value and one by group instead of a call for each group: as quick for a million groups as for one.
    """
    values = rows.astype(np.float64)
    values = values[codes != NONE]
    codes = codes[codes != NONE]
    by_value = np.argsort(values, axis=0, kind="stable")  # NaN last
    by_group = np.argsort(codes[by_value], axis=0, kind="stable")
    ordered = np.take_along_axis(values, np.take_along_axis(by_value, by_group, axis=0), axis=0)
    starts = np.searchsorted(np.sort(codes), np.arange(groups))
    count = np.add.reduceat(~np.isnan(ordered), starts, axis=0, dtype=np.intp)
    last = np.maximum(count - 1, 0)
    low, high = (np.take_along_axis(ordered, starts[:, None] + place, axis=0) for place in (last // 2, (last + 1) // 2))
    with np.errstate(invalid="ignore"):  # of infinities
        return np.asarray(np.where(low == high, low, low + (high - low) / 2))


def _is_missing(values: Array) -> Array:
    return np.isnan(values) if values.dtype.kind == "f" else np.zeros(values.shape, bool)
