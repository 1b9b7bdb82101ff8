"""Bodies of JSON: read within a limit, and refused with the reason."""

import json
import re
from collections import Counter
from typing import Any, Final, NoReturn

from starlette.requests import ClientDisconnect, Request

from cloudify.errors import BodyTooLargeError, EncodedBodyError, MalformedBodyError, UnsupportedBodyError

_JSON: Final = re.compile(r"application/(?:[\w.!#$&^-]+\+)?json", re.IGNORECASE)
_CHARSET: Final = re.compile(r';\s*charset\s*=\s*"?([^";\s]*)', re.IGNORECASE)
_UTF8: Final = frozenset({"utf-8", "utf8", "us-ascii"})


async def read_object(request: Request, limit_nbytes: int, *, may_be_empty: bool = False) -> dict[str, Any]:
    """Return the JSON object that a request has as its body.

    Parameters
    ----------
    may_be_empty
        Whether no body stands for ``{}``.

    Raises
    ------
    UnsupportedBodyError
        If it says that it is something else.
    EncodedBodyError
        If it is compressed: how much that becomes, nobody says.
    BodyTooLargeError
        If it is above the limit.
    MalformedBodyError
        If it is no JSON object.
    """
    given = request.headers.get("content-type", "")
    if not is_json(given) and not (may_be_empty and not given):
        raise UnsupportedBodyError(given)
    encoding = request.headers.get("content-encoding", "").strip()
    if encoding.lower() not in {"", "identity"}:
        raise EncodedBodyError(encoding)
    data = await _read(request, limit_nbytes)
    if not data and may_be_empty:
        return {}
    return parse_object(data)


def is_json(media_type: str) -> bool:
    """Whether a Content-Type is JSON in UTF-8.

    >>> is_json('Application/geo+json; charset="UTF-8"'), is_json("application/json; charset=utf-16")
    (True, False)
    """
    charset = _CHARSET.search(media_type)
    is_other = charset is not None and charset[1].lower() not in _UTF8
    return not is_other and _JSON.fullmatch(media_type.partition(";")[0].strip()) is not None


def parse_object(data: bytes) -> dict[str, Any]:
    """Return a JSON object; NaN and infinities are none, and no member is there twice.

    Raises
    ------
    MalformedBodyError
        Saying why it is none.
    """
    try:
        text = data.decode("utf-8")
        value = json.loads(text, parse_constant=_refuse, parse_float=_finite, object_pairs_hook=_members)
    except RecursionError:
        raise MalformedBodyError("it is nested too deep") from None
    except UnicodeDecodeError as error:
        raise MalformedBodyError(f"the byte {error.start} is no UTF-8") from None
    except json.JSONDecodeError as error:
        raise MalformedBodyError(f"{error.msg[:100]}, at line {error.lineno}, column {error.colno}") from None
    except ValueError as error:  # a number with thousands of digits
        raise MalformedBodyError(str(error)[:200]) from None
    if not isinstance(value, dict):
        raise MalformedBodyError("it is another kind of value")
    return value


async def _read(request: Request, limit_nbytes: int) -> bytes:
    parts, nbytes = [], 0
    try:
        async for part in request.stream():
            nbytes += len(part)
            if nbytes > limit_nbytes:
                raise BodyTooLargeError(limit_nbytes)
            parts.append(part)
    except ClientDisconnect:
        raise MalformedBodyError("the connection was lost before its end") from None
    return b"".join(parts)


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return the members of an object; which of two of one name is meant, nobody knows."""
    members = dict(pairs)
    if len(members) < len(pairs):
        twice = next(name for name, count in Counter(name for name, _ in pairs).items() if count > 1)
        raise ValueError(f"the member {twice[:80]!r} is there twice in an object; send it once")
    return members


def _refuse(text: str) -> NoReturn:
    raise ValueError(f"{text} is no number of JSON; null or a text says that a value is missing")


def _finite(text: str) -> float:
    value = float(text)
    if value in {float("inf"), float("-inf")}:
        raise ValueError(f"{text[:40]} is beyond all numbers that can be kept")
    return value
