"""``cloudify.Server``: datasets or a catalog in, an ASGI application out."""

import logging
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import xarray as xr
from asgi_correlation_id import CorrelationIdMiddleware
from starlette.types import ASGIApp
from xpublish.plugins import Plugin
from xpublish.rest import Rest

import cloudify
from cloudify.catalog.catalog import Catalog, Fault, Standing
from cloudify.catalog.survey import Survey
from cloudify.datasets.shelf import Shelf
from cloudify.datasets.split import Splits
from cloudify.datasets.stored import as_object
from cloudify.datasets.summaries import Summaries
from cloudify.datasets.summary_pass import SummaryPass
from cloudify.errors import InvalidIdError
from cloudify.http.auth import Authenticator, Tokens, tokens_among
from cloudify.http.compression import CompressText
from cloudify.http.cors import PublicReads
from cloudify.http.fast_lane import FastLane, byte_paths
from cloudify.http.heads import Heads
from cloudify.http.hosts import KnownHosts, Names
from cloudify.http.identified import Identified
from cloudify.http.in_turn import InTurn
from cloudify.http.limits import BodyLimit
from cloudify.http.metered import Metered, Routed, count_lane, templates_of
from cloudify.http.meters import Meters
from cloudify.http.ogc.compute import Compute
from cloudify.model.entry import is_valid_id, suggest_id
from cloudify.pictures.drawers import end_drawers
from cloudify.server.discovery import load_plugins
from cloudify.server.failures import LastResort, answer_failures
from cloudify.server.object_names import is_object
from cloudify.server.objects import load_objects
from cloudify.server.watcher import Watcher
from cloudify.settings import Settings, load_settings

if TYPE_CHECKING:
    from cloudify.compute.service import Service

LOGGED_IDS = 12
"""Most ids in one line of the log."""

log = logging.getLogger(__name__)
Datasets = Mapping[str, xr.Dataset | xr.DataTree]


