"""GetCapabilities: what the map service of a dataset can do."""

from dataclasses import dataclass
from math import asinh, radians, tan
from urllib.parse import urlencode
from xml.etree.ElementTree import Element

from cloudify.http.wms.documents import add, plain, written
from cloudify.http.wms.query import ANNOUNCED, FORMS, LARGEST, STYLES, Version
from cloudify.pictures.canvas import RADIUS
from cloudify.pictures.layers import MERCATOR_EDGE, Layer
from cloudify.pictures.legend import HEIGHT, WIDTH

MEDIA_TYPES: dict[Version, str] = {"1.1.1": "application/vnd.ogc.wms_xml", "1.3.0": "text/xml"}
DOCTYPE = b'<!DOCTYPE WMT_MS_Capabilities SYSTEM "http://schemas.opengis.net/wms/1.1.1/WMS_MS_Capabilities.dtd">\n'
XLINK = "http://www.w3.org/1999/xlink"
BOX_NAMES = ("minx", "miny", "maxx", "maxy")
Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Service:
    """The map service of a dataset."""

    url: str
    """Without parameters."""
    title: str
    abstract: str
    layers: tuple[Layer, ...]


def capabilities(service: Service, version: Version) -> bytes:
    """Write the capabilities."""
    is_new = version == "1.3.0"
    root = Element("WMS_Capabilities" if is_new else "WMT_MS_Capabilities", {"version": version})
    if is_new:
        root.set("xmlns", "http://www.opengis.net/wms")
    _add_service(root, service, version)
    capability = add(root, "Capability")
    _add_requests(add(capability, "Request"), service.url, version)
    add(add(capability, "Exception"), "Format", "XML" if is_new else "application/vnd.ogc.se_xml")
    top = add(capability, "Layer")
    add(top, "Title", service.title)
    for system in ANNOUNCED[version]:
        add(top, "CRS" if is_new else "SRS", system)
    for layer in service.layers:
        if plain(layer.name) == layer.name:  # else nobody could ask for it
            _add_layer(top, service.url, layer, version)
    return written(root, b"" if is_new else DOCTYPE)


def _add_service(root: Element, service: Service, version: Version) -> None:
    found = add(root, "Service")
    add(found, "Name", "WMS" if version == "1.3.0" else "OGC:WMS")
    add(found, "Title", service.title)
    if service.abstract:
        add(found, "Abstract", service.abstract)
    _add_link(found, service.url)
    if version == "1.3.0":
        add(found, "LayerLimit", "1")
        add(found, "MaxWidth", str(LARGEST))
        add(found, "MaxHeight", str(LARGEST))


def _add_requests(parent: Element, url: str, version: Version) -> None:
    documents = ("text/xml",) if version == "1.3.0" else ("application/vnd.ogc.wms_xml",)
    requests = {"GetCapabilities": documents, "GetMap": tuple(FORMS)}
    if version == "1.1.1":
        requests["GetLegendGraphic"] = ("image/png",)
    for name, forms in requests.items():
        request = add(parent, name)
        for form in forms:
            add(request, "Format", form)
        _add_link(add(add(add(request, "DCPType"), "HTTP"), "Get"), f"{url}?")


def _add_layer(parent: Element, url: str, layer: Layer, version: Version) -> None:
    found = add(parent, "Layer", attributes={"queryable": "0", "opaque": "0"})
    add(found, "Name", layer.name)
    add(found, "Title", layer.title)
    if layer.units:
        add(found, "Abstract", f"{layer.title} [{layer.units}]")
    _add_boxes(found, layer, version)
    for dimension in layer.dimensions:
        named = {"name": dimension.name, "units": dimension.units}
        extent = {"default": dimension.default, "nearestValue": "1", "multipleValues": "0"}
        if dimension.name == "time":
            extent |= {"multipleValues": "1", "current": "1"}
        if version == "1.3.0":
            _add_long(found, "Dimension", dimension.extent, named | extent)
        else:
            add(found, "Dimension", attributes=named)
    if version == "1.1.1":
        for dimension in layer.dimensions:
            extent = {"name": dimension.name, "default": dimension.default, "nearestValue": "1"}
            _add_long(found, "Extent", dimension.extent, extent)
    for style in STYLES:
        _add_style(found, url, layer, style)


def _add_long(parent: Element, tag: str, text: str, attributes: dict[str, str]) -> None:
    add(parent, tag, attributes=attributes).text = text  # our own numbers and dates, of any length


def _add_boxes(parent: Element, layer: Layer, version: Version) -> None:
    region = layer.region
    box = (region.west, region.south, region.east, region.north)
    key = "CRS" if version == "1.3.0" else "SRS"
    if version == "1.3.0":
        around = add(parent, "EX_GeographicBoundingBox")
        names = ("westBoundLongitude", "southBoundLatitude", "eastBoundLongitude", "northBoundLatitude")
        edges = dict(zip(names, layer.box, strict=True))
        for name in (names[0], names[2], names[1], names[3]):
            add(around, name, _number(edges[name]))
        _add_box(parent, "BoundingBox", box, {"CRS": "CRS:84"})
        _add_box(parent, "BoundingBox", (box[1], box[0], box[3], box[2]), {"CRS": "EPSG:4326"})
    else:
        _add_box(parent, "LatLonBoundingBox", layer.box, {})
        _add_box(parent, "BoundingBox", box, {"SRS": "EPSG:4326"})
    metres = _in_metres(box)
    if metres is not None:
        _add_box(parent, "BoundingBox", metres, {key: "EPSG:3857"})


def _add_box(parent: Element, tag: str, box: Box, system: dict[str, str]) -> None:
    edges = {name: _number(edge) for name, edge in zip(BOX_NAMES, box, strict=True)}
    add(parent, tag, attributes=system | edges)


def _in_metres(box: Box) -> Box | None:
    """Return a box on the web's map; None where that does not reach."""
    west, south, east, north = box
    south, north = max(south, -MERCATOR_EDGE), min(north, MERCATOR_EDGE)
    if south >= north:
        return None
    low, high = (RADIUS * asinh(tan(radians(lat))) for lat in (south, north))
    return RADIUS * radians(west), low, RADIUS * radians(east), high


def _add_style(parent: Element, url: str, layer: Layer, name: str) -> None:
    style = add(parent, "Style")
    add(style, "Name", name)
    add(style, "Title", name)
    legend = add(style, "LegendURL", attributes={"width": str(WIDTH), "height": str(HEIGHT)})
    add(legend, "Format", "image/png")
    query = {
        "service": "WMS",
        "version": "1.3.0",
        "request": "GetLegendGraphic",
        "format": "image/png",
        "layer": layer.name,
        "style": name,
    }
    _add_link(legend, f"{url}?{urlencode(query, errors='replace')}")


def _add_link(parent: Element, url: str) -> None:
    add(parent, "OnlineResource", attributes={"xmlns:xlink": XLINK, "xlink:type": "simple", "xlink:href": url})


def _number(value: float) -> str:
    """Write a number without exponent."""
    return f"{value:.9f}".rstrip("0").rstrip(".")
