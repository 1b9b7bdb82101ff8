"""Tokens over HTTP: what is accepted, what is refused and how, and that none is shown or logged."""

import logging
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import APIRouter
from xpublish.plugins import Plugin, hookimpl

from access.made import MINE, PUBLIC, KeptTokens, Made, bearer
from cloudify import Server
from cloudify.errors import QueueFullError
from cloudify.http.access import who_asks
from cloudify.http.auth import KEPT_S, require
from cloudify.http.routing import ProblemRoute
from cloudify.model.token import StoredToken, new_token
from cloudify.settings import Settings
from cloudify.testing import running

REVOKED_S = 5.0
"""Longest that a revoked token may be good for."""


class Doing(Plugin):
    """A route for those who may compute."""

    name: str = "doing"

    @hookimpl
    def app_router(self) -> APIRouter:
        def blocking() -> str:
            require(who_asks(), "compute")
            return who_asks().user

        async def awaited() -> str:
            return blocking()

        router = APIRouter(route_class=ProblemRoute)
        router.add_api_route("/blocking", blocking)
        router.add_api_route("/awaited", awaited)
        return router


def test_a_token_that_is_none_is_never_taken_for_no_token(served: tuple[str, Made]) -> None:
    url, made = served
    tokens, text = made.tokens, made.owner["Authorization"].split()[1]
    for _ in range(2):  # the fast lane has it
        assert httpx.get(f"{url}/datasets/{PUBLIC}/zarr/zarr.json").status_code == 200
    expected = {
        new_token()[0]: "does not know it",
        text[:-1] + ("a" if text[-1] != "a" else "b"): "does not know it",
        tokens.add("ada", "read", expires_at=time.time() - 1): "has expired",
        tokens.add("ada", "read", is_revoked=True): "was revoked",
        text.lower() if text != text.lower() else text.upper(): "does not know it",
        "cld_": "the form",
        f"{text} x": "the form",
        f"{text}\t{text}": "the form",
        "eyJhbGciOiJub25lIn0.e30.": "the form",
        "x" * 4000: "the form",
    }
    for sent, reason in expected.items():
        for path in (f"/datasets/{MINE}/zarr/zarr.json", f"/datasets/{PUBLIC}/zarr/zarr.json", "/datasets", "/health"):
            refused = httpx.get(f"{url}{path}", headers=bearer(sent))
            assert (refused.status_code, refused.json()["type"]) == (401, "urn:cloudify:problems/invalid-token")
            assert reason in refused.json()["detail"]
            assert refused.headers["www-authenticate"] == 'Bearer error="invalid_token"'
            assert refused.headers["cache-control"] == "no-store"
            assert refused.headers["x-request-id"] == refused.json()["request-id"]
            assert sent == "cld_" or sent not in refused.text


def test_how_a_token_is_sent(served: tuple[str, Made]) -> None:
    url, made = served
    text = made.owner["Authorization"].split()[1]
    key = f"{url}/datasets/{MINE}/zarr/zarr.json"
    for sent in (f"Bearer {text}", f"bearer {text}", f"BEARER   {text}"):
        assert httpx.get(key, headers={"Authorization": sent}).status_code == 200
    for others in ("Basic YTpi", "Digest x", "Negotiate x", ""):  # for a proxy in front
        assert httpx.get(key, headers={"Authorization": others}).status_code == 404
    forgotten = httpx.get(key, headers={"Authorization": text})
    assert (forgotten.status_code, text in forgotten.text) == (401, False)
    assert httpx.get(key, headers={"Authorization": "Bearer"}).status_code == 401
    twice = httpx.get(key, headers=[("Authorization", f"Bearer {text}"), ("Authorization", f"Bearer {text}")])
    assert (twice.status_code, twice.json()["type"].rpartition("/")[2]) == (401, "invalid-token")
    assert httpx.get(f"{key}?token={text}").status_code == 404


