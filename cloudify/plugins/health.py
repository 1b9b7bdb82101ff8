"""``GET /health``: the process lives; ``GET /ready``: it can do its work."""

from fastapi import APIRouter
from pydantic import ConfigDict, Field
from xpublish.plugins import Plugin, hookimpl

from cloudify.catalog.catalog import Standing
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

    model_config = ConfigDict(arbitrary_types_allowed=True)

    name: str = "cloudify_health"
    settings: Settings = Field(default_factory=load_settings)
    standing: Standing | None = None
    """Knows what is wrong with the catalogs; None under a plain ``xpublish.Rest``."""

    @hookimpl
    def app_router(self) -> APIRouter:
        """Wire the routes."""
        settings, standing = self.settings, self.standing
        router = APIRouter(tags=["health"], route_class=ProblemRoute)

        def ready(ids: DatasetIds) -> dict[str, int | str]:
            """Whether datasets are listed and the Dask scheduler, where one is configured, answers; else 503.
            How many faults the catalogs have, if any.
            """  # noqa: D205  # shown as one paragraph in the API docs
            if not ids:
                raise NotReadyError("no dataset is listed yet; see the log, or `cloudify doctor`")
            found: dict[str, int | str] = {"status": "ready", "datasets": len(set(ids))}
            faults = len(standing.catalog.faults) if standing is not None else 0
            if faults:
                found["faults"] = faults
            cluster = cluster_of(settings)
            return found if cluster is None else found | {"workers": cluster.workers()}

        router.add_api_route("/health", health)
        router.add_api_route("/ready", ready)
        return router
