"""``/ogc-api/``: OGC API - Processes 1.0, and what goes beyond it: slices, events, logs, pools."""

from fastapi import APIRouter
from pydantic import ConfigDict, Field, PrivateAttr
from xpublish.plugins import Dependencies, Plugin, hookimpl

from cloudify.datasets.shelf import Shelf
from cloudify.http.auth import Tokens
from cloudify.http.lookup import Lookup
from cloudify.http.ogc.compute import Compute
from cloudify.http.ogc.deploy import DeployHandlers
from cloudify.http.ogc.desk import PATH, Desk
from cloudify.http.ogc.events import EventHandlers
from cloudify.http.ogc.execution import ExecutionHandlers
from cloudify.http.ogc.jobs import JobHandlers
from cloudify.http.ogc.log import LogHandlers
from cloudify.http.ogc.public import PublicHandlers
from cloudify.http.ogc.results import ResultHandlers
from cloudify.http.ogc.routes import add, add_open
from cloudify.http.ogc.slices import SliceHandlers
from cloudify.http.ogc.workers import WorkerHandlers
from cloudify.settings import Settings, load_settings

JOB = f"{PATH}/jobs/{{job_id}}"


class OgcPlugin(Plugin):
    """Processes and jobs."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    name: str = "cloudify_ogc"
    settings: Settings = Field(default_factory=load_settings)
    compute: Compute = Field(default_factory=lambda fields: Compute(fields["settings"], runs_engine=True))
    """Of the server; a plain ``xpublish.Rest`` has its own, in the default data directory."""

    _results: Shelf | None = PrivateAttr(default=None)

    def model_post_init(self, _context: object) -> None:
        """Keep what jobs leave, where no server has a shelf for it."""
        if "compute" not in self.model_fields_set:
            self._results = Shelf(
                (),
                limit=self.settings.open_datasets,
                check_s=self.settings.token_check_s,
                timeout_s=self.settings.remote_timeout_s,
                settings=self.settings,
                beyond=self.compute.entry,
            )

    @property
    def shelf(self) -> Shelf | None:
        """The results of jobs, under a plain ``xpublish.Rest``."""
        return self._results

    @property
    def tokens(self) -> Tokens:
        """Where tokens are kept."""
        return self.compute.tokens

    @hookimpl
    def app_router(self, deps: Dependencies) -> APIRouter:
        """Wire the routes."""
        lookup = Lookup(deps, self.settings)
        self.compute.attach(lookup.opened_for_jobs)
        desk = Desk(self.compute, self.settings, lookup)
        router = APIRouter(tags=["processes"])
        public, workers = PublicHandlers(desk), WorkerHandlers(desk)
        add_open(router, f"{PATH}/", GET=public.landing)
        add_open(router, PATH, is_shown=False, GET=public.landing)
        add_open(router, f"{PATH}/openapi.json", GET=public.openapi)
        add_open(router, f"{PATH}/conformance", GET=public.conformance)
        add_open(router, f"{PATH}/processes", GET=public.list_processes, POST=DeployHandlers(desk).deploy)
        add_open(router, f"{PATH}/processes/{{process_id}}", GET=public.process)
        add(router, f"{PATH}/pools", GET=workers.list_pools)
        add(router, f"{PATH}/pools/{{pool_id}}", GET=workers.pool)
        add(router, f"{PATH}/isolation", GET=workers.isolation)
        _add_jobs(router, desk)
        return router


def _add_jobs(router: APIRouter, desk: Desk) -> None:
    """Wire what is about jobs."""
    jobs, slices, results = JobHandlers(desk), SliceHandlers(desk), ResultHandlers(desk)
    add(router, f"{PATH}/processes/{{process_id}}/execution", POST=ExecutionHandlers(desk, results).execute)
    add(router, f"{PATH}/jobs", GET=jobs.list_jobs)
    add(router, JOB, GET=jobs.show, DELETE=jobs.dismiss)
    add(router, f"{JOB}/results", GET=results.show)
    add(router, f"{JOB}/results/{{name}}", GET=results.file, HEAD=results.file)
    add(router, f"{JOB}/slices", GET=slices.list_slices, POST=slices.add)
    add(router, f"{JOB}/close", POST=jobs.close)
    add(router, f"{JOB}/events", GET=EventHandlers(desk).follow)
    add(router, f"{JOB}/log", GET=LogHandlers(desk).show)
