"""Diagnostics of datasets: looked up, computed once for all who ask at once, kept while their source is the same."""

import json
from dataclasses import dataclass
from functools import partial
from hashlib import blake2b
from os import cpu_count
from typing import Any, Literal, get_args

from cloudify.chunks.cache import ByteCache
from cloudify.datasets.opened import Opened
from cloudify.datasets.source import explain, failures
from cloudify.diagnostics.forms import to_csv, to_json, to_netcdf, to_table
from cloudify.diagnostics.groupby import ACTIONS, Request, compute, plan_groupby
from cloudify.errors import BadOptionError, ResultTooLargeError, UnreadableDatasetError
from cloudify.http.flights import Flights
from cloudify.http.lookup import Lookup
from cloudify.http.offload import Offload
from cloudify.settings import Settings

Form = Literal["json", "csv", "nc", "html"]
FORMS: tuple[Form, ...] = get_args(Form)
MEDIA_TYPES: dict[Form, str] = {
    "json": "application/json",
    "csv": "text/csv; charset=utf-8",
    "nc": "application/netcdf",
    "html": "text/html",
}
RESULTS_NBYTES = 2**26
MOST_VALUES = 1_000_000
"""Most values that are written as text."""


@dataclass(frozen=True, slots=True)
class Result:
    """A diagnostic in some form; of the form html what the page shows, as JSON."""

    body: bytes
    etag: str


class Diagnostics:
    """Computes diagnostics of datasets. Belongs to one event loop."""

    def __init__(self, lookup: Lookup, settings: Settings) -> None:
        self._lookup, self._settings = lookup, settings
        self._results = ByteCache(RESULTS_NBYTES)
        self._flights: Flights[Result] = Flights()
        self._work = Offload(max(2, cpu_count() or 2))

    async def result(self, dataset_id: str, request: Request, form: Form) -> Result:
        """Return a diagnostic as the source is now; what many ask for at once is computed once.

        Raises
        ------
        CloudifyError
            If there is no such dataset or variable, or it cannot be computed so.
        """
        return await self._flights.join((dataset_id, request, form), partial(self._result, dataset_id, request, form))

    async def _result(self, dataset_id: str, request: Request, form: Form) -> Result:
        return await self._work(lambda: self._make(self._lookup.opened(dataset_id), request, form))

    def _make(self, opened: Opened, request: Request, form: Form) -> Result:
        key = f"{opened.entry.id}\n{opened.token}\n{request}\n{form}"
        etag = f'"{blake2b(key.encode("utf-8", "replace"), digest_size=12).hexdigest()}"'
        body = self._results.get(key)
        if body is None:
            try:
                body = self._write(opened, request, form)
            except failures() as error:  # of the source: what cannot be computed has a name of its own
                raise UnreadableDatasetError(opened.entry.id, explain(error)) from error
            self._results.put(key, body)
        return Result(body, etag)

    def _write(self, opened: Opened, request: Request, form: Form) -> bytes:
        plan = plan_groupby(opened, request, self._settings.max_groupby_nbytes)
        if form in {"json", "csv"} and plan.size > MOST_VALUES:
            raise ResultTooLargeError(plan.size, MOST_VALUES)
        ds = compute(plan)
        if form == "nc":
            return to_netcdf(ds)
        if form == "csv":
            return to_csv(ds, request.variable)
        if form == "json":
            return to_json(ds)
        shown: dict[str, Any] = {
            **to_table(ds, request.variable),
            "units": str(ds[request.variable].attrs.get("units", "")),
        }
        return json.dumps(shown).encode()


def read_request(variable: str, coord: str, action: str) -> Request:
    """Read a diagnostic's path.

    Raises
    ------
    BadOptionError
        If there is no such action, naming those that are.
    """
    for known in ACTIONS:
        if action == known:
            return Request(variable, coord, known)
    raise BadOptionError(f"no action {action[:40]!r}; there are {', '.join(ACTIONS)}")


def read_form(text: str) -> Form:
    """Read the form of an answer.

    Raises
    ------
    BadOptionError
        If there is none of its name.
    """
    for known in FORMS:
        if text == known:
            return known
    raise BadOptionError(f"no form f={text[:40]!r}; there are {', '.join(FORMS)}")
