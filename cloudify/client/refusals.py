"""What a server answers when it refuses -> exceptions with its sentence."""

import re
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from time import time

import httpx

from cloudify.client.token import Token
from cloudify.errors import NotThereError, ServerBusyError, ServerSaysError, TokenRefusedError

MOST_CHARACTERS = 4000
DEFAULT_RETRY_S = 2.0
KINDS: dict[int, type[ServerSaysError]] = {
    HTTPStatus.UNAUTHORIZED: TokenRefusedError,
    HTTPStatus.FORBIDDEN: TokenRefusedError,
    HTTPStatus.NOT_FOUND: NotThereError,
    HTTPStatus.GONE: NotThereError,
    HTTPStatus.TOO_MANY_REQUESTS: ServerBusyError,
    HTTPStatus.SERVICE_UNAVAILABLE: ServerBusyError,
}
"""Status -> class; any other is the family's."""


def refusal(answer: httpx.Response, token: Token | None) -> ServerSaysError:
    """Return the failure that an answer tells, in the server's words (RFC 9457)."""
    problem = _problem(answer)
    code = re.split(r"[/:]", _text(problem, "type"))[-1]
    detail = _text(problem, "detail") or _text(problem, "title") or _unexplained(answer)
    return KINDS.get(answer.status_code, ServerSaysError)(
        answer.status_code, code, detail + _besides(answer, token, _text(problem, "request-id"))
    )


def as_json(answer: httpx.Response, url: str) -> object:
    """Return the document of an answer.

    Raises
    ------
    ServerSaysError
        If it is none: something else than cloudify answers there.
    """
    try:
        document: object = answer.json()
    except (ValueError, RecursionError):
        kind = answer.headers.get("content-type", "something")[:80]
        raise ServerSaysError(
            answer.status_code, "", f"{url} answers with {kind!r} where JSON is expected: is it a cloudify server?"
        ) from None
    return document


def retry_after_s(answer: httpx.Response) -> float:
    """Return for how long a busy server wants to be left alone, in seconds; a date counts from now."""
    asked = answer.headers.get("retry-after", "")
    if asked.isdecimal():
        return float(asked[:9])
    try:
        return max(0.0, parsedate_to_datetime(asked).timestamp() - time())
    except ValueError:
        return DEFAULT_RETRY_S


def _problem(answer: httpx.Response) -> dict[str, object]:
    try:
        document = answer.json()
    except (ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}


def _text(problem: dict[str, object], member: str) -> str:
    value = problem.get(member)
    return value[:MOST_CHARACTERS] if isinstance(value, str) else ""


def _unexplained(answer: httpx.Response) -> str:
    asked = f"{answer.request.method} {answer.request.url}"
    if answer.is_redirect:
        elsewhere = answer.headers.get("location", "another address")[:200]
        return f"{asked} is answered by {elsewhere}: connect to that server"
    return f"{asked} is answered with {answer.status_code} {answer.reason_phrase}, without a reason"


def _besides(answer: httpx.Response, token: Token | None, request_id: str) -> str:
    """Add what the server cannot know: where the token came from, and under which id its log has the failure."""
    if answer.status_code == HTTPStatus.UNAUTHORIZED and token is None:
        return ' (no token was sent: connect(url, token="cld_..."), or set CLOUDIFY_TOKEN)'
    if answer.status_code in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN} and token is not None:
        return f' (sent was {token.origin}; token="" sends none)'
    return f" (request {request_id})" if answer.is_server_error and request_id else ""
