"""Routes of ours whose failures are problems under a plain ``xpublish.Rest`` too, which has no handlers for them."""

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response

from cloudify.errors import CloudifyError
from cloudify.http.problems import Problem


class ProblemRoute(APIRoute):
    """A route that answers the failures we foresaw by itself: ``APIRouter(route_class=ProblemRoute)``."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Wrap the handler."""
        handler = super().get_route_handler()

        async def guarded(request: Request) -> Response:
            try:
                return await handler(request)
            except CloudifyError as error:
                return Problem.of(error).response(request.scope)

        return guarded
