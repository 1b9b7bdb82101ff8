"""Tokens are known by a hash; processes keep what was deployed."""

import re
from collections.abc import Callable
from pathlib import Path
from time import time

import pytest

from cloudify.compute.store.records import Deployed
from cloudify.compute.store.store import Store
from cloudify.compute.store.token_text import id_of
from cloudify.errors import ProcessExistsError
from cloudify.model.function import Function


def test_a_token_is_found_by_its_id_and_known_by_its_text(store: Store, reopen: Callable[[], Store]) -> None:
    text = store.tokens.create("ann", ["compute", "read", "read"], expires=5e9, datasets=["b", "a"])
    assert re.fullmatch(r"cld_[A-Za-z0-9]{8}_[A-Za-z0-9]{32}", text)
    token = reopen().tokens.find(id_of(text) or "")
    assert token is not None
    assert (token.user, token.scopes, token.datasets) == ("ann", {"compute", "read"}, {"a", "b"})
    assert (token.expires, token.last_used, token.revoked) == (5e9, None, None)
    assert abs(token.created - time()) < 60
    assert token.is_text(text)
    for other in (text[:-1], text + "x", text.lower(), "", "\ud800"):
        assert not token.is_text(other)


def test_no_text_of_a_token_is_in_the_database(store: Store, url: str | None, tmp_path: Path) -> None:
    """security.md, C-03."""
    texts = [store.tokens.create("ann", ["read"]) for _ in range(3)]
    assert len(set(texts)) == 3
    store.close()
    if url is None:
        stored = b"".join(path.read_bytes() for path in (tmp_path / "data").glob("cloudify.db*"))
        assert all(id_of(text).encode() in stored for text in texts)  # type: ignore[union-attr]
        assert not any(text[-32:].encode() in stored for text in texts)
    assert all(text[-32:] not in repr(token) for text in texts for token in store.tokens.list())


def test_a_revoked_token_is_told_from_others(store: Store) -> None:
    first, second = (store.tokens.create(user, ["read"]) for user in ("ann", "bob"))
    assert store.tokens.revoke(id_of(first) or "")
    (revoked, other) = store.tokens.list()
    assert revoked.revoked is not None
    assert (other.user, other.revoked, other.datasets) == ("bob", None, None)
    assert store.tokens.revoke(id_of(first) or "")
    assert store.tokens.find(id_of(first) or "") == revoked  # when it was is not forgotten
    assert not store.tokens.revoke("nobody00")
    assert store.tokens.find("\0") is None
    assert second != first


def test_the_last_use_is_noted_once_a_minute(store: Store) -> None:
    token_id = id_of(store.tokens.create("ann", ["read"])) or ""

    def note(at: float) -> float | None:
        token = store.tokens.find(token_id)
        assert token is not None
        store.tokens.note_use(token, at)
        found = store.tokens.find(token_id)
        return found and found.last_used

    assert [note(at) for at in (1000.0, 1030.0, 1061.0)] == [1000.0, 1000.0, 1061.0]


def test_a_process_is_added_once(store: Store, reopen: Callable[[], Store]) -> None:
    function = Function("def f(x):\n    return '\u00e9'\n", "f", {"a/b.txt": bytes(range(256)), "c": b""})
    made = Deployed("ndvi", "1.0.0", "ann", "NDVI", "", '{"k": {}}', "{}", function, 12.5)
    store.processes.add(made)
    other = reopen()
    found = other.processes.get("ndvi")
    assert found == made
    assert found.function.digest() == function.digest()
    with pytest.raises(ProcessExistsError, match="'ndvi'"):
        other.processes.add(Deployed("ndvi", "2.0.0", "bob", "", "", "{}", "{}", Function("", "g"), 13.0))
    other.processes.add(Deployed("Zeta", "1", "bob", "", "", "{}", "{}", Function("", "g"), 13.0))
    assert [process.id for process in store.processes.list()] == ["Zeta", "ndvi"]
    assert store.processes.get("ndvi") == made
    assert store.processes.get("other") is None
