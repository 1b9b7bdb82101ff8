"""Conditional requests (RFC 9110, section 13): what the client has already is not sent again."""

import re

_TAG = re.compile(r'(?:W/)?"[^"]*"')


def none_match(header: str | None, etag: str) -> bool:
    """Whether ``If-None-Match`` names `etag`, so that the answer is 304. Tags are compared weakly.

    >>> none_match('W/"a", "b"', '"a"'), none_match("*", '"a"'), none_match(None, '"a"'), none_match('"b"', '"a"')
    (True, True, False, False)
    """
    if header is None:
        return False
    return header.strip() == "*" or etag in (tag.removeprefix("W/") for tag in _TAG.findall(header))


def match_fails(header: str | None, etag: str) -> bool:
    """Whether ``If-Match`` names other tags only, so that the answer is 412. Tags are compared strongly.

    >>> match_fails('"a", "b"', '"a"'), match_fails('W/"a"', '"a"'), match_fails(None, '"a"')
    (False, True, False)
    """
    return header is not None and header.strip() != "*" and etag not in _TAG.findall(header)


def range_applies(if_range: str | None, etag: str) -> bool:
    """Whether ``Range`` counts: without ``If-Range``, or where it names `etag`. We send no dates, so none matches.

    >>> range_applies(None, '"a"'), range_applies('"a"', '"a"'), range_applies('W/"a"', '"a"')
    (True, True, False)
    """
    return if_range is None or if_range.strip() == etag
