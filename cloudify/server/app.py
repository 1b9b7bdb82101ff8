"""``cloudify.Server``: datasets or a catalog in, an ASGI application out."""

import logging
from collections.abc import Iterable, Mapping
from pathlib import Path

import xarray as xr
from asgi_correlation_id import CorrelationIdMiddleware
from starlette.types import ASGIApp
from xpublish.rest import Rest

import cloudify
from cloudify.catalog.catalog import Catalog
from cloudify.catalog.targets import read_targets
from cloudify.datasets.shelf import Shelf
from cloudify.datasets.split import split_entries
from cloudify.datasets.stored import without_slashes
from cloudify.datasets.summaries import Summaries
from cloudify.datasets.survey import Survey
from cloudify.errors import InvalidIdError
from cloudify.http.compression import CompressText
from cloudify.http.cors import PublicReads
from cloudify.http.heads import Heads
from cloudify.http.hosts import LOOPBACK_NAMES, KnownHosts
from cloudify.http.limits import BodyLimit
from cloudify.model.entry import is_valid_id, suggest_id
from cloudify.server.discovery import load_plugins
from cloudify.server.failures import LastResort, answer_failures
from cloudify.server.objects import is_object, load_object
from cloudify.settings import Settings, load_settings

log = logging.getLogger(__name__)
Datasets = Mapping[str, xr.Dataset | xr.DataTree]


class Server:
    """A server of datasets.

    Parameters
    ----------
    datasets
        Datasets by id, or a catalog, or the path of a catalog, file or directory, or a URL.
    settings
        Default: those of the environment and the settings file.
    objects
        More datasets by id, beside those of a catalog.

    Raises
    ------
    InvalidIdError
        If an id cannot be part of a URL; it names one that can.
    InvalidTargetError
        If a path names nothing to serve.
    """

    def __init__(
        self,
        datasets: Datasets | Catalog | str | Path,
        *,
        settings: Settings | None = None,
        objects: Datasets | None = None,
    ) -> None:
        self.settings = settings if settings is not None else load_settings()
        objects = dict(objects or {})
        if isinstance(datasets, Catalog):
            self.catalog = datasets
        elif isinstance(datasets, str | Path):
            self.catalog = read_targets([str(datasets)], self.settings)
        else:
            self.catalog = Catalog()
            objects.update(datasets)
        for dataset_id in objects:
            if not is_valid_id(dataset_id):
                raise InvalidIdError(dataset_id, suggest_id(dataset_id))
        self.catalog = split_entries(self.catalog, self.settings)
        for fault in self.catalog.faults:
            log.warning("catalog fault", extra={"fault": str(fault)})
        self.shelf = Shelf(
            self.catalog.entries,
            limit=self.settings.open_datasets,
            check_s=self.settings.token_check_s,
            timeout_s=self.settings.remote_timeout_s,
            settings=self.settings,
        )
        self.summaries = Summaries(self.settings.data_dir / "summaries")
        self.survey = Survey(self.shelf, self.summaries, self.settings)
        parts = {
            "settings": self.settings, "shelf": self.shelf, "summaries": self.summaries, "title": self.catalog.title,
        }  # fmt: skip
        plugins, self.report = load_plugins(parts)
        app_kws = {"title": "cloudify", "version": cloudify.__version__, "docs_url": None, "redoc_url": None}
        served = {key: without_slashes(value) for key, value in objects.items()}
        self.rest = Rest(served, plugins=plugins, app_kws=app_kws)
        self.app = self._wrap()

    @classmethod
    def of_targets(cls, targets: Iterable[str], *, settings: Settings) -> "Server":
        """Make a server of what the command line names: files, folders, URLs, catalogs, objects of host scripts.

        Raises
        ------
        InvalidTargetError
            If a target names nothing to serve.
        """
        objects: dict[str, xr.Dataset | xr.DataTree] = {}
        others = []
        for target in targets:
            if is_object(target):
                objects |= load_object(target)
            else:
                others.append(target)
        return cls(read_targets(others, settings), settings=settings, objects=objects)

    def serve(self) -> None:
        """Serve until SIGTERM or Ctrl-C.

        Raises
        ------
        PortInUseError
            If another program listens on the port; it names a free one.
        """
        from cloudify.server.run import listen, run  # noqa: PLC0415  # uvicorn, for those who run it themselves

        sock = listen(self.settings.host, self.settings.port)
        with self.survey:
            run(self.app, sock, self.settings)

    def dataset_ids(self) -> list[str]:
        """Return the id of every dataset, whoever provides it, each once."""
        return list(dict.fromkeys(self.rest.get_datasets_from_plugins()))

    def _wrap(self) -> ASGIApp:
        """Put the layers around the routes, the outermost last."""
        app: ASGIApp = self.rest.app
        answer_failures(self.rest.app, self.dataset_ids)
        app = CompressText(app)
        app = BodyLimit(app, self.settings.max_body_nbytes)
        app = Heads(app)
        app = LastResort(app)
        if f"[{self.settings.host}]" in LOOPBACK_NAMES or self.settings.host in LOOPBACK_NAMES:
            app = KnownHosts(app, self.settings.root_url)
        app = CorrelationIdMiddleware(app)
        return PublicReads(app)
