"""Contours of a map: round levels, the bands between them, and what of them is worth tracing."""

import numpy as np

from cloudify.pictures.palette import MISSING, Bytes, Palette
from cloudify.pictures.ticks import round_levels
from cloudify.pictures.view import Array

MOST_LEVELS = 20
MOST_CROSSINGS = 100_000
"""Neighbouring pixels on two sides of a level, up to which contours are traced. Of more there is a line through every
few pixels: tracing noise takes seconds and megabytes, and looks like the pixels themselves."""


class Bands:
    """The bands of a field: numbered from 0, below the first level, to the number of levels, above the last.

    Parameters
    ----------
    values
        Of shape (height, width); NaN is missing.
    low, high
        Usable limits: finite, and with room between them.
    """

    def __init__(self, values: Array, low: float, high: float, palette: Palette) -> None:
        self.levels = round_levels(low, high, MOST_LEVELS)
        span = high - low
        self.values = np.clip(values, low - span, high + span)
        """Nothing is far beyond the limits: infinities would have no contours, or odd ones."""
        self.missing = np.isnan(self.values)
        self.numbers = np.searchsorted(self.levels, self.values, side="right")
        edges = np.array([low, *self.levels, high])
        middles = (edges[1:] + edges[:-1]) / 2
        numbers = palette.index(middles, low, high)
        self.colours: Bytes = palette.colours[numbers]
        """Of each band, of shape (bands, 3)."""
        self.level_colours: Bytes = palette.colours[palette.index(np.array(self.levels), low, high)]
        self._nothing = palette.colours[MISSING]

    @property
    def crossings(self) -> int:
        """How many neighbouring pixels lie in different bands."""
        across, down = self._steps()
        return int(np.count_nonzero(across) + np.count_nonzero(down))

    def filled(self) -> Bytes:
        """Return each pixel in the colour of its band, of shape (height, width, 3)."""
        colours = np.concatenate([self.colours, self._nothing[None]])
        numbers = np.where(self.missing, len(self.colours), self.numbers)
        return np.asarray(colours[numbers])

    def ground(self) -> Bytes:
        """Return white, and grey where there is nothing."""
        return np.where(self.missing[..., None], self._nothing, np.uint8(255)).astype(np.uint8)

    def traced(self) -> Bytes:
        """Return the ground with those pixels in a level's colour behind which the level is crossed."""
        colours = self.ground()
        across, down = self._steps()
        for steps, here, there in (
            (across, np.s_[:, :-1], np.s_[:, 1:]),
            (down, np.s_[:-1, :], np.s_[1:, :]),
        ):
            level = np.minimum(self.numbers[here], self.numbers[there])[steps]
            colours[here][steps] = self.level_colours[level]
        return colours

    def _steps(self) -> tuple[Array, Array]:
        steps = []
        for axis in (1, 0):
            other = np.diff(self.numbers, axis=axis) != 0
            nothing = self.missing[:, 1:] | self.missing[:, :-1] if axis else self.missing[1:] | self.missing[:-1]
            steps.append(other & ~nothing)
        return steps[0], steps[1]


def between_centres(values: Array, cell: tuple[float, float], *, around: bool) -> Array:
    """Interpolate a field of cells that are larger than a pixel: linearly between their centres.

    The mean over a window as large as a cell does that: in the middle of a cell the window holds the cell alone.
    Missing pixels stay missing and give nothing to their neighbours.

    Parameters
    ----------
    values
        Of shape (height, width).
    cell
        Width and height of a cell in pixels.
    around
        Whether the first column follows the last.
    """
    width, height = cell
    if width <= 1 and height <= 1:
        return values
    missing = np.isnan(values)
    total = np.where(missing, 0.0, values.astype(np.float64))
    weight = (~missing).astype(np.float64)
    for window, axis, wraps in ((width, 1, around), (height, 0, False)):
        if window > 1:
            total, weight = (_window_sums(part, window, axis, wraps=wraps) for part in (total, weight))
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = total / weight
    mean[missing] = np.nan
    return np.asarray(mean)


def _window_sums(values: Array, window: float, axis: int, *, wraps: bool) -> Array:
    """Return the sum over a window around each element, of which those at its ends count in part."""
    moved = np.moveaxis(values, axis, 0)
    count = len(moved)
    pad = int(window / 2) + 1 if wraps else 0
    if pad:
        moved = np.take(moved, np.arange(-pad, count + pad), axis=0, mode="wrap")
    sums = np.concatenate([np.zeros_like(moved[:1]), np.cumsum(moved, axis=0)])
    middles = np.arange(count) + 0.5 + pad
    last = len(moved)

    def up_to(places: Array) -> Array:
        places = np.clip(places, 0, last)
        whole = np.minimum(places.astype(np.intp), last - 1)
        part = (places - whole).reshape(-1, *(1 for _ in moved.shape[1:]))
        return np.asarray(sums[whole] + part * moved[whole])

    return np.moveaxis(up_to(middles + window / 2) - up_to(middles - window / 2), 0, axis)
