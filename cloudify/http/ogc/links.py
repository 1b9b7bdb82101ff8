"""Links, as OGC API has them, and times."""

from datetime import UTC, datetime
from typing import Final

JSON: Final = "application/json"
REL: Final = "http://www.opengis.net/def/rel/ogc/1.0/"
"""How the names of its relations begin."""
Link = dict[str, str]


def link(href: str, rel: str, media_type: str = JSON, title: str = "") -> Link:
    """Return a link."""
    return {"href": href, "rel": rel, "type": media_type} | ({"title": title} if title else {})


def iso(seconds: float) -> str:
    """Return a time as text, in UTC and to the millisecond.

    >>> iso(1767323045.25)
    '2026-01-02T03:04:05.250Z'
    """
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
