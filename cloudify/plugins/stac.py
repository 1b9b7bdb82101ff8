"""``GET /stac-collection-all.json`` and ``/datasets/{dataset_id}/stac``: the datasets as STAC 1.1."""

from collections.abc import Iterator

from fastapi import APIRouter
from pydantic import ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response
from xpublish.plugins import Dependencies, Plugin, hookimpl

from cloudify.datasets.methods import methods_of
from cloudify.datasets.shelf import Shelf
from cloudify.datasets.summaries import Summaries
from cloudify.http.checks import Checked
from cloudify.http.deps import DatasetIds
from cloudify.http.documents import document
from cloudify.http.flights import Flights
from cloudify.http.hosts import root_url
from cloudify.http.lookup import Lookup
from cloudify.http.offload import Offload
from cloudify.http.routing import PublicRoute
from cloudify.http.stac.collection import collection, collection_id
from cloudify.http.stac.item import item
from cloudify.http.stac.terms import COLLECTION_TYPE, ITEM_TYPE
from cloudify.model.entry import Entry
from cloudify.model.extent import Extent
from cloudify.model.finding import Finding
from cloudify.model.summary import Summary
from cloudify.settings import Settings, load_settings

FIXES = {
    "where": "give its coordinates CF units or standard names, or its catalog entry `bbox: [west, south, east, north]`",
    "when": "write its times as 'days since 1850-01-01', or give its catalog entry `interval: [start, end]`",
}


def check_stac(summary: Summary, extent: Extent) -> Finding:
    """Return what its item can say of a dataset."""
    missing = [name for name, value in zip(FIXES, (extent.bbox, extent.interval), strict=True) if value is None]
    if missing:
        reason = f"its item does not say {' and '.join(missing)} it is: {'; '.join(summary.doubts)}"
        return Finding("stac", "", "limited", reason, "; ".join(FIXES[name] for name in missing))
    west, south, east, north = extent.bbox or (0, 0, 0, 0)
    start, end = extent.interval or ("", "")
    return Finding("stac", "", "works", f"{west:g} to {east:g} east, {south:g} to {north:g} north, {start} to {end}")


class StacPlugin(Plugin):
    """Datasets as a STAC collection and its items."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    name: str = "cloudify_stac"
    settings: Settings = Field(default_factory=load_settings)
    shelf: Shelf | None = None
    """Knows what catalogs say; None under a plain ``xpublish.Rest``."""
    summaries: Summaries = Field(default_factory=Summaries)
    title: str = ""

    @hookimpl
    def app_router(self, deps: Dependencies) -> APIRouter:
        """Wire the routes."""
        router = APIRouter(tags=["catalogs"], route_class=PublicRoute)
        lookup, flights, work = Lookup(deps, self.settings), Flights[Summary](), Offload(self.settings.read_threads)

        def whole_collection(request: Request, ids: DatasetIds) -> Response:
            """All datasets as a STAC collection; none is opened for it."""
            entries = [self._entry(dataset_id) for dataset_id in dict.fromkeys(ids)]
            served = [entry for entry in entries if not self._has_failed(entry)]
            extents = [self.summaries.extent(entry) for entry in served]
            left_out = len(entries) - len(served)
            content = collection(root_url(request, self.settings), self.title, served, extents, left_out)
            return document(request, content, COLLECTION_TYPE)

        async def dataset_item(request: Request, dataset_id: str) -> Response:
            """One dataset as a STAC item."""
            # by each who asks: what others wait for may be hidden from this one
            shelf = lookup.shelf_of(dataset_id) or await work(lambda: lookup.find_shelf(dataset_id))
            summary = await flights.join(
                (dataset_id, shelf), lambda: work(lambda: self._summary(lookup, shelf, dataset_id))
            )
            entry = self._entry(dataset_id)
            methods = methods_of(self.shelf.entry(dataset_id) if self.shelf else None)
            root = root_url(request, self.settings)
            return document(request, item(root, entry, summary, methods, collection_id(self.title)), ITEM_TYPE)

        router.add_api_route("/stac-collection-all.json", whole_collection, response_class=Response)
        router.add_api_route("/datasets/{dataset_id}/stac", dataset_item, response_class=Response)
        router.add_api_route("/datasets/{dataset_id}/stac/", dataset_item, include_in_schema=False)
        return router

    def check(self, checked: Checked) -> Iterator[Finding]:
        """Say whether an item says where and when the dataset is."""
        summary = self.summaries.of(checked.opened)
        yield check_stac(summary, self.summaries.extent(checked.opened.entry))

    def _summary(self, lookup: Lookup, shelf: Shelf | None, dataset_id: str) -> Summary:
        """Return the summary of a dataset on a shelf or of others, opening it only where it is not known. Blocks."""
        entry = shelf.entry(dataset_id) if shelf is not None else None
        known = self.summaries.unopened(entry, self.settings) if entry is not None else None
        return known or self.summaries.of(shelf.get(dataset_id) if shelf is not None else lookup.opened(dataset_id))

    def _entry(self, dataset_id: str) -> Entry:
        """Return what a catalog says of a dataset; of one without a catalog its id."""
        entry = self.shelf.entry(dataset_id) if self.shelf is not None else None
        return entry or Entry(dataset_id, driver="object", href="")

    def _has_failed(self, entry: Entry) -> bool:
        """Whether a dataset could not be opened when last somebody tried: a client that reads all items stops there."""
        failure = self.shelf.failure(entry.id) if self.shelf is not None and entry.id in self.shelf else ""
        return bool(failure) or self.summaries.has_failed(entry.id)
