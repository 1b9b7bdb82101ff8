"""``GET /datasets/{dataset_id}/plot/{var}/{kind}/{cmap}/{selection}``: a picture; for browsers a page with it."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, urlencode

from fastapi import APIRouter
from pydantic import ConfigDict, Field
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from xpublish.plugins import Dependencies, Plugin, hookimpl

from cloudify.datasets.opened import Opened
from cloudify.datasets.subject import subject_of
from cloudify.errors import BadOptionError, NoMapError, PictureTooLargeError
from cloudify.http.checks import Checked
from cloudify.http.hosts import root_url
from cloudify.http.lookup import Lookup
from cloudify.http.negotiate import wants_html
from cloudify.http.pages import render_page
from cloudify.http.parameters import query
from cloudify.http.plot_page import page_values
from cloudify.http.plots import MEDIA_TYPES, Plots, read_form, read_request
from cloudify.http.routing import PublicRoute
from cloudify.model.finding import Finding
from cloudify.pictures import plot
from cloudify.pictures.kept import Kept
from cloudify.settings import Settings, load_settings

QUERY = query(
    f="png, svg, html or json",
    width="of the map, in pixels",
    height="of the map, in pixels",
    vmin="value of the first colour",
    vmax="value of the last colour",
)
NAMED = 10
"""Most variables that a finding names."""


def describe_map(plan: plot.MapPlan, url: str) -> dict[str, Any]:
    """Return what a map shows, for programs."""
    view, limits = plan.view, plan.limits
    return {
        "title": plan.caption.title,
        "subtitle": plan.caption.subtitle,
        "units": plan.caption.units,
        "limits": [limits.low, limits.high],
        "note": limits.note,
        "bbox": [view.west, view.south, view.east, view.north],
        "map": {"width": view.width, "height": view.height},
        "png": url,
    }


def check_maps(opened: Opened, limit_nbytes: int) -> Iterator[Finding]:
    """Return of which variables there are maps, and why not of others that have a grid. Coordinates are read."""
    mapped: list[str] = []
    for variable in {str(name): None for group in opened.tree.subtree for name in group.dataset.data_vars}:
        asked = plot.Request(variable, "image", "viridis", (), low=0.0, high=1.0)  # so that no values need be read
        try:
            plot.plan_map(opened, asked, Kept(0), limit_nbytes)
        except BadOptionError:
            continue  # it holds no numbers
        except NoMapError as error:
            if subject_of(opened, variable).grid.kind != "none":
                yield Finding("plot", variable, "limited", str(error), "describe its grid as the CF conventions do")
        except PictureTooLargeError as error:
            yield Finding("plot", variable, "limited", str(error), "raise the setting `max_picture_nbytes`")
        else:
            mapped.append(variable)
    if mapped:
        yield Finding("plot", "", "works", f"maps of {', '.join(mapped[:NAMED])}{' ...' if mapped[NAMED:] else ''}")


class PlotPlugin(Plugin):
    """Pictures of variables."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    name: str = "cloudify_plot"
    settings: Settings = Field(default_factory=load_settings)

    def check(self, checked: Checked) -> Iterator[Finding]:
        """Say of which variables there are maps."""
        return check_maps(checked.opened, self.settings.max_picture_nbytes)

    @hookimpl
    def app_router(self, deps: Dependencies) -> APIRouter:
        """Wire the routes."""
        plots = Plots(Lookup(deps, self.settings), self.settings)
        router = APIRouter(tags=["plot"], route_class=PublicRoute)

        async def draw(
            request: Request, dataset_id: str, var: str, kind: str, cmap: str, selection: str = ""
        ) -> Response:
            """A picture of a variable. `kind` is image, pcolormesh, contourf, contour, line, hist or scatter, `cmap` a
            colour map of matplotlib, `selection` pairs `coord/value` or `coord/lo_hi`: `time/2005-01-16/lev/50000`.
            Query: `f=png|svg|html|json`, `width`, `height`, `vmin`, `vmax`. A browser gets a page.
            """  # noqa: D205  # shown as one paragraph in the API docs
            asked = read_request(var, kind, cmap, selection, request.query_params)
            form = request.query_params.get("f") or ("html" if wants_html(request) else "png")
            if form == "html":
                return await self._page(request, plots, dataset_id, asked)
            if form == "json":
                return await self._json(request, plots, dataset_id, asked)
            return await self._picture(request, plots, dataset_id, asked)

        path = "/datasets/{dataset_id}/plot/{var}/{kind}/{cmap}"
        router.add_api_route(path, draw, response_class=Response, include_in_schema=False)
        router.add_api_route(f"{path}/{{selection:path}}", draw, response_class=Response, openapi_extra=QUERY)
        return router

    async def _picture(self, request: Request, plots: Plots, dataset_id: str, asked: plot.Request) -> Response:
        form = read_form(request.query_params.get("f") or "png", asked.kind)
        made = await plots.picture(request, dataset_id, asked, form)
        return made.response(
            MEDIA_TYPES[form], {"content-security-policy": "default-src 'none'; style-src 'unsafe-inline'"}
        )

    async def _json(self, request: Request, plots: Plots, dataset_id: str, asked: plot.Request) -> Response:
        plan = await plots.plan(await plots.derived.opened(dataset_id), asked)
        url = f"{root_url(request, self.settings)}{request.url.path}?f=png"
        return JSONResponse(describe_map(plan, url), headers={"vary": "Accept"})

    async def _page(self, request: Request, plots: Plots, dataset_id: str, asked: plot.Request) -> Response:
        opened = await plots.derived.opened(dataset_id)
        values = await plots.derived.read(opened, lambda: page_values(dataset_id, opened, asked))
        root, path = root_url(request, self.settings), quote(request.url.path)
        query = urlencode({**request.query_params, "f": "png"})
        return render_page(
            "plot.html", request.scope, root=root, query=query, picture_url=f"{root}{path}?{query}", **values
        )
