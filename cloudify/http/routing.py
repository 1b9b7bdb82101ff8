"""Routes of ours whose failures are problems under a plain ``xpublish.Rest`` too, which has no handlers for them."""

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from cloudify.errors import CloudifyError
from cloudify.http.cors import PublicReads
from cloudify.http.heads import Heads
from cloudify.http.identified import Identified
from cloudify.http.leaving import ClientLeftError, unless_left
from cloudify.http.problems import Problem

CLOSED = 499
"""For our own log: the client, who has left, gets no answer. As nginx has it."""


class ProblemRoute(APIRoute):
    """A route that answers the failures we foresaw by itself: ``APIRouter(route_class=ProblemRoute)``.

    It knows who asks, under a plain ``xpublish.Rest`` too.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Wrap the handler."""
        handler = super().get_route_handler()

        async def guarded(request: Request) -> Response:
            try:
                return await handler(request)
            except CloudifyError as error:
                return Problem.of(error).response(request.scope)

        return guarded

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        await Identified(super().handle)(scope, receive, send)


class PublicRoute(ProblemRoute):
    """A route for GET that answers HEAD, and any origin, under a plain ``xpublish.Rest`` too.

    What it does for a client ends when the client leaves.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Wrap the handler."""
        handler = super().get_route_handler()

        async def attended(request: Request) -> Response:
            try:
                return await unless_left(request.receive, handler(request))
            except ClientLeftError:
                return Response(None, CLOSED)

        return attended

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; the router passes on those of every method."""
        await PublicReads(Heads(super().handle))(scope, receive, send)
