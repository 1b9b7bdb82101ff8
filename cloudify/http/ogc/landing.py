"""The landing page of the API, and what it conforms to."""

from typing import Any, Final

from cloudify.http.ogc.contract.document import MEDIA_TYPE
from cloudify.http.ogc.links import REL, link

_CONFORMANCE: Final = "http://www.opengis.net/spec/ogcapi-processes-1/1.0/conf/"
CLASSES: Final = ("core", "ogc-process-description", "json", "oas30", "job-list", "dismiss")


def landing_page(root: str, base: str) -> dict[str, Any]:
    """Return where everything is."""
    return {
        "title": "cloudify",
        "description": "Functions over the datasets of this server, as jobs: OGC API - Processes.",
        "links": [
            link(f"{base}/", "self", title="this document"),
            link(f"{base}/openapi.json", "service-desc", MEDIA_TYPE, "the routes of this API, for programs"),
            link(f"{root}/openapi.json", "service-desc", title="all routes of the server, for programs"),
            link(f"{root}/docs", "service-doc", "text/html", "the routes, for people"),
            link(f"{base}/conformance", f"{REL}conformance", title="what this API conforms to"),
            link(f"{base}/conformance", "conformance", title="what this API conforms to"),
            link(f"{base}/processes", f"{REL}processes", title="what can be executed"),
            link(f"{base}/jobs", f"{REL}job-list", title="your jobs"),
        ],
    }


def conformance() -> dict[str, list[str]]:
    """Return the classes of requirements that are met."""
    return {"conformsTo": [_CONFORMANCE + name for name in CLASSES]}
