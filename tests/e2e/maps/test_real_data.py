"""Every variable of the real data as a layer and as a tile: a map where the data have a grid, else the reason."""

from collections.abc import Iterator
from typing import Final

import httpx
import numpy as np
import pytest
from owslib.wms import WebMapService
from plots.real import SOURCES, serving

from cloudify.model.entry import suggest_id
from maps.seen import WORLD, opened

FIELDS: Final = {"map", "cells"}
"""What has a grid, of the classes of `plots.expected`, which were written down by hand."""
LAYERS: Final = {
    "tas_rectilinear_grid_2D.nc": {"tas"},
    "triangular_grid_ICON.nc": {"S", "wet_c"},
    "NEMO/nemo_1m_20150101-20150201_grid-T.nc": {"tos"},
    "monthly_navy_winds.cdf": {"UWND", "VWND"},
    "A1B_north_america.nc": {"air_temperature"},
}
"""The layers of the five awkward kinds; coordinates are none."""
BOXES: Final = {
    "EPSG:4326": (-90.0, -180.0, 90.0, 180.0),
    "CRS:84": (-180.0, -90.0, 180.0, 90.0),
    "EPSG:3857": (-WORLD, -WORLD, WORLD, WORLD),
}


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with serving() as url:
        yield url


def present(name: str) -> dict[str, str]:
    path, table = SOURCES[name]
    if path is None:
        pytest.skip(f"{name} is not here: the shared data are absent")
    return table


@pytest.mark.parametrize("name", SOURCES)
def test_every_variable_with_a_grid_has_maps_and_tiles_and_no_other(url: str, name: str) -> None:
    """A map of the world, or of where a small grid lies."""
    table, base, wrong = present(name), f"{url}/datasets/{suggest_id(name)}", []
    with httpx.Client(timeout=60) as client:
        for variable, kind in table.items():
            told = client.get(f"{base}/tiles/{variable}/tilejson.json").json()
            params = {
                "request": "GetMap", "version": "1.3.0", "layers": variable, "crs": "CRS:84", "styles": "",
                "bbox": ",".join(map(str, told.get("bounds", BOXES["CRS:84"]))), "width": "60", "height": "30",
                "transparent": "true",
            }  # fmt: skip
            picture = client.get(f"{base}/wms", params=params)
            tile = client.get(f"{base}/tiles/{variable}/0/0/0.png")
            found = [picture.status_code, tile.status_code]
            if kind in FIELDS:
                good = found == [200, 200] and np.asarray(opened(picture.content))[..., 3].any()
            else:
                good = found == [400, 422] and "ServiceException" in picture.text
            if not good:
                wrong.append((variable, kind, found, picture.text[:300]))
    assert wrong == []


@pytest.mark.parametrize("name", LAYERS)
def test_the_awkward_kinds_have_their_layers_which_are_drawn_everywhere(url: str, name: str) -> None:
    """What the capabilities announce can be had, in each system, by the default of each dimension, with its legend."""
    present(name)
    base = f"{url}/datasets/{suggest_id(name)}"
    layers = WebMapService(f"{base}/wms", version="1.3.0").contents
    assert set(layers) == LAYERS[name]
    for variable, layer in layers.items():
        given = {key: one["default"] for key, one in layer.dimensions.items()}
        for crs, box in BOXES.items():
            params = {
                "request": "GetMap", "version": "1.3.0", "layers": variable, "crs": crs, "styles": "plasma",
                "bbox": ",".join(map(str, box)), "width": "90", "height": "90", "transparent": "true",
            }  # fmt: skip
            answer = httpx.get(f"{base}/wms", params=params | given)
            assert (answer.status_code, answer.headers["content-type"]) == (200, "image/png"), answer.text
            assert np.asarray(opened(answer.content))[..., 3].any()
        assert httpx.get(layer.styles["plasma"]["legend"]).headers["content-type"] == "image/png"
        told = httpx.get(f"{base}/tiles/{variable}/tilejson.json").json()
        west, south, east, north = told["bounds"]
        assert -180 <= west < east <= 180
        assert -86 < south < north < 86
