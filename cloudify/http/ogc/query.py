"""Queries of lists: limits, pages, times, and which jobs."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import nextafter
from typing import Any, Final, get_args
from urllib.parse import urlencode

from starlette.datastructures import QueryParams

from cloudify.errors import BadOptionError
from cloudify.http.ogc.links import Link, link
from cloudify.model.job import State

DEFAULT_LIMIT, MOST = 10, 10_000
"""As OGC API - Processes has them."""
STATES: Final[tuple[State, ...]] = get_args(State)
_TIME = re.compile(
    r"(\d{4}-\d\d-\d\d)(?:[Tt ](\d\d:\d\d(?::\d\d(?P<fraction>\.\d{1,9})?)?)\s*(?P<zone>[Zz]|[+ -]\d\d:\d\d)?)?",
    re.ASCII,
)


def single(query: QueryParams, name: str) -> str:
    """Return the value of a parameter that can be there once; `""` where it is not.

    Raises
    ------
    BadOptionError
        If it is there more than once.
    """
    given = query.getlist(name)
    if len(given) > 1:
        raise BadOptionError(f"{name} is given {len(given)} times; give it once")
    return given[0] if given else ""


def whole(query: QueryParams, name: str, default: int, *, least: int = 0, most: int | None = None) -> int:
    """Return a whole number of a query; one above `most` is that, as OGC API has it.

    Raises
    ------
    BadOptionError
        If it is none, or less than `least`.
    """
    text = single(query, name)
    if not text:
        return default
    if not (text.isascii() and text.isdigit() and len(text) <= 18) or int(text) < least:  # noqa: PLR2004  # 64 bits
        raise BadOptionError(f"{name}={text[:40]!r}: expected a whole number from {least} on")
    return int(text) if most is None else min(int(text), most)


def whether(query: QueryParams, name: str, *, default: bool) -> bool:
    """Return whether a query says so.

    Raises
    ------
    BadOptionError
        If it says neither true nor false.
    """
    text = query.get(name) or str(default).lower()
    if text not in {"true", "false"}:
        raise BadOptionError(f"{name}={text[:40]!r}: expected true or false")
    return text == "true"


def page_links(at: str, query: QueryParams, after: str | None) -> list[Link]:
    """Return the links of a page: to itself, and to the one after it, if there is one."""
    here = [(name, value) for name, value in query.multi_items() if name != "after"]
    itself = f"{at}?{urlencode(query.multi_items())}" if query else at
    links = [link(itself, "self")]
    if after is not None:
        links.append(link(f"{at}?{urlencode([*here, ('after', after)])}", "next"))
    return links


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which jobs are asked for."""

    filters: dict[str, Any]
    """As `compute.store` takes them."""
    limit: int
    after: str | None
    is_none: bool = False
    """Whether there can be no such job."""


def read_wanted(query: QueryParams) -> Wanted:
    """Return which jobs a query asks for (OGC API - Processes, Part 1, 14).

    Raises
    ------
    BadOptionError
        If it cannot be.
    """
    states = _several(query, "status")
    unknown = next((state for state in states if state not in STATES), None)
    if unknown is not None:
        raise BadOptionError(f"status={unknown[:40]!r}: expected some of {', '.join(STATES)}")
    filters: dict[str, Any] = {"states": states, "processes": _several(query, "processID")}
    if when := single(query, "datetime"):
        filters["created_from"], filters["created_to"] = read_interval(when)
    for name, of_store in (("minDuration", "min_duration_s"), ("maxDuration", "max_duration_s")):
        if single(query, name):
            filters[of_store] = float(whole(query, name, 0))
    types = _several(query, "type")
    return Wanted(
        filters,
        limit=whole(query, "limit", DEFAULT_LIMIT, least=1, most=MOST),
        after=single(query, "after") or None,
        is_none=bool(types) and "process" not in types,
    )


def read_interval(text: str) -> tuple[float | None, float | None]:
    """Return the first and the last moment of an instant or an interval, in seconds since 1970; None where it is open.

    An instant is as long as it is exact: a day, a second, a thousandth of one.

    >>> read_interval("1970-01-01T00:01:00Z/..")
    (60.0, None)

    Raises
    ------
    BadOptionError
        If it is none.
    """
    begin, slash, end = text.partition("/")
    if not slash:
        first, last = _moments(begin, text)
        return first, last
    start = None if begin in {"", ".."} else _moments(begin, text)[0]
    stop = None if end in {"", ".."} else _moments(end, text)[1]
    if start is not None and stop is not None and start > stop:
        raise BadOptionError(f"datetime={text[:80]!r} ends before it begins")
    return start, stop


def _moments(text: str, whole_text: str) -> tuple[float, float]:
    match = _TIME.fullmatch(text.strip())
    try:
        day, clock, zone = (match[1], match[2], match["zone"]) if match else ("", "", "")
        zone = (zone or "Z").upper().replace(" ", "+").replace("Z", "+00:00")  # a plus of a query is a space
        moment = datetime.fromisoformat(f"{day}T{clock or '00:00'}{zone}").astimezone(UTC)
    except (ValueError, OverflowError):
        raise BadOptionError(
            f"datetime={whole_text[:80]!r}: expected a time like 2026-01-31T12:00:00Z, or two with a slash between "
            "them, '..' for an open end"
        ) from None
    if clock is None:
        lasts = timedelta(days=1)
    elif match and match["fraction"]:
        lasts = timedelta(seconds=10.0 ** -min(6, len(match["fraction"]) - 1))
    else:
        lasts = timedelta(seconds=1) if clock.count(":") == 2 else timedelta(minutes=1)  # noqa: PLR2004
    first = moment.timestamp()
    return first, nextafter(first + lasts.total_seconds(), 0.0)


def _several(query: QueryParams, name: str) -> tuple[str, ...]:
    """Return the values of a parameter that is repeated, or holds several with commas between them."""
    found = [part for value in query.getlist(name) for part in value.split(",") if part]
    if len(found) > 100:  # noqa: PLR2004  # nobody asks for so many
        raise BadOptionError(f"{name}: more than 100 values")
    return tuple(dict.fromkeys(found))
