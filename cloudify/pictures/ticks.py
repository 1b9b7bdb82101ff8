"""Round numbers along axes and colour bars."""

from collections.abc import Sequence
from math import ceil, floor, isfinite, log10

import numpy as np

_FARTHEST = 1e37
"""Farthest limit: float32 ends a little beyond."""
_NARROWEST = 1e-300
"""Below, parts of a range are no numbers of full precision."""
_DEGREES = (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 45, 60, 90)


def round_ticks(low: float, high: float, most: int) -> list[float]:
    """Return at most `most` multiples of 1, 2 or 5 times a power of ten in a range; none in one too short to divide.

    >>> round_ticks(220.3, 309.8, 6), round_ticks(5e-324, 1e-323, 6)
    ([240.0, 260.0, 280.0, 300.0], [])
    """
    if high - low < _NARROWEST:
        return []
    step = _round_step((high - low) / most)
    ticks = [number * step for number in range(ceil(low / step - 1e-9), floor(high / step + 1e-9) + 1)]
    return [float(f"{tick:.12g}") for tick in ticks]


def round_levels(low: float, high: float, most: int) -> list[float]:
    """Return at most `most` levels of contours, and at least half as many: multiples of 1, 2, 2.5 or 5 times ten^n.

    >>> round_levels(0.0, 1.0, 20) == [number / 20 for number in range(1, 20)], len(round_levels(220.3, 309.8, 20))
    (True, 17)
    """
    rough = (high - low) / most
    power = 10.0 ** floor(log10(rough))
    step = next(factor for factor in (1, 2, 2.5, 5, 10) if factor * power >= rough * (1 - 1e-9)) * power
    first, last = floor(low / step + 1e-9) + 1, ceil(high / step - 1e-9) - 1
    return [float(f"{number * step:.12g}") for number in range(first, last + 1)]


def degree_ticks(low: float, high: float, most: int) -> list[float]:
    """Return at most `most` round degrees in a range.

    >>> degree_ticks(-180, 180, 7)
    [-180, -120, -60, 0, 60, 120, 180]
    """
    step = next((step for step in _DEGREES if (high - low) / step <= most - 1), 90)
    return [
        float(f"{number * step:.6g}") if step < 1 else number * int(step)
        for number in range(ceil(low / step - 1e-9), floor(high / step + 1e-9) + 1)
    ]


def degree_text(value: float, positive: str, negative: str) -> str:
    """Write a coordinate.

    >>> degree_text(-60, "N", "S"), degree_text(190, "E", "W"), degree_text(0, "E", "W")
    ('60°S', '170°W', '0°')
    """
    if positive == "E":
        value = (value + 180) % 360 - 180
    if value in {0.0, -180.0}:
        return f"{abs(value):g}°"
    return f"{abs(value):g}°{positive if value > 0 else negative}"


def number_text(value: float) -> str:
    """Write a number in few digits.

    >>> number_text(273.15), number_text(1e-05), number_text(101325.0), number_text(0.0)
    ('273.15', '1e-05', '101325', '0')
    """
    return f"{value:.6g}"


def number_texts(values: Sequence[float]) -> list[str]:
    """Write numbers along an axis, in as many digits as tell them apart.

    >>> number_texts([1.0, 1.5]), number_texts([1000000000.0, 1000000200.0])
    (['1', '1.5'], ['1000000000', '1000000200'])
    """
    texts = [number_text(value) for value in values]
    digits = 6
    while len(set(texts)) < len(set(values)):
        digits += 1
        texts = [_number_text(value, digits) for value in values]
    return texts


def _number_text(value: float, digits: int) -> str:
    if 1e-5 <= abs(value) < 1e12:  # noqa: PLR2004
        return np.format_float_positional(value, digits, fractional=False, trim="-")
    return f"{value:.{digits}g}"


def usable_limits(low: float, high: float, resolution: float = 1e-7) -> tuple[float, float]:
    """Return finite limits with room between them, whatever is given; of a constant, so that it is in the middle.

    Limits nearer to each other than `resolution`, relative to their size, are the same: float32 tells no more apart.

    >>> usable_limits(3.0, 3.0), usable_limits(2.0, 1.0), usable_limits(float("nan"), 1.0), usable_limits(0.0, 0.0)
    ((2.5, 3.5), (1.0, 2.0), (0.0, 1.0), (-0.5, 0.5))
    """
    if not (isfinite(low) and isfinite(high)):
        return 0.0, 1.0
    low, high = (min(max(float(limit), -_FARTHEST), _FARTHEST) for limit in sorted((low, high)))
    room = max(abs(low), abs(high)) * resolution
    if high - low > room:
        return low, high
    middle, half = (low + high) / 2, max(0.5, room)
    return middle - half, middle + half


def _round_step(rough: float) -> float:
    power = 10.0 ** floor(log10(rough))
    return next(factor for factor in (1, 2, 5, 10) if factor * power >= rough * (1 - 1e-9)) * power
