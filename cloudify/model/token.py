"""API tokens: ``cld_``, eight characters that name one, and thirty-two that only its owner knows."""

import re
from dataclasses import dataclass
from hashlib import sha256
from secrets import choice
from string import ascii_letters, digits
from typing import Final

PREFIX: Final = "cld_"
_ALPHABET = digits + ascii_letters
_ID_LENGTH, _SECRET_LENGTH = 8, 32
"""The secret has 190 bits, so that a fast hash protects it: nobody can try them all."""
_TOKEN = re.compile(rf"{PREFIX}([0-9A-Za-z]{{{_ID_LENGTH}}})_[0-9A-Za-z]{{{_SECRET_LENGTH}}}")


@dataclass(frozen=True, slots=True)
class StoredToken:
    """What is kept of a token: enough to know it again, and nothing that it could be made of."""

    id: str
    digest: str
    """SHA-256 of its text in UTF-8, 64 hexadecimal digits."""
    user: str
    """Whose it is; never ``""``, which is nobody."""
    scopes: frozenset[str]
    """Some of `cloudify.model.principal.SCOPES`."""
    expires_at: float | None = None
    """Unix time in seconds from which on it is good for nothing; None for never."""
    is_revoked: bool = False
    datasets: tuple[str, ...] | None = None
    """Ids of the only datasets of the user that it is for; None for all of them."""


def new_token() -> tuple[str, str, str]:
    """Make a token; return its text, which is shown once and kept by nobody else, its id and its digest.

    >>> text, token_id, digest = new_token()
    >>> text.startswith(f"cld_{token_id}_"), read_token(text) == (token_id, digest)
    (True, True)
    """
    token_id, secret = ("".join(choice(_ALPHABET) for _ in range(length)) for length in (_ID_LENGTH, _SECRET_LENGTH))
    text = f"{PREFIX}{token_id}_{secret}"
    return text, token_id, _digest(text)


def read_token(text: str) -> tuple[str, str] | None:
    """Return the id and the digest of what has the form of a token, else None.

    >>> read_token("cld_0123abcd_secret") is None
    True
    """
    match = _TOKEN.fullmatch(text)
    return (match[1], _digest(text)) if match else None


def _digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()
