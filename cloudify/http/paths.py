"""Which paths belong to the byte path."""

import re

from starlette.types import Scope

_DIAGNOSTIC = "groupby/[^/]+/[^/]+/[^/]+/"
_BYTES = re.compile(
    rf"/datasets/[^/]+/(?:(?:{_DIAGNOSTIC})?zarr/|kerchunk(?:/|\.json$|$)|source\.nc$|subset\.nc$)"
    r"|/+ogc-api/+jobs/+[^/]+/+results/+[^/]+$",
    re.DOTALL,
)
_OWN = re.compile(r"/+ogc-api/+(?:(?:jobs|pools|isolation)(?:/|$)|processes/+[^/]+/+execution$)", re.DOTALL)


def is_byte_path(scope: Scope) -> bool:
    """Whether a request is for bytes in parts (`cloudify.http.bodies`), which know HEAD, ranges and codings."""
    return scope["type"] == "http" and _BYTES.match(_path(scope)) is not None


def is_own_path(scope: Scope) -> bool:
    """Whether nothing that a request is for may be read by pages of another origin."""
    return _OWN.match(_path(scope)) is not None


def _path(scope: Scope) -> str:
    """Return the path below where the application is mounted."""
    path: str = scope["path"]
    return path.removeprefix(scope.get("root_path", ""))
