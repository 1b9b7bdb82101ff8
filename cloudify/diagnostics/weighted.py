"""Statistics of groups over an area: every cell counts by its size. In one pass, in float64, what is NaN left out.

Of each place along the grouped dimension the mean over its cells and the squared deviations from it are taken first,
then merged as those of unweighted blocks are, with sums of weights in the place of counts.
"""

from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, ClassVar, Final

import numpy as np

from cloudify.diagnostics.groups import NONE, Array
from cloudify.diagnostics.kernel import Accumulator

WEIGHTED: Final = frozenset({"mean", "std", "var"})
"""Statistics for which sizes matter."""


@dataclass(frozen=True, eq=False)
class Weights:
    """The sizes of the cells that a statistic runs over."""

    values: Array
    """(places or 1, area), float64: of each place along the grouped dimension, or the same for all."""
    dims: tuple[str, ...]
    """The dimensions that the area lies in, but for the grouped one, in the order of `area`."""

    def at(self, places: slice) -> Array:
        """Return those of some places."""
        return self.values if len(self.values) == 1 else self.values[places]


@dataclass(eq=False)
class WeightedAccumulator(Accumulator):
    """Partial statistics of `groups` x `cells`, whose counts are sums of weights."""

    COUNT_TYPE: ClassVar[np.dtype[Any]] = np.dtype(np.float64)

    def add_weighted(self, rows: Array, codes: Array, weights: Array) -> None:
        """Take in a block.

        Parameters
        ----------
        rows
            (places, cells, area).
        codes
            The group of each place, `NONE` for no group.
        weights
            (places or 1, area).
        """
        held = codes != NONE
        if not held.any():
            return
        values = rows[held].astype(np.float64)
        by_size = np.where(np.isnan(values), 0.0, (weights if len(weights) == 1 else weights[held])[:, None, :])
        values[np.isnan(values)] = 0.0
        with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
            weight = by_size.sum(axis=-1)
            mean = np.where(weight > 0, (by_size * values).sum(axis=-1) / weight, 0.0)
            squares = (by_size * (values - mean[..., None]) ** 2).sum(axis=-1)
            found, group = np.unique(codes[held], return_inverse=True)
            count, total = _summed(weight, group, len(found)), _summed(weight * mean, group, len(found))
            of_group = np.where(count > 0, total / count, 0.0)
            squares = _summed(squares + weight * (mean - of_group[group]) ** 2, group, len(found))
            self.merge_parts(found, SimpleNamespace(count=count, total=total, squares=squares))


def _summed(rows: Array, group: Array, groups: int) -> Array:
    """Return the sums of rows of the same group."""
    sums = np.zeros((groups, *rows.shape[1:]))
    np.add.at(sums, group, rows)
    return sums
