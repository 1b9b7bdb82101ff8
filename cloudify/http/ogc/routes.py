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
from cloudify.http.ogc.contract.operations import operation
from cloudify.http.ogc.desk import PATH
from cloudify.http.problems import not_allowed
from cloudify.http.routing import ProblemRoute, PublicRoute

ASKED = "cloudify.asked"
"""In the scope of a request that is none of a route: its method."""
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


class OtherRoute(OwnRoute):
    """What a path says of methods that none of its routes has: added after them, it is for whatever is left.

    HEAD is for the route for GET, if there is one.
    """

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Whether a request is for this path."""
        match, child = super().matches(scope)
        return (Match.FULL if match is Match.PARTIAL and scope["method"] != "HEAD" else match), child

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, of whatever method."""
        asked, answer = scope["method"], super(OwnRoute, self).handle

        async def answered(scope: Scope, receive: Receive, send: Send) -> None:
            await answer({**scope, "method": "OPTIONS", ASKED: asked}, receive, send)

        await Heads(answered)(scope, receive, send)


def add(router: APIRouter, path: str, **handlers: Callable[..., Any]) -> None:
    """Serve a path for those with a token: a handler for each method; any other method is told which there are."""
    _add(router, path, OwnRoute, handlers)


def add_open(router: APIRouter, path: str, *, is_shown: bool = True, **handlers: Callable[..., Any]) -> None:
    """Serve a path of which everybody may GET what is there."""
    _add(router, path, OpenRoute, handlers, is_shown=is_shown)


def _add(
    router: APIRouter, path: str, reads: type[ProblemRoute], handlers: Mapping[str, Callable[..., Any]], *,
    is_shown: bool = True,
) -> None:  # fmt: skip
    for method, handler in handlers.items():
        kind = reads if method == "GET" else OwnRoute
        if is_shown and method != "HEAD":
            _route(router, path, method, handler, kind)
        else:
            _unlisted(router, path, [method], handler, kind)
    names = {*handlers, *(["HEAD"] if "GET" in handlers else []), "OPTIONS"}
    others = ["OPTIONS"] if "GET" in handlers else ["OPTIONS", "HEAD"]
    _unlisted(router, path, others, partial(_other, ", ".join(sorted(names))), OtherRoute)


def _route(router: APIRouter, path: str, method: str, handler: Callable[..., Any], kind: type[ProblemRoute]) -> None:
    """Add a route that is in the OpenAPI document."""
    described = operation(method, path.removeprefix(PATH))
    router.add_api_route(
        path,
        handler,
        methods=[method],
        response_class=Response,
        route_class_override=kind,
        status_code=int(min(described.answers)),
        responses=described.responses(),
        openapi_extra=described.extra(),
    )


def _unlisted(
    router: APIRouter, path: str, methods: list[str], handler: Callable[..., Any], kind: type[ProblemRoute]
) -> None:
    """Add a route that is not."""
    router.add_api_route(
        path, handler, methods=methods, response_class=Response, route_class_override=kind, include_in_schema=False
    )


async def _other(allowed: str, request: Request) -> Response:
    asked = request.scope[ASKED]
    if asked == "OPTIONS":
        return Response(None, HTTPStatus.NO_CONTENT, {"allow": allowed})
    return not_allowed(asked, allowed).response(request.scope)
