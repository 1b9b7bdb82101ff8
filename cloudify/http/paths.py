"""Which paths belong to the byte path."""

import re

from starlette.types import Scope

_DIAGNOSTIC = "groupby/[^/]+/[^/]+/[^/]+/"
_BYTES = re.compile(
    rf"/datasets/[^/]+/(?:(?:{_DIAGNOSTIC})?zarr/|kerchunk(?:/|\.json$|$)|source\.nc$|subset\.nc$)",
    re.DOTALL,
)


def is_byte_path(scope: Scope) -> bool:
    """Whether a request is for bytes in parts (`cloudify.http.bodies`), which know HEAD, ranges and codings."""
    return scope["type"] == "http" and _BYTES.match(scope["path"]) is not None
