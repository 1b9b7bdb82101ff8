"""``GET /plugins``: what is loaded, and what failed to."""

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict
from xpublish.plugins import Plugin, hookimpl

from cloudify.http.report import PluginReport


class PluginInfo(BaseModel):
    """One plugin."""

    path: str
    """Where its class is."""
    version: str | None = None
    """Of the distribution it came with."""
    error: str | None = None
    """Why it is not loaded."""


class PluginInfoPlugin(Plugin):
    """What is loaded, and what failed to."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    name: str = "plugin_info"
    report: PluginReport

    @hookimpl
    def app_router(self) -> APIRouter:
        """Wire the route."""
        router = APIRouter(tags=["plugin_info"])

        def list_plugins() -> dict[str, PluginInfo]:
            """Every plugin found, by name; one that failed to load has an `error`, and the server runs without it."""
            return {
                found.name: PluginInfo(path=found.path, version=found.version, error=found.error)
                for found in self.report.plugins
            }

        router.add_api_route("/plugins", list_plugins, response_model_exclude_none=True)
        return router
