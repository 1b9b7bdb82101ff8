"""Who asks for something."""

import re
from dataclasses import dataclass
from typing import Final

SCOPES: Final = ("read", "compute", "deploy", "admin")
"""What a token may be for. None includes another."""

TAKEN: Final = frozenset({
    "datasets", "docs", "favicon.ico", "gaia", "health", "intake.yaml", "jobs", "login", "metrics", "ogc-api",
    "openapi.json", "plugins", "ready", "robots.txt", "stac-collection-all.json", "static", "v3", "versions",
})  # fmt: skip
"""First parts of our own paths: no user has one as their name."""
_USER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def is_user(name: str) -> bool:
    """Whether a user may have this name, which may stand in a path.

    >>> is_user("ada"), is_user("datasets"), is_user("../x")
    (True, False, False)
    """
    return _USER.fullmatch(name) is not None and name not in TAKEN and ".." not in name


@dataclass(frozen=True, slots=True)
class Principal:
    """A user as far as a request speaks for them: with the rights of the user that the token was given, and no more.

    >>> Principal("ada", frozenset({"read"}), "k3J9x0Qa").is_anonymous, ANONYMOUS.is_anonymous
    (False, True)
    """

    user: str
    """``""`` is nobody in particular."""
    scopes: frozenset[str] = frozenset()
    """Some of `SCOPES`."""
    token_id: str = ""
    """Of the token that the request came with; not its secret."""
    datasets: tuple[str, ...] | None = None
    """Ids of the only datasets of the user that the token is for; None for all of them."""

    @property
    def is_anonymous(self) -> bool:
        """Whether nobody has said who they are."""
        return not self.user


ANONYMOUS: Final = Principal("")
