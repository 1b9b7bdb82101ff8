"""``/datasets/{dataset_id}/`` with ``keys``, ``dict``, ``info``, ``tree`` and ``groups``: what a dataset holds.

xpublish's own routes, answered from the dataset as it is now: the originals cache ``/info`` for ever and for all groups
at once, and show a private attribute.
"""

from typing import Any

import xarray as xr
from fastapi import APIRouter
from pydantic import ConfigDict, Field
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from xpublish.plugins import Plugin, hookimpl

from cloudify.chunks.attributes import PRIVATE, json_attributes
from cloudify.datasets.grid import conventional, grids_of
from cloudify.datasets.shelf import Shelf, title_of
from cloudify.http.deps import Dataset, DataTree
from cloudify.http.hosts import root_url
from cloudify.http.negotiate import wants_html
from cloudify.http.pages import render_page
from cloudify.http.snippets import snippets
from cloudify.http.thumbnails import plot_path
from cloudify.model.summary import pictured_among
from cloudify.settings import Settings, load_settings


def list_keys(ds: Dataset) -> list[str]:
    """Names of all variables."""
    return [str(name) for name in ds.variables]


def to_dict(ds: Dataset) -> JSONResponse:
    """The dataset as xarray's dictionary, without values."""
    content = _public(ds.to_dict(data=False))
    return JSONResponse(content)


def info(ds: Dataset) -> JSONResponse:
    """The dataset's schema, close to NCO-JSON."""
    variables = {
        str(name): {
            "type": variable.dtype.name,
            "dimensions": list(map(str, variable.dims)),
            "attributes": json_attributes(variable.attrs),
        }
        for name, variable in ds.variables.items()
    }
    sizes = {str(name): size for name, size in ds.sizes.items()}
    return JSONResponse({"dimensions": sizes, "variables": variables, "global_attributes": json_attributes(ds.attrs)})


def list_groups(tree: DataTree) -> list[str]:
    """Paths of all groups."""
    return list(tree.groups)


def show_tree(tree: DataTree) -> HTMLResponse:
    """Xarray's HTML representation of all groups."""
    return HTMLResponse(_representation(tree))


def _representation(tree: xr.DataTree) -> str:
    """Return xarray's HTML of a tree, of a dataset where there are no groups; without private attributes."""
    shown = tree.copy()
    for node in shown.subtree:
        node.attrs = {name: node.attrs[name] for name in node.attrs if name not in PRIVATE}
    visible = shown if shown.children else shown.to_dataset()
    return str(visible._repr_html_())  # IPython protocol


def _public(content: Any) -> Any:  # noqa: ANN401  # xarray's nested dictionary
    if isinstance(content, dict):
        return {name: json_attributes(value) if name == "attrs" else _public(value) for name, value in content.items()}
    return list(content) if isinstance(content, tuple) else content


class DatasetInfoPlugin(Plugin):
    """What a dataset holds."""

    name: str = "dataset_info"
    model_config = ConfigDict(arbitrary_types_allowed=True)

    settings: Settings = Field(default_factory=load_settings)
    shelf: Shelf | None = None
    """Knows the titles that catalogs give."""

    @hookimpl
    def dataset_router(self) -> APIRouter:
        """Wire the routes; the ones for groups come before the group itself, whose path matches them all."""
        router = APIRouter(tags=["dataset_info"])

        def show(request: Request, dataset_id: str, tree: DataTree) -> Response:
            """A page for browsers; for programs the same as `/info`."""
            if not wants_html(request):
                return info(tree.dataset)
            root = root_url(request, self.settings)
            entry = self.shelf.entry(dataset_id) if self.shelf is not None else None
            mapped = [name for name in grids_of(conventional(tree.to_dataset())) if tree[name].dtype.kind in "iuf"]
            pictured = pictured_among({name: tree[name].ndim for name in mapped})
            return render_page(
                "dataset.html", request.scope,
                dataset_id=dataset_id,
                ways=list(snippets(root, dataset_id, entry, pictured)),
                picture=plot_path(pictured) if pictured else "",
                title=title_of(self.shelf, dataset_id) or str(tree.attrs.get("title", dataset_id)),
                representation=_representation(tree),
            )  # fmt: skip

        router.add_api_route("", show, include_in_schema=False)
        router.add_api_route("/", show, response_model=None)
        for prefix in ("", "/groups/{group_path:path}"):
            suffix = "_group" if prefix else ""
            router.add_api_route(f"{prefix}/keys", list_keys, name=f"list_keys{suffix}")
            router.add_api_route(f"{prefix}/dict", to_dict, name=f"to_dict{suffix}", response_model=None)
            router.add_api_route(f"{prefix}/info", info, name=f"info{suffix}", response_model=None)
        router.add_api_route("/tree", show_tree, response_class=HTMLResponse)
        router.add_api_route("/groups", list_groups)
        router.add_api_route("/groups/{group_path:path}", show_tree, name="tree_group", response_class=HTMLResponse)
        return router
