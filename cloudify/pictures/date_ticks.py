"""Dates along an axis of days since 1970-01-01."""

from matplotlib.dates import AutoDateLocator, ConciseDateFormatter, num2date

from cloudify.pictures.ticks import number_texts, round_ticks

_FIRST, _LAST = -719_161.0, 2_932_895.0
"""The days from 0001-01-02 to 9999-12-30: what Python's calendar holds."""
_YEAR = 365.2425
_FEWEST = 5
"""With less the locator finds no interval between some of its units."""


def date_ticks(low: float, high: float, most: int) -> tuple[list[float], list[str], str]:
    """Return at most about `most` round dates in a range, in days, how they are written, and what all have in common.

    Ranges that leave the years 1 to 9999 have years only, as numbers.

    >>> date_ticks(0.0, 365.0, 5)[1:], date_ticks(15.0, 350.0, 5)[1:]
    ((['1970', 'Apr', 'Jul', 'Oct', '1971'], ''), (['Apr', 'Jul', 'Oct'], '1970'))
    """
    if low < _FIRST or high > _LAST:
        years = round_ticks(1970 + low / _YEAR, 1970 + high / _YEAR, most)
        return [(year - 1970) * _YEAR for year in years], number_texts(years), ""
    locator = AutoDateLocator(minticks=2, maxticks=max(_FEWEST, most))
    formatter = ConciseDateFormatter(locator)
    ticks = [float(tick) for tick in locator.tick_values(num2date(low), num2date(high)) if low <= tick <= high]
    if not ticks:
        return [], [], ""
    texts = formatter.format_ticks(ticks)
    return ticks, texts, formatter.get_offset()
