"""Routes of the API: paths in which slashes may be repeated, and what each says of its methods."""

import re
from collections.abc import Callable, Mapping
from functools import partial
from http import HTTPStatus
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match
from starlette.types import Receive, Scope, Send

from cloudify.http.heads import Heads
from cloudify.http.problems import not_allowed
from cloudify.http.routing import ProblemRoute, PublicRoute

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
_SLASHES = re.compile("//+")


def collapsed(scope: Scope) -> Scope:
    """Return a request with each run of slashes as one: a client writes two between its base and what follows."""
    path = scope["path"]
    return {**scope, "path": _SLASHES.sub("/", path)} if "//" in path else scope


class OpenRoute(PublicRoute):
    """A route for everybody."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Whether a request is for this."""
        return super().matches(collapsed(scope))


class OwnRoute(ProblemRoute):
    """A route for those with a token: no page of another origin reads it."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Whether a request is for this."""
        return super().matches(collapsed(scope))

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, HEAD as GET."""
        await Heads(super().handle)(scope, receive, send)


def add(router: APIRouter, path: str, **handlers: Callable[..., Any]) -> None:
    """Serve a path for those with a token: a handler for each method; any other method is told which there are."""
    _add(router, path, OwnRoute, handlers)


def add_open(router: APIRouter, path: str, **handlers: Callable[..., Any]) -> None:
    """Serve a path of which everybody may GET what is there."""
    _add(router, path, OpenRoute, handlers)


def _add(router: APIRouter, path: str, reads: type[ProblemRoute], handlers: Mapping[str, Callable[..., Any]]) -> None:
    for method, handler in handlers.items():
        kind = reads if method == "GET" else OwnRoute
        _route(router, path, handler, kind, [method], is_shown=method != "HEAD")
    names = {*handlers, *(["HEAD"] if "GET" in handlers else []), "OPTIONS"}
    others = [*(method for method in METHODS if method not in handlers), "OPTIONS"]
    _route(router, path, partial(_other, ", ".join(sorted(names))), OwnRoute, others, is_shown=False)


def _route(
    router: APIRouter, path: str, handler: Callable[..., Any], kind: type[ProblemRoute], methods: list[str], *,
    is_shown: bool,
) -> None:  # fmt: skip
    router.add_api_route(
        path, handler, methods=methods, response_class=Response, route_class_override=kind, include_in_schema=is_shown
    )


async def _other(allowed: str, request: Request) -> Response:
    if request.method == "OPTIONS":
        return Response(None, HTTPStatus.NO_CONTENT, {"allow": allowed})
    return not_allowed(request.method, allowed).response(request.scope)
