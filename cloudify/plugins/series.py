"""``GET /datasets/{dataset_id}/series/{var}``: a series at a place or over a region; for browsers a page with it."""

import json
from urllib.parse import quote, urlencode

from fastapi import APIRouter
from pydantic import ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response
from xpublish.plugins import Dependencies, Plugin, hookimpl

from cloudify.http.forms import read_form
from cloudify.http.hosts import root_url
from cloudify.http.lookup import Lookup
from cloudify.http.negotiate import wants_html
from cloudify.http.pages import render_page
from cloudify.http.parameters import query
from cloudify.http.routing import PublicRoute
from cloudify.http.series import FORMS, MEDIA_TYPES, SeriesReader, read_request
from cloudify.settings import Settings, load_settings

CHANGED = ("lon", "lat", "bbox")
"""What the page has a field for."""
SAFE = {"content-security-policy": "default-src 'none'; style-src 'unsafe-inline'"}
"""For a picture that is opened by itself."""

QUERY = query(
    lon="degrees east",
    lat="degrees north",
    bbox="west,south,east,north",
    polygon="lon lat,lon lat,... or POLYGON((...))",
    time="lo,hi or a value; so of other dimensions",
    max_distance_km="the farthest that the cell may be",
    valid="true: the nearest cell that has a value",
    f="json, csv, covjson, svg or html",
)


class SeriesPlugin(Plugin):
    """Series at places and over regions."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    name: str = "cloudify_series"
    settings: Settings = Field(default_factory=load_settings)

    @hookimpl
    def app_router(self, deps: Dependencies) -> APIRouter:
        """Wire the route."""
        reader = SeriesReader(Lookup(deps, self.settings), self.settings)
        router = APIRouter(tags=["series"], route_class=PublicRoute)

        async def series(request: Request, dataset_id: str, var: str) -> Response:
            """A series of a variable at the cell nearest to `lon` and `lat`, or the mean over
            `bbox=west,south,east,north` or `polygon=lon lat,lon lat,...`. Other dimensions by name: `lev=50000`,
            `time=2005-01,2005-06`. Query besides: `max_distance_km`, `valid=true` (the nearest cell that has a value),
            `f=json|csv|covjson|svg|html`. A browser gets a page.
            """  # noqa: D205  # shown as one paragraph in the API docs
            asked = read_request(var, request.query_params)
            form = read_form(request.query_params.get("f") or ("html" if wants_html(request) else "json"), FORMS)
            made = await reader.result(request, dataset_id, asked, form)
            if form != "html" or made.body is None:
                return made.response(MEDIA_TYPES[form], SAFE if form == "svg" else None)
            given = {name: text for name, text in request.query_params.items() if name != "f"}
            return render_page(
                "series.html",
                request.scope,
                dataset_id=dataset_id,
                variable=var,
                fields=[(name, given[name]) for name in CHANGED if name in given],
                kept=[(name, text) for name, text in given.items() if name not in CHANGED],
                links={known: urlencode({**given, "f": known}) for known in FORMS if known != "html"},
                url=f"{root_url(request, self.settings)}{quote(request.url.path)}",
                **json.loads(made.body),
            )

        router.add_api_route(
            "/datasets/{dataset_id}/series/{var}", series, response_class=Response, openapi_extra=QUERY
        )
        return router
