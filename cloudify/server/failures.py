"""Every failure of every route as a problem, xpublish's and the framework's own included."""

import logging
from collections.abc import Callable

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cloudify.errors import CloudifyError, UnknownDatasetError, UnknownGroupError
from cloudify.http.problems import Problem, not_allowed, not_found

INTERNAL = "something went wrong on our side; the request-id finds it in the server's log"
log = logging.getLogger(__name__)


def answer_failures(app: FastAPI, known_ids: Callable[[], list[str]]) -> None:
    """Register a handler for each family of failures.

    Parameters
    ----------
    known_ids
        Returns the id of every dataset, to suggest one.
    """

    async def bare_status(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)  # noqa: S101  # registered for no other
        return _of_xpublish(request, error, known_ids) or _bare_status(request, error)

    app.add_exception_handler(CloudifyError, _foreseen)
    app.add_exception_handler(HTTPException, bare_status)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(Exception, _unforeseen)


async def _foreseen(request: Request, error: Exception) -> Response:
    assert isinstance(error, CloudifyError)  # noqa: S101  # registered for no other
    return Problem.of(error).response(request.scope)


def _of_xpublish(request: Request, error: HTTPException, known_ids: Callable[[], list[str]]) -> Response | None:
    """Name the two failures that xpublish words itself."""
    dataset_id = request.path_params.get("dataset_id", "")
    if error.detail == f"Dataset '{dataset_id}' not found":
        return Problem.of(UnknownDatasetError(dataset_id, known_ids())).response(request.scope)
    group = request.path_params.get("group_path", "").strip("/")
    if group and str(error.detail).startswith(f"Group '{group}' not found"):
        return Problem.of(UnknownGroupError(group)).response(request.scope)
    return None


def _bare_status(request: Request, error: HTTPException) -> Response:
    headers = dict(error.headers or {})
    if error.status_code == 405:  # noqa: PLR2004
        allowed = ", ".join(sorted({*headers.get("Allow", "").replace(" ", "").split(","), "HEAD", "OPTIONS"} - {""}))
        return not_allowed(request.method, allowed).response(request.scope)
    if error.status_code == 404 and error.detail == "Not Found":  # noqa: PLR2004
        return not_found(request.scope).response(request.scope)
    return Problem.of_status(error.status_code, str(error.detail), headers).response(request.scope)


async def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101
    first = error.errors()[0]
    place = " ".join(str(part) for part in first["loc"])
    return Problem.of_status(422, f"{place}: {first['msg']}").response(request.scope)


async def _unforeseen(request: Request, error: Exception) -> Response:
    """Log and answer; the framework then raises the failure again, for `LastResort` to end."""
    _log(request.scope, error)
    return Problem.of_status(500, INTERNAL).response(request.scope)


def _log(scope: Scope, error: Exception) -> None:
    log.error("unforeseen failure", extra={"method": scope["method"], "path": scope["path"]}, exc_info=error)


class LastResort:
    """ASGI layer for what nobody foresaw: 500 with the request id, the traceback in the log and nowhere else."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on; answer in its place if it fails before it has begun to answer."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = ended = False

        async def watched(message: Message) -> None:
            nonlocal started, ended
            started = True
            ended = message["type"] == "http.response.body" and not message.get("more_body", False)
            await send(_relative(message, scope))

        try:
            await self.app(scope, receive, watched)
        except Exception as error:  # the last resort
            if ended:
                return  # by `_unforeseen`
            _log(scope, error)
            if started:
                raise  # the connection is cut: better than an answer that looks whole
            await Problem.of_status(500, INTERNAL).response(scope)(scope, receive, send)


def _relative(message: Message, scope: Scope) -> Message:
    """Make a redirect to ourselves relative: the framework writes the Host that the client sent into it."""
    if message["type"] != "http.response.start" or message["status"] not in {307, 308}:
        return message
    headers = MutableHeaders(raw=list(message["headers"]))
    origin = f"{scope['scheme']}://{Headers(scope=scope).get('host', '')}"
    target = headers.get("location", "").removeprefix(origin)
    if target.startswith("/") and not target.startswith("//"):
        headers["location"] = target
    return {**message, "headers": headers.raw}
