"""``GET /``: the landing page; ``/docs``: the API documentation; ``/static/{name}``: what pages are made of."""

from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter
from pydantic import ConfigDict
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.staticfiles import StaticFiles
from xpublish.plugins import Plugin, hookimpl

import cloudify
from cloudify.catalog.catalog import Standing
from cloudify.datasets.shelf import Shelf
from cloudify.datasets.summaries import Summaries
from cloudify.http.access import readable_ids
from cloudify.http.deps import DatasetIds
from cloudify.http.hosts import root_url
from cloudify.http.negotiate import wants_html
from cloudify.http.pages import WEB, render_page
from cloudify.http.report import PluginReport
from cloudify.http.thumbnails import thumbnail_path
from cloudify.settings import Settings

LINKS = (
    "datasets", "stac-collection-all.json", "intake.yaml", "plugins", "health", "ready", "docs", "openapi.json",
)  # fmt: skip
PER_PAGE = 100
LONGEST_QUERY = 200


@dataclass(frozen=True, slots=True)
class FoundRows:
    """One page of the datasets that a visitor looks for."""

    query: str
    rows: list[dict[str, Any]]
    count: int
    """On all pages."""
    page: int
    """Counted from 1."""
    pages: int


def find_rows(rows: list[dict[str, Any]], query: str, page: str) -> FoundRows:
    """Return a page of the rows in which every word of `query` stands; a page that is none is the nearest there is.

    >>> rows = [{"id": f"d{n}", "title": "Ice" if n % 2 else "Sea", "description": ""} for n in range(300)]
    >>> found = find_rows(rows, "sea D1", "9")
    >>> found.count, found.page, found.pages, found.rows[0]["id"]
    (55, 1, 1, 'd10')
    """
    query = " ".join(query[:LONGEST_QUERY].split())
    words = query.lower().split()
    if words:
        texts = (f"{row['id']} {row['title']} {row['description']}".lower() for row in rows)
        rows = [row for row, text in zip(rows, texts, strict=True) if all(word in text for word in words)]
    pages = max(1, -(-len(rows) // PER_PAGE))
    number = min(pages, max(1, int(page))) if page.isdecimal() and len(page) < 10 else 1  # noqa: PLR2004
    return FoundRows(query, rows[(number - 1) * PER_PAGE : number * PER_PAGE], len(rows), number, pages)


class PagesPlugin(Plugin):
    """Pages that belong to no single dataset."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    name: str = "cloudify_pages"
    settings: Settings
    shelf: Shelf
    standing: Standing
    summaries: Summaries
    report: PluginReport

    @hookimpl
    def app_router(self) -> APIRouter:
        """Wire the routes."""
        router = APIRouter(tags=["pages"])

        def landing_page(request: Request, ids: DatasetIds) -> Response:
            """What this server serves: a page for browsers, JSON for programs or with `?f=json`."""
            root = root_url(request, self.settings)
            rows = [self._describe(root, dataset_id) for dataset_id in dict.fromkeys(ids)]
            title = self.standing.catalog.title or "cloudify"
            faults = [fault.public() for fault in self.standing.catalog.faults]
            if wants_html(request):
                query = request.query_params
                found = find_rows(rows, query.get("q", ""), query.get("page", ""))
                for row in found.rows:
                    row["thumbnail"] = self._thumbnail(row["id"])
                return render_page(
                    "landing.html", request.scope,
                    root=root, title=title, total=len(rows), found=found, report=self.report, faults=faults,
                    unsafe=self.settings.unsafe_compute,
                )  # fmt: skip
            ours = readable_ids(self.shelf)
            known = self.summaries.count(filter(None, map(self.shelf.entry, ours)))
            content = {
                "title": title,
                "cloudify": cloudify.__version__,
                "links": {name: f"{root}/{name}" for name in LINKS},
                "summarised": {"known": known, "of": len(ours)},
                "datasets": rows,
            }
            if faults:
                content["faults"] = faults
            return JSONResponse(content, headers={"vary": "Accept"})

        def api_docs(request: Request) -> Response:
            """The API documentation; works offline."""
            return render_page("docs.html", request.scope, root=root_url(request, self.settings))

        router.add_api_route("/", landing_page, response_model=None)
        router.add_api_route("/docs", api_docs, include_in_schema=False, response_model=None)
        router.mount("/static", StaticFiles(directory=str(WEB / "static")), name="static")
        return router

    def _describe(self, root: str, dataset_id: str) -> dict[str, Any]:
        """Return what is known of a dataset without opening it."""
        row: dict[str, Any] = {
            "id": dataset_id,
            "href": f"{root}/datasets/{dataset_id}/",
            "zarr": f"{root}/datasets/{dataset_id}/zarr",
        }
        entry = self.shelf.entry(dataset_id)
        if entry is None:
            return row | {"title": dataset_id, "description": "", "license": "", "error": ""}
        return row | {
            "title": entry.title or dataset_id,
            "description": entry.description,
            "license": entry.license,
            "error": self.shelf.failure(dataset_id),
        }

    def _thumbnail(self, dataset_id: str) -> str:
        """Return the path below a dataset of its picture, ``""`` where none is known without opening it."""
        entry = self.shelf.entry(dataset_id)
        if entry is None or entry.fault:
            return ""
        summary = self.summaries.last(dataset_id) or self.summaries.unopened(entry, self.settings)
        return thumbnail_path(summary.pictured) if summary is not None and summary.pictured else ""
