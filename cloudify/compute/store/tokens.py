"""Tokens: what their holders may do. Of the text of one only a hash is kept."""

import json
from collections.abc import Iterable
from time import time
from typing import Any

from sqlalchemy import Row, func, select, update

from cloudify.compute.store import schema
from cloudify.compute.store.database import Database
from cloudify.compute.store.records import Issued
from cloudify.model.token import StoredToken, new_token

NOTED_S = 60.0
"""How exactly it is known when a token was last used: writing that down for every request would cost more than most."""

_tokens = schema.tokens


class Tokens:
    """The tokens of a server. Safe to use from many threads and processes."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def create(
        self, user: str, scopes: Iterable[str], expires: float | None = None, datasets: Iterable[str] | None = None
    ) -> str:
        """Make a token; returns its text, which nobody can tell later.

        Parameters
        ----------
        expires
            When it is no good any more, in seconds since 1970; None: never.
        datasets
            Ids of the only datasets that it is good for; None: it takes nothing away.
        """
        text, token_id, digest = new_token()
        values = {
            "id": token_id,
            "digest": bytes.fromhex(digest),
            "user": user,
            "scopes": json.dumps(sorted(set(scopes))),
            "datasets": None if datasets is None else json.dumps(sorted(set(datasets))),
            "created": time(),
            "expires": expires,
        }
        with self._database.writing() as connection:
            connection.execute(_tokens.insert().values(values))
        return text

    def find(self, token_id: str) -> StoredToken | None:
        """Return a token, also one that was revoked or is too old."""
        with self._database.reading() as connection:
            row = connection.execute(select(_tokens).where(_tokens.c.id == token_id)).first()
        return None if row is None else _issued(row).token

    def list(self) -> tuple[Issued, ...]:
        """Return all tokens, the oldest first."""
        with self._database.reading() as connection:
            rows = connection.execute(select(_tokens).order_by(_tokens.c.created, _tokens.c.id)).all()
        return tuple(map(_issued, rows))

    def revoke(self, token_id: str) -> bool:
        """Have a token be good for nothing, from now on; returns whether there is one."""
        mine = _tokens.c.id == token_id
        with self._database.writing() as connection:
            connection.execute(update(_tokens).where(mine, _tokens.c.revoked.is_(None)).values(revoked=time()))
            return connection.execute(select(_tokens.c.id).where(mine)).first() is not None

    def note_use(self, token_id: str, at: float) -> None:
        """Take note that a token was used, in seconds since 1970, if that was not done within the minute before."""
        mine = (_tokens.c.id == token_id, func.coalesce(_tokens.c.last_used, 0.0) <= at - NOTED_S)
        with self._database.reading() as connection:
            is_news = connection.execute(select(_tokens.c.id).where(*mine)).first() is not None
        if is_news:
            with self._database.writing() as connection:
                connection.execute(update(_tokens).where(*mine).values(last_used=at))


def _issued(row: Row[*tuple[Any, ...]]) -> Issued:
    token = StoredToken(
        id=row.id,
        digest=row.digest.hex(),
        user=row.user,
        scopes=frozenset(json.loads(row.scopes)),
        expires_at=row.expires,
        is_revoked=row.revoked is not None,
        datasets=None if row.datasets is None else tuple(json.loads(row.datasets)),
    )
    return Issued(token, row.created, row.last_used, row.revoked)
