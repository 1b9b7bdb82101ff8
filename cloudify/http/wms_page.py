"""The page of a map service: a map in the browser, of what other programs get."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from cloudify.http.overlays import Overlays
from cloudify.http.pages import render_page
from cloudify.http.tiles import tiles_path
from cloudify.http.wms.query import STYLES
from cloudify.http.wms.service import wms_path
from cloudify.model.summary import pictured_among
from cloudify.pictures.layers import Layer, layers_in

MOST_LAYERS = 100


async def wms_page(request: Request, overlays: Overlays, dataset_id: str, root: str) -> Response:
    """Return the page; raises as opening the dataset does."""
    opened = await overlays.derived.opened(dataset_id)
    layers = await overlays.derived.read(opened, lambda: layers_in(opened))
    first = pictured_among({layer.name: layer.rank for layer in layers[:MOST_LAYERS]})
    return render_page(
        "wms.html",
        request.scope,
        dataset_id=dataset_id,
        layers=[_described(layer) for layer in layers[:MOST_LAYERS]],
        first=first,
        styles=STYLES,
        url=f"{root}{wms_path(dataset_id)}",
        tiles=f"{root}{tiles_path(dataset_id, first)}" if layers else "",
    )


def _described(layer: Layer) -> dict[str, Any]:
    return {
        "name": layer.name,
        "title": layer.title,
        "box": layer.box,
        "dimensions": [
            {
                "name": one.name,
                "coordinate": one.coordinate,
                "units": one.units,
                "default": one.default,
                "values": one.extent.split(","),
            }
            for one in layer.dimensions
            if "," in one.extent
        ],
    }
