"""Tokens are known by a hash; processes keep what was deployed."""

from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from time import time

import pytest

from cloudify.compute.store.records import Deployed
from cloudify.compute.store.store import Store
from cloudify.errors import ProcessExistsError
from cloudify.model.function import Function
from cloudify.model.token import read_token


def id_of(text: str) -> str:
    read = read_token(text)
    assert read is not None
    return read[0]


def test_a_token_is_found_by_its_id_with_a_hash_of_its_text(store: Store, reopen: Callable[[], Store]) -> None:
    text = store.tokens.create("ann", ["compute", "read", "read"], expires=5e9, datasets=["b", "a"])
    token = reopen().tokens.find(id_of(text))
    assert token is not None
    assert (token.user, token.scopes, token.datasets) == ("ann", {"compute", "read"}, ("a", "b"))
    assert (token.expires_at, token.is_revoked) == (5e9, False)
    assert token.digest == sha256(text.encode()).hexdigest()
    (issued,) = store.tokens.list()
    assert (issued.token, issued.last_used, issued.revoked) == (token, None, None)
    assert abs(issued.created - time()) < 60
    assert store.tokens.find("\0") is store.tokens.find("") is None


def test_no_text_of_a_token_is_in_the_database(store: Store, url: str | None, tmp_path: Path) -> None:
    """security.md, C-03."""
    texts = [store.tokens.create("ann", ["read"]) for _ in range(3)]
    assert len(set(texts)) == 3
    assert all(text[-32:] not in repr(issued) for text in texts for issued in store.tokens.list())
    store.close()
    if url is None:
        stored = b"".join(path.read_bytes() for path in (tmp_path / "data").glob("cloudify.db*"))
        assert all(id_of(text).encode() in stored for text in texts)
        assert not any(text[-32:].encode() in stored for text in texts)


def test_a_revoked_token_is_told_from_others(store: Store) -> None:
    first, second = (id_of(store.tokens.create(user, ["read"])) for user in ("ann", "bob"))
    assert store.tokens.revoke(first)
    revoked, other = store.tokens.list()
    assert revoked.revoked is not None
    assert revoked.token.is_revoked
    assert (other.token.id, other.token.is_revoked, other.token.datasets) == (second, False, None)
    assert store.tokens.revoke(first)
    assert store.tokens.list()[0] == revoked  # when it was is not forgotten
    assert not store.tokens.revoke("nobody00")


def test_the_last_use_is_noted_once_a_minute(store: Store) -> None:
    token_id = id_of(store.tokens.create("ann", ["read"]))
    noted = []
    for at in (1000.0, 1030.0, 1060.0):
        store.tokens.note_use(token_id, at)
        noted.append(store.tokens.list()[0].last_used)
    assert noted == [1000.0, 1000.0, 1060.0]


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
