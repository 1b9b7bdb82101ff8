"""What openers share: how raw values are asked for, and what a failing source raises."""

import sys
import zlib
from errno import ESTALE
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

RAW: Final[dict[str, Any]] = {
    "mask_and_scale": False,
    "decode_times": False,
    "decode_timedelta": False,
    "concat_characters": False,
    "decode_coords": False,
    "create_default_indexes": False,  # would read every coordinate
    "cache": False,  # would keep every variable ever read
    "chunks": None,
}
"""Arguments of `xarray.open_groups` for the values that the source stores, read when they are asked for."""

_FAILURES: Final = (
    OSError,
    RuntimeError,  # HDF5, codecs
    ValueError,
    TypeError,
    LookupError,
    ArithmeticError,
    EOFError,
    AttributeError,
    AssertionError,
    ImportError,
    zlib.error,
)
"""Seen with netCDF4, h5netcdf, scipy, zarr and numcodecs on files that are not what they say."""


class RefusedError(ValueError):
    """A source that we do not read, and why; the text names no path and no URL, so it may be shown to anybody."""


class ChangedError(OSError):
    """A part of a source was written or removed after the dataset was opened."""

    def __init__(self, at_ns: int) -> None:
        super().__init__(ESTALE, "its source has changed")
        self.at_ns = at_ns
        """When, by the file system's clock."""


def failures() -> tuple[type[Exception], ...]:
    """Return what opening or reading a source may raise: ``except failures() as error``."""
    libraries = {"aiohttp": "ClientError", "httpx": "HTTPError"}
    modules = {name: sys.modules.get(name) for name in libraries}  # no error is raised before its library is imported
    return (*_FAILURES, *(getattr(module, libraries[name]) for name, module in modules.items() if module))


def without_secrets(href: str) -> str:
    """Return a path or URL as a log may show it: without user, password and signed query."""
    parts = urlsplit(href)
    if not parts.netloc:
        return href
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def explain(error: BaseException) -> str:
    """Say what went wrong in one line without naming paths: only the operator's log may hold those."""
    if isinstance(error, RefusedError):
        return str(error)
    if isinstance(error, OSError) and error.errno is not None and error.strerror:
        return f"{type(error).__name__}: {error.strerror}"
    return type(error).__name__
