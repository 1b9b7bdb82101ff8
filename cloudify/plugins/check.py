"""``GET /datasets/{dataset_id}/check``: what works with a dataset, what does not, why, and what to do about it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import xarray as xr
from fastapi import APIRouter
from pydantic import BaseModel, Field
from xpublish.plugins import Dependencies, Plugin, hookimpl

from cloudify.datasets.grid import conventional, grid_of, is_bounds, time_axes
from cloudify.datasets.prepare import left_alone
from cloudify.datasets.verify import verify
from cloudify.http.checks import Checked, report
from cloudify.http.lookup import Lookup
from cloudify.http.routing import ProblemRoute
from cloudify.model.finding import Finding, Verdict
from cloudify.settings import Settings, load_settings

STANDARD_CALENDARS = frozenset({"standard", "gregorian", "proleptic_gregorian"})


class FindingModel(BaseModel):
    """One finding."""

    endpoint: str
    subject: str
    verdict: Verdict
    reason: str
    fix: str


class CheckReport(BaseModel):
    """All findings about a dataset."""

    dataset: str
    verdict: Verdict
    findings: list[FindingModel]


def check_metadata(checked: Checked) -> Iterator[Finding]:
    """Yield what the catalog's preparation does not reach, and what the conventions say: times, units, grids."""
    for subject, reason in left_alone(checked.opened.groups, checked.opened.entry.prepare):
        yield Finding("prepare", subject, "limited", reason, "unpack it in the source, if its size matters")
    for node in checked.opened.tree.subtree:
        prefix = "" if node.path == "/" else f"{node.path.strip('/')}/"
        ds = conventional(node.to_dataset(inherit=True))
        yield from _check_times(ds, prefix)
        yield from _check_variables(ds, prefix)


def _check_times(ds: xr.Dataset, prefix: str) -> Iterator[Finding]:
    for name, calendar in time_axes(ds).items():
        if is_bounds(ds, name):
            continue
        if not calendar:
            units = ds[name].attrs.get("units", "none")
            fix = "write it as 'days since 1850-01-01'"
            yield Finding(
                "time", prefix + name, "limited", f"its unit {units!r} is no CF unit of time: numbers are served", fix
            )
        elif calendar in STANDARD_CALENDARS:
            yield Finding("time", prefix + name, "works", f"calendar {calendar}")
        else:
            yield Finding("time", prefix + name, "works", f"calendar {calendar}: readers decode it with cftime")


def _check_variables(ds: xr.Dataset, prefix: str) -> Iterator[Finding]:
    for name in map(str, ds.data_vars):
        variable = ds[name]
        if is_bounds(ds, name) or not variable.dims or variable.dtype.kind not in "fiu":
            continue
        if "units" not in variable.attrs:
            yield Finding(
                "units", prefix + name, "limited", "it has no units", "give it the attribute `units`, '1' for none"
            )
        grid = grid_of(ds, name)
        if grid.kind == "none":
            fix = "give its longitudes and latitudes CF units or standard names, if it has any"
            yield Finding("grid", prefix + name, "limited", "no horizontal coordinates were found", fix)
        else:
            mapping = f", {grid.mapping}" if grid.mapping else ""
            yield Finding("grid", prefix + name, "works", f"{grid.kind}: {grid.lon}, {grid.lat}{mapping}")


def check_blobs(checked: Checked) -> Iterator[Finding]:
    """Yield which blobs of the result of a job are not what they were; of a large one some are looked at."""
    entry = checked.opened.entry
    if entry.driver != "result":
        return
    found = verify(Path(entry.href))
    for subject, reason in found.faults:
        yield Finding("zarr", subject, "fails", reason, "restore it from a backup, or run the job again")
    if not found.faults:
        some = "" if found.is_all else " of those looked at"
        reason = f"{found.looked_at} blobs{some} have their size, {found.hashed} were compared by hash"
        yield Finding("zarr", "", "works", reason)


def worst(findings: list[Finding]) -> Verdict:
    """Return the verdict on a dataset: that of its worst finding."""
    order: tuple[Literal["fails", "limited"], ...] = ("fails", "limited")
    found = {finding.verdict for finding in findings}
    return next((verdict for verdict in order if verdict in found), "works")


class CheckPlugin(Plugin):
    """Checks of datasets."""

    name: str = "cloudify_check"
    settings: Settings = Field(default_factory=load_settings)

    @hookimpl
    def dataset_router(self, deps: Dependencies) -> APIRouter:
        """Wire the route."""
        lookup = Lookup(deps, self.settings)
        router = APIRouter(tags=["check"], route_class=ProblemRoute)

        def check(dataset_id: str) -> CheckReport:
            """What works with this dataset, what does not and why, and how to mend it."""
            findings = list(report(dataset_id, lookup, deps.plugins().values()))
            rows = [FindingModel(**finding.as_dict()) for finding in findings]  # type: ignore[arg-type]  # a Literal
            return CheckReport(dataset=dataset_id, verdict=worst(findings), findings=rows)

        router.add_api_route("/check", check)
        return router

    def check(self, checked: Checked) -> Iterator[Finding]:
        """Say what the conventions make of a dataset, and whether what is stored of a result is whole."""
        yield from check_blobs(checked)
        yield from check_metadata(checked)
