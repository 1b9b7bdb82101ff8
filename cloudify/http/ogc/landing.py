"""The landing page of the API, and what it conforms to."""

from typing import Any, Final

from cloudify.http.ogc.links import REL, link

_CONFORMANCE: Final = "http://www.opengis.net/spec/ogcapi-processes-1/1.0/conf/"
CLASSES: Final = ("core", "ogc-process-description", "json", "job-list", "dismiss")
OPENAPI: Final = "application/vnd.oai.openapi+json;version=3.1"


def landing_page(root: str, base: str) -> dict[str, Any]:
    """Return where everything is."""
    return {
        "title": "cloudify",
        "description": "Functions over the datasets of this server, as jobs: OGC API - Processes.",
        "links": [
            link(f"{base}/", "self", title="this document"),
            link(f"{root}/openapi.json", "service-desc", OPENAPI, "the routes, for programs"),
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
