"""``GET /health``: the process lives; ``GET /ready``: it can do its work."""

from collections.abc import Collection

from fastapi import APIRouter
from pydantic import ConfigDict
from starlette.requests import Request
from starlette.responses import Response
from xpublish.plugins import Plugin, hookimpl

from cloudify.catalog.catalog import Standing
from cloudify.errors import NotReadyError
from cloudify.http.deps import DatasetIds
from cloudify.http.problems import Problem


async def health() -> dict[str, str]:
    """Whether the process lives."""
    return {"status": "ok"}


def answer_ready(request: Request, ids: Collection[str], faults: int) -> Response | dict[str, int | str]:
    """Answer 503 with Retry-After while no dataset is listed."""
    if ids:
        content: dict[str, int | str] = {"status": "ready", "datasets": len(set(ids))}
        return content | {"faults": faults} if faults else content
    return Problem.of(NotReadyError("no dataset is listed yet; see the log, or `cloudify doctor`")).response(
        request.scope
    )


class HealthPlugin(Plugin):
    """Health and readiness."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    name: str = "cloudify_health"
    standing: Standing | None = None
    """Knows what is wrong with the catalogs; None under a plain ``xpublish.Rest``."""

    @hookimpl
    def app_router(self) -> APIRouter:
        """Wire the routes."""
        router = APIRouter(tags=["health"])

        def ready(request: Request, ids: DatasetIds) -> Response | dict[str, int | str]:
            """Whether datasets are listed; how many faults the catalogs have, if any."""
            return answer_ready(request, ids, len(self.standing.catalog.faults) if self.standing else 0)

        router.add_api_route("/health", health)
        router.add_api_route("/ready", ready, response_model=None)
        return router
