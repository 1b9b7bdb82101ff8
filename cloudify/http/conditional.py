"""Conditional requests (RFC 9110, section 13): what the client has already is not sent again."""


def none_match(header: str | None, etag: str) -> bool:
    """Whether ``If-None-Match`` names `etag`, so that the answer is 304. Tags are compared weakly, as for GET and HEAD.

    >>> none_match('W/"a", "b"', '"a"'), none_match("*", '"a"'), none_match(None, '"a"'), none_match('"b"', '"a"')
    (True, True, False, False)
    """
    if header is None:
        return False
    tags = (tag.strip() for tag in header.split(","))
    return any(tag == "*" or tag.removeprefix("W/") == etag for tag in tags)
