"""The Python client of the demo with compute."""

from collections.abc import Iterator
from typing import Any

import pytest

import cloudify
from cloudify.client.connect import RemoteServer


@pytest.fixture
def server(computing: Any) -> Iterator[RemoteServer]:
    """The client of who has the demo's token."""
    token = (computing.data_dir / "demo-token").read_text().strip()
    with cloudify.connect(computing.url, token=token) as client:
        yield client
