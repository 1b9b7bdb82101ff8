"""Version tokens of what is on the web: a source that cannot be asked is an `OSError` that names no place."""

from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest

from cloudify.datasets.source import explain
from cloudify.datasets.token import version_token
from cloudify.model.entry import Entry
from cloudify.settings import Settings
from cloudify.testing import free_port


class Statuses(BaseHTTPRequestHandler):
    """Answers with the status that the path names."""

    def do_HEAD(self) -> None:
        self.send_response(int(self.path.split("/")[1]))
        self.send_header("ETag", '"one"')
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


def token(url: str) -> str:
    return version_token(Entry("a", "netcdf", url), timeout_s=5, settings=Settings())


def test_a_source_that_is_not_there_or_cannot_be_asked_is_told_apart(serve_http: Any) -> None:
    url = serve_http(Statuses)
    assert token(f"{url}/200/a.nc") == token(f"{url}/200/a.nc")
    said = {}
    for name, source in {
        "absent": f"{url}/404/secret.nc",
        "broken": f"{url}/503/secret.nc",
        "away": f"http://127.0.0.1:{free_port()}/secret.nc",
    }.items():
        with pytest.raises(OSError, match="the URL") as failed:
            token(source)
        said[name] = explain(failed.value)
    assert said == {
        "absent": "FileNotFoundError: the URL answers 404",
        "broken": "OSError: the URL answers 503",
        "away": "OSError: the URL cannot be read (ConnectError)",
    }
