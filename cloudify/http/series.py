"""Series of datasets, in the forms that they are answered in."""

from math import isfinite
from typing import Literal, get_args

from starlette.datastructures import QueryParams
from starlette.requests import Request as HttpRequest

from cloudify.datasets.opened import Opened
from cloudify.diagnostics.coverage import to_coverage
from cloudify.diagnostics.series import Request, series
from cloudify.diagnostics.series_forms import to_csv, to_json
from cloudify.errors import BadOptionError, BadSelectionError
from cloudify.http.derived import Derived, Made
from cloudify.http.lookup import Lookup
from cloudify.http.offload import Offload
from cloudify.http.series_page import chart, shown
from cloudify.model.region import Box, Place, Polygon, RegionError
from cloudify.model.selection import MAX_PICKS, Pick, SelectionError, parse_selection
from cloudify.pictures.drawers import drawers_of
from cloudify.pictures.drawing import LineDrawing
from cloudify.settings import Settings

Form = Literal["json", "csv", "covjson", "svg", "html"]
FORMS: tuple[Form, ...] = get_args(Form)
MEDIA_TYPES: dict[Form, str] = {
    "json": "application/json",
    "csv": "text/csv; charset=utf-8",
    "covjson": "application/prs.coverage+json",
    "svg": "image/svg+xml",
    "html": "text/html",
}
OWN = frozenset({"f", "lon", "lat", "bbox", "polygon", "max_distance_km", "valid"})
"""Names of a query that select nothing along a dimension."""
CHART = 900, 420
"""Width and height of the chart in pixels."""
WAITING = 64
"""Requests that may wait for a process that draws."""


class SeriesReader:
    """Reads series of datasets. Belongs to one event loop."""

    def __init__(self, lookup: Lookup, settings: Settings) -> None:
        self._settings = settings
        self._derived = Derived(lookup, settings.diagnostic_timeout_s)
        self._waiting = Offload(WAITING, kind="draw")
        self._drawers = drawers_of(settings)

    async def result(self, request: HttpRequest, dataset_id: str, asked: Request, form: Form) -> Made:
        """Return a series as the source is now, in some form; of the form html what the page shows, as JSON.

        Raises
        ------
        CloudifyError
            If there is no such dataset or variable, or no such series of it.
        """

        async def make(opened: Opened) -> bytes:
            made = await self._derived.read(opened, lambda: self._write(opened, asked, form))
            if isinstance(made, bytes):
                return made
            return await self._waiting(lambda: self._drawers.draw(made, "svg", *CHART))

        return await self._derived.get(request, dataset_id, (asked, form), make)

    def _write(self, opened: Opened, asked: Request, form: Form) -> bytes | LineDrawing:
        found = series(opened, asked, self._settings.max_diagnostic_nbytes)
        if form == "csv":
            return to_csv(found)
        if form == "covjson":
            return to_coverage(found)
        if form == "json":
            return to_json(found)
        return chart(found) if form == "svg" else shown(found)


def read_request(variable: str, query: QueryParams) -> Request:
    """Read a series' path and query.

    Raises
    ------
    BadOptionError, BadSelectionError
        Naming what is wrong and what can be.
    """
    names = [name for name, _ in query.multi_items()]
    twice = next((name for name in names if names.count(name) > 1), None) if len(names) <= 2 * MAX_PICKS else names[0]
    if twice is not None:
        raise BadOptionError(f"{twice[:40]!r} is given twice, or too much is given")
    try:
        where = _where(query)
        picks = tuple(_pick(name, text) for name, text in query.items() if name not in OWN)
    except (RegionError, SelectionError) as error:
        raise BadSelectionError(str(error)) from error
    valid = query.get("valid", "false")
    if valid not in {"true", "false"}:
        raise BadOptionError(f"valid={valid[:40]!r}: expected true or false")
    of_places = [name for name in ("max_distance_km", "valid") if name in query]
    if of_places and not isinstance(where, Place):
        raise BadOptionError(f"{of_places[0]} is said of the nearest cell: it goes with lon= and lat=")
    return Request(variable, where, picks, _distance(query.get("max_distance_km")), valid == "true")


def _where(query: QueryParams) -> Place | Box | Polygon | None:
    lon, lat = query.get("lon"), query.get("lat")
    given = [name for name in ("lon", "bbox", "polygon") if name in query]
    if (lon is None) != (lat is None):
        raise BadOptionError("a place is lon= and lat=, both; a region is bbox=west,south,east,north")
    if len(given) > 1:
        raise BadOptionError(f"{' and '.join(given)}: give one of lon= and lat=, bbox=, polygon=")
    if lon is not None and lat is not None:
        return Place.of(lon, lat)
    if "bbox" in query:
        return Box.of(query["bbox"])
    return Polygon.of(query["polygon"]) if "polygon" in query else None


def _pick(name: str, text: str) -> Pick:
    if not name or "/" in name or "/" in text:
        raise SelectionError(f"{name[:40]}={text[:40]}: expected a coordinate and a value, or two as first,last")
    (pick,) = parse_selection(f"{name}/{text.replace(',', '_', 1)}")
    return pick


def _distance(text: str | None) -> float | None:
    if text is None:
        return None
    try:
        value = float(text[:40])
    except ValueError:
        value = -1.0
    if not (isfinite(value) and value >= 0):
        raise BadOptionError(f"max_distance_km={text[:40]!r}: expected a number of kilometres")
    return value
