"""A plain `xpublish.Rest` with a dataset that has an owner: no layers of ours, and the same rights."""

import socket
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import numpy as np
import pytest
import xarray as xr

from access.made import KeptTokens, bearer

SCRIPT = """
    import sys
    import xarray as xr, xpublish
    from xpublish.plugins import Plugin
    from cloudify.datasets.shelf import Shelf
    from cloudify.model.entry import Entry
    from cloudify.model.token import StoredToken, read_token
    from cloudify.plugins.provider import ProviderPlugin

    class Tokens:
        def __init__(self, **texts):
            self.kept = {}
            for user, text in texts.items():
                token_id, digest = read_token(text)
                self.kept[token_id] = StoredToken(token_id, digest, user, frozenset({"read"}))

        def find(self, token_id):
            return self.kept.get(token_id)

    class Keeper(Plugin):
        name: str = "keeper"
        tokens: object

    if __name__ == "__main__":
        port, path, ada, bob = sys.argv[1:]
        shelf = Shelf([Entry("job-1", "netcdf", path, owner="ada")], limit=4, check_s=1, timeout_s=10)
        rest = xpublish.Rest({"made": xr.Dataset({"a": ("x", [1.0, 2.0])})})
        rest.register_plugin(ProviderPlugin(shelf=shelf))
        rest.register_plugin(Keeper(tokens=Tokens(ada=ada, bob=bob)))
        rest.serve(host="127.0.0.1", port=int(port))
"""
OURS = ["zarr/zarr.json", "zarr/a/c/0", "kerchunk", "kerchunk/a/0", "source.nc", "stac", "check", "subset.nc", "subset"]
"""Routes of ours below a dataset."""
THEIRS = ["", "keys", "info", "dict"]
"""Routes of xpublish's own, which do not know who asks."""


@pytest.fixture
def rest(host_script: Any, tmp_path: Path) -> Any:
    """A server, and the tokens of ada, who owns a dataset, and bob."""
    xr.Dataset({"a": ("x", np.arange(3.0))}).to_netcdf(tmp_path / "a.nc", engine="h5netcdf")
    (tmp_path / "host.py").write_text("\n".join(line[4:] for line in SCRIPT.splitlines()))
    ada, bob = (KeptTokens().add(user, "read") for user in ("ada", "bob"))
    return host_script("host.py", "{port}", str(tmp_path / "a.nc"), ada, bob), ada, bob


def test_a_plain_script_keeps_what_has_an_owner_to_them(rest: Any) -> None:
    script, ada, bob = rest
    below = f"{script.url}/datasets/"
    for path in OURS:
        mine = httpx.get(f"{below}job-1/{path}", headers=bearer(ada))
        assert (mine.status_code, mine.headers["cache-control"]) == (200, "private, no-store"), (path, mine.text)
        assert "access-control-allow-origin" not in mine.headers
        public = httpx.get(f"{below}made/{path}", headers=bearer(bob))
        assert public.status_code == 200 or path in {"kerchunk", "kerchunk/a/0", "source.nc"}
    for path, token in [(path, token) for path in (*OURS, *THEIRS) for token in ({}, bearer(bob))]:
        hidden, none = (httpx.get(f"{below}{name}/{path}", headers=token) for name in ("job-1", "job-2"))
        assert hidden.status_code == none.status_code == 404
        assert hidden.text.replace("job-1", "job-2") == none.text
        assert "job-1" not in none.text
        assert dict(hidden.headers) | {"date": ""} == dict(none.headers) | {"date": ""}
    for path in ("datasets", "stac-collection-all.json", "intake.yaml", "ready", "metrics", "openapi.json"):
        for token in ({}, bearer(bob)):
            assert "job-1" not in httpx.get(f"{script.url}/{path}", headers=token).text
    assert httpx.get(f"{script.url}/ready").json()["datasets"] == 1
    assert "job-1" in httpx.get(f"{script.url}/intake.yaml", headers=bearer(ada)).text
    for path in THEIRS:  # the owner neither: better than everybody
        assert httpx.get(f"{below}job-1/{path}", headers=bearer(ada)).status_code == 404
    assert httpx.get(f"{script.url}/datasets", headers=bearer(ada)).json() == ["made"]
    assert httpx.get(f"{below}job-1/zarr/zarr.json", headers=bearer(ada[:-1] + "!")).status_code == 401
    log = script.log.read_text()
    assert "job-1" in log
    assert not [text for text in (ada, bob) if text[13:] in log]


def test_what_comes_behind_the_owner_on_a_connection_is_not_hers(rest: Any) -> None:
    """Xpublish's own list asks nobody who they are; it may run in a copy of the context of the request before."""
    script, ada, _ = rest
    place = urlsplit(script.url)
    first = f"GET /datasets/job-1/zarr/a/c/0 HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {ada}\r\n\r\n"
    second = "GET /datasets HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    with socket.create_connection((place.hostname, place.port), timeout=30) as sock:
        sock.sendall(f"{first}{first}{second}".encode())
        answers = b"".join(iter(lambda: sock.recv(65536), b""))
    assert answers.count(b"HTTP/1.1 200 OK") == 3
    assert answers.endswith(b'["made"]')
