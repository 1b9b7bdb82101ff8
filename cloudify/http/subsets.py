"""Subsets of datasets: netCDF files that are kept for as long as there is room, and texts."""

from collections.abc import Iterable
from hashlib import blake2b
from pathlib import Path
from typing import Literal, get_args

from starlette.requests import Request as HttpRequest
from starlette.responses import JSONResponse, Response

import cloudify
from cloudify.datasets.keep import Keep, KeptFile
from cloudify.datasets.opened import Opened
from cloudify.diagnostics.subset import Plan, check_size, plan_subset
from cloudify.diagnostics.subset_file import write_netcdf
from cloudify.diagnostics.subset_text import write_csv, write_json
from cloudify.errors import BadOptionError, BadSelectionError, SourceChangedError
from cloudify.http.conditional import match_fails, none_match
from cloudify.http.derived import Derived, attachment
from cloudify.http.files import FileAnswer
from cloudify.http.flights import Flights
from cloudify.http.lookup import Lookup
from cloudify.http.problems import Problem
from cloudify.model.selection import SelectionError
from cloudify.model.subset import SubsetRequest, parse_subset
from cloudify.settings import Settings

Form = Literal["nc", "csv", "json"]
FORMS: tuple[Form, ...] = get_args(Form)
MEDIA_TYPES: dict[Form, str] = {
    "nc": "application/netcdf",
    "csv": "text/csv; charset=utf-8",
    "json": "application/json",
}


class Subsets:
    """Makes subsets of datasets. Belongs to one event loop."""

    def __init__(self, lookup: Lookup, settings: Settings) -> None:
        self._lookup, self._settings = lookup, settings
        self.derived = Derived(lookup, settings.diagnostic_timeout_s)
        self._files = Derived(lookup)  # these take long, and must not keep others waiting
        self._keep = Keep(settings.data_dir / "subsets", settings.kept_nbytes)
        self._flights: Flights[KeptFile] = Flights(settings.diagnostic_timeout_s)

    async def file(self, request: HttpRequest, dataset_id: str, asked: SubsetRequest) -> Response:
        """Answer with a netCDF file; the same version of a dataset and the same query make the same bytes.

        Raises
        ------
        CloudifyError
            If there is no such dataset, variable or selection, it is too large, or it cannot be written.
        """
        opened = await self.derived.opened(dataset_id)
        name = self._name(dataset_id, opened, asked)
        etag = f'"{name}"'
        always = {"etag": etag, "cache-control": "no-cache"}
        if match_fails(request.headers.get("if-match"), etag):
            return Problem.of_status(412, "this subset is another version by now; ask for it again").response(
                request.scope
            )
        known = request.headers.get("if-none-match")
        if known != "*" and none_match(known, etag):
            return Response(None, 304, always)
        file = self._keep.open(f"{name}.nc")
        if file is None:
            file = await self._flights.join(name, lambda: self._make(opened, asked, f"{name}.nc"))
        headers = always | {"content-type": MEDIA_TYPES["nc"]} | attachment(f"{dataset_id}-subset.nc")
        return FileAnswer(file, headers)

    async def text(
        self, request: HttpRequest, dataset_id: str, asked: SubsetRequest, form: Form, *, has_units: bool
    ) -> Response:
        """Answer with CSV or JSON; raises as `file` does, and for too many values."""

        async def make(opened: Opened) -> bytes:
            return await self.derived.read(opened, lambda: self._write_text(opened, asked, form, has_units=has_units))

        made = await self.derived.get(request, dataset_id, (asked, form, has_units), make)
        return made.response(MEDIA_TYPES[form], attachment(f"{dataset_id}-subset.csv") if form == "csv" else None)

    async def estimate(self, dataset_id: str, asked: SubsetRequest) -> Response:
        """Answer with what a subset would hold; none of its values are read."""
        opened = await self.derived.opened(dataset_id)
        plan = await self.derived.read(opened, lambda: plan_subset(opened, asked))
        variables = {
            name: dict(zip(map(str, item.dims), plan.shape(name), strict=True)) for name, item in plan.variables.items()
        }
        return JSONResponse(
            {
                "nbytes": plan.nbytes,
                "limit_nbytes": self._settings.max_subset_nbytes,
                "asked": list(plan.asked),
                "variables": variables,
            }
        )

    async def _make(self, opened: Opened, asked: SubsetRequest, name: str) -> KeptFile:
        return await self._files.read(opened, lambda: self._write_file(opened, asked, name))

    def _write_file(self, opened: Opened, asked: SubsetRequest, name: str) -> KeptFile:
        plan = self._plan(opened, asked)
        origin = f"{opened.entry.id}/subset.nc?{asked.query} of version {opened.token}"

        def write(path: Path) -> None:
            write_netcdf(plan, path, origin)
            self._check_version(opened)

        self._keep.check_room(plan.stored_nbytes)
        return self._keep.make(name, write)

    def _write_text(self, opened: Opened, asked: SubsetRequest, form: Form, *, has_units: bool) -> bytes:
        plan = self._plan(opened, asked)
        made = write_csv(opened, plan, has_units=has_units) if form == "csv" else write_json(plan)
        self._check_version(opened)
        return made

    def _plan(self, opened: Opened, asked: SubsetRequest) -> Plan:
        plan = plan_subset(opened, asked)
        check_size(plan, self._settings.max_subset_nbytes)
        return plan

    def _check_version(self, opened: Opened) -> None:
        if self._lookup.has_changed(opened.entry.id, opened):
            raise SourceChangedError(opened.entry.id, "a part of")

    @staticmethod
    def _name(dataset_id: str, opened: Opened, asked: SubsetRequest) -> str:
        key = f"{cloudify.__version__}\n{dataset_id}\n{opened.token}\n{asked!r}"
        return blake2b(key.encode("utf-8", "replace"), digest_size=16).hexdigest()


def read_query(items: Iterable[tuple[str, str]]) -> SubsetRequest:
    """Read the query of a subset.

    Raises
    ------
    BadSelectionError
        Saying what was found and what was expected.
    """
    try:
        return parse_subset(items)
    except SelectionError as error:
        raise BadSelectionError(str(error)) from error


def read_form(text: str) -> Form:
    """Read the ending of a subset's name.

    Raises
    ------
    BadOptionError
        If there is no such form.
    """
    for known in FORMS:
        if text == known:
            return known
    raise BadOptionError(f"no form subset.{text[:40]}; there are {', '.join(f'subset.{form}' for form in FORMS)}")
