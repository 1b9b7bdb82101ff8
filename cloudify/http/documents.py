"""JSON documents that clients may keep, and ask for again with a tag."""

import json
from collections.abc import Mapping
from hashlib import blake2b
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from cloudify.http.conditional import none_match


def document(request: Request, content: Mapping[str, Any], media_type: str) -> Response:
    """Write a document, or 304 where the client has it. The tag is weak: the text may be compressed on its way."""
    body = json.dumps(content, allow_nan=False, separators=(",", ":")).encode()
    etag = f'"{blake2b(body, digest_size=12).hexdigest()}"'
    headers = {"etag": f"W/{etag}", "cache-control": "no-cache"}
    if none_match(request.headers.get("if-none-match"), etag):
        return Response(None, 304, headers)
    return Response(body, 200, headers, media_type)
