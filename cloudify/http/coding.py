"""Content codings of text on the byte path: metadata documents are compressed, chunks never."""

import gzip
from typing import Literal

import zstandard

Coding = Literal["zstd", "gzip"]
PREFERRED: tuple[Coding, ...] = ("zstd", "gzip")
SMALLEST_NBYTES = 1024
"""Below this a document is sent as it is."""

_GZIP_LEVEL = 6
_ZSTD_LEVEL = 3


def choose_coding(accept_encoding: str | None) -> Coding | None:
    """Return the coding to use by ``Accept-Encoding``, None for none (RFC 9110, section 12.5.3).

    >>> choose_coding("gzip, deflate, br"), choose_coding("gzip, zstd"), choose_coding("zstd;q=0, gzip;q=0.5")
    ('gzip', 'zstd', 'gzip')
    >>> choose_coding(None), choose_coding("identity"), choose_coding("*"), choose_coding("gzip;q=0")
    (None, None, 'zstd', None)
    """
    accepted: dict[str, float] = {}
    for item in (accept_encoding or "").split(","):
        name, _, weight = item.partition(";")
        accepted[name.strip().lower()] = _weight(weight)
    anything = accepted.get("*", 0.0)
    weights: dict[Coding, float] = {coding: accepted.get(coding, anything) for coding in PREFERRED}
    best = max(PREFERRED, key=lambda coding: weights[coding])  # the first of equals
    return best if weights[best] > 0 else None


def compress(body: bytes, coding: Coding) -> bytes:
    """Compress a document; the same bytes in every process."""
    if coding == "gzip":
        return gzip.compress(body, _GZIP_LEVEL, mtime=0)
    return zstandard.ZstdCompressor(level=_ZSTD_LEVEL).compress(body)


def tag_of(etag: str, coding: Coding | None) -> str:
    """Return the strong tag of a coded document: other bytes, so another tag.

    >>> tag_of('"a"', "gzip"), tag_of('"a"', None)
    ('"a-gzip"', '"a"')
    """
    return etag if coding is None else f'{etag[:-1]}-{coding}"'


def _weight(parameter: str) -> float:
    name, _, value = parameter.strip().partition("=")
    if name.strip().lower() != "q":
        return 1.0
    try:
        return min(1.0, max(0.0, float(value)))
    except ValueError:
        return 0.0
