"""``GET /health``: the process lives; ``GET /ready``: it can do its work."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response
from xpublish.plugins import Plugin, hookimpl

from cloudify.errors import NotReadyError
from cloudify.http.deps import DatasetIds
from cloudify.http.problems import Problem


async def health() -> dict[str, str]:
    """Whether the process lives."""
    return {"status": "ok"}


def ready(request: Request, ids: DatasetIds) -> Response | dict[str, int | str]:
    """Whether datasets are listed; 503 with Retry-After while none is."""
    if ids:
        return {"status": "ready", "datasets": len(set(ids))}
    return Problem.of(NotReadyError("no dataset is listed yet; see the log, or `cloudify doctor`")).response(
        request.scope
    )


class HealthPlugin(Plugin):
    """Health and readiness."""

    name: str = "cloudify_health"

    @hookimpl
    def app_router(self) -> APIRouter:
        """Wire the routes."""
        router = APIRouter(tags=["health"])
        router.add_api_route("/health", health)
        router.add_api_route("/ready", ready, response_model=None)
        return router
