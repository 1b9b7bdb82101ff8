"""Which paths belong to the byte path."""

import re

from starlette.types import Scope

_DIAGNOSTIC = "groupby/[^/]+/[^/]+/[^/]+/"
_BYTES = re.compile(
    rf"/datasets/[^/]+/(?:(?:{_DIAGNOSTIC})?zarr/|kerchunk(?:/|\.json$|$)|source\.nc$)",
    re.DOTALL,
)


def is_byte_path(scope: Scope) -> bool:
    """Whether a request is for `cloudify.http.bytes`, which knows HEAD, ranges and codings by itself."""
    return scope["type"] == "http" and _BYTES.match(scope["path"]) is not None
