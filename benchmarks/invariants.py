"""What must hold for every answer, whatever was asked."""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import parse_qs

from benchmarks.keys import Known
from benchmarks.wire import Answer, Request

ALLOWED = frozenset({200, 204, 206, 304, 307, 400, 404, 405, 413, 416})
PROBLEMS = frozenset({404, 405, 413, 416})
MEMBERS = frozenset({"type", "title", "status", "detail", "instance"})
PROBLEM = "application/problem+json"
_CONTENT_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+)")


@dataclass(frozen=True, slots=True)
class Context:
    """What answers are judged by."""

    known: Known
    secrets: Sequence[str]
    """Texts that no answer may contain, such as the server's folders."""


Check = Callable[[Request, Answer, Context], Iterator[str]]


def breaches(request: Request, answer: Answer, context: Context) -> list[str]:
    """Return what is wrong with an answer, nothing if nothing is."""
    return [breach for check in CHECKS for breach in check(request, answer, context)]


def twin_breaches(head: Answer, get: Answer) -> list[str]:
    """Return where the answer to HEAD differs from that to GET without Range, which HEAD must ignore (RFC 9110)."""
    pairs = {
        "status": (str(head.status), str(get.status)),
        **{
            name: (head.headers.get(name, ""), get.headers.get(name, ""))
            for name in ("content-length", "content-type", "etag")
        },
    }
    return [f"HEAD has {name} {one!r}, GET {other!r}" for name, (one, other) in pairs.items() if one != other]


def _status(request: Request, answer: Answer, _context: Context) -> Iterator[str]:
    if answer.status not in ALLOWED:
        yield f"status {answer.status} is never right here"
    if answer.status == HTTPStatus.NOT_MODIFIED and "If-None-Match" not in request.headers:
        yield "status 304 for a request without If-None-Match"
    if answer.status == HTTPStatus.METHOD_NOT_ALLOWED and not answer.headers.get("allow"):
        yield "status 405 without Allow"
    if answer.status == HTTPStatus.TEMPORARY_REDIRECT and not _is_local(answer.headers.get("location", "")):
        yield f"a redirect elsewhere: {answer.headers.get('location', '')[:100]!r}"
    if answer.status in {206, 416} and "Range" not in request.headers:
        yield f"status {answer.status} for a request without Range"


def _bytes(request: Request, answer: Answer, context: Context) -> Iterator[str]:
    """A key in its only spelling has the bytes it had; everything else below the same root has none."""
    if request.method not in {"GET", "HEAD"} or not request.is_valid:
        return
    right = context.known.answers.get(request.path)
    if right is None:
        if answer.status in {200, 206, 304} and context.known.is_below_zarr(request.path):
            yield f"status {answer.status} for a key that does not exist"
        return
    if answer.status not in {200, 206, 304, 416}:
        yield f"status {answer.status} for a key that exists"
    if request.method == "GET" and answer.status == HTTPStatus.OK and answer.body != right.body:
        yield f"other bytes than before: {len(answer.body)} instead of {len(right.body)}"
    if request.method == "GET" and answer.status == HTTPStatus.PARTIAL_CONTENT and not _is_part(answer, right.body):
        yield f"a part that is none of the whole, Content-Range {answer.headers.get('content-range')!r}"
    if answer.status in {200, 206, 304} and answer.headers.get("etag") != right.headers.get("etag"):
        yield f"ETag {answer.headers.get('etag')!r}, before {right.headers.get('etag')!r}"
    if (
        request.method == "HEAD"
        and answer.status == HTTPStatus.OK
        and answer.headers.get("content-length") != str(len(right.body))
    ):
        yield f"Content-Length {answer.headers.get('content-length')!r} for {len(right.body)} bytes"


def _problem(request: Request, answer: Answer, _context: Context) -> Iterator[str]:
    refused = answer.status == HTTPStatus.BAD_REQUEST and request.is_valid  # else it was never understood
    if answer.status not in PROBLEMS and not refused:
        return
    if _wants_html(request):
        if answer.media_type != "text/html":
            yield f"content type {answer.media_type!r} for a failure shown to a browser"
        return
    if answer.media_type != PROBLEM:
        yield f"content type {answer.media_type!r} for a failure"
    elif request.method != "HEAD":
        yield from _members(answer)


def _members(answer: Answer) -> Iterator[str]:
    try:
        content = json.loads(answer.body)
    except ValueError:
        yield f"a problem that is no JSON: {answer.body[:100]!r}"
        return
    if not isinstance(content, Mapping) or not content.keys() >= MEMBERS:
        yield f"a problem without its members: {answer.body[:100]!r}"
    elif content["status"] != answer.status:
        yield f"a problem that says {content['status']!r}"


def _secrets(request: Request, answer: Answer, context: Context) -> Iterator[str]:
    if answer.status < HTTPStatus.MULTIPLE_CHOICES and context.known.answers.get(request.path):
        return
    body = answer.body.decode("utf-8", errors="replace")
    for secret in context.secrets:
        if secret in body:
            yield f"the body contains {secret!r}"


def _is_local(location: str) -> bool:
    """Whether a redirect stays on the server; browsers read a second slash or backslash as another host."""
    return location.startswith("/") and location[1:2] not in {"/", "\\"}


def _is_part(answer: Answer, whole: bytes) -> bool:
    if answer.media_type == "multipart/byteranges":
        return True
    match = _CONTENT_RANGE.fullmatch(answer.headers.get("content-range", ""))
    if match is None:
        return False
    first, last, total = map(int, match.groups())
    return total == len(whole) and answer.body == whole[first : last + 1]


def _wants_html(request: Request) -> bool:
    query = request.target.partition("?")[2].partition("#")[0]
    form = parse_qs(query).get("f", [""])[-1]
    return form == "html" if form else "text/html" in request.headers.get("Accept", "")


CHECKS: Sequence[Check] = (_status, _bytes, _problem, _secrets)
