"""What opening a dataset costs, counted on the server's side."""

from collections.abc import Iterator
from typing import Any

import httpx
import numpy as np
import pytest
import xarray as xr
from starlette.types import ASGIApp, Receive, Scope, Send

from cloudify import Server
from cloudify.testing import running


class Counter:
    """An ASGI layer that remembers what was asked."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.seen: list[str] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            self.seen.append(f"{scope['method']} {scope['path'].partition('/zarr/')[2]}")
        await self.app(scope, receive, send)


@pytest.fixture(scope="module")
def counted() -> Iterator[tuple[Counter, str]]:
    coords = {"time": np.arange(8.0), "y": np.arange(4), "x": np.arange(5), "height": 2.0}
    variables = {name: (("time", "y", "x"), np.zeros((8, 4, 5), "f4")) for name in ("tas", "uas", "vas")}
    counter = Counter(Server({"d": xr.Dataset(variables, coords=coords)}).app)
    with running(counter) as url:
        assert httpx.get(f"{url}/datasets/d/zarr/zarr.json").is_success
        yield counter, f"{url}/datasets/d/zarr"


INDEXES = 3
"""time, y and x have one chunk each, and xarray reads them to make its indexes."""


@pytest.mark.parametrize(("options", "metadata"), [({}, 6), ({"zarr_format": 3}, 3), ({"zarr_format": 2}, 5)])
def test_opening_asks_for_few_documents_and_for_each_index(
    counted: tuple[Counter, str], options: dict[str, Any], metadata: int
) -> None:
    counter, url = counted
    counter.seen.clear()
    with xr.open_dataset(url, engine="zarr", chunks={}, **options) as ds:
        assert set(ds.data_vars) == {"tas", "uas", "vas"}
    documents = [
        line for line in counter.seen if line.endswith((".json", ".zgroup", ".zattrs", ".zmetadata", ".zarray"))
    ]
    chunks = [line for line in counter.seen if line not in documents]
    assert len(set(chunks)) == len(chunks) == INDEXES, counter.seen
    assert len(documents) <= metadata, counter.seen
