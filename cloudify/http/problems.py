"""Failures as RFC 9457 problem details: ``application/problem+json``, for browsers an HTML page of the same."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus

from asgi_correlation_id import correlation_id
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Scope

from cloudify.errors import (
    BusyError,
    CloudifyError,
    ConflictError,
    ForbiddenError,
    GoneError,
    ImpossibleError,
    MalformedBodyError,
    MangledKeyError,
    NotFoundError,
    RefusedHostError,
    SourceError,
    TooLargeError,
    UnidentifiedError,
    UnsupportedError,
    UsageError,
)
from cloudify.http.negotiate import wants_html
from cloudify.http.pages import render_page

STATUS = {
    NotFoundError: HTTPStatus.NOT_FOUND,
    MangledKeyError: HTTPStatus.BAD_REQUEST,
    MalformedBodyError: HTTPStatus.BAD_REQUEST,
    GoneError: HTTPStatus.GONE,
    UnsupportedError: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    UnidentifiedError: HTTPStatus.UNAUTHORIZED,
    ForbiddenError: HTTPStatus.FORBIDDEN,
    TooLargeError: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    ConflictError: HTTPStatus.CONFLICT,
    RefusedHostError: HTTPStatus.MISDIRECTED_REQUEST,
    SourceError: HTTPStatus.BAD_GATEWAY,
    ImpossibleError: HTTPStatus.UNPROCESSABLE_ENTITY,
    BusyError: HTTPStatus.SERVICE_UNAVAILABLE,
    UsageError: HTTPStatus.UNPROCESSABLE_ENTITY,
    CloudifyError: HTTPStatus.INTERNAL_SERVER_ERROR,
}
"""Family of failures -> status; a class has the status of its nearest ancestor here."""

PHRASES = {413: "Content Too Large", 416: "Range Not Satisfiable", 422: "Unprocessable Content"}
"""Titles of RFC 9110 where Python's differ from version to version."""

TYPE_PREFIX = "urn:cloudify:problems/"
MEDIA_TYPE = "application/problem+json"
HEADERS = {"cache-control": "no-store", "vary": "Accept"}
"""Of every problem."""


@dataclass(frozen=True, slots=True)
class Problem:
    """What an error answer says."""

    code: str
    status: HTTPStatus
    detail: str
    headers: Mapping[str, str] = field(default_factory=dict)
    uri: str = ""
    """The name that a standard has for it, in place of ours."""
    more: Mapping[str, object] = field(default_factory=dict)
    """Members of its own."""

    @classmethod
    def of(cls, error: CloudifyError) -> "Problem":
        """Return the problem of a failure we foresaw."""
        status = next(STATUS[family] for family in type(error).__mro__ if family in STATUS)
        return cls(error.code, status, str(error), _headers_of(error), error.uri)

    @classmethod
    def of_status(cls, status: int, detail: str, headers: Mapping[str, str] | None = None) -> "Problem":
        """Return the problem of a bare status; its code is the status's own phrase, e.g. ``method-not-allowed``."""
        known = HTTPStatus(status)
        return cls(_phrase(known).lower().replace(" ", "-"), known, detail, headers or {})

    def content(self) -> dict[str, object]:
        """Return the members that do not depend on the request."""
        return {
            "type": self.uri or TYPE_PREFIX + self.code,
            "title": _phrase(self.status),
            "status": int(self.status),
            "detail": self.detail,
            **self.more,
        }

    def response(self, scope: Scope) -> Response:
        """Write the answer to one request."""
        request_id = correlation_id.get()
        headers = {**HEADERS, **self.headers}
        if wants_html(Request(scope)):
            content = self._content_for(scope["path"], request_id)
            return render_page("problem.html", scope, status=self.status, headers=headers, problem=content)
        return Response(self.body(scope["path"], request_id), self.status, headers, MEDIA_TYPE)

    def body(self, path: str, request_id: str | None) -> bytes:
        """Write the document of one request."""
        return json.dumps(self._content_for(path, request_id), ensure_ascii=True, separators=(",", ":")).encode()

    def _content_for(self, path: str, request_id: str | None) -> dict[str, object]:
        named = {"request-id": request_id} if request_id else {}
        return self.content() | {"instance": path[:1024]} | named


def _headers_of(error: CloudifyError) -> dict[str, str]:
    if isinstance(error, BusyError):
        return {"retry-after": str(error.retry_after_s)}
    if isinstance(error, UnidentifiedError | ForbiddenError):
        return {"www-authenticate": error.challenge}
    return {}


def _phrase(status: HTTPStatus) -> str:
    return PHRASES.get(status, status.phrase)


def not_found(scope: Scope) -> Problem:
    """Return the problem of a path that no route serves."""
    path = scope["path"]
    shown = path if len(path) <= 200 else path[:200] + "..."  # noqa: PLR2004
    return Problem.of_status(404, f"nothing is served at {shown!r}; / shows what there is")


def not_allowed(method: str, allowed: str) -> Problem:
    """Return the problem of a method that a route has not."""
    return Problem.of_status(405, f"{method[:32]} is not possible here; {allowed} is", {"allow": allowed})
