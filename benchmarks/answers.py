"""What servers answer, fetched before they are measured."""

from collections.abc import Iterable, Mapping
from pathlib import Path

import httpx

from benchmarks.failures import RowError

TIMEOUT_S = 60


def fetch(
    url: str, paths: Iterable[str], headers: Mapping[str, str] | None = None, *, status: int = 200
) -> dict[str, bytes]:
    """Return the bytes that a server answers with for each path, as they were sent.

    Raises
    ------
    RowError
        If it answers one with another status.
    """
    found: dict[str, bytes] = {}
    asked = {"Accept-Encoding": "identity", **(headers or {})}
    with httpx.Client(base_url=url, trust_env=False, timeout=TIMEOUT_S) as client:
        for path in paths:
            with client.stream("GET", path, headers=asked) as answer:
                if answer.status_code != status:
                    raise RowError(f"{path} is answered with {answer.status_code}")
                found[path] = b"".join(answer.iter_raw())
    return found


def check_equal(url: str, expected: Mapping[str, bytes], who: str) -> None:
    """Raise `RowError` if a server answers with other bytes than these."""
    if fetch(url, expected) != expected:
        raise RowError(f"{who} answers with other bytes")


def write_files(root: Path, contents: Mapping[str, bytes]) -> None:
    """Write what was fetched below a folder, each under its URL's path."""
    for path, content in contents.items():
        file = root / path.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