def test_a_revoked_token_is_good_for_nothing_within_five_seconds(made: Made) -> None:
    token = made.tokens.add("ada", "read")
    with running(made.server.app) as url, httpx.Client(base_url=url, headers=bearer(token)) as client:
        key = f"/datasets/{MINE}/zarr/zarr.json"
        for _ in range(20):
            assert client.get(key).status_code == 200
        assert made.tokens.asked == 1
        made.tokens.revoke(token)
        revoked_at = time.monotonic()
        while client.get(key).status_code == 200:
            assert time.monotonic() - revoked_at < REVOKED_S
            time.sleep(0.05)
        assert client.get(key).status_code == 401
        assert time.monotonic() - revoked_at < REVOKED_S
    assert KEPT_S < REVOKED_S


def test_what_a_token_is_not_for_is_refused_by_name(tmp_path: Path) -> None:
    tokens = KeptTokens()
    reader, computer = tokens.add("ada", "read", "admin"), tokens.add("bob", "compute")
    server = Server({}, settings=Settings(data_dir=tmp_path), plugins=[Doing()], tokens=tokens)
    with running(server.app) as url:
        for path in ("/blocking", "/awaited"):
            needed = httpx.get(f"{url}{path}")
            assert (needed.status_code, needed.headers["www-authenticate"]) == (401, "Bearer")
            assert needed.json()["type"] == "urn:cloudify:problems/token-needed"
            missing = httpx.get(f"{url}{path}", headers=bearer(reader))
            assert missing.status_code == 403
            assert missing.headers["www-authenticate"] == 'Bearer error="insufficient_scope"'
            assert missing.json()["type"] == "urn:cloudify:problems/scope-missing"
            assert "'compute'" in missing.json()["detail"]
            assert httpx.get(f"{url}{path}", headers=bearer(computer)).json() == "bob"


def test_where_nobody_keeps_tokens_ours_are_refused_and_those_of_others_left_alone(tmp_path: Path) -> None:
    with running(Server({}, settings=Settings(data_dir=tmp_path)).app) as url:
        assert httpx.get(f"{url}/datasets", headers=bearer("eyJhbGciOiJub25lIn0.e30.")).status_code == 200
        for ours in (new_token()[0], "cld_x"):
            assert httpx.get(f"{url}/datasets", headers=bearer(ours)).status_code == 401


@pytest.mark.parametrize(("failure", "status"), [(QueueFullError(), 503), (RuntimeError("of the database"), 500)])
def test_who_cannot_be_known_now_is_not_taken_for_nobody(
    tmp_path: Path, failure: Exception, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    class Failing:
        def find(self, _token_id: str) -> StoredToken | None:
            raise failure

    with running(Server({}, settings=Settings(data_dir=tmp_path), tokens=Failing()).app) as url:
        text = new_token()[0]
        answer = httpx.get(f"{url}/datasets", headers=bearer(text))
    assert answer.status_code == status
    assert answer.json()["status"] == status
    assert text not in caplog.text + answer.text


def test_no_token_is_logged(made: Made, caplog: pytest.LogCaptureFixture) -> None:
    """Neither the good nor the bad, whatever fails."""
    caplog.set_level(logging.DEBUG)
    good, bad = made.owner["Authorization"].split()[1], new_token()[0]
    made.paths[MINE].write_bytes(b"broken")
    with running(made.server.app) as url:
        for path in (f"/datasets/{MINE}/zarr/zarr.json", f"/datasets/{MINE}/keys", "/datasets", "/none"):
            for text in (good, bad):
                httpx.get(f"{url}{path}", headers=bearer(text))
    assert MINE in caplog.text  # the failure was logged
    for text in (good, bad):
        assert text[13:] not in caplog.text


def test_more_tokens_than_are_kept_are_all_known(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("cloudify.http.auth.MOST_KEPT", 3)
    tokens = KeptTokens()
    texts = [tokens.add(f"user{number}", "read") for number in range(8)]
    server: Any = Server({}, settings=Settings(data_dir=tmp_path), tokens=tokens)
    with running(server.app) as url, httpx.Client(base_url=url) as client:
        for _ in range(2):
            assert {client.get("/datasets", headers=bearer(text)).status_code for text in texts} == {200}
