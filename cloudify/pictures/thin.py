"""Long lines made short: of many points in one column of pixels only those that show."""

import numpy as np

from cloudify.pictures.view import Array

_PER_COLUMN = 4


def thinned(points: Array, columns: int) -> Array:
    """Return a line of points, of shape (points, 2), that looks the same and has at most about five for each column.

    Of the points within a column of pixels the first, the lowest, the highest and the last stay, and one gap where
    there are some. A line that goes back and forth is returned as it is.
    """
    x, y = points.T
    if len(x) <= _PER_COLUMN * columns or not np.isfinite(x).all() or (np.diff(x) < 0).any():
        return points
    column = np.floor(x).astype(np.int64)
    starts = np.flatnonzero(np.diff(column, prepend=column[0] - 1))
    ends = np.append(starts[1:], len(x)) - 1
    gaps = np.isnan(y)
    sought = (np.where(gaps, np.inf, y), np.where(gaps, np.inf, -y), np.where(gaps, -1.0, 0.0))
    kept = [_first_least(values, starts, ends) for values in sought]
    return np.asarray(points[np.unique(np.concatenate([starts, ends, *kept]))])


def _first_least(values: Array, starts: Array, ends: Array) -> Array:
    """Return where each run of values has its least, the first of them."""
    least = np.repeat(np.minimum.reduceat(values, starts), ends - starts + 1)
    places = np.flatnonzero(values == least)
    runs = np.searchsorted(starts, places, side="right") - 1
    first = np.flatnonzero(np.diff(runs, prepend=-1))
    return np.asarray(places[first])
