"""Decoded times as texts: RFC 3339 in UTC, ISO 8601 durations."""

from calendar import monthrange
from typing import Any

import cftime
import numpy as np

from cloudify.model.extent import Interval

Times = np.ndarray[Any, np.dtype[Any]]

_MOST_STEPS = 100_000
"""Of times of another calendar, which are Python objects, no more are compared with their neighbours."""


def rfc3339(time: Any) -> str | None:  # noqa: ANN401  # numpy's or cftime's
    """Return a time to the second; None for a year that four digits cannot say.

    A day that the Gregorian calendar does not have, such as 30 February of 360 days, becomes the month's last.

    >>> rfc3339(np.datetime64("2005-01-16T12:00")), rfc3339(cftime.datetime(1999, 2, 30, calendar="360_day"))
    ('2005-01-16T12:00:00Z', '1999-02-28T00:00:00Z')
    """
    if isinstance(time, cftime.datetime):
        if not 1 <= time.year <= 9999:  # noqa: PLR2004
            return None
        day = min(time.day, monthrange(time.year, time.month)[1])
        return f"{time.year:04}-{time.month:02}-{day:02}T{time.hour:02}:{time.minute:02}:{time.second:02}Z"
    text = str(np.datetime_as_string(time.astype("datetime64[s]")))
    return f"{text}Z" if len(text) == len("2005-01-16T12:00:00") and not text.startswith(("-", "0000")) else None


def span(times: Times) -> Interval | None:
    """Return the first and last of decoded times; None where none is present, or they cannot be said."""
    present = _present(times)
    if not present.size:
        return None
    start, end = rfc3339(present.min()), rfc3339(present.max())
    return (start, end) if start and end else None


def step(times: Times) -> str | None:
    """Return the ISO 8601 duration between neighbours, None where it is not always the same.

    >>> step(np.arange("2000-01-01", "2000-01-03", 6, "datetime64[h]")), step(np.array(["2000-01-01"], "datetime64[s]"))
    ('PT6H', None)
    """
    if times.ndim != 1 or times.size < 2 or _present(times).size != times.size:  # noqa: PLR2004
        return None
    if times.dtype.kind == "O" and times.size > _MOST_STEPS:
        return None
    steps = np.diff(times)
    if np.any(steps != steps[0]):
        return None
    seconds = steps[0].total_seconds() if times.dtype.kind == "O" else steps[0] / np.timedelta64(1, "s")
    return _duration(abs(float(seconds)))


def _present(times: Times) -> Times:
    """Return those that are times, flat."""
    flat = times.ravel()
    if flat.dtype.kind == "O":
        return np.array([time for time in flat if isinstance(time, cftime.datetime)], dtype=object)
    return flat[~np.isnat(flat)]


def _duration(seconds: float) -> str | None:
    if seconds <= 0 or seconds != round(seconds):
        return None
    days, rest = divmod(round(seconds), 86400)
    hours, rest = divmod(rest, 3600)
    minutes, rest = divmod(rest, 60)
    clock = "".join(f"{number}{letter}" for number, letter in ((hours, "H"), (minutes, "M"), (rest, "S")) if number)
    return "P" + (f"{days}D" if days else "") + (f"T{clock}" if clock else "")
