"""``GET /datasets/{dataset_id}/groupby/{var}/{coord}/{action}``: a diagnostic; for browsers a page with it."""

import json
from typing import Any
from urllib.parse import quote

from fastapi import APIRouter
from pydantic import ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response
from xpublish.plugins import Dependencies, Plugin, hookimpl

from cloudify.http.derived import attachment
from cloudify.http.diagnostics import MEDIA_TYPES, Diagnostics, read_form, read_request
from cloudify.http.hosts import root_url
from cloudify.http.lookup import Lookup
from cloudify.http.negotiate import wants_html
from cloudify.http.pages import render_page
from cloudify.http.routing import PublicRoute
from cloudify.settings import Settings, load_settings


class GroupbyPlugin(Plugin):
    """Statistics of groups."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    name: str = "cloudify_groupby"
    settings: Settings = Field(default_factory=load_settings)

    @hookimpl
    def app_router(self, deps: Dependencies) -> APIRouter:
        """Wire the route."""
        diagnostics = Diagnostics(Lookup(deps, self.settings), self.settings)
        router = APIRouter(tags=["groupby"], route_class=PublicRoute)

        async def groupby(request: Request, dataset_id: str, var: str, coord: str, action: str) -> Response:
            """A diagnostic of a variable. `coord` is a coordinate, or `time.month`, `time.season`, `time.year`,
            `time.dayofyear`, `time.day`, `time.hour`; `action` is mean, min, max, sum, std, var, median, count, first,
            last or anomaly. Query: `f=json|csv|nc|html`. A browser gets a page.
            """  # noqa: D205  # shown as one paragraph in the API docs
            asked = read_request(var, coord, action)
            form = read_form(request.query_params.get("f") or ("html" if wants_html(request) else "json"))
            made = await diagnostics.result(request, dataset_id, asked, form)
            if form == "html" and made.body is not None:
                values: dict[str, Any] = {
                    "dataset_id": dataset_id,
                    "variable": var,
                    "coord": coord,
                    "action": action,
                    "url": f"{root_url(request, self.settings)}{quote(request.url.path)}",
                }
                return render_page("groupby.html", request.scope, **json.loads(made.body), **values)
            return made.response(MEDIA_TYPES[form], attachment(f"{var}-{coord}-{action}.nc") if form == "nc" else None)

        router.add_api_route("/datasets/{dataset_id}/groupby/{var}/{coord}/{action}", groupby, response_class=Response)
        return router
