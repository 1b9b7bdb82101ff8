"""The page of a map service: a map in the browser, of what other programs get."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from cloudify.http.overlays import Overlays
from cloudify.http.pages import render_page
from cloudify.http.tiles import tiles_path
from cloudify.http.wms.query import STYLES
from cloudify.pictures.layers import Layer, layers_in

MOST_LAYERS = 100


async def wms_page(request: Request, overlays: Overlays, dataset_id: str, root: str) -> Response:
    """Return the page; raises as opening the dataset does."""
    opened = await overlays.derived.opened(dataset_id)
    layers = await overlays.derived.read(opened, lambda: layers_in(opened))
    return render_page(
        "wms.html",
        request.scope,
        dataset_id=dataset_id,
        layers=[_described(layer) for layer in layers[:MOST_LAYERS]],
        styles=STYLES,
        url=f"{root}/datasets/{dataset_id}/wms",
        tiles=f"{root}{tiles_path(dataset_id, layers[0].name)}" if layers else "",
    )


def _described(layer: Layer) -> dict[str, Any]:
    return {
        "name": layer.name,
        "title": layer.title,
        "box": layer.box,
        "dimensions": [
            {"name": one.name, "units": one.units, "default": one.default, "values": one.extent.split(",")}
            for one in layer.dimensions
            if "," in one.extent
        ],
    }
