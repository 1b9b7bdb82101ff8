"""Who sends a request: ``Authorization: Bearer cld_...``."""

from collections import OrderedDict
from collections.abc import Iterable
from hmac import compare_digest
from time import monotonic, time
from typing import Protocol, runtime_checkable

from cloudify.errors import InvalidTokenError, ScopeMissingError, TokenNeededError
from cloudify.http.offload import Offload
from cloudify.model.principal import ANONYMOUS, Principal
from cloudify.model.token import PREFIX, StoredToken, read_token

KEPT_S = 2.0
"""How long a token that was found is taken as it was: a revoked one is good for so long, in every worker."""
MOST_KEPT = 1024
FINDING = 2
"""Threads that look for tokens."""
_SCHEME = "bearer"


@runtime_checkable
class Tokens(Protocol):
    """Where tokens are kept."""

    def find(self, token_id: str) -> StoredToken | None:
        """Return what is kept under an id, revoked and expired tokens included. Blocks; called from many threads.

        Raises
        ------
        BusyError
            If it cannot be told now.
        """
        ...


@runtime_checkable
class PerhapsTokens(Tokens, Protocol):
    """A place where there may be none."""

    @property
    def are_kept(self) -> bool:
        """Whether there may be any by now."""
        ...


def tokens_among(plugins: Iterable[object]) -> Tokens | None:
    """Return the tokens that a plugin has, as its attribute `tokens`; None where none has any.

    Those of others come before our own, of which there may be none.
    """
    held = [tokens for plugin in plugins if isinstance(tokens := getattr(plugin, "tokens", None), Tokens)]
    return min(held, key=lambda tokens: isinstance(tokens, PerhapsTokens), default=None)


class Authenticator:
    """Tells whose a request is. Belongs to one event loop.

    Where nobody keeps tokens, bearers that are none of ours are left to whoever they are for: a proxy, or plugins of a
    host script. Where somebody does, and for tokens of our form everywhere, what is not known is refused: whoever sends
    one means to be more than anonymous, and would take a dataset that they cannot see for one that is gone.
    """

    def __init__(self, tokens: Tokens | None) -> None:
        self._tokens = tokens
        self._find = Offload(FINDING)
        self._kept: OrderedDict[str, tuple[StoredToken, float]] = OrderedDict()

    async def principal(self, headers: Iterable[tuple[bytes, bytes]]) -> Principal:
        """Return who sent a request with these headers.

        Raises
        ------
        InvalidTokenError
            If it has a token that is not good for anything.
        BusyError
            If it cannot be told now.
        """
        given = [value for name, value in headers if name == b"authorization"]
        if not given:
            return ANONYMOUS
        if len(given) > 1:
            raise InvalidTokenError("there is more than one Authorization")
        text = _bearer(given[0].decode("latin-1"))
        read = read_token(text) if text is not None else None
        if text is None or (read is None and not self._are_kept() and not text.startswith(PREFIX)):
            return ANONYMOUS
        if read is None:
            raise InvalidTokenError("it has not the form of this server's, cld_ and 41 more characters")
        return _principal_of(await self._stored(read[0]), read[1])

    def _are_kept(self) -> bool:
        if isinstance(self._tokens, PerhapsTokens):
            return self._tokens.are_kept
        return self._tokens is not None

    async def _stored(self, token_id: str) -> StoredToken | None:
        tokens = self._tokens
        if tokens is None:
            return None
        stored, found_at = self._kept.get(token_id, (None, 0.0))
        now = monotonic()
        if stored is None or now - found_at > KEPT_S:
            stored = await self._find(lambda: tokens.find(token_id))
            self._keep(token_id, stored, now)
        return stored

    def _keep(self, token_id: str, stored: StoredToken | None, now: float) -> None:
        """Keep what was found as of before it was looked for."""
        self._kept.pop(token_id, None)
        if stored is not None:
            self._kept[token_id] = stored, now
            while len(self._kept) > MOST_KEPT:
                self._kept.popitem(last=False)


def require(principal: Principal, scope: str) -> None:
    """Refuse whoever may not do what a scope is for.

    Raises
    ------
    TokenNeededError
        If nobody has said who they are.
    ScopeMissingError
        If their token is not for it.
    """
    if principal.is_anonymous:
        raise TokenNeededError(scope)
    if scope not in principal.scopes:
        raise ScopeMissingError(scope)


def _bearer(authorization: str) -> str | None:
    """Return the token that a header holds, None if it is of another scheme, for a proxy in front for example.

    >>> _bearer("bearer  x"), _bearer("Basic eDp5")
    ('x', None)
    """
    scheme, _, credentials = authorization.strip().partition(" ")
    if scheme.startswith(PREFIX):
        raise InvalidTokenError("it was sent without a scheme; send 'Authorization: Bearer cld_...'")
    return credentials.strip() if scheme.lower() == _SCHEME else None


def _principal_of(stored: StoredToken | None, digest: str) -> Principal:
    if stored is None or not compare_digest(stored.digest, digest):
        raise InvalidTokenError("this server does not know it")
    if stored.is_revoked:
        raise InvalidTokenError("it was revoked")
    if stored.expires_at is not None and stored.expires_at <= time():
        raise InvalidTokenError("it has expired")
    return Principal(stored.user, stored.scopes, stored.id, stored.datasets)
