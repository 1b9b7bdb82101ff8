"""``GET,HEAD /datasets/{dataset_id}/subset.{nc,csv,json}``: a part of a dataset; ``/subset``: a form for it."""

from functools import partial

from fastapi import APIRouter
from pydantic import ConfigDict, Field
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from xpublish.plugins import Dependencies, Plugin, hookimpl

from cloudify.errors import BadOptionError
from cloudify.http.hosts import root_url
from cloudify.http.lookup import Lookup
from cloudify.http.negotiate import wants_html
from cloudify.http.pages import render_page
from cloudify.http.parameters import query
from cloudify.http.routing import PublicRoute
from cloudify.http.subset_page import describe
from cloudify.http.subsets import Subsets, read_form, read_query
from cloudify.settings import Settings, load_settings

QUERY = query(
    var="names of variables",
    lon="lo,hi or a value; so of any other coordinate",
    lat="lo,hi or a value",
    time="lo,hi, a value, first, latest, last-30d or last-12",
    bbox="w,s,e,n",
    estimate="true: how large it would be",
    units="true: a CSV begins with a line of units",
)


class SubsetPlugin(Plugin):
    """Parts of datasets as files."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    name: str = "cloudify_subset"
    settings: Settings = Field(default_factory=load_settings)

    @hookimpl
    def app_router(self, deps: Dependencies) -> APIRouter:
        """Wire the routes."""
        subsets = Subsets(Lookup(deps, self.settings), self.settings)
        router = APIRouter(tags=["subset"], route_class=PublicRoute)

        async def download(request: Request, dataset_id: str, form: str) -> Response:
            """A part of a dataset: `form` is nc, csv or json. Query: `var` (repeated, or names with commas; default all
            data variables), of any coordinate or dimension `lo,hi`, a value, `first`, `latest`, `last-30d` or
            `last-12`; `bbox=w,s,e,n`; `estimate=true` says how large it would be.
            """  # noqa: D205  # shown as one paragraph in the API docs
            wanted, given = read_form(form), request.query_params
            asked = read_query(given.multi_items())
            has_units = _switch(given.get("units", ""), "units")
            if _switch(given.get("estimate", ""), "estimate"):
                return await subsets.estimate(dataset_id, asked)
            if wanted == "nc":
                return await subsets.file(request, dataset_id, asked)
            return await subsets.text(request, dataset_id, asked, wanted, has_units=has_units)

        async def choose(request: Request, dataset_id: str) -> Response:
            """What there is to select from: a form for browsers, JSON for programs or with `?f=json`."""
            opened = await subsets.derived.opened(dataset_id)
            found = await subsets.derived.read(opened, lambda: describe(opened))
            if not wants_html(request):
                return JSONResponse(found, headers={"vary": "Accept"})
            root = root_url(request, self.settings)
            return render_page("subset.html", request.scope, root=root, dataset_id=dataset_id, **found)

        path = "/datasets/{dataset_id}/subset"
        router.add_api_route(f"{path}.{{form}}", download, response_class=Response, openapi_extra=QUERY)
        # files know HEAD by themselves, so it comes as it is
        router.add_api_route(f"{path}.nc", partial(download, form="nc"), methods=["HEAD"], include_in_schema=False)
        router.add_api_route(path, choose, response_class=Response)
        return router


def _switch(text: str, name: str) -> bool:
    if text.lower() in {"true", "1", "yes"}:
        return True
    if text.lower() in {"", "false", "0", "no"}:
        return False
    raise BadOptionError(f"{name}={text[:40]!r}: expected true or false")
