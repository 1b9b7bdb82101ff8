"""Blobs: bytes under the name of their hash, in a folder. Written once, never changed."""

import re
from pathlib import Path
from typing import NamedTuple

BLOBS = "blobs"
"""Folder of the blobs in a data directory."""
_SHA256 = re.compile("[0-9a-f]{64}")


class Blob(NamedTuple):
    """A blob as it is referred to."""

    sha256: str
    nbytes: int


def is_sha256(text: object) -> bool:
    """Whether a value is the name of a blob.

    >>> is_sha256("0" * 64), is_sha256("../" + "0" * 61), is_sha256("A" * 64), is_sha256(7)
    (True, False, False, False)
    """
    return isinstance(text, str) and _SHA256.fullmatch(text) is not None


def blob_path(folder: Path, sha256: str) -> Path:
    """Return where a blob is in a folder of blobs.

    >>> str(blob_path(Path("blobs"), "ab" + 62 * "0"))[:13]
    'blobs/ab/ab00'

    Raises
    ------
    ValueError
        If that is no name of a blob, and so might be a path to anywhere.
    """
    if not is_sha256(sha256):
        raise ValueError("no name of a blob: expected 64 hexadecimal digits")
    return folder / sha256[:2] / sha256
