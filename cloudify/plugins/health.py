"""``GET /health``: the process lives; ``GET /ready``: it can do its work."""

from fastapi import APIRouter
from pydantic import Field
from xpublish.plugins import Plugin, hookimpl

from cloudify.cluster.cluster import cluster_of
from cloudify.errors import NotReadyError
from cloudify.http.deps import DatasetIds
from cloudify.http.routing import ProblemRoute
from cloudify.settings import Settings, load_settings


async def health() -> dict[str, str]:
    """Whether the process lives."""
    return {"status": "ok"}


class HealthPlugin(Plugin):
    """Health and readiness."""

    name: str = "cloudify_health"
    settings: Settings = Field(default_factory=load_settings)

    @hookimpl
    def app_router(self) -> APIRouter:
        """Wire the routes."""
        settings = self.settings
        router = APIRouter(tags=["health"], route_class=ProblemRoute)

        def ready(ids: DatasetIds) -> dict[str, int | str]:
            """Whether datasets are listed and the Dask scheduler, where one is configured, answers; else 503."""
            if not ids:
                raise NotReadyError("no dataset is listed yet; see the log, or `cloudify doctor`")
            found: dict[str, int | str] = {"status": "ready", "datasets": len(set(ids))}
            cluster = cluster_of(settings)
            return found if cluster is None else found | {"workers": cluster.workers()}

        router.add_api_route("/health", health)
        router.add_api_route("/ready", ready)
        return router