class Server:
    """A server of datasets.

    Parameters
    ----------
    datasets
        Datasets by id, or a catalog, or the path of a catalog, file or directory, or a URL, or a survey of several.
        What is given by path is watched: what comes, goes and changes there shows while the server runs.
    settings
        Default: those of the environment and the settings file.
    objects
        More datasets by id, beside those of a catalog.
    plugins
        More plugins, beside those that are found by their entry points: providers of datasets, for example.
    tokens
        Where tokens are kept; by default those of a plugin that has some.
    runs_engine
        Whether this process runs jobs, from the first one on; else another does.

    Raises
    ------
    InvalidIdError
        If an id cannot be part of a URL; it names one that can.
    InvalidTargetError
        If a path names nothing to serve.
    """

    def __init__(
        self,
        datasets: Datasets | Catalog | Survey | str | Path,
        *,
        settings: Settings | None = None,
        objects: Datasets | None = None,
        plugins: Iterable[Plugin] = (),
        tokens: Tokens | None = None,
        runs_engine: bool = True,
    ) -> None:
        self.settings = settings if settings is not None else load_settings()
        objects = dict(objects or {})
        if isinstance(datasets, Mapping):
            objects.update(datasets)
            datasets = Catalog()
        for dataset_id in objects:
            if not is_valid_id(dataset_id):
                raise InvalidIdError(dataset_id, suggest_id(dataset_id))
        if isinstance(datasets, str | Path):
            datasets = Survey([str(datasets)], reserved=objects, settings=self.settings)
        survey = Survey([]) if isinstance(datasets, Catalog) else datasets
        said = datasets if isinstance(datasets, Catalog) else survey.read()
        self._splits = Splits(self.settings)
        self.standing = Standing(self._splits.of(said))
        self._log_faults(self.catalog.faults)
        self.compute = Compute(self.settings, runs_engine=runs_engine)
        self.said = said
        """What the targets said when they were read last, as they said it."""
        self.when_adopted: Callable[[Catalog], None] = _ignore
        """Called with what the targets say, whenever they say something else."""
        self.watcher = Watcher(survey, self.adopt, self.settings.reread_s)
        self.shelf = Shelf(
            self.catalog.entries,
            limit=self.settings.open_datasets,
            check_s=self.settings.token_check_s,
            timeout_s=self.settings.remote_timeout_s,
            settings=self.settings,
            beyond=self.compute.entry,
        )
        self.summaries = Summaries(self.settings.data_dir / "summaries")
        self.summary_pass = SummaryPass(self.shelf, self.summaries, self.settings)
        self.meters = Meters()
        parts = {
            "settings": self.settings, "shelf": self.shelf, "standing": self.standing, "summaries": self.summaries,
            "meters": self.meters, "compute": self.compute,
        }  # fmt: skip
        found, self.report = load_plugins(parts | {"title": self.catalog.title})
        app_kws = {
            "title": "cloudify", "version": cloudify.__version__, "docs_url": None, "redoc_url": None,
            "lifespan": self._watched,
        }  # fmt: skip
        served = {key: as_object(value, key) for key, value in objects.items()}
        self.rest = Rest(served, plugins=found, app_kws=app_kws)
        for plugin in plugins:
            self.rest.register_plugin(plugin)
        self.tokens = tokens if tokens is not None else tokens_among(self.rest.plugins.values())
        self.app = self._wrap()

    @classmethod
    def of_targets(cls, targets: Iterable[str], *, settings: Settings, runs_engine: bool = True) -> "Server":
        """Make a server of what the command line names: files, folders, URLs, catalogs, objects of host scripts.

        Raises
        ------
        InvalidTargetError
            If a target names nothing to serve.
        """
        targets = list(targets)
        objects = load_objects(target for target in targets if is_object(target))
        others = [target for target in targets if not is_object(target)]
        survey = Survey(others, reserved=objects, settings=settings)
        return cls(survey, settings=settings, objects=objects, runs_engine=runs_engine)

    @property
    def service(self) -> "Service":
        """Jobs, and their engine."""
        return self.compute.service

    @property
    def catalog(self) -> Catalog:
        """What the targets said when they were read last."""
        return self.standing.catalog

    def adopt(self, said: Catalog) -> None:
        """Serve what a new reading of the targets says; datasets whose entries did not change stay open.

        Called by the watcher; requests under way finish with what they have begun to read.
        """
        before, catalog = self.catalog, self._splits.of(said)
        changes = self.shelf.replace(catalog.entries)
        self.said, self.standing.catalog = said, catalog
        self.when_adopted(said)
        for verb in ("added", "removed", "changed"):
            ids = getattr(changes, verb)
            if ids:
                extra = {"datasets": len(ids), "ids": list(ids[:LOGGED_IDS])}
                log.info("datasets were %s", verb, extra=extra)
        self._log_faults(fault for fault in catalog.faults if fault not in before.faults)

    @staticmethod
    def _log_faults(faults: Iterable[Fault]) -> None:
        for fault in faults:
            log.warning("catalog fault", extra={"fault": str(fault)})

    @asynccontextmanager
    async def _watched(self, _app: object) -> AsyncIterator[None]:
        """Watch the targets as long as an ASGI server runs the application."""
        if self.settings.watch:
            self.watcher.start()
        try:
            yield
        finally:
            self.watcher.stop()
            self.compute.close()
            end_drawers()  # a request that still waits for its picture would hold up the end

    def serve(self) -> None:
        """Serve until SIGTERM or Ctrl-C.

        Raises
        ------
        PortInUseError
            If another program listens on the port; it names a free one.
        """
        from cloudify.server.run import listen, run  # noqa: PLC0415  # uvicorn, for those who run it themselves

        sock = listen(self.settings.host, self.settings.port)
        with self.summary_pass:
            run(self.app, sock, self.settings, self.meters)

    def dataset_ids(self) -> list[str]:
        """Return the id of every dataset that whoever asks may read, whoever provides it, each once."""
        return list(dict.fromkeys(self.rest.get_datasets_from_plugins()))

    def _wrap(self) -> ASGIApp:
        """Put the layers around the routes, the outermost last."""
        routes = self.rest.app
        routers = [*self.rest._app_routers, (routes.router, {})]  # noqa: SLF001  # FastAPI hides what it includes
        app: ASGIApp = Routed(routes, templates_of(routers))
        answer_failures(routes, self.dataset_ids)
        app = CompressText(app)
        app = BodyLimit(app, self.settings.max_body_nbytes)
        app = Heads(app)
        app = Identified(app, Authenticator(self.tokens))
        app = LastResort(app)
        is_known = Names(self.settings)
        app = KnownHosts(app, is_known)
        app = CorrelationIdMiddleware(app)
        app = PublicReads(app)
        app = InTurn(app)
        app = Metered(app, self.meters)
        lane = FastLane(app, byte_paths(self.rest.plugins.values()), is_known)
        self.meters.before_reading(lambda: count_lane(self.meters, lane))
        return lane


def _ignore(_said: Catalog) -> None:
    """Do nothing: nobody has to be told."""
