"""The requests of the map service, and their answers."""

from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response

from cloudify.datasets.opened import Opened
from cloudify.errors import BadMapRequestError, CloudifyError, UnknownDatasetError
from cloudify.http.overlays import Overlays
from cloudify.http.wms.capabilities import MEDIA_TYPES as CAPABILITIES_TYPES
from cloudify.http.wms.capabilities import Service, capabilities
from cloudify.http.wms.documents import exception_report
from cloudify.http.wms.query import MEDIA_TYPES, Query, negotiated, read_map, read_query, read_shown, read_side
from cloudify.pictures.layers import layers_in
from cloudify.pictures.legend import HEIGHT, WIDTH

REQUESTS = ("GetCapabilities", "GetMap", "GetLegendGraphic")


def wms_path(dataset_id: str) -> str:
    """Return the path of the map service of a dataset.

    >>> wms_path("a b")
    '/datasets/a%20b/wms'
    """
    return f"/datasets/{quote(dataset_id, safe='')}/wms"


async def answer_wms(request: Request, overlays: Overlays, dataset_id: str, root: str) -> Response:
    """Answer a request; what is wrong with it is said in a service exception.

    Raises
    ------
    UnknownDatasetError
        If there is no such service.
    """
    query = read_query(request.query_params)
    try:
        return await _answer(request, query, overlays, dataset_id, f"{root}{wms_path(dataset_id)}")
    except UnknownDatasetError:
        raise
    except CloudifyError as error:
        if isinstance(error, BadMapRequestError):
            await overlays.derived.opened(dataset_id)  # parameters are read first, but of no dataset none is right
        return exception_report(error, negotiated(query))


async def _answer(request: Request, query: Query, overlays: Overlays, dataset_id: str, url: str) -> Response:
    if query.get("service", "WMS").casefold() != "wms":
        raise BadMapRequestError(f"SERVICE={query['service'][:40]!r}: this is a WMS")
    asked = query.get("request", "").casefold()
    if asked == "getcapabilities":
        version = negotiated(query)
        made = await overlays.made(
            request,
            dataset_id,
            ("capabilities", version, url),
            lambda opened: capabilities(_service(opened, url), version),
        )
        return made.response(CAPABILITIES_TYPES[version])
    if asked == "getmap":
        overlay = read_map(query)
        made = await overlays.overlay(request, dataset_id, overlay)
        return made.response(MEDIA_TYPES[overlay.form])
    if asked == "getlegendgraphic":
        return await _legend(request, query, overlays, dataset_id)
    said = f"REQUEST={query['request'][:40]!r}" if query.get("request") else "REQUEST is missing"
    raise BadMapRequestError(f"{said}: there are {', '.join(REQUESTS)}", "OperationNotSupported")


async def _legend(request: Request, query: Query, overlays: Overlays, dataset_id: str) -> Response:
    if query.get("format", "image/png").partition(";")[0].strip().lower() not in {"", "image/png"}:
        raise BadMapRequestError(f"FORMAT={query['format'][:40]!r}: a legend is image/png", "InvalidFormat")
    names = ("layer" if query.get("layer") else "layers"), ("style" if query.get("style") else "styles")
    shown = read_shown(query, *names)
    size = read_side(query, "width", WIDTH), read_side(query, "height", HEIGHT)
    made = await overlays.legend(request, dataset_id, shown, size)
    return made.response("image/png")


def _service(opened: Opened, url: str) -> Service:
    attrs = opened.tree.attrs
    title = opened.entry.title or str(attrs.get("title", "")) or opened.entry.id
    return Service(url, title, opened.entry.description, layers_in(opened))
