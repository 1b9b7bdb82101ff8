"""Which token a client shows: the one it was given, else the environment's, else the demo's on this machine."""

import re
from dataclasses import dataclass, field
from ipaddress import ip_address
from urllib.parse import urlsplit

from cloudify.errors import InvalidCallError

_TOKEN = re.compile(r"[!-~]{1,4096}")
"""What a header can carry."""
_MOST_NBYTES = 4096


@dataclass(frozen=True, slots=True)
class Token:
    """A token, and where it came from."""

    text: str = field(repr=False)
    origin: str
    """In words, for who is told that it is not accepted."""

    def __post_init__(self) -> None:
        if not _TOKEN.fullmatch(self.text):
            raise InvalidCallError(
                f"{self.origin} is no token: expected one line of ASCII without spaces, as `cloudify token create` "
                "prints it"
            )


def find_token(url: str, given: str | None, data_dir: str | None = None) -> Token | None:
    """Return the token to show to the server at `url`, None for none.

    The demo's is shown to this machine only.

    Raises
    ------
    InvalidCallError
        If what is found is no token.
    """
    if given is not None:
        return Token(given, "the token that was given") if given else None
    from cloudify.settings.environment import (  # reads settings, by pydantic: not before it is needed
        TOKEN_VARIABLE,
        client_token,
    )

    if text := client_token():
        return Token(text, f"the token in {TOKEN_VARIABLE}")
    return _demo_token(data_dir) if is_this_machine(url) else None


def is_this_machine(url: str) -> bool:
    """Whether a URL names a loopback address.

    >>> is_this_machine("http://[::1]:9000"), is_this_machine("http://127.0.0.1.example.org")
    (True, False)
    """
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _demo_token(data_dir: str | None) -> Token | None:
    from cloudify.settings import demo_token_file

    path = demo_token_file(data_dir)
    try:
        with path.open("rb") as file:
            text = file.read(_MOST_NBYTES + 1)
    except OSError:
        return None
    return Token(text.decode("latin-1").strip(), f"the demo's token in {path}")
