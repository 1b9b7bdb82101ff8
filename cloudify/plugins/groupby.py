"""``GET /datasets/{dataset_id}/groupby/{var}/{coord}/{action}``: a diagnostic; for browsers a page with it."""

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

from fastapi import APIRouter
from pydantic import ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount
from xpublish.plugins import Dependencies, Plugin, hookimpl

from cloudify.datasets.grid import is_bounds
from cloudify.datasets.opened import Opened
from cloudify.datasets.subject import subject_of
from cloudify.diagnostics.groupby import Request as GroupsOf
from cloudify.diagnostics.groupby import plan_groupby
from cloudify.diagnostics.groups import coordinates_along, times_along
from cloudify.errors import BadOptionError, DiagnosticTooLargeError, UnknownKeyError
from cloudify.http.bytes import KeyBytes
from cloudify.http.checks import Checked
from cloudify.http.cors import PublicReads
from cloudify.http.derived import attachment
from cloudify.http.diagnostic_stores import DiagnosticStores, NamedDiagnostic
from cloudify.http.diagnostics import FORMS, MEDIA_TYPES, Diagnostics, read_request, refuse_path
from cloudify.http.forms import read_form
from cloudify.http.hosts import root_url
from cloudify.http.identified import Identified
from cloudify.http.lookup import Lookup
from cloudify.http.negotiate import wants_html
from cloudify.http.pages import render_page
from cloudify.http.parameters import query
from cloudify.http.routing import PublicRoute
from cloudify.model.finding import Finding
from cloudify.settings import Settings, load_settings

QUERY = query(f="json, csv, nc or html", weights="area: over the area as well, by the size of cells")
NAMED = 10
"""Most variables that a finding names."""


def read_key(dataset_id: str, var: str, coord: str, action: str, key: str) -> Response:  # noqa: ARG001  # documented
    """One key of a diagnostic as a zarr store, of which each chunk is computed when it is read. Open it with
    `xr.open_dataset(".../zarr", engine="zarr", chunks={}, zarr_format=3)`.
    """  # noqa: D205  # shown as one paragraph in the API docs
    raise UnknownKeyError(key, "the keys are served by the application mounted in front of this route")


def no_diagnostic(dataset_id: str, rest: str) -> Response:  # noqa: ARG001  # whatever dataset it is
    """Say what a path looks like."""
    refuse_path(rest)


def check_groups(opened: Opened, limit_nbytes: int) -> Iterator[Finding]:
    """Return by what the variables can be grouped, and of which that takes too much. No values are read."""
    found: dict[str, list[str]] = {}
    for variable in {str(name): None for group in opened.tree.subtree for name in group.dataset.data_vars}:
        subject = subject_of(opened, variable)
        if is_bounds(subject.ds, variable):
            continue
        times, others = times_along(subject), coordinates_along(subject)
        coord = next((f"{name}.month" for name in times), next(iter(others), ""))
        if not coord:
            continue
        try:
            plan_groupby(opened, GroupsOf(variable, coord, "mean"), limit_nbytes)
        except BadOptionError:
            continue  # it holds no numbers
        except DiagnosticTooLargeError as error:
            yield Finding("groupby", variable, "limited", str(error), "raise the setting `max_diagnostic_nbytes`")
        else:
            found.setdefault(coord, []).append(variable)
    for coord, variables in found.items():
        named = f"{', '.join(variables[:NAMED])}{' ...' if variables[NAMED:] else ''}"
        yield Finding("groupby", coord, "works", f"statistics of {named}")


class GroupbyPlugin(Plugin):
    """Statistics of groups."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    name: str = "cloudify_groupby"
    settings: Settings = Field(default_factory=load_settings)

    def check(self, checked: Checked) -> Iterator[Finding]:
        """Say by what the variables can be grouped."""
        return check_groups(checked.opened, self.settings.max_diagnostic_nbytes)

    @hookimpl
    def app_router(self, deps: Dependencies) -> APIRouter:
        """Wire the route."""
        lookup = Lookup(deps, self.settings)
        diagnostics = Diagnostics(lookup, self.settings)
        router = APIRouter(tags=["groupby"], route_class=PublicRoute)

        async def groupby(request: Request, dataset_id: str, var: str, coord: str, action: str) -> Response:
            """A diagnostic of a variable. `coord` is a coordinate, or `time.month`, `time.season`, `time.year`,
            `time.dayofyear`, `time.day`, `time.hour`; `action` is mean, min, max, sum, std, var, median, count, first,
            last or anomaly. Query: `f=json|csv|nc|html`; `weights=area` for a mean, std or var over the area
            as well, by the size of its cells. A browser gets a page.
            """  # noqa: D205  # shown as one paragraph in the API docs
            asked = read_request(var, coord, action, request.query_params.get("weights", ""))
            form = read_form(request.query_params.get("f") or ("html" if wants_html(request) else "json"), FORMS)
            made = await diagnostics.result(request, dataset_id, asked, form)
            if form == "html" and made.body is not None:
                values: dict[str, Any] = {
                    "dataset_id": dataset_id,
                    "variable": var,
                    "coord": coord,
                    "action": action,
                    "url": f"{root_url(request, self.settings)}{quote(request.url.path)}",
                    "weights": "weights=area" if asked.by_area else "",
                }
                return render_page("groupby.html", request.scope, **json.loads(made.body), **values)
            return made.response(MEDIA_TYPES[form], attachment(f"{var}-{coord}-{action}.nc") if form == "nc" else None)

        path = "/datasets/{dataset_id}/groupby"
        one = f"{path}/{{var}}/{{coord}}/{{action}}"
        stores = KeyBytes(DiagnosticStores(lookup, self.settings), self.settings)
        router.routes.append(Mount(f"{one}/zarr", app=PublicReads(Identified(NamedDiagnostic(stores)))))
        router.add_api_route(f"{one}/zarr/{{key:path}}", read_key, response_class=Response)
        router.add_api_route(one, groupby, response_class=Response, openapi_extra=QUERY)
        router.add_api_route(f"{path}/{{rest:path}}", no_diagnostic, include_in_schema=False)
        return router
