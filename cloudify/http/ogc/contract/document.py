"""The API as an OpenAPI 3.0 document, for clients that read no other."""

from collections.abc import Mapping
from typing import Any, Final

from cloudify.http.ogc.contract.operations import BEARER, operation

VERSION: Final = "3.0.3"
MEDIA_TYPE: Final = "application/vnd.oai.openapi+json;version=3.0"


def as_3_0(whole: Mapping[str, Any], path: str, root: str) -> dict[str, Any]:
    """Return what the document of a server says of the API.

    Parameters
    ----------
    whole
        The document of all routes.
    path
        Of the API, in that.
    root
        Of the server, in links.
    """
    paths = {
        at: {method: _secured(said, method, at.removeprefix(path)) for method, said in methods.items()}
        for at, methods in whole["paths"].items()
        if at.startswith(f"{path}/")
    }
    scheme = {"type": "http", "scheme": "bearer", "description": "a token of this server, `cld_...`"}
    return {
        "openapi": VERSION,
        "info": whole["info"],
        "servers": [{"url": root}],
        "paths": paths,
        "components": {"securitySchemes": {BEARER: scheme}},
    }


def _secured(said: Mapping[str, Any], method: str, path: str) -> dict[str, Any]:
    return {**said, "security": [{BEARER: []}] if operation(method.upper(), path).scope else []}
