"""``GET /intake.yaml`` and ``/datasets/{dataset_id}/catalog.yaml``: the datasets as an intake catalog.

Each dataset has the entry ``{id}`` with the parameter ``method``, and a fixed entry ``{id}-{method}`` for each method:
intake 2.0.9 ignores parameters that are passed to an entry of `intake-xarray`.
"""

import json
import re
from collections.abc import Iterable, Sequence

from fastapi import APIRouter
from pydantic import ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response
from xpublish.plugins import Dependencies, Plugin, hookimpl

from cloudify.datasets.methods import methods_of
from cloudify.datasets.shelf import Shelf, title_of
from cloudify.errors import UnknownDatasetError
from cloudify.http.access import has_readable, look_beyond
from cloudify.http.deps import DatasetIds
from cloudify.http.hosts import root_url
from cloudify.http.routing import ProblemRoute
from cloudify.model.entry import Entry
from cloudify.settings import Settings, load_settings

Source = dict[str, object]
_UNPRINTABLE = re.compile("[\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
"""YAML 1.1, section 5.1."""


def sources(root: str, dataset_id: str, title: str, methods: Sequence[str]) -> dict[str, Source]:
    """Return the entries of one dataset, by name; the first of `methods` is the default."""
    below = f"{root}/datasets/{dataset_id}"
    method = {
        "description": "how chunks are served", "type": "str", "default": methods[0], "allowed": list(methods),
    }  # fmt: skip
    chosen = {"urlpath": f"{below}/{{{{ method }}}}", "consolidated": True}
    found: dict[str, Source] = {
        dataset_id: {"driver": "zarr", "description": title, "args": chosen, "parameters": {"method": method}}
    }
    for name in methods:
        fixed = {"urlpath": f"{below}/{name}", "consolidated": True}
        found[f"{dataset_id}-{name}"] = {"driver": "zarr", "description": title, "args": fixed}
    return found


def write_catalog(root: str, rows: Iterable[tuple[str, str, Sequence[str]]]) -> str:
    """Write a catalog of ids, titles and methods.

    An entry is one line of JSON, which is YAML too: 10,000 datasets take a tenth of a second, where a YAML library
    takes seconds.
    """
    lines = [
        f"  {_yaml(name)}: {_yaml(source)}"
        for dataset_id, title, methods in rows
        for name, source in sources(root, dataset_id, title, methods).items()
    ]
    head = [
        f"metadata: {_yaml({'version': 1, 'access_url': root})}",
        'plugins: {"source": [{"module": "intake_xarray"}]}',
    ]
    return "\n".join([*head, "sources:" if lines else "sources: {}", *lines, ""])


def _yaml(value: object) -> str:
    """Write a value as JSON, with escapes for the few characters that YAML does not allow as they are."""
    text = json.dumps(value, ensure_ascii=False)
    return _UNPRINTABLE.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


class IntakePlugin(Plugin):
    """Datasets as an intake catalog."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    name: str = "cloudify_intake"
    settings: Settings = Field(default_factory=load_settings)
    shelf: Shelf | None = None
    """Knows titles; None under a plain ``xpublish.Rest``."""

    @hookimpl
    def app_router(self, deps: Dependencies) -> APIRouter:
        """Wire the routes."""
        router = APIRouter(tags=["catalogs"], route_class=ProblemRoute)

        def whole_catalog(request: Request, ids: DatasetIds) -> Response:
            """All datasets as an intake catalog."""
            return self._answer(request, ids)

        def dataset_catalog(request: Request, dataset_id: str) -> Response:
            """One dataset as an intake catalog."""
            known = deps.dataset_ids()
            if dataset_id not in known and not self._is_unlisted(dataset_id):
                raise UnknownDatasetError(dataset_id, known)
            return self._answer(request, [dataset_id])

        router.add_api_route("/intake.yaml", whole_catalog, response_class=Response)
        router.add_api_route("/datasets/{dataset_id}/catalog.yaml", dataset_catalog, response_class=Response)
        return router

    def _answer(self, request: Request, ids: Iterable[str]) -> Response:
        rows = [
            (dataset_id, title_of(self.shelf, dataset_id) or dataset_id, methods_of(self._entry(dataset_id)))
            for dataset_id in dict.fromkeys(ids)
        ]
        return Response(write_catalog(root_url(request, self.settings), rows), media_type="text/yaml")

    def _is_unlisted(self, dataset_id: str) -> bool:
        """Whether there is a dataset that is on no list: the result of a job. Blocks."""
        if self.shelf is None:
            return False
        look_beyond(self.shelf, dataset_id)
        return has_readable(self.shelf, dataset_id)

    def _entry(self, dataset_id: str) -> Entry | None:
        return self.shelf.entry(dataset_id) if self.shelf is not None else None
