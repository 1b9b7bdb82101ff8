"""Byte ranges (RFC 9110, section 14)."""

import re
from dataclasses import dataclass

_RANGE = re.compile(
    r"bytes=\s*(?:(?P<first>[0-9]{1,18})-(?P<last>[0-9]{0,18})|-(?P<suffix>[0-9]{1,18}))\s*", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Span:
    """The part of a body that was asked for."""

    start: int
    stop: int
    """After the last byte; equal to `start` where no byte of the body was asked for (416)."""

    def content_range(self, size: int) -> str:
        """Write the header ``Content-Range`` for a body of `size` bytes."""
        return f"bytes {self.start}-{self.stop - 1}/{size}" if self.stop > self.start else f"bytes */{size}"


def parse_range(header: str | None, size: int) -> Span | None:
    """Return the span that ``Range`` asks for, None for the whole body.

    Several ranges, other units and what is no range at all ask for the whole: a server may ignore them, and readers of
    chunks never send them on purpose.

    >>> parse_range("bytes=2-4", 10), parse_range("bytes=-3", 10), parse_range("bytes=8-", 10)
    (Span(start=2, stop=5), Span(start=7, stop=10), Span(start=8, stop=10))
    >>> parse_range("bytes=10-", 10), parse_range("bytes=0-1,4-5", 10)
    (Span(start=0, stop=0), None)
    """
    match = _RANGE.fullmatch(header) if header else None
    if match is None:
        return None
    if match["suffix"]:
        return Span(max(0, size - int(match["suffix"])), size) if int(match["suffix"]) and size else Span(0, 0)
    first = int(match["first"])
    last = min(int(match["last"]), size - 1) if match["last"] else size - 1
    if match["last"] and int(match["last"]) < first:
        return None  # not a range
    return Span(first, last + 1) if first < size else Span(0, 0)
