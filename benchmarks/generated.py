"""Row ``generated``: requests that schemathesis makes of the server's own OpenAPI document, none answered with a 5xx.

What the document allows is mostly refused before anything is done: so each part of a request is as often a value that
there is as one that was made up.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from time import monotonic
from typing import Any

import httpx
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import seed as seeded
from hypothesis import strategies as st

from benchmarks.servers import demo
from benchmarks.tally import Tally

ROUTES = ("/plot/", "/groupby/", "/series/", "/subset", "/wms", "/tiles/")
BATCH = 250
"""Requests of one route before the next has its turn."""
REQUEST_S = 90.0
SENSIBLE = 6
"""So often all parts of a path are values that there are, for each time that one of them was made up."""
DATASETS: Mapping[str, Sequence[str]] = {
    "mpi-esm-tas": ["tas", "tas", "lat_bnds"],
    "mpi-esm-wind": ["uas", "vas", "lon"],
    "icon-ocean": ["S", "wet_c", "clon_vertices"],
}
"""Dataset -> variables of the demo, among them some that are not to be drawn."""
VALUES: Mapping[str, Sequence[str]] = {
    "kind": ["image", "pcolormesh", "contourf", "contour", "line", "hist", "scatter"],
    "cmap": ["viridis", "RdBu_r", "plasma", ""],
    "selection": ["", "time/2005-03-16", "time/-1/lat/30_60", "lon/-30_60/lat/-10.5_80", "time/0_5", "depth/30"],
    "coord": ["time.month", "time.season", "time", "lat", "lon", "depth", "ncells", "time.hour"],
    "action": ["mean", "min", "max", "sum", "std", "var", "median", "count", "first", "last", "anomaly"],
    "key": ["zarr.json", "tas/c/0/0/0", ".zmetadata", "tas/0.0.0", "month/c/0"],
    "z": ["0", "1", "3", "30", "-1"], "x": ["0", "1", "7"], "y": ["0", "1", "7@2x"],
    "form": ["nc", "csv", "json"],
    "f": ["json", "csv", "nc", "html", "png", "svg", "covjson"],
    "weights": ["area"],
    "width": ["1", "64", "333", "100000"], "height": ["1", "64", "333", "100000"],
    "vmin": ["0", "-1e300", "280.5"], "vmax": ["1", "300", "nan"],
    "lon": ["0", "-170.5", "359.9", "10,60", "1e400"], "lat": ["0", "-90", "89.9", "-30,30", "91"],
    "bbox": ["-10,-20,30,40", "170,-20,-170,20", "-180,-90,180,90", "0,0,0,0"],
    "polygon": ["0 0,40 0,40 40", "170 10,-170 10,-170 40", "POLYGON((0 0,9 0,9 9,0 0))"],
    "time": ["2005-03", "2005-01,2005-06", "latest", "last-90d", "last-2", "first", "2005-06-16T00:00:00Z", "9999"],
    "max_distance_km": ["1", "10000", "-1"], "valid": ["true"], "estimate": ["true"], "units": ["true"],
    "lev": ["50000", "0,1e6"], "depth": ["10", "10,30"],
    "service": ["WMS"], "version": ["1.1.1", "1.3.0", "2.0"],
    "request": ["GetMap", "GetCapabilities", "GetLegendGraphic"],
    "layers": ["tas", "S", "uas"], "layer": ["tas"], "styles": ["", "viridis"], "format": ["image/png", "text/xml"],
    "crs": ["EPSG:4326", "CRS:84", "EPSG:3857"], "srs": ["EPSG:4326", "EPSG:3857"], "transparent": ["TRUE"],
    "colorscalerange": ["270,300", "auto"], "size": ["256", "512"], "coasts": ["true"],
}  # fmt: skip
"""Parameter -> values that there are, and some at the edge of them."""


GET_MAP = {"service": "WMS", "request": "GetMap", "width": "64", "height": "32", "styles": "", "format": "image/png"}
QUERIES: Mapping[str, Sequence[Mapping[str, str]]] = {
    "/wms": [
        {**GET_MAP, "version": "1.3.0", "layers": "tas", "crs": "EPSG:4326", "bbox": "-90,-180,90,180"},
        {**GET_MAP, "version": "1.1.1", "layers": "S", "srs": "EPSG:3857", "bbox": "-1e7,-1e7,1e7,1e7"},
        {"service": "WMS", "request": "GetCapabilities", "version": "1.3.0"},
        {"service": "WMS", "request": "GetLegendGraphic", "version": "1.1.1", "layer": "uas", "format": "image/png"},
    ],
    "/series/": [{"lon": "10", "lat": "53"}, {"bbox": "-10,-20,30,40"}, {"polygon": "0 0,40 0,40 40"}],
    "/subset": [{"time": "latest"}, {"lon": "0,20", "lat": "-20,20", "time": "2005-03"}, {"estimate": "true"}],
}
"""Route -> queries that are answered, one of which is what chance changes."""
Operation = Any
"""Of schemathesis: generic in four ways that mean nothing here."""


def operations(url: str) -> list[Operation]:
    """Return the operations of the routes that compute and draw."""
    schema = schemathesis.openapi.from_url(f"{url}/openapi.json")
    found: list[Operation] = [result.ok() for result in schema.get_all_operations()]  # type: ignore[union-attr]
    return [operation for operation in found if any(part in operation.path for part in ROUTES)]


@st.composite
def requests(draw: st.DrawFn, operation: Operation) -> tuple[str, dict[str, str]]:
    """Make a request of an operation: its path, and its query."""
    case = draw(operation.as_strategy())
    made_up = draw(st.sampled_from([*[""] * SENSIBLE, *case.path_parameters]))
    dataset_id = draw(st.sampled_from([*DATASETS]))
    known = {"dataset_id": [dataset_id], "var": DATASETS[dataset_id], **VALUES}
    for name in case.path_parameters:
        if name in known and name != made_up:
            case.path_parameters[name] = draw(st.sampled_from(known[name]))
    whole = next((queries for route, queries in QUERIES.items() if route in operation.path), [{}])
    query = dict(draw(st.sampled_from([{}, *whole])))
    changes = draw(st.integers(0, 3))
    for parameter in draw(st.lists(st.sampled_from([*operation.query]), max_size=changes)) if operation.query else []:
        made = (case.query or {}).get(parameter.name)
        if made is not None and draw(st.booleans()):
            query[parameter.name] = str(made)
        else:
            query[parameter.name] = draw(st.sampled_from(known.get(parameter.name.lower(), ["1"])))
    return case.formatted_path, query


def fault(answer: httpx.Response) -> str:
    """Return what is wrong with an answer, ``""`` if nothing is."""
    kind = answer.headers.get("content-type", "")
    if answer.status_code >= httpx.codes.INTERNAL_SERVER_ERROR:
        return f"{answer.status_code} {answer.text[:200]}"
    if answer.status_code >= httpx.codes.BAD_REQUEST and "problem+json" in kind:
        return "" if json.loads(answer.content)["status"] == answer.status_code else "a problem of another status"
    if answer.status_code >= httpx.codes.BAD_REQUEST and not kind.startswith(("text/html", "text/xml", "application/")):
        return f"{answer.status_code} as {kind!r}"
    return ""


def drawn(examples: int, seed: int) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Have what is given drawn so many times, the same for the same seed; what fails is not made simpler."""
    many = settings(
        max_examples=examples,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    return lambda test: seeded(seed)(many(test))


def ask(client: httpx.Client, operation: Operation, *, examples: int, seed: int, tally: Tally) -> None:
    """Send so many requests of one operation; what is wrong with an answer is counted."""

    @drawn(examples, seed)
    @given(requests(operation))
    def one(asked: tuple[str, dict[str, str]]) -> None:
        path, query = asked
        answer = client.get(path, params=query)
        tally.answered(str(answer.status_code))
        if found := fault(answer):
            tally.failed(f"GET {answer.request.url}: {found}")

    one()


def run(budget_s: float, seed: int) -> Tally:
    """Ask for things route by route until the budget is used up."""
    end, tally, turn = monotonic() + budget_s, Tally(), 0
    with demo() as server, httpx.Client(base_url=server.url, timeout=REQUEST_S, trust_env=False) as client:
        known = operations(server.url)
        while monotonic() < end:
            for operation in known:
                ask(client, operation, examples=BATCH, seed=seed + turn, tally=tally)
                if monotonic() >= end:
                    break
            turn += 1
        if server.process.poll() is not None:
            tally.failed(f"the server ended by itself, with status {server.process.returncode}")
    return tally
