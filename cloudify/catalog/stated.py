"""What a catalog states of where, when and from what a dataset is: texts -> values, None where they are none."""

import re
from collections.abc import Sequence
from datetime import UTC, date, datetime
from math import isfinite
from urllib.parse import urlsplit

from cloudify.model.entry import Link
from cloudify.model.extent import Bbox, Interval, is_bbox

OURS = frozenset({"self", "root", "parent", "collection", "item", "items", "child", "alternate"})
"""Relations that the server writes itself."""
LONGEST_HREF = 2048

_REL = re.compile(r"[A-Za-z][A-Za-z0-9._:/-]{0,99}")


def parse_link(rel: str, href: str, title: str = "") -> Link | None:
    """Return a link that may be shown to everybody.

    >>> parse_link("via", "https://example.org/run-7").rel
    'via'
    >>> parse_link("via", "file:///data/x"), parse_link("via", "https://me:secret@example.org"), parse_link("self", "http://x")
    (None, None, None)
    """
    try:
        parts = urlsplit(href)
        parts.port  # noqa: B018  # raises where it is no number
    except ValueError:
        return None
    is_web = parts.scheme in {"http", "https"} and bool(parts.hostname) and "@" not in parts.netloc
    is_plain = len(href) <= LONGEST_HREF and href.isprintable() and not re.search(r"[\s\"<>\\^`{|}]", href)
    is_known = _REL.fullmatch(rel) is not None and rel not in OURS
    return Link(rel, href, title) if is_web and is_plain and is_known else None


def parse_bbox(texts: Sequence[str]) -> Bbox | None:
    """Return west, south, east and north.

    >>> parse_bbox(["-30", "20", "45.5", "75"]), parse_bbox(["0", "-90", "360", "90"]), parse_bbox(["nan"] * 4)
    ((-30.0, 20.0, 45.5, 75.0), None, None)
    """
    try:
        west, south, east, north = map(float, texts)
    except ValueError:
        return None
    bbox = (west, south, east, north)
    return bbox if all(map(isfinite, bbox)) and is_bbox(bbox) else None


def parse_interval(texts: Sequence[str]) -> Interval | None:
    """Return start and end in UTC; a date without a time starts at its midnight, and ends a second before the next.

    >>> parse_interval(["2005-01-01", "2005-12-31"]), parse_interval(["2005-01-01T01:00+01:00", "2005-01-01T00:00Z"])
    (('2005-01-01T00:00:00Z', '2005-12-31T23:59:59Z'), ('2005-01-01T00:00:00Z', '2005-01-01T00:00:00Z'))
    >>> parse_interval(["2005-12-31", "2005-01-01"]), parse_interval(["2005", "2006"])
    (None, None)
    """
    try:
        start, end = texts
        interval = (_instant(start, "00:00:00"), _instant(end, "23:59:59"))
    except (ValueError, OverflowError):
        return None
    return interval if interval[0] <= interval[1] else None


def _instant(text: str, time_of_day: str) -> str:
    if re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
        return f"{date.fromisoformat(text).isoformat()}T{time_of_day}Z"
    if not re.match(r"\d{4}-\d{2}-\d{2}[T ]", text):
        raise ValueError(text)
    instant = datetime.fromisoformat(text)
    instant = instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)
    return f"{instant.replace(tzinfo=None, microsecond=0).isoformat()}Z"
