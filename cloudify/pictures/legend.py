"""The legend of a map: its colours, and the values that they mean."""

import numpy as np

from cloudify.pictures.drawing import Caption
from cloudify.pictures.limits import Limits
from cloudify.pictures.palette import COUNT, FIRST, Palette
from cloudify.pictures.sheet import Sheet, fitting
from cloudify.pictures.ticks import number_texts, round_ticks

WIDTH, HEIGHT = 140, 280
"""Pixels of a legend where nobody says how many."""
_LEAST = 60, 80
"""Below this there is no room for text."""
_BAR, _LEFT, _TOP, _BOTTOM = 18, 8, 44, 12


def draw_legend(palette: Palette, limits: Limits, caption: Caption, width: int = WIDTH, height: int = HEIGHT) -> bytes:
    """Draw a legend, as a PNG: a bar of colours, the greatest value above; of a small one nothing else."""
    sheet = Sheet(width, height)
    if width < _LEAST[0] or height < _LEAST[1]:
        sheet.put(_bar(width, height), 0, 0)
        return sheet.png(palette)
    rows = height - _TOP - _BOTTOM
    sheet.text(_LEFT, 6, fitting(caption.title, width - _LEFT, bold=True), bold=True)
    sheet.text(_LEFT, 23, fitting(caption.units, width - _LEFT, size=11), size=11)
    sheet.put(_bar(_BAR, rows), _LEFT, _TOP)
    sheet.rectangle(_LEFT, _TOP, _BAR, rows)
    ticks = round_ticks(limits.low, limits.high, max(2, rows // 30))
    for tick, text in zip(ticks, number_texts(ticks), strict=True):
        y = _TOP + rows - (tick - limits.low) * rows / (limits.high - limits.low)
        sheet.line([(_LEFT + _BAR, y), (_LEFT + _BAR + 4, y)])
        sheet.text(_LEFT + _BAR + 8, y, fitting(text, width - _LEFT - _BAR - 8, size=11), size=11, anchor="lm")
    return sheet.png(palette)


def _bar(width: int, height: int) -> "np.ndarray[tuple[int, int], np.dtype[np.uint8]]":
    column = FIRST + (np.arange(height)[::-1] * COUNT // height).astype(np.uint8)
    return np.repeat(column[:, None], width, axis=1)
