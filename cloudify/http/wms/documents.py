"""XML that the map service answers with. Text from elsewhere is only ever the text or an attribute of an element."""

import re
from collections.abc import Mapping
from xml.etree.ElementTree import Element, SubElement, tostring

from starlette.responses import Response

from cloudify.errors import (
    BadMapRequestError,
    BadSelectionError,
    CloudifyError,
    ImpossibleError,
    NoMapError,
    NotFoundError,
    UnknownColormapError,
    UnknownVariableError,
)
from cloudify.http.problems import Problem
from cloudify.http.wms.query import Version

CODES: dict[type[CloudifyError], str] = {
    UnknownVariableError: "LayerNotDefined",
    NoMapError: "LayerNotDefined",
    UnknownColormapError: "StyleNotDefined",
    BadSelectionError: "InvalidDimensionValue",
}
EXCEPTION_TYPES: dict[Version, str] = {"1.1.1": "application/vnd.ogc.se_xml", "1.3.0": "text/xml"}
_LONGEST = 1000
_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def plain(text: str) -> str:
    r"""Return text without the characters that XML cannot hold, and not too long.

    >>> plain("a\0b\ud800<c>")
    'ab<c>'
    """
    return _NO_XML.sub("", text[:_LONGEST])


def add(parent: Element, tag: str, text: str = "", attributes: Mapping[str, str] | None = None) -> Element:
    """Add an element with some text."""
    child = SubElement(parent, tag, {name: plain(value) for name, value in (attributes or {}).items()})
    child.text = plain(text) or None
    return child


def written(root: Element, doctype: bytes = b"") -> bytes:
    """Return a document."""
    body: bytes = tostring(root, "utf-8")
    return b'<?xml version="1.0" encoding="UTF-8"?>\n' + doctype + body


def exception_report(error: CloudifyError, version: Version) -> Response:
    """Answer a failure as a service exception.

    What was wrong with the request has the status 400, on which clients look for a report; others have their own.
    """
    problem = Problem.of(error)
    status = 400 if isinstance(error, ImpossibleError | NotFoundError) else int(problem.status)
    namespace = {"xmlns": "http://www.opengis.net/ogc"} if version == "1.3.0" else {}
    root = Element("ServiceExceptionReport", {"version": version, **namespace})
    code = error.exception if isinstance(error, BadMapRequestError) else CODES.get(type(error), "")
    add(root, "ServiceException", str(error), {"code": code} if code else {})
    headers = {"cache-control": "no-store", "vary": "Accept", **problem.headers}
    return Response(written(root), status, headers, EXCEPTION_TYPES[version])
