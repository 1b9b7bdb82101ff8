"""``GET /metrics``: what the server counts of itself, for Prometheus."""

from collections import Counter

from fastapi import APIRouter
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4
from pydantic import ConfigDict, Field
from starlette.responses import Response
from xpublish.plugins import Dependencies, Plugin, hookimpl

from cloudify.datasets.shelf import Shelf
from cloudify.http.flights import Flights
from cloudify.http.meters import Meters
from cloudify.http.offload import Offload
from cloudify.http.routing import ProblemRoute
from cloudify.http.stores import chunk_cache
from cloudify.settings import Settings, load_settings

KINDS = ("read", "open", "compute", "cluster", "derive", "draw", "jobs", "other")
"""Of work that waits for threads."""


def sample(meters: Meters, settings: Settings, deps: Dependencies) -> None:
    """Set the meters of what is kept and under way."""
    cache = chunk_cache(settings)
    meters.follow(meters.hits, cache.found)
    meters.follow(meters.misses, cache.made)
    meters.cached.set(cache.nbytes)
    held = Counter(dict.fromkeys(KINDS, 0))
    for queue in list(Offload.every):
        held[queue.kind] += queue.held
    for kind, number in held.items():
        meters.held.labels(kind).set(number)
        meters.follow(meters.full.labels(kind), Offload.refused[kind])
    meters.flights.set(sum(map(len, list(Flights.every))))
    shelves = {getattr(plugin, "shelf", None) for plugin in deps.plugins().values()}
    meters.datasets.set(sum(shelf.open_count for shelf in shelves if isinstance(shelf, Shelf)))


class MetricsPlugin(Plugin):
    """Meters."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    name: str = "cloudify_metrics"
    settings: Settings = Field(default_factory=load_settings)
    meters: Meters = Field(default_factory=Meters)
    """Those of the server; under a plain ``xpublish.Rest`` nobody counts requests."""

    @hookimpl
    def app_router(self, deps: Dependencies) -> APIRouter:
        """Wire the route."""
        meters, settings = self.meters, self.settings
        meters.before_reading(lambda: sample(meters, settings, deps))

        async def metrics() -> Response:
            """What the server counts of itself, all its processes together, in Prometheus' text format."""
            return Response(await meters.text(), media_type=CONTENT_TYPE_PLAIN_0_0_4)

        router = APIRouter(tags=["health"], route_class=ProblemRoute)
        router.add_api_route("/metrics", metrics, response_class=Response)
        return router
