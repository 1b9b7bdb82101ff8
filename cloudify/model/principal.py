"""Who asks for something."""

from dataclasses import dataclass
from typing import Final

SCOPES: Final = ("read", "compute", "deploy", "admin")
"""What a token may be for. None includes another."""


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
