"""Texts of tokens."""

import re
import secrets
import string
from hashlib import sha256

ALPHABET = string.ascii_letters + string.digits
ID_LENGTH, SECRET_LENGTH = 8, 32
"""About 190 random bits: a fast hash of it is enough, a slow one would only burden the server."""

_TEXT = re.compile(rf"cld_([A-Za-z0-9]{{{ID_LENGTH}}})_[A-Za-z0-9]{{{SECRET_LENGTH}}}")


def make_text() -> tuple[str, str]:
    """Return the id and the text of a new token."""
    token_id = _random(ID_LENGTH)
    return token_id, f"cld_{token_id}_{_random(SECRET_LENGTH)}"


def id_of(text: str) -> str | None:
    """Return the id that stands in the text of a token, None where it is none.

    >>> id_of("cld_0000abcd_" + 32 * "x"), id_of("cld_0000abcd")
    ('0000abcd', None)
    """
    found = _TEXT.fullmatch(text)
    return found[1] if found else None


def digest_of(text: str) -> bytes:
    """Return what is kept of the text of a token."""
    return sha256(text.encode(errors="replace")).digest()


def _random(length: int) -> str:
    return "".join(secrets.choice(ALPHABET) for _ in range(length))
