"""The families of failures, by which statuses are looked up, and how a message quotes what a stranger sent."""

from collections.abc import Iterable
from difflib import get_close_matches
from typing import ClassVar

OGC_PROCESSES = "http://www.opengis.net/def/exceptions/ogcapi-processes-1/1.0/"
OGC_DEPLOY = "http://www.opengis.net/def/exceptions/ogcapi-processes-2/1.0/"
"""How the names of failures begin in OGC API - Processes, Part 1 and Part 2."""
SUGGEST_AMONG = 500
"""Names are suggested among at most this many, so that a wrong name costs no more in a large catalog."""


class CloudifyError(Exception):
    """A failure we foresaw."""

    code: ClassVar[str] = "error"
    uri: ClassVar[str] = ""
    """The name that a standard has for it, in place of ours; ``""`` where none has."""


class NotFoundError(CloudifyError):
    """What was asked for does not exist."""

    code = "not-found"


class SourceError(CloudifyError):
    """What we read from failed."""

    code = "source-failed"


class TooLargeError(CloudifyError):
    """More than a limit allows."""

    code = "too-large"


class BusyError(CloudifyError):
    """Not now; ask again."""

    code = "busy"
    retry_after_s: ClassVar[int] = 2


class UnidentifiedError(CloudifyError):
    """Who asks has not said who they are, or not so that it could be believed."""

    code = "unidentified"
    challenge: ClassVar[str] = "Bearer"
    """How they may say it (RFC 6750)."""


class ForbiddenError(CloudifyError):
    """What whoever asks may not do."""

    code = "forbidden"
    challenge: ClassVar[str] = "Bearer"


class ImpossibleError(CloudifyError):
    """What cannot be done to this data, and why."""

    code = "impossible"


class GoneError(CloudifyError):
    """What there was, and will not be again."""

    code = "gone"


class UnsupportedError(CloudifyError):
    """A form in which nothing is taken here."""

    code = "unsupported"


class ConflictError(CloudifyError):
    """What cannot be done as things stand by now."""

    code = "conflict"


class UsageError(CloudifyError):
    """What the operator gave cannot work."""

    code = "usage"


def quote(text: str, longest: int = 100) -> str:
    """Quote a name that a stranger sent: one line, bounded."""
    return repr(text if len(text) <= longest else f"{text[:longest]}...")


def hint(name: str, known: Iterable[str], otherwise: str) -> str:
    """Suggest a name, or say `otherwise`."""
    names = list(known)
    near = get_close_matches(name[:128], names, n=1) if len(names) <= SUGGEST_AMONG else []
    return f"; did you mean {near[0]!r}?" if near else f"; {otherwise}"
