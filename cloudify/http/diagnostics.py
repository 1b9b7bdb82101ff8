"""Diagnostics of datasets, in the forms that they are answered in."""

import json
from typing import Any, Literal, NoReturn, get_args

from starlette.requests import Request as HttpRequest

from cloudify.cluster.cluster import cluster_of
from cloudify.datasets.opened import Opened
from cloudify.diagnostics.forms import to_csv, to_json, to_netcdf, to_table
from cloudify.diagnostics.groupby import ACTIONS, Request, compute, plan_groupby
from cloudify.errors import BadOptionError, ResultTooLargeError
from cloudify.http.derived import Derived, Made
from cloudify.http.lookup import Lookup
from cloudify.settings import Settings

Form = Literal["json", "csv", "nc", "html"]
FORMS: tuple[Form, ...] = get_args(Form)
MEDIA_TYPES: dict[Form, str] = {
    "json": "application/json",
    "csv": "text/csv; charset=utf-8",
    "nc": "application/netcdf",
    "html": "text/html",
}
MOST_VALUES = 1_000_000
"""Most values that are written as text."""


class Diagnostics:
    """Computes diagnostics of datasets. Belongs to one event loop."""

    def __init__(self, lookup: Lookup, settings: Settings) -> None:
        self._settings = settings
        self._derived = Derived(lookup, settings.diagnostic_timeout_s)

    async def result(self, request: HttpRequest, dataset_id: str, asked: Request, form: Form) -> Made:
        """Return a diagnostic as the source is now, in some form; of the form html what the page shows, as JSON.

        Raises
        ------
        CloudifyError
            If there is no such dataset or variable, or it cannot be computed so.
        """

        async def make(opened: Opened) -> bytes:
            return await self._derived.read(opened, lambda: self._write(opened, asked, form))

        return await self._derived.get(request, dataset_id, (asked, form), make)

    def _write(self, opened: Opened, asked: Request, form: Form) -> bytes:
        plan = plan_groupby(opened, asked, self._settings.max_diagnostic_nbytes)
        if form in {"json", "csv"} and plan.size > MOST_VALUES:
            raise ResultTooLargeError(plan.size, MOST_VALUES)
        cluster = cluster_of(self._settings)
        ds = compute(plan, cluster.evaluate if cluster is not None else None)
        if form == "nc":
            return to_netcdf(ds)
        if form == "csv":
            return to_csv(ds, asked.variable)
        if form == "json":
            return to_json(ds)
        shown: dict[str, Any] = {
            **to_table(ds, asked.variable),
            "units": str(ds[asked.variable].attrs.get("units", "")),
        }
        return json.dumps(shown).encode()


def refuse_path(path: str) -> NoReturn:
    """Say what a path of a diagnostic looks like.

    Raises
    ------
    BadOptionError
        Always.
    """
    expected = ".../groupby/VARIABLE/COORDINATE/ACTION, e.g. groupby/tas/time.month/mean"
    raise BadOptionError(f"no diagnostic {path[:100]!r}; expected {expected}")


def read_request(variable: str, coord: str, action: str, weights: str = "") -> Request:
    """Read a diagnostic's path, and what it is weighted by.

    Raises
    ------
    BadOptionError
        If there is no such action, or there are no such weights, naming those that are.
    """
    if weights not in {"", "area"}:
        raise BadOptionError(f"no weights={weights[:40]!r}; there is area, by which every cell counts by its size")
    for known in ACTIONS:
        if action == known:
            return Request(variable, coord, known, by_area=bool(weights))
    raise BadOptionError(f"no action {action[:40]!r}; there are {', '.join(ACTIONS)}")
