"""``GET /datasets/{dataset_id}/wms``, ``/tiles/...``: maps that other programs lay upon theirs; for browsers a page."""

from fastapi import APIRouter
from pydantic import ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response
from xpublish.plugins import Dependencies, Plugin, hookimpl

from cloudify.http.hosts import root_url
from cloudify.http.lookup import Lookup
from cloudify.http.negotiate import wants_html
from cloudify.http.overlays import Overlays
from cloudify.http.parameters import query
from cloudify.http.routing import PublicRoute
from cloudify.http.tiles import read_shown, read_tile, tilejson, tiles_path
from cloudify.http.wms.service import answer_wms
from cloudify.http.wms_page import wms_page
from cloudify.settings import Settings, load_settings

MAP = query(
    service="WMS",
    version="1.1.1 or 1.3.0",
    request="GetCapabilities, GetMap or GetLegendGraphic",
    layers="a variable",
    layer="a variable, of a legend",
    styles="a colour map",
    crs="EPSG:4326, CRS:84 or EPSG:3857; in 1.1.1 srs",
    srs="of 1.1.1",
    bbox="the area, in the order of axes of the reference system",
    width="pixels",
    height="pixels",
    format="of the picture",
    transparent="TRUE or FALSE",
    bgcolor="0xRRGGBB",
    time="of the layer",
    elevation="of the layer",
    colorscalerange="lo,hi or auto",
)
TILE = query(
    cmap="a colour map",
    vmin="value of the first colour",
    vmax="value of the last colour",
    size="256 or 512 pixels",
    coasts="true: with coastlines",
    time="a value of the coordinate; so of others",
)


class WmsPlugin(Plugin):
    """Maps for other programs."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    name: str = "cloudify_wms"
    settings: Settings = Field(default_factory=load_settings)

    @hookimpl
    def app_router(self, deps: Dependencies) -> APIRouter:
        """Wire the routes."""
        overlays = Overlays(Lookup(deps, self.settings), self.settings)
        router = APIRouter(tags=["wms"], route_class=PublicRoute)

        async def wms(request: Request, dataset_id: str) -> Response:
            """An OGC Web Map Service, 1.1.1 and 1.3.0: GetCapabilities, GetMap, GetLegendGraphic. A browser that
            names no request gets a page.
            """  # noqa: D205  # shown as one paragraph in the API docs
            root = root_url(request, self.settings)
            if not request.query_params.keys() - {"f"} and wants_html(request):
                return await wms_page(request, overlays, dataset_id, root)
            return await answer_wms(request, overlays, dataset_id, root)

        async def tile(request: Request, dataset_id: str, var: str, z: str, x: str, y: str) -> Response:
            """A tile of a variable: `z`, `x` and `y` as the web's maps count them, `y` with `@2x` for 512 pixels.
            Query: `cmap`, `vmin`, `vmax`, `size`, `coasts=true`, and a value of any coordinate: `time=2005-01-16`.
            """  # noqa: D205
            made = await overlays.overlay(request, dataset_id, read_tile(var, z, x, y, request.query_params))
            return made.response("image/png")

        async def tile_json(request: Request, dataset_id: str, var: str) -> Response:
            """The TileJSON of a variable: the query is passed on to its tiles."""
            asked = request.query_params
            read_shown(var, asked)
            template = f"{root_url(request, self.settings)}{tiles_path(dataset_id, var)}"
            made = await overlays.made(
                request,
                dataset_id,
                ("tilejson", template, asked),
                lambda opened: tilejson(opened, var, template, asked),
            )
            return made.response("application/json")

        tiles = "/datasets/{dataset_id}/tiles/{var}"
        router.add_api_route("/datasets/{dataset_id}/wms", wms, response_class=Response, openapi_extra=MAP)
        router.add_api_route(f"{tiles}/tilejson.json", tile_json, response_class=Response, openapi_extra=TILE)
        router.add_api_route(f"{tiles}/{{z}}/{{x}}/{{y}}.png", tile, response_class=Response, openapi_extra=TILE)
        return router
